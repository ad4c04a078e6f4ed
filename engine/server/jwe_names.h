// jwe_names.h - how encrypted tokens are encrypted (RFC 7518, sections 4.1 and 5.1): what a
// configuration allows, and what the converters know.
//
// Owns:    constant tables.
// Threads: any-thread.
// Units:   sets have one bit for each enumerator.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

namespace engine {

// How the key of the content is kept.
enum class JweAlgorithm : uint8_t {
  kRsa15,
  kRsaOaep,
  kRsaOaep256,
  kA128Kw,
  kA192Kw,
  kA256Kw,
  kA128GcmKw,
  kA192GcmKw,
  kA256GcmKw,
  kDirect,
  kEcdhEs,
  kEcdhEsA128Kw,
  kEcdhEsA192Kw,
  kEcdhEsA256Kw,
  kCount
};
inline constexpr std::string_view kJweAlgorithmNames[] = {
    "RSA1_5",  "RSA-OAEP",       "RSA-OAEP-256",   "A128KW",        "A192KW",
    "A256KW",  "A128GCMKW",      "A192GCMKW",      "A256GCMKW",     "dir",
    "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"};
static_assert(std::size(kJweAlgorithmNames) == size_t(JweAlgorithm::kCount));
inline constexpr uint32_t kJweAlgorithmsAll = (1u << size_t(JweAlgorithm::kCount)) - 1;
// RFC 8725 section 3.2.
inline constexpr uint32_t kJweAlgorithmsDefault =
    kJweAlgorithmsAll & ~(1u << size_t(JweAlgorithm::kRsa15));

// How the content is.
enum class JweEncryption : uint8_t {
  kA128CbcHs256,
  kA192CbcHs384,
  kA256CbcHs512,
  kA128Gcm,
  kA192Gcm,
  kA256Gcm,
  kCount
};
inline constexpr std::string_view kJweEncryptionNames[] = {
    "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"};
static_assert(std::size(kJweEncryptionNames) == size_t(JweEncryption::kCount));
inline constexpr uint32_t kJweEncryptionsAll = (1u << size_t(JweEncryption::kCount)) - 1;

}  // namespace engine
