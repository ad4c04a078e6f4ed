#include "tls/context.h"

#include <openssl/sha.h>

#include <span>
#include <utility>

#include "tls/link.h"

namespace tls {
namespace {

// What a configuration without `ciphers` offers to TLS 1.2: forward secrecy only.
constexpr char kDefaultCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES";
// What the peer's certificate may sign with unless `sigalgs` says otherwise: all that the library
// can verify but SHA-1.
constexpr uint16_t kVerifiedSignatures[] = {SSL_SIGN_ECDSA_SECP256R1_SHA256,
                                            SSL_SIGN_RSA_PSS_RSAE_SHA256,
                                            SSL_SIGN_RSA_PKCS1_SHA256,
                                            SSL_SIGN_ECDSA_SECP384R1_SHA384,
                                            SSL_SIGN_RSA_PSS_RSAE_SHA384,
                                            SSL_SIGN_RSA_PKCS1_SHA384,
                                            SSL_SIGN_ED25519,
                                            SSL_SIGN_ECDSA_SECP521R1_SHA512,
                                            SSL_SIGN_RSA_PSS_RSAE_SHA512,
                                            SSL_SIGN_RSA_PKCS1_SHA512};

uint16_t WireVersion(Version version) {
  switch (version) {
    case Version::kTls10:
      return TLS1_VERSION;
    case Version::kTls11:
      return TLS1_1_VERSION;
    case Version::kTls12:
      return TLS1_2_VERSION;
    case Version::kTls13:
      break;
  }
  return TLS1_3_VERSION;
}

}  // namespace

std::shared_ptr<const Context> Context::MakeServer(Options options, CertStore certificates,
                                                   std::string* error) {
  std::shared_ptr<Context> context(new Context(Side::kServer, std::move(options)));
  context->certificates_ = std::move(certificates);
  if (!context->Finish(error)) return nullptr;
  return context;
}

std::shared_ptr<const Context> Context::MakeClient(Options options,
                                                   std::shared_ptr<const Certificate> certificate,
                                                   std::string host, std::string* error) {
  std::shared_ptr<Context> context(new Context(Side::kClient, std::move(options)));
  context->certificate_ = std::move(certificate);
  context->host_ = std::move(host);
  if (!context->Finish(error)) return nullptr;
  return context;
}

bool Context::LoadTrust(std::string* error) {
  for (const NamedText& text : options_.trust) {
    if (!trust_.AddAuthorities(text, options_.sends_ca_names, error)) return false;
  }
  for (const NamedText& text : options_.verify_only) {
    if (!trust_.AddAuthorities(text, false, error)) return false;
  }
  for (const NamedText& text : options_.revocations) {
    if (!trust_.AddRevocations(text, error)) return false;
  }
  return true;
}

bool Context::Finish(std::string* error) {
  if (options_.version_min > options_.version_max) {
    *error = "no version of TLS is left between the lowest and the highest allowed";
    return false;
  }
  for (const std::string& protocol : options_.alpn) {
    if (protocol.empty() || protocol.size() > 255) {
      *error = "a protocol of ALPN has 1 to 255 bytes";
      return false;
    }
    alpn_ += char(protocol.size());
    alpn_ += protocol;
  }
  if (!LoadTrust(error)) return false;
  SHA256_CTX hash;
  SHA256_Init(&hash);
  const auto add = [&hash](const std::string& text) {
    const uint64_t bytes = text.size();
    SHA256_Update(&hash, &bytes, sizeof(bytes));
    SHA256_Update(&hash, text.data(), text.size());
  };
  add(std::to_string(int(options_.verify)));
  for (const auto* texts : {&options_.trust, &options_.verify_only, &options_.revocations}) {
    add(std::to_string(texts->size()));
    for (const NamedText& text : *texts) add(text.text);
  }
  SHA256_Final(session_scope_, &hash);
  return MakeLibraryContext(error) != nullptr;
}

Handle<SSL_CTX> Context::MakeLibraryContext(std::string* error) const {
  ERR_clear_error();
  Handle<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
  SSL_CTX* const c = context.get();
  const auto fail = [&](const std::string& what) {
    *error = what + ": " + TakeErrorText();
    return nullptr;
  };
  if (c == nullptr) return fail("no memory for TLS");
  if (SSL_CTX_set_min_proto_version(c, WireVersion(options_.version_min)) != 1 ||
      SSL_CTX_set_max_proto_version(c, WireVersion(options_.version_max)) != 1) {
    return fail("the versions of TLS cannot be used");
  }
  const std::string& ciphers = options_.ciphers;
  if (SSL_CTX_set_strict_cipher_list(c, ciphers.empty() ? kDefaultCiphers : ciphers.c_str()) != 1) {
    return fail("the ciphers '" + ciphers + "' cannot be used");
  }
  if (!options_.curves.empty() && SSL_CTX_set1_curves_list(c, options_.curves.c_str()) != 1) {
    return fail("the curves '" + options_.curves + "' cannot be used");
  }
  const std::vector<uint16_t>& ours = options_.signs_with;
  if (!ours.empty() && SSL_CTX_set_signing_algorithm_prefs(c, ours.data(), ours.size()) != 1) {
    return fail("the signature algorithms cannot be used");
  }
  std::span<const uint16_t> theirs = options_.verifies;
  if (theirs.empty()) theirs = kVerifiedSignatures;
  if (SSL_CTX_set_verify_algorithm_prefs(c, theirs.data(), theirs.size()) != 1) {
    return fail("the signature algorithms of the peer cannot be used");
  }
  uint32_t bits = SSL_OP_NO_RENEGOTIATION;
  if (!options_.prefers_client_ciphers) bits |= SSL_OP_CIPHER_SERVER_PREFERENCE;
  const bool keeps = side_ == Side::kServer && options_.reuses_sessions;
  if (!options_.tickets && !keeps) bits |= SSL_OP_NO_TICKET;
  SSL_CTX_set_options(c, bits);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_timeout(c, options_.session_lifetime_s);
  SSL_CTX_set_session_psk_dhe_timeout(c, options_.session_lifetime_s);
  SSL_CTX_set_early_data_enabled(c, 0);
  if (SSL_CTX_set_session_id_context(c, session_scope_, sizeof(session_scope_)) != 1) {
    return fail("no memory for TLS");
  }
  if (options_.keeps_secrets) SetKeyLogCallback(c);
  if (side_ == Side::kServer) {
    SetServerCallbacks(c, options_.tickets);
    SSL_CTX_set_session_cache_mode(
        c, keeps ? SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
    if (options_.verify != Verify::kNone) SSL_CTX_set0_client_CAs(c, trust_.MakeNames().release());
  } else {
    SetClientCallbacks(c);
    SSL_CTX_set_session_cache_mode(c, options_.reuses_sessions
                                          ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                          : SSL_SESS_CACHE_OFF);
    if (certificate_ != nullptr && !certificate_->Give(c)) {
      return fail("certificate '" + certificate_->path() + "' cannot be used");
    }
    // The other way round than its name says: 0 is success.
    if (!alpn_.empty() && SSL_CTX_set_alpn_protos(c, reinterpret_cast<const uint8_t*>(alpn_.data()),
                                                  unsigned(alpn_.size())) != 0) {
      return fail("the protocols of ALPN cannot be used");
    }
  }
  int mode = SSL_VERIFY_NONE;
  if (options_.verify != Verify::kNone) mode = SSL_VERIFY_PEER;
  if (options_.verify == Verify::kRequired) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SetVerifyCallback(c, mode);
  return context;
}

bool Context::MakeLocal(LocalContext* local) const {
  std::string unused;
  local->library = MakeLibraryContext(&unused);
  if (local->library == nullptr) return false;
  if (options_.verify == Verify::kNone) return true;
  local->store = trust_.MakeStore();
  return local->store != nullptr;
}

}  // namespace tls
