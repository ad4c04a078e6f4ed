#include "shard/conn/proxy_recv.h"

#include <cstring>

#include "proto/preamble/netscaler_cip.h"
#include "proto/preamble/proxy_tlv.h"
#include "proto/preamble/proxy_v1.h"
#include "proto/preamble/proxy_v2.h"
#include "shard/conn/conn_table.h"
#include "shard/conn/connection.h"

namespace shard {
namespace {

using proto::Preamble;
using proto::PreambleError;
using proto::PreambleFamily;
using proto::PreambleParse;
using proto::PreambleResult;

// Longer headers are looked at where they lie, or put together in a buffer.
constexpr size_t kPeekBytes = proto::kNetscalerCipBytesMax;
constexpr size_t kKeptTlvBytesMax = 1024;

// What each way of failing is called.
struct Reasons {
  CloseReason empty, abort, timeout, truncated, not_header, malformed, protocol;
};

constexpr Reasons kProxyReasons = {CloseReason::kProxyEmpty,      CloseReason::kProxyAbort,
                                   CloseReason::kProxyTimeout,    CloseReason::kProxyTruncated,
                                   CloseReason::kProxyNotHeader,  CloseReason::kProxyBadHeader,
                                   CloseReason::kProxyBadProtocol};
constexpr Reasons kCipReasons = {CloseReason::kCipEmpty,      CloseReason::kCipAbort,
                                 CloseReason::kCipTimeout,    CloseReason::kCipTruncated,
                                 CloseReason::kCipBadMagic,   CloseReason::kCipBadProtocol,
                                 CloseReason::kCipBadProtocol};

struct Received {
  Preamble preamble;
  std::string_view tlvs;
};

Address ToAddress(PreambleFamily family, const proto::PreambleEndpoint& endpoint) {
  Address address;
  address.port = endpoint.port;
  if (family == PreambleFamily::kIpv4) {
    address.family = AF_INET;
    std::memcpy(&address.v4, endpoint.ip, sizeof(address.v4));
  } else {
    address.family = AF_INET6;
    std::memcpy(&address.v6, endpoint.ip, sizeof(address.v6));
  }
  return address;
}

// False: no memory.
bool KeepTlvs(Connection& connection, std::string_view tlvs) {
  size_t bytes = 0;
  proto::ProxyTlv tlv;
  const auto take = [&tlv, &bytes] {
    const size_t more = proto::kProxyTlvHeaderBytes + tlv.value.size();
    if (tlv.value.size() > kKeptTlvBytesMax) return false;
    if (bytes + more > HandshakeMemory::kBytesMax) return false;
    bytes += more;
    return true;
  };
  for (proto::ProxyTlvReader reader(tlvs); reader.Next(&tlv);) (void)take();
  if (bytes == 0) return true;
  HandshakeScratch* scratch = connection.NeedScratch();
  HandshakeMemory& memory = connection.context().connections->handshake_memory();
  if (scratch == nullptr || !memory.MakeRoomForTlvs(*scratch, bytes)) return false;
  proto::ByteWriter writer(scratch->tlvs, bytes);
  bytes = 0;
  for (proto::ProxyTlvReader reader(tlvs); reader.Next(&tlv);) {
    if (take() && !proto::WriteProxyTlv(tlv.type, tlv.value, writer)) return false;
  }
  return true;
}

HandshakeResult Fail(Connection& connection, CloseReason reason) {
  connection.SetLayerError(reason);
  return HandshakeResult::kFailed;
}

class PreambleStep : public Handshake {
 public:
  explicit PreambleStep(const Reasons& reasons) : reasons_(reasons) {}
  HandshakeResult Run(Connection& connection) final;
  CloseReason timeout_reason() const final { return reasons_.timeout; }
  CloseReason abort_reason() const final { return reasons_.abort; }

 protected:
  virtual PreambleParse Parse(const Connection& connection, std::string_view bytes,
                              Received* received) const = 0;

 private:
  HandshakeResult Take(Connection& connection, const PreambleParse& parse,
                       const Received& received);
  HandshakeResult Wait(Connection& connection) {
    if (!connection.wire_ended()) return HandshakeResult::kWantRecv;
    return Fail(connection, connection.wire_in().empty() ? reasons_.empty : reasons_.truncated);
  }

