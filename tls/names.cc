#include "tls/names.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "tls/handles.h"

namespace tls {
namespace {

// The two forms of SSL_CTX_set1_sigalgs(3). What is not here the library cannot do: rsa_pss_pss_*
// (keys of the kind RSASSA-PSS), Ed448, DSA, SHA-224.
struct SignatureKind {
  uint16_t number;
  std::string_view name;
  std::string_view parts;
  std::string_view short_parts = parts;
};
constexpr SignatureKind kSignatureKinds[] = {
    {SSL_SIGN_RSA_PKCS1_SHA1, "rsa_pkcs1_sha1", "RSA+SHA1"},
    {SSL_SIGN_RSA_PKCS1_SHA256, "rsa_pkcs1_sha256", "RSA+SHA256"},
    {SSL_SIGN_RSA_PKCS1_SHA384, "rsa_pkcs1_sha384", "RSA+SHA384"},
    {SSL_SIGN_RSA_PKCS1_SHA512, "rsa_pkcs1_sha512", "RSA+SHA512"},
    {SSL_SIGN_RSA_PSS_RSAE_SHA256, "rsa_pss_rsae_sha256", "RSA-PSS+SHA256", "PSS+SHA256"},
    {SSL_SIGN_RSA_PSS_RSAE_SHA384, "rsa_pss_rsae_sha384", "RSA-PSS+SHA384", "PSS+SHA384"},
    {SSL_SIGN_RSA_PSS_RSAE_SHA512, "rsa_pss_rsae_sha512", "RSA-PSS+SHA512", "PSS+SHA512"},
    {SSL_SIGN_ECDSA_SHA1, "ecdsa_sha1", "ECDSA+SHA1"},
    {SSL_SIGN_ECDSA_SECP256R1_SHA256, "ecdsa_secp256r1_sha256", "ECDSA+SHA256"},
    {SSL_SIGN_ECDSA_SECP384R1_SHA384, "ecdsa_secp384r1_sha384", "ECDSA+SHA384"},
    {SSL_SIGN_ECDSA_SECP521R1_SHA512, "ecdsa_secp521r1_sha512", "ECDSA+SHA512"},
    {SSL_SIGN_ED25519, "ed25519", "ed25519"},
};

// Calls `keep(word)` for each word; true: it is kept.
template <typename Keep>
NameList Filter(std::string_view list, const char* separators, Keep keep) {
  NameList result;
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of(separators), list.size());
    std::string word(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (word.empty()) continue;
    const std::string given = word;
    if (!keep(word)) {
      result.unknown.push_back(given);
      continue;
    }
    if (!result.text.empty()) result.text += ':';
    result.text += word;
  }
  return result;
}

Handle<SSL_CTX> ScratchContext() { return Handle<SSL_CTX>(SSL_CTX_new(TLS_with_buffers_method())); }

}  // namespace

NameList FilterCiphers(std::string_view list) {
  Handle<SSL_CTX> context = ScratchContext();
  NameList result = Filter(list, ":, ", [&](std::string& word) {
    if (word == "DEFAULT") word = "ALL";
    if (word == "@STRENGTH") return true;
    if (word[0] == '@' || word.starts_with("PROFILE=")) return false;
    // What is forbidden, or moved to the end, is only looked up here.
    const bool is_order = word[0] == '!' || word[0] == '-' || word[0] == '+';
    const std::string alone = "ALL:" + (is_order ? word.substr(1) : word);
    const bool known = SSL_CTX_set_strict_cipher_list(context.get(), alone.c_str()) == 1;
    ERR_clear_error();
    return known;
  });
  // Names alone do not make a list: "!ALL" leaves nothing.
  if (SSL_CTX_set_strict_cipher_list(context.get(), result.text.c_str()) != 1) {
    result.text.clear();
    ERR_clear_error();
  }
  // Rules whose subject was dropped are no loss; telling of each "!aNULL" would only be noise.
  std::erase_if(result.unknown, [](const std::string& word) { return word[0] == '!'; });
  return result;
}

NameList FilterSuites(std::string_view list) {
  return Filter(list, ":, ", [](const std::string& word) {
    return word == "TLS_AES_128_GCM_SHA256" || word == "TLS_AES_256_GCM_SHA384" ||
           word == "TLS_CHACHA20_POLY1305_SHA256";
  });
}

NameList FilterCurves(std::string_view list) {
  Handle<SSL_CTX> context = ScratchContext();
  return Filter(list, ":, ", [&](std::string& word) {
    if (word == "prime256v1" || word == "secp256r1") word = "P-256";
    if (word == "secp384r1") word = "P-384";
    if (word == "secp521r1") word = "P-521";
    if (word == "x25519") word = "X25519";
    const bool known = SSL_CTX_set1_curves_list(context.get(), word.c_str()) == 1;
    ERR_clear_error();
    return known;
  });
}

SignatureList FilterSignatures(std::string_view list) {
  SignatureList result;
  result.unknown =
      Filter(list, ":, ", [&](const std::string& word) {
        const auto* kind = std::find_if(
            std::begin(kSignatureKinds), std::end(kSignatureKinds), [&](const SignatureKind& one) {
              return word == one.name || word == one.parts || word == one.short_parts;
            });
        if (kind == std::end(kSignatureKinds)) return false;
        const bool is_new =
            std::find(result.kinds.begin(), result.kinds.end(), kind->number) == result.kinds.end();
        if (is_new) result.kinds.push_back(kind->number);
        return true;
      }).unknown;
  return result;
}

}  // namespace tls
