// Tokens that are signed here, with keys made for the purpose.

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "tests/engine/fetch/token_text.h"
#include "tests/engine/fetch/traffic_fixture.h"

namespace engine {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key MakeRsa() {
  Key key(EVP_PKEY_new(), &EVP_PKEY_free);
  RSA* rsa = RSA_new();
  BIGNUM* exponent = BN_new();
  EXPECT_EQ(BN_set_word(exponent, RSA_F4), 1);
  EXPECT_EQ(RSA_generate_key_ex(rsa, 2048, exponent, nullptr), 1);
  BN_free(exponent);
  EXPECT_EQ(EVP_PKEY_assign_RSA(key.get(), rsa), 1);
  return key;
}

Key MakeCurve(int curve) {
  Key key(EVP_PKEY_new(), &EVP_PKEY_free);
  EC_KEY* own = EC_KEY_new_by_curve_name(curve);
  EXPECT_EQ(EC_KEY_generate_key(own), 1);
  EXPECT_EQ(EVP_PKEY_assign_EC_KEY(key.get(), own), 1);
  return key;
}

// A file with the public half, until the end of the test.
class PublicFile {
 public:
  PublicFile(EVP_PKEY* key, bool of_rsa = false) {
    const int fd = mkstemp(path_.data());
    FILE* file = fdopen(fd, "w");
    EXPECT_EQ(
        of_rsa ? PEM_write_RSAPublicKey(file, EVP_PKEY_get0_RSA(key)) : PEM_write_PUBKEY(file, key),
        1);
    fclose(file);
  }
  ~PublicFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/ringway-jwt-XXXXXX";
};

std::string Signed(EVP_PKEY* key, const EVP_MD* digest, bool pss, const std::string& text) {
  EVP_MD_CTX context;
  EVP_MD_CTX_init(&context);
  EVP_PKEY_CTX* parameters = nullptr;
  EXPECT_EQ(EVP_DigestSignInit(&context, &parameters, digest, nullptr, key), 1);
  if (pss) {
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, -1), 1);
  }
  std::string signature(512, '\0');
  size_t length = signature.size();
  EXPECT_EQ(EVP_DigestSign(&context, reinterpret_cast<uint8_t*>(signature.data()), &length,
                           reinterpret_cast<const uint8_t*>(text.data()), text.size()),
            1);
  EVP_MD_CTX_cleanup(&context);
  signature.resize(length);
  return signature;
}

std::string SignedByCurve(EVP_PKEY* key, const EVP_MD* digest, size_t half,
                          const std::string& text) {
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EXPECT_EQ(EVP_Digest(text.data(), text.size(), hash, &length, digest, nullptr), 1);
  ECDSA_SIG* made = ECDSA_do_sign(hash, length, EVP_PKEY_get0_EC_KEY(key));
  const BIGNUM* r = nullptr;
  const BIGNUM* s = nullptr;
  ECDSA_SIG_get0(made, &r, &s);
  std::string signature(2 * half, '\0');
  auto* bytes = reinterpret_cast<uint8_t*>(signature.data());
  EXPECT_EQ(BN_bn2bin_padded(bytes, half, r), 1);
  EXPECT_EQ(BN_bn2bin_padded(bytes + half, half, s), 1);
  ECDSA_SIG_free(made);
  return signature;
}

const std::string kText = Encode("{\"alg\":\"x\"}") + "." + Encode("{\"sub\":\"joe\"}");
// The same with one letter changed.
const std::string kOther = Encode("{\"alg\":\"x\"}") + "." + Encode("{\"sub\":\"jim\"}");

void Expect(const std::string& algorithm, const std::string& path, const std::string& signature) {
  TrafficFixture traffic;
  const std::string verify = "),jwt_verify(" + algorithm + ",\"" + path + "\")";
  EXPECT_EQ(traffic.Eval("str(" + kText + "." + Encode(signature) + verify), "1") << algorithm;
  EXPECT_EQ(traffic.Eval("str(" + kOther + "." + Encode(signature) + verify), "0") << algorithm;
  EXPECT_EQ(traffic.Eval("str(" + kText + ".AAAA" + verify), "0") << algorithm;
  EXPECT_EQ(traffic.Eval("str(" + kText + "." + verify), "-3") << algorithm;
}

TEST(JwtVerify, Rsa) {
  const Key key = MakeRsa();
  const PublicFile file(key.get());
  const PublicFile other_form(key.get(), true);
  Expect("RS256", file.path(), Signed(key.get(), EVP_sha256(), false, kText));
  Expect("RS384", other_form.path(), Signed(key.get(), EVP_sha384(), false, kText));
  Expect("RS512", file.path(), Signed(key.get(), EVP_sha512(), false, kText));
  Expect("PS256", file.path(), Signed(key.get(), EVP_sha256(), true, kText));
  Expect("PS512", other_form.path(), Signed(key.get(), EVP_sha512(), true, kText));
}

TEST(JwtVerify, Curves) {
  const Key p256 = MakeCurve(NID_X9_62_prime256v1);
  const PublicFile file256(p256.get());
  const std::string signature = SignedByCurve(p256.get(), EVP_sha256(), 32, kText);
  Expect("ES256", file256.path(), signature);
  const Key p521 = MakeCurve(NID_secp521r1);
  const PublicFile file521(p521.get());
  Expect("ES512", file521.path(), SignedByCurve(p521.get(), EVP_sha512(), 66, kText));
  // A key of another kind proves nothing.
  TrafficFixture traffic;
  const std::string token = "str(" + kText + "." + Encode(signature) + "),";
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(ES256,\"" + file521.path() + "\")"), "0");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(RS256,\"" + file256.path() + "\")"), "0");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(ES384,\"" + file256.path() + "\")"), "0");
}

TEST(JwtVerify, WhatIsWrong) {
  TrafficFixture traffic;
  const std::string token = "str(" + kText + ".AAAA),";
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(RS257,x)"),
            "<error: 'jwt_verify': 'RS257' is no algorithm of RFC 7518>");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(RS256,/nonexistent/key)"),
            "<error: 'jwt_verify': cannot read '/nonexistent/key'>");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify_cert(RS256,/dev/null)"),
            "<error: 'jwt_verify_cert': '/dev/null' holds no certificate>");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify_cert(HS256,secret)"), "-2");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(HS256,secret)"), "0");
  EXPECT_EQ(traffic.Eval("str(" + kText + ".),jwt_verify(none,x)"), "1");
  EXPECT_EQ(traffic.Eval(token + "jwt_verify(none,x)"), "-3");
  for (const char* text :
       {"a.b", "..x", "a..x", ".b.x", "a.b.c.d", "a.b.!", "a.b.AA==", "a.b.AAA=", "a.b.AAAA="}) {
    EXPECT_EQ(traffic.Eval("str(" + std::string(text) + "),jwt_verify(HS256,secret)"), "-3")
        << text;
  }
}

}  // namespace
}  // namespace engine
