// Tokens that are encrypted here, part by part, with keys made for the purpose; and the one of RFC
// 7516 appendix A.3.

#include <gtest/gtest.h>
#include <openssl/aead.h>
#include <openssl/aes.h>
#include <openssl/bn.h>
#include <openssl/cipher.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdh.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "tests/engine/fetch/token_text.h"
#include "tests/engine/fetch/traffic_fixture.h"

namespace engine {
namespace {

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Out(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

constexpr std::string_view kContent = "Live long and prosper.";

// "iv.content.tag", of a key, with the header's text as additional data.
std::string SealGcm(const std::string& key, const std::string& header, std::string_view content,
                    std::string* iv, std::string* tag) {
  const EVP_AEAD* aead = key.size() == 16   ? EVP_aead_aes_128_gcm()
                         : key.size() == 24 ? EVP_aead_aes_192_gcm()
                                            : EVP_aead_aes_256_gcm();
  bssl::ScopedEVP_AEAD_CTX context;
  EXPECT_EQ(EVP_AEAD_CTX_init(context.get(), aead, Bytes(key), key.size(), 16, nullptr), 1);
  *iv = "twelve bytes";
  std::string out(content.size() + 16, '\0');
  size_t length = 0;
  EXPECT_EQ(EVP_AEAD_CTX_seal(context.get(), Out(out), &length, out.size(), Bytes(*iv), iv->size(),
                              Bytes(content), content.size(), Bytes(header), header.size()),
            1);
  *tag = out.substr(length - 16);
  return out.substr(0, length - 16);
}

std::string SealCbc(const std::string& key, const std::string& header, std::string_view content,
                    std::string* iv, std::string* tag) {
  const size_t half = key.size() / 2;
  const EVP_CIPHER* cipher = half == 16   ? EVP_aes_128_cbc()
                             : half == 24 ? EVP_aes_192_cbc()
                                          : EVP_aes_256_cbc();
  const EVP_MD* digest = half == 16 ? EVP_sha256() : half == 24 ? EVP_sha384() : EVP_sha512();
  *iv = "sixteen bytes it";
  std::string out(content.size() + 16, '\0');
  bssl::ScopedEVP_CIPHER_CTX context;
  int first = 0, rest = 0;
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), cipher, nullptr, Bytes(key) + half, Bytes(*iv)), 1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), Out(out), &first, Bytes(content), int(content.size())),
            1);
  EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), Out(out) + first, &rest), 1);
  out.resize(size_t(first + rest));
  std::string proven = header + *iv + out;
  for (int shift = 56; shift >= 0; shift -= 8) proven += char(header.size() * 8 >> shift);
  uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned mac_bytes = 0;
  HMAC(digest, key.data(), half, Bytes(proven), proven.size(), mac, &mac_bytes);
  tag->assign(reinterpret_cast<const char*>(mac), half);
  return out;
}

size_t KeyBytes(const std::string& encryption) {
  if (encryption.ends_with("GCM")) return std::stoul(encryption.substr(1, 3)) / 8;
  return std::stoul(encryption.substr(1, 3)) / 4;
}

std::string Token(const std::string& fields, const std::string& encryption,
                  const std::string& content_key, const std::string& encrypted_key) {
  const std::string header = Encode("{" + fields + ",\"enc\":\"" + encryption + "\"}");
  std::string iv, tag;
  const auto seal = encryption.ends_with("GCM") ? &SealGcm : &SealCbc;
  const std::string sealed = seal(content_key, header, kContent, &iv, &tag);
  return header + "." + Encode(encrypted_key) + "." + Encode(iv) + "." + Encode(sealed) + "." +
         Encode(tag);
}

std::string Wrap(const std::string& wrapping, const std::string& key) {
  AES_KEY aes;
  EXPECT_EQ(AES_set_encrypt_key(Bytes(wrapping), unsigned(wrapping.size() * 8), &aes), 0);
  std::string out(key.size() + 8, '\0');
  EXPECT_EQ(AES_wrap_key(&aes, nullptr, Out(out), Bytes(key), key.size()), int(out.size()));
  return out;
}

