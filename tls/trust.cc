#include "tls/trust.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "proto/tls/host_pattern.h"
#include "tls/leaf_names.h"
#include "tls/pem.h"

namespace tls {
namespace {

// Calls `take` for each block; it returns true for one that counts.
template <typename Take>
bool TakeBlocks(const NamedText& pem, const std::string& what, Take take, std::string* error) {
  PemReader reader(pem.text);
  size_t count = 0;
  for (PemBlock block; reader.Next(&block);) {
    if (take(block)) ++count;
    if (ERR_peek_error() != 0) break;
  }
  if (ERR_peek_error() != 0) {
    *error = "'" + pem.name + "' is broken after " + std::to_string(count) + " " + what +
             "s: " + TakeErrorText();
    return false;
  }
  if (count == 0) *error = "no " + what + " in '" + pem.name + "'";
  return count != 0;
}

// A CA whose names are limited (RFC 5280 section 4.2.1.10) is held to that in subjectAltName only:
// what it writes into a subject counts for nothing.
bool LimitsNames(const STACK_OF(X509) * chain) {
  for (size_t i = 1; i < sk_X509_num(chain); ++i) {
    if (X509_get_ext_by_NID(sk_X509_value(chain, i), NID_name_constraints, -1) >= 0) return true;
  }
  return false;
}

bool Names(const X509* leaf, const STACK_OF(X509) * chain, std::string_view host) {
  std::vector<std::string> names;
  AddAlternativeNames(leaf, &names);
  if (!LimitsNames(chain)) AddCommonNames(leaf, &names);
  ERR_clear_error();
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return proto::HostMatches(name, host); });
}

}  // namespace

bool Trust::AddAuthorities(const NamedText& pem, bool named, std::string* error) {
  const auto take = [&](const PemBlock& block) {
    // Read where a `crl-file` says that lists count.
    if (block.is_revocation_list()) return TakeList(block);
    Handle<X509> certificate;
    if (block.is_certificate()) certificate = ParseCertificate(block);
    if (certificate == nullptr) return false;
    authorities_.push_back({std::move(certificate), named});
    return true;
  };
  return TakeBlocks(pem, "certificate", take, error);
}

bool Trust::AddRevocations(const NamedText& pem, std::string* error) {
  checks_revocations_ = true;
  return TakeBlocks(
      pem, "revocation list", [&](const PemBlock& block) { return TakeList(block); }, error);
}

bool Trust::TakeList(const PemBlock& block) {
  if (!block.is_revocation_list()) return false;
  const uint8_t* at = block.bytes.get();
  Handle<X509_CRL> list(d2i_X509_CRL(nullptr, &at, block.length));
  if (list == nullptr) return false;
  revocations_.push_back(std::move(list));
  return true;
}

Handle<X509_STORE> Trust::MakeStore() const {
  Handle<X509_STORE> store(X509_STORE_new());
  if (store == nullptr) return nullptr;
  // A CA that stands twice in a file is refused the second time, and that is no error.
  for (const Authority& authority : authorities_) {
    X509_STORE_add_cert(store.get(), authority.certificate.get());
  }
  for (const auto& list : revocations_) X509_STORE_add_crl(store.get(), list.get());
  if (checks_revocations_) {
    X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  ERR_clear_error();
  return store;
}

Handle<STACK_OF(CRYPTO_BUFFER)> Trust::MakeNames() const {
  Handle<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  std::set<std::string> told;
  for (const Authority& authority : authorities_) {
    if (!authority.named) continue;
    uint8_t* bytes = nullptr;
    const int length = i2d_X509_NAME(X509_get_subject_name(authority.certificate.get()), &bytes);
    if (length <= 0) continue;
    const Handle<uint8_t> owner(bytes);
    // A directory holds many a CA twice, by itself and in a bundle.
    if (!told.emplace(reinterpret_cast<const char*>(bytes), size_t(length)).second) continue;
    CRYPTO_BUFFER* name = CRYPTO_BUFFER_new(bytes, size_t(length), nullptr);
    if (name != nullptr) sk_CRYPTO_BUFFER_push(names.get(), name);
  }
  return names;
}

VerifyResult CheckPeer(const SSL* ssl, X509_STORE* store, const VerifyRequest& request,
                       Handle<X509>* root) {
  constexpr VerifyResult kInternal = {X509_V_ERR_OUT_OF_MEM, 0};
  const STACK_OF(CRYPTO_BUFFER)* shown = SSL_get0_peer_certificates(ssl);
  if (shown == nullptr || sk_CRYPTO_BUFFER_num(shown) == 0) return kInternal;
  Handle<X509> leaf;
  Handle<STACK_OF(X509)> others(sk_X509_new_null());
  for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(shown); ++i) {
    Handle<X509> one(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(shown, i)));
    if (one == nullptr) return {X509_V_ERR_UNSPECIFIED, int(i)};
    if (i == 0) {
      leaf = std::move(one);
    } else if (sk_X509_push(others.get(), one.get()) != 0) {
      (void)one.release();
    }
  }
  Handle<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), store, leaf.get(), others.get()) == 0 ||
      X509_STORE_CTX_set_default(context.get(), request.of_client ? "ssl_client" : "ssl_server") ==
          0) {
    return kInternal;
  }
  if (X509_verify_cert(context.get()) == 1) {
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
    if (request.host != nullptr && !Names(leaf.get(), chain, request.host)) {
      return {X509_V_ERR_HOSTNAME_MISMATCH, 0};
    }
    const size_t length = sk_X509_num(chain);
    if (length > 0) {
      X509* last = sk_X509_value(chain, length - 1);
      X509_up_ref(last);
      root->reset(last);
    }
    return {};
  }
  ERR_clear_error();
  const int error = X509_STORE_CTX_get_error(context.get());
  return {error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED,
          X509_STORE_CTX_get_error_depth(context.get())};
}

uint8_t AlertOf(const VerifyResult& result) {
  // As OpenSSL says it; certificate_expired means that its time is over (RFC 8446 section 6.2).
  if (result.error == X509_V_ERR_CERT_NOT_YET_VALID) return SSL_AD_BAD_CERTIFICATE;
  return uint8_t(SSL_alert_from_verify_result(result.error));
}

}  // namespace tls
