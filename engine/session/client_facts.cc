#include "engine/session/client_facts.h"

#include "proto/preamble/proxy_tlv.h"
#include "proto/tls/certificate_view.h"
#include "proto/wire/byte_writer.h"
#include "tls/info.h"
#include "tls/link.h"

namespace engine {
namespace {

using proto::ProxyTlvType;

// Bits of what PP2_TYPE_SSL says first.
constexpr uint8_t kOverTls = 0x01;
constexpr uint8_t kCertificateNow = 0x02;
constexpr uint8_t kCertificateKnown = 0x04;
constexpr size_t kInsideBytesMax = 600;

// The certificate that the client has shown; empty: none.
std::string_view ShownBy(const tls::Link& link) {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(link.ssl());
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return {};
  const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  return {reinterpret_cast<const char*>(CRYPTO_BUFFER_data(leaf)), CRYPTO_BUFFER_len(leaf)};
}

std::string_view CommonName(std::string_view certificate) {
  proto::CertificateView view;
  if (certificate.empty() || !proto::ReadCertificate(certificate, &view)) return {};
  proto::NameReader names(view.subject);
  std::string_view found;
  for (proto::NameEntry entry; names.Next(&entry);) {
    if (entry.name == "CN") found = entry.value;
  }
  return found;
}

std::string_view SignatureOf(const tls::Certificate& certificate) {
  proto::CertificateView view;
  if (!proto::ReadCertificate(certificate.leaf(), &view)) return {};
  return proto::AlgorithmName(view.signature);
}

void Add(ProxyTlvType type, std::string_view text, proto::ByteWriter& writer) {
  if (!text.empty()) (void)proto::WriteProxyTlv(type, text, writer);
}

// Null: the client came without TLS, or is not through with it.
const tls::Link* OpenLink(const shard::Connection* client) {
  const tls::Link* link = client == nullptr ? nullptr : tls::Link::Of(*client);
  return link != nullptr && link->state() == tls::Link::State::kOpen ? link : nullptr;
}

// Of a client without TLS: that it came without.
void WriteTlsFacts(const ClientFacts& facts, const shard::Connection& client,
                   proto::ByteWriter& writer) {
  const tls::Link* link = OpenLink(&client);
  const std::string_view shown = link == nullptr ? std::string_view() : ShownBy(*link);
  const tls::Info info = link == nullptr ? tls::Info() : tls::InfoOf(client);
  uint8_t bits = link == nullptr ? 0 : kOverTls;
  if (!shown.empty()) bits |= kCertificateKnown | (info.resumed ? 0 : kCertificateNow);
  // 0 says: shown, and verified. HAProxy 2.6 says it of a client without a certificate, too.
  const uint32_t verify = shown.empty() ? X509_V_ERR_UNSPECIFIED : uint32_t(link->verify_error());
  char inside[kInsideBytesMax];
  proto::ByteWriter value(inside, sizeof(inside));
  if (!value.WriteU8(bits) || !value.WriteU32(verify)) return;
  if (link != nullptr) {
    Add(ProxyTlvType::kSslVersion, info.version, value);
    const tls::Certificate* own = link->certificate();
    if (facts.cipher && info.cipher != nullptr) Add(ProxyTlvType::kSslCipher, info.cipher, value);
    if (facts.signature && own != nullptr) {
      Add(ProxyTlvType::kSslSignatureAlgorithm, SignatureOf(*own), value);
    }
    if (facts.key && own != nullptr) Add(ProxyTlvType::kSslKeyAlgorithm, own->key_text(), value);
    if (facts.common_name) Add(ProxyTlvType::kSslCommonName, CommonName(shown), value);
  }
  Add(ProxyTlvType::kSsl, value.bytes(), writer);
}

}  // namespace

std::string_view WriteClientFacts(const ClientFacts& facts, const shard::Connection* client,
                                  StreamContext& context, char* memory) {
  proto::ByteWriter writer(memory, facts.bytes_max());
  // What was negotiated is told without being asked for (manual 5.2, send-proxy-v2).
  if (const tls::Link* link = OpenLink(client)) {
    Add(ProxyTlvType::kAlpn, tls::Protocol(*client), writer);
    if (facts.authority) Add(ProxyTlvType::kAuthority, link->server_name(), writer);
  }
  if (facts.unique_id) {
    const std::string_view id = context.UniqueId();
    if (id.size() <= proto::kProxyUniqueIdBytesMax) Add(ProxyTlvType::kUniqueId, id, writer);
  }
  if (facts.tls && client != nullptr) WriteTlsFacts(facts, *client, writer);
  for (const MadeTlv& one : facts.made) {
    std::string_view value;
    if (one.value.Write(context, &value)) Add(ProxyTlvType(one.type), value, writer);
  }
  return writer.bytes();
}

}  // namespace engine
