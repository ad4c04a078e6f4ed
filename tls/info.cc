#include "tls/info.h"

#include <openssl/sha.h>

#include <cstring>

#include "shard/net/address.h"
#include "tls/link.h"

namespace tls {

Info InfoOf(const shard::Connection& connection) {
  const Link* link = Link::Of(connection);
  if (link == nullptr || link->ssl() == nullptr) return {};
  const bool is_open = link->state() == Link::State::kOpen;
  const SSL_CIPHER* cipher =
      is_open ? SSL_get_current_cipher(link->ssl()) : SSL_get_pending_cipher(link->ssl());
  Info info;
  if (cipher == nullptr) return info;  // no version is agreed on before a cipher is
  info.version = SSL_get_version(link->ssl());
  // OpenSSL's names for the suites of TLS 1.2, which is what logs are searched for.
  const bool is_tls13 = SSL_version(link->ssl()) == TLS1_3_VERSION;
  info.cipher = is_tls13 ? SSL_CIPHER_standard_name(cipher) : SSL_CIPHER_get_name(cipher);
  info.resumed = is_open && SSL_session_reused(link->ssl()) == 1;
  return info;
}

bool IsTls(const shard::Connection& connection) { return Link::Of(connection) != nullptr; }

std::string_view ServerName(const shard::Connection& connection) {
  const Link* link = Link::Of(connection);
  return link == nullptr ? std::string_view() : std::string_view(link->server_name());
}

std::string_view Protocol(const shard::Connection& connection) {
  const Link* link = Link::Of(connection);
  if (link == nullptr || link->state() != Link::State::kOpen) return {};
  const uint8_t* text = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(link->ssl(), &text, &length);
  return {reinterpret_cast<const char*>(text), length};
}

std::string_view NameOfHost(std::string_view host) {
  if (host.starts_with('[')) {
    const std::string_view inside = host.substr(1, host.find(']') - 1);
    return shard::Address::FromText(inside).is_ip() ? std::string_view() : host;
  }
  const std::string_view name = host.substr(0, host.find(':'));
  if (name.empty()) return host;
  return shard::Address::FromText(name).is_ip() ? std::string_view() : name;
}

void DigestName(std::string_view name, uint8_t digest[16]) {
  uint8_t whole[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(name.data()), name.size(), whole);
  std::memcpy(digest, whole, 16);
}

std::string_view FailureText(const shard::Connection& connection) {
  const Link* link = Link::Of(connection);
  return link == nullptr ? std::string_view() : std::string_view(link->detail());
}

}  // namespace tls
