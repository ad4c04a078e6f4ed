#include "tls/hello.h"

#include <openssl/bytestring.h>

namespace tls {
namespace {

bool FindExtension(const SSL_CLIENT_HELLO& hello, uint16_t type, CBS* body) {
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, type, &bytes, &length) == 0) return false;
  CBS_init(body, bytes, length);
  return true;
}

bool IsEcdsaSuite(uint16_t suite) {
  switch (suite) {
    case 0xc009:  // ECDHE_ECDSA with AES_128_CBC_SHA, and so on
    case 0xc00a:
    case 0xc023:
    case 0xc024:
    case 0xc02b:
    case 0xc02c:
    case 0xcca9:
      return true;
    default:
      return false;
  }
}

bool IsEcdsaSignature(uint16_t algorithm) {
  switch (algorithm) {
    case SSL_SIGN_ECDSA_SHA1:
    case SSL_SIGN_ECDSA_SECP256R1_SHA256:
    case SSL_SIGN_ECDSA_SECP384R1_SHA384:
    case SSL_SIGN_ECDSA_SECP521R1_SHA512:
    case SSL_SIGN_ED25519:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool SpeaksTls13(const SSL_CLIENT_HELLO& hello) {
  CBS body;
  CBS versions;
  if (!FindExtension(hello, TLSEXT_TYPE_supported_versions, &body) ||
      CBS_get_u8_length_prefixed(&body, &versions) == 0) {
    return false;
  }
  uint16_t version = 0;
  while (CBS_get_u16(&versions, &version) == 1) {
    if (version == TLS1_3_VERSION) return true;
  }
  return false;
}

bool VerifiesEcdsa(const SSL_CLIENT_HELLO& hello) {
  CBS body;
  CBS list;
  uint16_t value = 0;
  bool has_signature = false;
  // Before TLS 1.2 there was no such extension.
  if (!FindExtension(hello, TLSEXT_TYPE_signature_algorithms, &body)) {
    has_signature = true;
  } else if (CBS_get_u16_length_prefixed(&body, &list) == 1) {
    while (!has_signature && CBS_get_u16(&list, &value) == 1)
      has_signature = IsEcdsaSignature(value);
  }
  if (!has_signature) return false;
  if (SpeaksTls13(hello)) return true;
  CBS suites;
  CBS_init(&suites, hello.cipher_suites, hello.cipher_suites_len);
  while (CBS_get_u16(&suites, &value) == 1) {
    if (IsEcdsaSuite(value)) return true;
  }
  return false;
}

bool AsksForStaple(const SSL_CLIENT_HELLO& hello) {
  CBS body;
  return FindExtension(hello, TLSEXT_TYPE_status_request, &body);
}

bool NamesCachedSession(const SSL_CLIENT_HELLO& hello) {
  CBS ticket;
  const bool has_ticket = FindExtension(hello, TLSEXT_TYPE_session_ticket, &ticket);
  return hello.session_id_len > 0 && !(has_ticket && CBS_len(&ticket) > 0) && !SpeaksTls13(hello);
}

}  // namespace tls
