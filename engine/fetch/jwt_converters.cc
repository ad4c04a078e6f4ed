// Signatures of JSON Web Tokens (RFC 7515, RFC 7518 section 3).

#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>

#include "engine/expr/converters.h"
#include "engine/fetch/token_keys.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"

namespace engine {
namespace {

// What the converters give (manual 7.3.1, jwt_verify).
enum Outcome : int64_t {
  kVerified = 1,
  kRefuted = 0,
  kUnknownAlgorithm = -1,
  kUnmanagedAlgorithm = -2,
  kInvalidToken = -3,
  kUnknownKey = -5,
  kInternalError = -6
};

enum class Family : uint8_t { kHmac, kRsa, kPss, kEcdsa, kNone };

struct Algorithm {
  std::string_view name;
  Family family = Family::kNone;
  const EVP_MD* (*digest)() = nullptr;
  int curve = 0;          // of kEcdsa
  size_t half_bytes = 0;  // of its signature: r, then s
};
constexpr Algorithm kAlgorithms[] = {
    {"HS256", Family::kHmac, &EVP_sha256},
    {"HS384", Family::kHmac, &EVP_sha384},
    {"HS512", Family::kHmac, &EVP_sha512},
    {"RS256", Family::kRsa, &EVP_sha256},
    {"RS384", Family::kRsa, &EVP_sha384},
    {"RS512", Family::kRsa, &EVP_sha512},
    {"ES256", Family::kEcdsa, &EVP_sha256, NID_X9_62_prime256v1, 32},
    {"ES384", Family::kEcdsa, &EVP_sha384, NID_secp384r1, 48},
    {"ES512", Family::kEcdsa, &EVP_sha512, NID_secp521r1, 66},
    {"PS256", Family::kPss, &EVP_sha256},
    {"PS384", Family::kPss, &EVP_sha384},
    {"PS512", Family::kPss, &EVP_sha512},
    {"none", Family::kNone},
};

struct Token {
  std::string_view signed_part;  // "header.payload"
  std::string_view signature;    // decoded
};

const uint8_t* BytesOf(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

bool ReadToken(std::string_view text, EvalContext& context, Token* token) {
  if (std::count(text.begin(), text.end(), '.') != 2) return false;
  const size_t last = text.rfind('.');
  if (last == 0 || text[0] == '.' || text[last - 1] == '.') return false;
  const std::string_view encoded = text.substr(last + 1);
  // RFC 7515 section 2: no padding, so that one signature has one spelling.
  if (encoded.ends_with('=')) return false;
  static const ConverterSpec& decoder = ConverterOf(EncodingConverters(), "ub64dec");
  static const PreparedUnit kNoArguments;
  Sample signature = Sample::String(encoded);
  if (!decoder.run(kNoArguments, signature, context)) return false;
  *token = {text.substr(0, last), signature.text};
  return true;
}

Outcome CheckHmac(const Algorithm& algorithm, std::string_view secret, const Token& token) {
  uint8_t bytes[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (HMAC(algorithm.digest(), secret.data(), secret.size(), BytesOf(token.signed_part),
           token.signed_part.size(), bytes, &length) == nullptr) {
    return kInternalError;
  }
  const bool equal =
      length == token.signature.size() && CRYPTO_memcmp(bytes, token.signature.data(), length) == 0;
  return equal ? kVerified : kRefuted;
}

Outcome CheckRsa(const Algorithm& algorithm, EVP_PKEY* key, const Token& token) {
  if (EVP_PKEY_id(key) != EVP_PKEY_RSA) return kRefuted;
  EVP_MD_CTX context;
  EVP_MD_CTX_init(&context);
  EVP_PKEY_CTX* parameters = nullptr;
  bool good = EVP_DigestVerifyInit(&context, &parameters, algorithm.digest(), nullptr, key) == 1;
  if (good && algorithm.family == Family::kPss) {
    // RFC 7518 section 3.5: the salt is as long as the digest.
    good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, -1) == 1;
  }
  const bool verified =
      good && EVP_DigestVerify(&context, BytesOf(token.signature), token.signature.size(),
                               BytesOf(token.signed_part), token.signed_part.size()) == 1;
  EVP_MD_CTX_cleanup(&context);
  ERR_clear_error();
  if (!good) return kInternalError;
  return verified ? kVerified : kRefuted;
}

// RFC 7518 section 3.4: r and s, each as long as the field, in network order.
Outcome CheckEcdsa(const Algorithm& algorithm, EVP_PKEY* key, const Token& token) {
  EC_KEY* curve_key = EVP_PKEY_get0_EC_KEY(key);
  if (curve_key == nullptr ||
      EC_GROUP_get_curve_name(EC_KEY_get0_group(curve_key)) != algorithm.curve ||
      token.signature.size() != 2 * algorithm.half_bytes) {
    return kRefuted;
  }
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (EVP_Digest(token.signed_part.data(), token.signed_part.size(), digest, &length,
                 algorithm.digest(), nullptr) != 1) {
    return kInternalError;
  }
  struct SignatureDeleter {
    void operator()(ECDSA_SIG* one) const { ECDSA_SIG_free(one); }
  };
  const std::unique_ptr<ECDSA_SIG, SignatureDeleter> signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(BytesOf(token.signature), algorithm.half_bytes, nullptr);
  BIGNUM* s =
      BN_bin2bn(BytesOf(token.signature) + algorithm.half_bytes, algorithm.half_bytes, nullptr);
  if (signature == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return kInternalError;
  }
  const bool verified = ECDSA_do_verify(digest, length, signature.get(), curve_key) == 1;
  ERR_clear_error();
  return verified ? kVerified : kRefuted;
}

// An argument as it stands there, or what the variable of that name holds. False: that is not set.
bool TextOf(const PreparedUnit& unit, size_t argument, EvalContext& context,
            std::string_view* text) {
  const Argument& given = unit.arguments.all[argument];
  *text = given.text;
  if (!given.variable) return true;
  const Sample* found = context.FindVariable(*given.variable);
  if (found == nullptr) return false;
  Sample sample = *found;
  if (!Cast(sample, SampleKind::kString, context.scratch())) return false;
  *text = sample.text;
  return true;
}

Outcome Check(const PreparedUnit& unit, std::string_view text, EvalContext& context,
              bool of_certificate) {
  std::string_view name, key_text;
  if (!TextOf(unit, 0, context, &name) || !TextOf(unit, 1, context, &key_text)) {
    return kInternalError;
  }
  const auto* algorithm = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                       [name](const Algorithm& one) { return one.name == name; });
  if (algorithm == std::end(kAlgorithms)) return kUnknownAlgorithm;
  Token token;
  if (!ReadToken(text, context, &token)) return kInvalidToken;
  if (algorithm->family == Family::kNone)
    return token.signature.empty() ? kVerified : kInvalidToken;
  if (token.signature.empty()) return kInvalidToken;
  if (algorithm->family == Family::kHmac) {
    return of_certificate ? kUnmanagedAlgorithm : CheckHmac(*algorithm, key_text, token);
  }
  EVP_PKEY* key =
      unit.object != nullptr
          ? static_cast<EVP_PKEY*>(const_cast<void*>(unit.object.get()))
          : KeyStore::Of(of_certificate ? KeyFile::kCertificate : KeyFile::kPublic).Find(key_text);
  if (key == nullptr) return kUnknownKey;
  return algorithm->family == Family::kEcdsa ? CheckEcdsa(*algorithm, key, token)
                                             : CheckRsa(*algorithm, key, token);
}

template <bool kOfCertificate>
bool Verify(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return GiveNumber(sample, Check(unit, sample.text, context, kOfCertificate));
}

// What begins like a variable is one. A key that is written down is read now: nothing is read from
// a disk later.
template <bool kOfCertificate>
bool PrepareVerify(PreparedUnit& unit, std::string* why) {
  std::string ignored;
  Argument& algorithm = unit.arguments.all[0];
  Argument& key = unit.arguments.all[1];
  algorithm.variable = ParseVariable(algorithm.text, &ignored);
  key.variable = ParseVariable(key.text, &ignored);
  const auto* known =
      std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                   [&](const Algorithm& one) { return one.name == algorithm.text; });
  if (!algorithm.variable && known == std::end(kAlgorithms)) {
    *why = "'" + algorithm.text + "' is no algorithm of RFC 7518";
    return false;
  }
  if (key.variable) return true;
  const bool is_secret =
      !algorithm.variable && (known->family == Family::kHmac || known->family == Family::kNone);
  if (is_secret) return true;
  unit.object =
      KeyStore::Of(kOfCertificate ? KeyFile::kCertificate : KeyFile::kPublic).Load(key.text, why);
  // A secret, or a path: which of them is known with the algorithm.
  return unit.object != nullptr || algorithm.variable.has_value();
}

constexpr ArgumentSpec kKey[] = {{"alg", ArgumentType::kString}, {"key", ArgumentType::kString}};
constexpr ArgumentSpec kCertificate[] = {{"alg", ArgumentType::kString},
                                         {"cert", ArgumentType::kString}};

using kind::kNumber;
using kind::kText;

constexpr ConverterSpec kJwtConverters[] = {
    {"jwt_verify", kText, kNumber, kKey, &Verify<false>, &PrepareVerify<false>},
    {"jwt_verify_cert", kText, kNumber, kCertificate, &Verify<true>, &PrepareVerify<true>},
};

}  // namespace

std::span<const ConverterSpec> TokenConverters() { return kJwtConverters; }

}  // namespace engine