  const Reasons& reasons_;
};

HandshakeResult PreambleStep::Run(Connection& connection) {
  ByteQueue& in = connection.wire_in();
  char start[kPeekBytes];
  const size_t peeked = in.Peek(start, sizeof(start));
  Received received;
  PreambleParse parse = Parse(connection, {start, peeked}, &received);
  if (parse.result != PreambleResult::kNeedMore) return Take(connection, parse, received);
  ChunkPool& pool = *connection.context().small;
  if (parse.bytes > pool.chunk_bytes()) return Fail(connection, reasons_.malformed);
  if (in.size() < parse.bytes || in.size() <= sizeof(start)) return Wait(connection);
  const size_t bytes = parse.bytes;
  if (in.front().length >= bytes) {
    parse = Parse(connection, {in.front().begin(), bytes}, &received);
    return Take(connection, parse, received);
  }
  Chunk* chunk = pool.Take();
  if (chunk == nullptr) return Fail(connection, CloseReason::kNoMemory);
  in.Peek(chunk->data, bytes);
  parse = Parse(connection, {chunk->data, bytes}, &received);
  const HandshakeResult result = Take(connection, parse, received);
  ChunkPool::Drop(chunk);
  return result;
}

HandshakeResult PreambleStep::Take(Connection& connection, const PreambleParse& parse,
                                   const Received& received) {
  switch (parse.result) {
    case PreambleResult::kNeedMore:
      return Wait(connection);
    case PreambleResult::kBad:
      return Fail(connection, parse.error == PreambleError::kNotHeader  ? reasons_.not_header
                              : parse.error == PreambleError::kProtocol ? reasons_.protocol
                                                                        : reasons_.malformed);
    case PreambleResult::kDone:
      break;
  }
  const Preamble& preamble = received.preamble;
  if (preamble.family != PreambleFamily::kNone) {
    if (!connection.KeepOriginal()) return Fail(connection, CloseReason::kNoMemory);
    connection.SetPeerAddress(ToAddress(preamble.family, preamble.source));
    connection.SetLocalAddress(ToAddress(preamble.family, preamble.destination));
  }
  if (!KeepTlvs(connection, received.tlvs)) return Fail(connection, CloseReason::kNoMemory);
  connection.wire_in().Consume(parse.bytes);
  connection.DiscountHeader(parse.bytes);
  return HandshakeResult::kDone;
}

class ProxyRecv final : public PreambleStep {
 public:
  ProxyRecv() : PreambleStep(kProxyReasons) {}
  const char* name() const override { return "PROXY"; }

 private:
  PreambleParse Parse(const Connection&, std::string_view bytes,
                      Received* received) const override {
    // The first byte tells the versions apart.
    if (bytes.empty() || bytes[0] == 'P') return ParseProxyV1(bytes, &received->preamble);
    proto::ProxyV2Header header;
    const PreambleParse parse = ParseProxyV2(bytes, &header);
    *received = {header.preamble, header.tlvs};
    return parse;
  }
};

class CipRecv final : public PreambleStep {
 public:
  CipRecv() : PreambleStep(kCipReasons) {}
  const char* name() const override { return "NETSCALER-CIP"; }

 private:
  PreambleParse Parse(const Connection& connection, std::string_view bytes,
                      Received* received) const override {
    return ParseNetscalerCip(bytes, connection.scratch()->cip_magic, &received->preamble);
  }
};

}  // namespace

Handshake* ProxyRecvStep() {
  static ProxyRecv step;
  return &step;
}

Handshake* CipRecvStep() {
  static CipRecv step;
  return &step;
}

void ExpectProxyHeader(Connection& connection) {
  connection.OweHandshake(HandshakeStep::kProxyRecv);
}

bool ExpectNetscalerCip(Connection& connection, uint32_t magic) {
  HandshakeScratch* scratch = connection.NeedScratch();
  if (scratch == nullptr) return false;
  scratch->cip_magic = magic;
  connection.OweHandshake(HandshakeStep::kCipRecv);
  return true;
}

std::string_view ReceivedTlvs(const Connection& connection) {
  const HandshakeScratch* scratch = connection.scratch();
  return scratch == nullptr ? std::string_view()
                            : std::string_view(scratch->tlvs, scratch->tlv_bytes);
}

}  // namespace shard