std::string KeyOf(size_t bytes) {
  std::string key;
  for (size_t i = 0; i < bytes; ++i) key += char(i * 37 + 11);
  return key;
}

class JweTest : public testing::Test {
 protected:
  std::string Decrypt(const std::string& token, const std::string& converter) {
    request_.emplace();
    request_->AddRequest("x-token", token);
    return request_->Eval("req.hdr(x-token)," + converter);
  }
  std::string Secret(const std::string& token, const std::string& key) {
    return Decrypt(token, "jwt_decrypt_secret('" + Encode(key) + "')");
  }
  // A JSON key, as the configuration has to write it.
  std::string Jwk(const std::string& token, const std::string& key) {
    return Decrypt(token, "jwt_decrypt_jwk('" + key + "')");
  }
  std::optional<TrafficFixture> request_;
};

TEST_F(JweTest, TokenOfTheStandardIsDecrypted) {
  const std::string token =
      "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0."
      "6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.AxY8DCtDaGlsbGljb3RoZQ."
      "KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ";
  EXPECT_EQ(Decrypt(token, "jwt_decrypt_secret(GawgguFyGrWKav7AX4VKUg)"), kContent);
  EXPECT_EQ(Decrypt(token, "jwt_decrypt_secret(GawgguFyGrWKav7AX4VKUg==)"), kContent);
  EXPECT_EQ(Jwk(token, R"({"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg"})"), kContent);
  EXPECT_EQ(Decrypt(token, "jwt_decrypt_secret(GawgguFyGrWKav7AX4VKUQ)"), "") << "another key";
}

TEST_F(JweTest, EverySymmetricAlgorithmAndEncryptionWorks) {
  for (const std::string encryption :
       {"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"}) {
    const std::string key = KeyOf(KeyBytes(encryption));
    EXPECT_EQ(Secret(Token(R"("alg":"dir")", encryption, key, ""), key), kContent) << encryption;
    for (const size_t bits : {128, 192, 256}) {
      const std::string outer(bits / 8, 'k');
      const std::string name = "A" + std::to_string(bits);
      EXPECT_EQ(
          Secret(Token("\"alg\":\"" + name + "KW\"", encryption, key, Wrap(outer, key)), outer),
          kContent)
          << name << encryption;
      std::string iv, tag;
      const std::string sealed = SealGcm(outer, "", key, &iv, &tag);
      const std::string fields = "\"alg\":\"" + name + "GCMKW\",\"iv\":\"" + Encode(iv) +
                                 "\",\"tag\":\"" + Encode(tag) + "\"";
      EXPECT_EQ(Secret(Token(fields, encryption, key, sealed), outer), kContent)
          << name << encryption;
    }
  }
}

TEST_F(JweTest, WhatIsChangedGivesNothing) {
  const std::string key = KeyOf(32);
  for (const std::string encryption : {"A256GCM", "A128CBC-HS256"}) {
    const std::string good = Token(R"("alg":"dir")", encryption, key, "");
    ASSERT_EQ(Secret(good, key), kContent);
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      // The last digit of a part may have bits that nobody reads: the one before it has none.
      if (at + 1 == bad.size() || bad[at + 1] == '.') continue;
      bad[at] = bad[at] == 'A' ? 'B' : 'A';
      EXPECT_EQ(Secret(bad, key), "") << at << ": " << bad;
      EXPECT_EQ(Secret(good.substr(0, at), key), "") << at;
    }
    EXPECT_EQ(Secret(good + ".", key), "");
    EXPECT_EQ(Secret(good, KeyOf(31)), "");
  }
  for (const char* token : {"", ".", "....", "a.b.c.d.e", "e30....", "....."}) {
    EXPECT_EQ(Decrypt(token, "jwt_decrypt_secret(AAAA)"), "") << token;
  }
}

