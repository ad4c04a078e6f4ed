#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>

#include "base/xxh3.h"
#include "base/xxh32.h"
#include "base/xxh64.h"
#include "engine/balance/hash.h"
#include "engine/expr/converters.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "proto/preamble/crc32c.h"

namespace engine {
namespace {

// Hashes ------------------------------------------------------------------------------------------

bool PrepareAvalanche(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.number(0, 0);
  if (unit.number == 0 || unit.number == 1) return true;
  *why = "<avalanche> is 0 or 1";
  return false;
}

bool GiveHash(const PreparedUnit& unit, Sample& sample, uint32_t hash) {
  return GiveNumber(sample, unit.number == 1 ? Avalanche(hash) : hash);
}

template <HashFunction kFunction>
bool Hash(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  return GiveHash(unit, sample, HashBytes(kFunction, sample.text));
}

bool HashCrc32c(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  return GiveHash(unit, sample, proto::Crc32c(sample.text));
}

bool HashXxh32(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  return GiveNumber(sample, base::Xxh32(sample.text, uint32_t(unit.arguments.number(0, 0))));
}

// Signed, as numbers of the language are.
template <uint64_t (*kHash)(std::string_view, uint64_t)>
bool Hash64(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  return GiveNumber(sample, int64_t(kHash(sample.text, uint64_t(unit.arguments.number(0, 0)))));
}

// Digests -----------------------------------------------------------------------------------------

bool GiveDigest(Sample& sample, EvalContext& context, const EVP_MD* digest) {
  char* bytes = context.scratch().Take(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (bytes == nullptr ||
      EVP_Digest(sample.text.data(), sample.text.size(), reinterpret_cast<uint8_t*>(bytes), &length,
                 digest, nullptr) != 1) {
    return false;
  }
  return GiveBytes(sample, {bytes, length});
}

const EVP_MD* FindDigest(std::string_view name) {
  struct Name {
    std::string_view name;
    const EVP_MD* (*digest)();
  };
  static constexpr Name kNames[] = {{"md4", &EVP_md4},       {"md5", &EVP_md5},
                                    {"sha1", &EVP_sha1},     {"sha224", &EVP_sha224},
                                    {"sha256", &EVP_sha256}, {"sha384", &EVP_sha384},
                                    {"sha512", &EVP_sha512}, {"sha512-256", &EVP_sha512_256}};
  for (const Name& one : kNames) {
    if (one.name == name) return one.digest();
  }
  const std::string text(name);
  return EVP_get_digestbyname(text.c_str());
}

std::shared_ptr<const void> Unowned(const void* object) {
  return std::shared_ptr<const void>(object, [](const void*) {});
}

bool PrepareDigest(PreparedUnit& unit, std::string* why) {
  const EVP_MD* digest = FindDigest(unit.arguments.text(0));
  if (digest == nullptr) {
    *why = "no digest is called '" + std::string(unit.arguments.text(0)) +
           "'; one of md5, sha1, sha224, sha256, sha384 and sha512 is expected";
    return false;
  }
  unit.object = Unowned(digest);
  return true;
}

const EVP_MD* DigestOf(const PreparedUnit& unit) {
  return static_cast<const EVP_MD*>(unit.object.get());
}

bool Digest(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return GiveDigest(sample, context, DigestOf(unit));
}

bool Sha1(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveDigest(sample, context, EVP_sha1());
}

bool PrepareSha2(PreparedUnit& unit, std::string* why) {
  switch (unit.arguments.number(0, 256)) {
    case 224:
      unit.object = Unowned(EVP_sha224());
      return true;
    case 256:
      unit.object = Unowned(EVP_sha256());
      return true;
    case 384:
      unit.object = Unowned(EVP_sha384());
      return true;
    case 512:
      unit.object = Unowned(EVP_sha512());
      return true;
    default:
      *why = "<bits> is one of 224, 256, 384 and 512";
      return false;
  }
}

// Keys: base64, or a variable that holds base64 ---------------------------------------------------

bool DecodeKey(std::string_view text, EvalContext& context, std::string_view* key) {
  static const ConverterSpec& decoder = ConverterOf(EncodingConverters(), "b64dec");
  static const PreparedUnit kNoArguments;
  Sample sample = Sample::String(text);
  if (!decoder.run(kNoArguments, sample, context)) return false;
  *key = sample.text;
  return true;
}

// False: a variable that is not set, or no base64.
bool KeyOf(const PreparedUnit& unit, size_t argument, EvalContext& context, std::string_view* key) {
  if (!unit.arguments.has(argument)) {
    *key = {};
    return true;
  }
  const Argument& given = unit.arguments.all[argument];
  std::string_view text = given.text;
  Sample sample;
  if (given.variable) {
    const Sample* found = context.FindVariable(*given.variable);
    if (found == nullptr) return false;
    sample = *found;
    if (!Cast(sample, SampleKind::kString, context.scratch())) return false;
    text = sample.text;
  }
  return DecodeKey(text, context, key);
}

// What begins like a variable is one; the rest must be base64, which has no dot.
bool PrepareKeys(PreparedUnit& unit, size_t first, std::string* why) {
  for (size_t i = first; i < unit.arguments.all.size(); ++i) {
    Argument& argument = unit.arguments.all[i];
    if (!argument.given) continue;
    std::string ignored;
    argument.variable = ParseVariable(argument.text, &ignored);
    if (argument.variable) continue;
    const bool base64 = std::all_of(argument.text.begin(), argument.text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '+' || c == '/' || c == '=';
    });
    if (base64) continue;
    *why = "'" + argument.text + "' is neither a variable nor base64";
    return false;
  }
  return true;
}

bool PrepareHmac(PreparedUnit& unit, std::string* why) {
  return PrepareDigest(unit, why) && PrepareKeys(unit, 1, why);
}

bool Hmac(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view key;
  if (!KeyOf(unit, 1, context, &key)) return false;
  char* bytes = context.scratch().Take(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (bytes == nullptr ||
      HMAC(DigestOf(unit), key.data(), key.size(),
           reinterpret_cast<const uint8_t*>(sample.text.data()), sample.text.size(),
           reinterpret_cast<uint8_t*>(bytes), &length) == nullptr) {
    return false;
  }
  return GiveBytes(sample, {bytes, length});
}

// Ciphers -----------------------------------------------------------------------------------------

bool PrepareCipher(PreparedUnit& unit, std::string* why) {
  const int64_t bits = unit.arguments.number(0, 0);
  const EVP_CIPHER* cipher = bits == 128   ? EVP_aes_128_cbc()
                             : bits == 192 ? EVP_aes_192_cbc()
                             : bits == 256 ? EVP_aes_256_cbc()
                                           : nullptr;
  if (cipher == nullptr) {
    *why = "<bits> is one of 128, 192 and 256";
    return false;
  }
  unit.object = Unowned(cipher);
  return PrepareKeys(unit, 1, why);
}

bool PrepareGcm(PreparedUnit& unit, std::string* why) {
  const int64_t bits = unit.arguments.number(0, 0);
  const EVP_CIPHER* cipher = bits == 128   ? EVP_aes_128_gcm()
                             : bits == 192 ? EVP_aes_192_gcm()
                             : bits == 256 ? EVP_aes_256_gcm()
                                           : nullptr;
  if (cipher == nullptr) {
    *why = "<bits> is one of 128, 192 and 256";
    return false;
  }
  unit.object = Unowned(cipher);
  return PrepareKeys(unit, 1, why);
}

constexpr size_t kTagBytes = 16;  // of the library's own tags

struct CipherKeys {
  std::string_view nonce;
  std::string_view key;
};

// A context of the library's own is taken from the heap with it: this is no path of plain traffic.
class Cipher {
 public:
  Cipher() { EVP_CIPHER_CTX_init(&context_); }
  ~Cipher() { EVP_CIPHER_CTX_cleanup(&context_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  bool Begin(const EVP_CIPHER* cipher, const CipherKeys& keys, bool encrypt) {
    if (keys.key.size() != EVP_CIPHER_key_length(cipher)) return false;
    if (EVP_CipherInit_ex(&context_, cipher, nullptr, nullptr, nullptr, encrypt) != 1) {
      return false;
    }
    const bool gcm = EVP_CIPHER_mode(cipher) == EVP_CIPH_GCM_MODE;
    if (gcm) {
      if (keys.nonce.empty() || EVP_CIPHER_CTX_ctrl(&context_, EVP_CTRL_AEAD_SET_IVLEN,
                                                    int(keys.nonce.size()), nullptr) != 1) {
        return false;
      }
    } else if (keys.nonce.size() < EVP_CIPHER_iv_length(cipher)) {
      return false;
    }
    return EVP_CipherInit_ex(&context_, nullptr, nullptr, Bytes(keys.key), Bytes(keys.nonce),
                             encrypt) == 1;
  }
  bool AddData(std::string_view data) {
    int unused = 0;
    return data.empty() ||
           EVP_CipherUpdate(&context_, nullptr, &unused, Bytes(data), int(data.size())) == 1;
  }
  bool SetTag(std::string_view tag) {
    return EVP_CIPHER_CTX_ctrl(&context_, EVP_CTRL_AEAD_SET_TAG, int(tag.size()),
                               const_cast<char*>(tag.data())) == 1;
  }
  bool GetTag(char* tag) {
    return EVP_CIPHER_CTX_ctrl(&context_, EVP_CTRL_AEAD_GET_TAG, int(kTagBytes), tag) == 1;
  }
  bool Finish(Sample& sample, Scratch& scratch) {
    const size_t room = sample.text.size() + EVP_MAX_BLOCK_LENGTH;
    char* out = scratch.Take(room);
    int length = 0, rest = 0;
    if (out == nullptr ||
        EVP_CipherUpdate(&context_, reinterpret_cast<uint8_t*>(out), &length, Bytes(sample.text),
                         int(sample.text.size())) != 1 ||
        EVP_CipherFinal_ex(&context_, reinterpret_cast<uint8_t*>(out) + length, &rest) != 1) {
      return false;
    }
    return GiveBytes(sample, {out, size_t(length) + size_t(rest)});
  }

 private:
  static const uint8_t* Bytes(std::string_view text) {
    return reinterpret_cast<const uint8_t*>(text.data());
  }
  EVP_CIPHER_CTX context_;
};

template <bool kEncrypt>
bool AesCbc(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  CipherKeys keys;
  if (!KeyOf(unit, 1, context, &keys.nonce) || !KeyOf(unit, 2, context, &keys.key)) return false;
  Cipher cipher;
  return cipher.Begin(static_cast<const EVP_CIPHER*>(unit.object.get()), keys, kEncrypt) &&
         cipher.Finish(sample, context.scratch());
}

bool AesGcmDecrypt(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  CipherKeys keys;
  std::string_view tag, data;
  if (!KeyOf(unit, 1, context, &keys.nonce) || !KeyOf(unit, 2, context, &keys.key) ||
      !KeyOf(unit, 3, context, &tag) || !KeyOf(unit, 4, context, &data)) {
    return false;
  }
  // A short tag proves little.
  if (tag.size() != kTagBytes) return false;
  Cipher cipher;
  return cipher.Begin(static_cast<const EVP_CIPHER*>(unit.object.get()), keys, false) &&
         cipher.SetTag(tag) && cipher.AddData(data) && cipher.Finish(sample, context.scratch());
}

// The tag goes into a variable, as base64.
bool AesGcmEncrypt(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  CipherKeys keys;
  std::string_view data;
  if (!KeyOf(unit, 1, context, &keys.nonce) || !KeyOf(unit, 2, context, &keys.key) ||
      !KeyOf(unit, 4, context, &data)) {
    return false;
  }
  Cipher cipher;
  if (!cipher.Begin(static_cast<const EVP_CIPHER*>(unit.object.get()), keys, true) ||
      !cipher.AddData(data) || !cipher.Finish(sample, context.scratch())) {
    return false;
  }
  char bytes[kTagBytes];
  if (!cipher.GetTag(bytes)) return false;
  static const ConverterSpec& encoder = ConverterOf(EncodingConverters(), "base64");
  static const PreparedUnit kNoArguments;
  Sample tag = Sample::Binary({bytes, kTagBytes});
  if (!encoder.run(kNoArguments, tag, context)) return false;
  return context.StoreVariable(*unit.arguments.all[3].variable, tag);
}

bool PrepareGcmEncrypt(PreparedUnit& unit, std::string* why) {
  if (!PrepareGcm(unit, why)) return false;
  if (unit.arguments.all[3].variable) return true;
  *why = "<aead_tag> is a variable";
  return false;
}

// The rest ----------------------------------------------------------------------------------------

bool SecureCompare(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const Sample* found = context.FindVariable(*unit.arguments.all[0].variable);
  if (found == nullptr) return false;
  Sample other = *found;
  if (!Cast(other, SampleKind::kBinary, context.scratch())) return false;
  const bool equal = other.text.size() == sample.text.size() &&
                     CRYPTO_memcmp(other.text.data(), sample.text.data(), sample.text.size()) == 0;
  return GiveBoolean(sample, equal);
}

struct VerifyName {
  int64_t error;
  std::string_view name;
};
#define RINGWAY_VERIFY_NAME(name) \
  { X509_V_##name, "X509_V_" #name }
constexpr VerifyName kVerifyNames[] = {
    RINGWAY_VERIFY_NAME(OK),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_GET_ISSUER_CERT),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_GET_CRL),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY),
    RINGWAY_VERIFY_NAME(ERR_CERT_SIGNATURE_FAILURE),
    RINGWAY_VERIFY_NAME(ERR_CRL_SIGNATURE_FAILURE),
    RINGWAY_VERIFY_NAME(ERR_CERT_NOT_YET_VALID),
    RINGWAY_VERIFY_NAME(ERR_CERT_HAS_EXPIRED),
    RINGWAY_VERIFY_NAME(ERR_CRL_NOT_YET_VALID),
    RINGWAY_VERIFY_NAME(ERR_CRL_HAS_EXPIRED),
    RINGWAY_VERIFY_NAME(ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD),
    RINGWAY_VERIFY_NAME(ERR_ERROR_IN_CERT_NOT_AFTER_FIELD),
    RINGWAY_VERIFY_NAME(ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD),
    RINGWAY_VERIFY_NAME(ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD),
    RINGWAY_VERIFY_NAME(ERR_OUT_OF_MEM),
    RINGWAY_VERIFY_NAME(ERR_DEPTH_ZERO_SELF_SIGNED_CERT),
    RINGWAY_VERIFY_NAME(ERR_SELF_SIGNED_CERT_IN_CHAIN),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
    RINGWAY_VERIFY_NAME(ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE),
    RINGWAY_VERIFY_NAME(ERR_CERT_CHAIN_TOO_LONG),
    RINGWAY_VERIFY_NAME(ERR_CERT_REVOKED),
    RINGWAY_VERIFY_NAME(ERR_INVALID_CA),
    RINGWAY_VERIFY_NAME(ERR_PATH_LENGTH_EXCEEDED),
    RINGWAY_VERIFY_NAME(ERR_INVALID_PURPOSE),
    RINGWAY_VERIFY_NAME(ERR_CERT_UNTRUSTED),
    RINGWAY_VERIFY_NAME(ERR_CERT_REJECTED),
    RINGWAY_VERIFY_NAME(ERR_HOSTNAME_MISMATCH),
};
#undef RINGWAY_VERIFY_NAME

bool VerifyErrorName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  for (const VerifyName& one : kVerifyNames) {
    if (one.error == sample.number) return GiveText(sample, one.name);
  }
  return Cast(sample, SampleKind::kString, context.scratch());
}

constexpr ArgumentSpec kAvalanche[] = {{"avalanche", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kSeed[] = {{"seed", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kBits[] = {{"bits", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kAlgorithm[] = {{"algorithm", ArgumentType::kString}};
constexpr ArgumentSpec kAlgorithmKey[] = {{"algorithm", ArgumentType::kString},
                                          {"key", ArgumentType::kString}};
constexpr ArgumentSpec kVariable[] = {{"var", ArgumentType::kVariable}};
constexpr ArgumentSpec kCbc[] = {{"bits", ArgumentType::kInteger},
                                 {"nonce", ArgumentType::kString},
                                 {"key", ArgumentType::kString},
                                 {"aad", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kGcm[] = {{"bits", ArgumentType::kInteger},
                                 {"nonce", ArgumentType::kString},
                                 {"key", ArgumentType::kString},
                                 {"aead_tag", ArgumentType::kString},
                                 {"aad", ArgumentType::kString, kOptional}};

using kind::kBinary;
using kind::kNumber;

constexpr ConverterSpec kHashConverters[] = {
    {"aes_cbc_dec", kBinary, kBinary, kCbc, &AesCbc<false>, &PrepareCipher},
    {"aes_cbc_enc", kBinary, kBinary, kCbc, &AesCbc<true>, &PrepareCipher},
    {"aes_gcm_dec", kBinary, kBinary, kGcm, &AesGcmDecrypt, &PrepareGcm},
    {"aes_gcm_enc", kBinary, kBinary, kGcm, &AesGcmEncrypt, &PrepareGcmEncrypt},
    {"crc32", kBinary, kNumber, kAvalanche, &Hash<HashFunction::kCrc32>, &PrepareAvalanche},
    {"crc32c", kBinary, kNumber, kAvalanche, &HashCrc32c, &PrepareAvalanche},
    {"digest", kBinary, kBinary, kAlgorithm, &Digest, &PrepareDigest},
    {"djb2", kBinary, kNumber, kAvalanche, &Hash<HashFunction::kDjb2>, &PrepareAvalanche},
    {"hmac", kBinary, kBinary, kAlgorithmKey, &Hmac, &PrepareHmac},
    {"sdbm", kBinary, kNumber, kAvalanche, &Hash<HashFunction::kSdbm>, &PrepareAvalanche},
    {"secure_memcmp", kBinary, SampleKind::kBoolean, kVariable, &SecureCompare},
    {"sha1", kBinary, kBinary, {}, &Sha1},
    {"sha2", kBinary, kBinary, kBits, &Digest, &PrepareSha2},
    {"wt6", kBinary, kNumber, kAvalanche, &Hash<HashFunction::kWt6>, &PrepareAvalanche},
    {"x509_v_err_str", kNumber, SampleKind::kString, {}, &VerifyErrorName},
    {"xxh3", kBinary, kNumber, kSeed, &Hash64<&base::Xxh3>},
    {"xxh32", kBinary, kNumber, kSeed, &HashXxh32},
    {"xxh64", kBinary, kNumber, kSeed, &Hash64<&base::Xxh64>},
};

}  // namespace

std::span<const ConverterSpec> HashConverters() { return kHashConverters; }

}  // namespace engine
