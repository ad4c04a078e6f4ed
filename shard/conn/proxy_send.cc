#include "shard/conn/proxy_send.h"

#include <cstring>

#include "base/check.h"
#include "proto/preamble/proxy_tlv.h"
#include "proto/preamble/proxy_v1.h"
#include "proto/preamble/proxy_v2.h"
#include "shard/conn/conn_table.h"
#include "shard/conn/connection.h"

namespace shard {
namespace {

proto::PreambleEndpoint ToEndpoint(const Address& address, proto::PreambleFamily family) {
  proto::PreambleEndpoint endpoint;
  endpoint.port = address.port;
  if (family == proto::PreambleFamily::kIpv4) {
    std::memcpy(endpoint.ip, &address.v4, sizeof(address.v4));
  } else if (address.family == AF_INET) {  // as IPv6 writes it (RFC 4291 section 2.5.5.2)
    endpoint.ip[10] = endpoint.ip[11] = 0xff;
    std::memcpy(endpoint.ip + 12, &address.v4, sizeof(address.v4));
  } else {
    std::memcpy(endpoint.ip, &address.v6, sizeof(address.v6));
  }
  return endpoint;
}

// Only IPv4 and IPv6 can be told (manual 5.2, send-proxy), and both ends in one family. They may be
// of two where a rule has set one of them.
proto::Preamble ToPreamble(const Address& source, const Address& destination) {
  proto::Preamble preamble;
  if (!source.is_ip() || !destination.is_ip()) return preamble;
  const bool both_v4 = source.family == AF_INET && destination.family == AF_INET;
  preamble.family = both_v4 ? proto::PreambleFamily::kIpv4 : proto::PreambleFamily::kIpv6;
  preamble.source = ToEndpoint(source, preamble.family);
  preamble.destination = ToEndpoint(destination, preamble.family);
  return preamble;
}

class ProxySend final : public Handshake {
 public:
  const char* name() const override { return "SEND-PROXY"; }
  CloseReason timeout_reason() const override { return CloseReason::kConnectTimeout; }
  HandshakeResult Run(Connection& connection) override {
    const HandshakeScratch& scratch = *connection.scratch();
    const ProxySendOptions& options = *scratch.send_options;
    Chunk* chunk = connection.context().small->Take();
    if (chunk == nullptr) {
      connection.SetLayerError(CloseReason::kNoMemory);
      return HandshakeResult::kFailed;
    }
    const bool tells_own = scratch.announces_self && (options.version == 1 || options.never_local);
    const proto::Preamble preamble =
        tells_own ? ToPreamble(connection.LocalAddress(), connection.PeerAddress())
                  : ToPreamble(scratch.source, scratch.destination);
    proto::ByteWriter writer(chunk->data, chunk->capacity);
    const bool fits = options.version == 1
                          ? proto::WriteProxyV1(preamble, writer)
                          : proto::WriteProxyV2(preamble, options.tlvs, options.crc32c, writer,
                                                {scratch.tlvs, scratch.tlv_bytes});
    // The configuration was held to tune.bufsize.
    if (BUG_IF(!fits, "proxy_header_too_long")) {
      ChunkPool::Drop(chunk);
      connection.SetLayerError(CloseReason::kInternal);
      return HandshakeResult::kFailed;
    }
    connection.wire_out().Push({chunk, 0, uint32_t(writer.written())});
    return HandshakeResult::kDone;
  }
};

}  // namespace

size_t ProxyHeaderBytesMax(const ProxySendOptions& options) {
  if (options.version != 2) return proto::kProxyV1BytesMax;
  constexpr size_t kChecksumBytes = proto::kProxyTlvHeaderBytes + 4;
  return proto::kProxyV2FixedBytes + proto::kProxyV2AddressBytesMax +
         (options.crc32c ? kChecksumBytes : 0) + options.tlvs.size();
}

Handshake* ProxySendStep() {
  static ProxySend step;
  return &step;
}

bool AnnounceClient(Connection& connection, const ProxySendOptions& options, const Address& source,
                    const Address& destination, std::string_view tlvs) {
  HandshakeScratch* scratch = connection.NeedScratch();
  if (scratch == nullptr) return false;
  HandshakeMemory& memory = connection.context().connections->handshake_memory();
  if (!tlvs.empty()) {
    if (!memory.MakeRoomForTlvs(*scratch, tlvs.size())) return false;
    std::memcpy(scratch->tlvs, tlvs.data(), tlvs.size());
  }
  scratch->send_options = &options;
  scratch->source = source;
  scratch->destination = destination;
  connection.OweHandshake(HandshakeStep::kProxySend);
  return true;
}

bool AnnounceSelf(Connection& connection, const ProxySendOptions& options) {
  if (!AnnounceClient(connection, options, {}, {})) return false;
  connection.scratch()->announces_self = true;
  return true;
}

}  // namespace shard