TEST_F(JweTest, WhatIsNotUnderstoodOrNotAllowedGivesNothing) {
  const std::string key = KeyOf(32);
  const std::string encryption = "A256GCM";
  EXPECT_EQ(Secret(Token(R"("alg":"dir","crit":["exp"],"exp":1)", encryption, key, ""), key), "");
  EXPECT_EQ(Secret(Token(R"("alg":"dir","zip":"DEF")", encryption, key, ""), key), "");
  EXPECT_EQ(Secret(Token(R"("alg":"none")", encryption, key, ""), key), "");
  EXPECT_EQ(Secret(Token(R"("alg":"dir")", encryption, key, "x"), key), "") << "a key in vain";
  EXPECT_EQ(Secret(Token(R"("alg":"RSA-OAEP")", encryption, key, key), key), "") << "of pairs";
}

struct FileOfKey {
  explicit FileOfKey(EVP_PKEY* key) {
    FILE* file = fdopen(mkstemp(path.data()), "w");
    EXPECT_EQ(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
    fclose(file);
  }
  ~FileOfKey() { unlink(path.c_str()); }
  std::string path = "/tmp/ringway-jwe-XXXXXX";
};

std::string NumberText(const BIGNUM* number) {
  std::string bytes(BN_num_bytes(number), '\0');
  BN_bn2bin(number, Out(bytes));
  return Encode(bytes);
}

TEST_F(JweTest, RsaKeysDecrypt) {
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  ASSERT_EQ(BN_set_word(exponent.get(), RSA_F4), 1);
  ASSERT_EQ(RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr), 1);
  bssl::UniquePtr<EVP_PKEY> pair(EVP_PKEY_new());
  ASSERT_EQ(EVP_PKEY_set1_RSA(pair.get(), rsa.get()), 1);
  const FileOfKey file(pair.get());
  const BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qi;
  RSA_get0_key(rsa.get(), &n, &e, &d);
  RSA_get0_factors(rsa.get(), &p, &q);
  RSA_get0_crt_params(rsa.get(), &dp, &dq, &qi);
  std::string json = R"({"kty":"RSA")";
  const std::pair<const char*, const BIGNUM*> members[] = {
      {"n", n}, {"e", e}, {"d", d}, {"p", p}, {"q", q}, {"dp", dp}, {"dq", dq}, {"qi", qi}};
  for (const auto& [name, number] : members) {
    json += ",\"" + std::string(name) + "\":\"" + NumberText(number) + "\"";
  }
  const std::string key = KeyOf(32);
  for (const std::string algorithm : {"RSA-OAEP", "RSA-OAEP-256", "RSA1_5"}) {
    const bool old = algorithm == "RSA1_5";
    const EVP_MD* digest = algorithm == "RSA-OAEP" ? EVP_sha1() : EVP_sha256();
    bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(pair.get(), nullptr));
    std::string encrypted(256, '\0');
    size_t length = encrypted.size();
    ASSERT_EQ(EVP_PKEY_encrypt_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(),
                                           old ? RSA_PKCS1_PADDING : RSA_PKCS1_OAEP_PADDING),
              1);
    if (!old) {
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), digest), 1);
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), digest), 1);
    }
    ASSERT_EQ(EVP_PKEY_encrypt(context.get(), Out(encrypted), &length, Bytes(key), key.size()), 1);
    const std::string token = Token("\"alg\":\"" + algorithm + "\"", "A256GCM", key, encrypted);
    // Off unless 'jwt.decrypt_alg_list' says otherwise.
    const std::string_view wanted = old ? "" : kContent;
    EXPECT_EQ(Decrypt(token, "jwt_decrypt_cert('" + file.path + "')"), wanted) << algorithm;
    EXPECT_EQ(Jwk(token, json + "}"), wanted) << algorithm;
  }
  EXPECT_NE(Jwk("a.b", R"({"kty":"RSA","n":"AQAB","e":"AQAB"})").find("<error"), std::string::npos);
  EXPECT_NE(Jwk("a.b", R"({"kty":"OKP"})").find("<error"), std::string::npos);
  EXPECT_NE(Decrypt("a", "jwt_decrypt_cert(/no/such/file)").find("cannot read"), std::string::npos);
}

std::string Counted(std::string_view bytes) {
  const uint32_t length = uint32_t(bytes.size());
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += char(length >> shift);
  return text + std::string(bytes);
}

TEST_F(JweTest, KeysAreAgreedOn) {
  struct Curve {
    int id;
    const char* name;
    size_t bytes;
  };
  for (const Curve& curve :
       {Curve{NID_X9_62_prime256v1, "P-256", 32}, Curve{NID_secp384r1, "P-384", 48},
        Curve{NID_secp521r1, "P-521", 66}}) {
    bssl::UniquePtr<EC_KEY> own(EC_KEY_new_by_curve_name(curve.id));
    bssl::UniquePtr<EC_KEY> sender(EC_KEY_new_by_curve_name(curve.id));
    ASSERT_EQ(EC_KEY_generate_key(own.get()), 1);
    ASSERT_EQ(EC_KEY_generate_key(sender.get()), 1);
    bssl::UniquePtr<EVP_PKEY> pair(EVP_PKEY_new());
    ASSERT_EQ(EVP_PKEY_set1_EC_KEY(pair.get(), own.get()), 1);
    const FileOfKey file(pair.get());
    bssl::UniquePtr<BIGNUM> x(BN_new()), y(BN_new());
    ASSERT_EQ(EC_POINT_get_affine_coordinates_GFp(EC_KEY_get0_group(sender.get()),
                                                  EC_KEY_get0_public_key(sender.get()), x.get(),
                                                  y.get(), nullptr),
              1);
    const std::string epk = std::string(R"("epk":{"kty":"EC","crv":")") + curve.name +
                            "\",\"x\":\"" + NumberText(x.get()) + "\",\"y\":\"" +
                            NumberText(y.get()) + "\"}";
    std::string shared(curve.bytes, '\0');
    ASSERT_EQ(ECDH_compute_key(shared.data(), shared.size(), EC_KEY_get0_public_key(own.get()),
                               sender.get(), nullptr),
              int(shared.size()));
    const auto derive = [&](const std::string& purpose, size_t bytes) {
      std::string key;
      for (char round = 1; key.size() < bytes; ++round) {
        std::string text = std::string("\0\0\0", 3) + round + shared + Counted(purpose) +
                           Counted("Alice") + Counted("Bob");
        for (int shift = 24; shift >= 0; shift -= 8) text += char(bytes * 8 >> shift);
        std::string digest(32, '\0');
        SHA256(Bytes(text), text.size(), Out(digest));
        key += digest;
      }
      return key.substr(0, bytes);
    };
    const std::string parties = R"(,"apu":"QWxpY2U","apv":"Qm9i",)";
    const std::string jwk = std::string(R"({"kty":"EC","crv":")") + curve.name + "\",\"d\":\"" +
                            NumberText(EC_KEY_get0_private_key(own.get())) + "\"}";
    for (const std::string encryption : {"A128GCM", "A256CBC-HS512"}) {
      const std::string key = derive(encryption, KeyBytes(encryption));
      const std::string direct = Token(R"("alg":"ECDH-ES")" + parties + epk, encryption, key, "");
      EXPECT_EQ(Jwk(direct, jwk), kContent) << curve.name << encryption;
      EXPECT_EQ(Decrypt(direct, "jwt_decrypt_cert('" + file.path + "')"), kContent) << curve.name;
      for (const size_t bits : {128, 192, 256}) {
        const std::string name = "ECDH-ES+A" + std::to_string(bits) + "KW";
        const std::string inner = KeyOf(KeyBytes(encryption));
        const std::string wrapped = Wrap(derive(name, bits / 8), inner);
        const std::string token =
            Token("\"alg\":\"" + name + "\"" + parties + epk, encryption, inner, wrapped);
        EXPECT_EQ(Jwk(token, jwk), kContent) << name;
      }
    }
    // A point beside the curve.
    ASSERT_EQ(BN_add_word(y.get(), 1), 1);
    const std::string beside = std::string(R"("epk":{"kty":"EC","crv":")") + curve.name +
                               "\",\"x\":\"" + NumberText(x.get()) + "\",\"y\":\"" +
                               NumberText(y.get()) + "\"}";
    EXPECT_EQ(Jwk(Token(R"("alg":"ECDH-ES",)" + beside, "A128GCM", KeyOf(16), ""), jwk), "");
  }
}

}  // namespace
}  // namespace engine
