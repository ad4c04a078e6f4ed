#include <netinet/tcp.h>
#include <unistd.h>

#include <charconv>

#include "base/text.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/session/connection_error.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "proto/preamble/proxy_tlv.h"

namespace engine {
namespace {

using shard::CloseReason;

// Addresses ---------------------------------------------------------------------------------------

bool GiveIp(Sample& sample, const shard::Address& address) {
  if (!address.is_ip()) return false;
  shard::Address ip = address;
  ip.port = 0;
  sample = Sample::Address(ip);
  return true;
}

bool GivePort(Sample& sample, const shard::Address& address) {
  return address.is_ip() && GiveNumber(sample, address.port);
}

bool Source(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIp(sample, Traffic(context).Source());
}
bool SourcePort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GivePort(sample, Traffic(context).Source());
}
bool Destination(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIp(sample, Traffic(context).Destination());
}
bool DestinationPort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GivePort(sample, Traffic(context).Destination());
}

// As the socket has them, or a rule on the connection has made them.
shard::Address OriginalSource(EvalContext& context) {
  shard::Connection* client = Traffic(context).client;
  return client == nullptr ? shard::Address() : client->OriginalPeer();
}
shard::Address OriginalDestination(EvalContext& context) {
  shard::Connection* client = Traffic(context).client;
  return client == nullptr ? shard::Address() : client->OriginalLocal();
}

bool ClientSource(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIp(sample, OriginalSource(context));
}
bool ClientSourcePort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GivePort(sample, OriginalSource(context));
}
bool ClientDestination(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIp(sample, OriginalDestination(context));
}
bool ClientDestinationPort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GivePort(sample, OriginalDestination(context));
}

bool ServerSource(const PreparedUnit&, Sample& sample, EvalContext& context) {
  shard::Connection* to_server = Traffic(context).to_server;
  return to_server != nullptr && GiveIp(sample, to_server->LocalAddress());
}
bool ServerSourcePort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  shard::Connection* to_server = Traffic(context).to_server;
  return to_server != nullptr && GivePort(sample, to_server->LocalAddress());
}
bool ServerDestination(const PreparedUnit&, Sample& sample, EvalContext& context) {
  shard::Connection* to_server = Traffic(context).to_server;
  return to_server != nullptr && GiveIp(sample, to_server->PeerAddress());
}
bool ServerDestinationPort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  shard::Connection* to_server = Traffic(context).to_server;
  return to_server != nullptr && GivePort(sample, to_server->PeerAddress());
}

// An address of the machine can be bound. One that a proxy has told of counts like any other.
bool IsLocal(const shard::Address& address) {
  shard::Address any_port = address;
  any_port.port = 0;
  sockaddr_storage storage{};
  const socklen_t length = any_port.ToSockaddr(&storage);
  const int fd = socket(address.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
  close(fd);
  return bound;
}

// Addresses of unix sockets are considered local (manual 7.3.3, src_is_local).
bool GiveIsLocal(Sample& sample, const shard::Address& address) {
  if (address.family == AF_UNIX) return GiveBoolean(sample, true);
  return address.is_ip() && GiveBoolean(sample, IsLocal(address));
}

bool SourceIsLocal(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIsLocal(sample, Traffic(context).Source());
}
bool DestinationIsLocal(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIsLocal(sample, Traffic(context).Destination());
}

bool ClientSourceIsLocal(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIsLocal(sample, OriginalSource(context));
}
bool ClientDestinationIsLocal(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIsLocal(sample, OriginalDestination(context));
}

// Errors of a connection --------------------------------------------------------------------------

// The connection that a fetch is about; null: there is none, or no more.

template <End kEnd>
bool ErrorId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Connection* connection = Traffic(context).*kEnd;
  return connection != nullptr && GiveNumber(sample, ErrorOf(*connection).id);
}
template <End kEnd>
bool ErrorName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Connection* connection = Traffic(context).*kEnd;
  return connection != nullptr && GiveText(sample, ErrorOf(*connection).name);
}
template <End kEnd>
bool ErrorText(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Connection* connection = Traffic(context).*kEnd;
  return connection != nullptr && GiveText(sample, ErrorOf(*connection).text);
}

// What the kernel knows ---------------------------------------------------------------------------

// A system call, for those who ask for it.
template <End kEnd>
bool TcpInfo(EvalContext& context, tcp_info* info) {
  const shard::Connection* connection = Traffic(context).*kEnd;
  if (connection == nullptr) return false;
  socklen_t length = sizeof(*info);
  return getsockopt(connection->fd(), IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

template <End kEnd, uint32_t tcp_info::*kField>
bool TcpCount(const PreparedUnit&, Sample& sample, EvalContext& context) {
  tcp_info info{};
  return TcpInfo<kEnd>(context, &info) && GiveNumber(sample, info.*kField);
}

// The kernel counts microseconds.
template <End kEnd, uint32_t tcp_info::*kField>
bool TcpTime(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  tcp_info info{};
  return TcpInfo<kEnd>(context, &info) && GiveNumber(sample, info.*kField / unit.number);
}

// The client's first packet, where `tcp-ss` asked the kernel to keep it; it gives it once.
bool SavedSyn(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Connection* connection = Traffic(context).client;
  if (connection == nullptr) return false;
  constexpr size_t kHeadersBytesMax = 14 + 40 + 60 + 64;  // Ethernet, IPv6, TCP; extensions of IPv6
  char* const bytes = context.scratch().Take(kHeadersBytesMax);
  if (bytes == nullptr) return false;
  socklen_t length = kHeadersBytesMax;
  const bool has_some =
      getsockopt(connection->fd(), IPPROTO_TCP, TCP_SAVED_SYN, bytes, &length) == 0 && length > 0;
  context.scratch().Shrink(bytes, has_some ? length : 0);
  return has_some && GiveBytes(sample, {bytes, length});
}

bool PrepareTime(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(0, "ms");
  unit.number = text == "ms" ? 1000 : text == "us" ? 1 : 0;
  if (unit.number != 0) return true;
  *why = "a unit is 'ms' or 'us'";
  return false;
}

// What the muxes know -----------------------------------------------------------------------------

template <End kEnd>
bool HttpMajor(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  const ProxyConfig* proxy = traffic.frontend != nullptr ? traffic.frontend : traffic.backend;
  const bool is_http = traffic.stream != nullptr ? traffic.stream->is_http()
                                                 : proxy != nullptr && proxy->mode == Mode::kHttp;
  return traffic.*kEnd != nullptr && is_http && GiveNumber(sample, 1);
}

// One at a time, with HTTP/1 and without HTTP.
template <End kEnd>
bool OneStream(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return Traffic(context).*kEnd != nullptr && GiveNumber(sample, 1);
}

// Violations of a protocol end a connection of HTTP/1 at once, so that none counts them.
template <End kEnd>
bool NoGlitches(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return Traffic(context).*kEnd != nullptr && GiveNumber(sample, 0);
}

bool Reused(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  return traffic.stream != nullptr && traffic.to_server != nullptr &&
         GiveBoolean(sample, traffic.stream->reused());
}

// PROXY headers -----------------------------------------------------------------------------------

std::string_view TlvsOf(const shard::Connection* connection) {
  if (connection == nullptr || connection->scratch() == nullptr) return {};
  const shard::HandshakeScratch& scratch = *connection->scratch();
  return {scratch.tlvs, scratch.tlv_bytes};
}

struct TlvName {
  std::string_view name;
  proto::ProxyTlvType type;
};
constexpr TlvName kTlvNames[] = {
    {"ALPN", proto::ProxyTlvType::kAlpn},
    {"AUTHORITY", proto::ProxyTlvType::kAuthority},
    {"CRC32", proto::ProxyTlvType::kCrc32c},
    {"NETNS", proto::ProxyTlvType::kNetns},
    {"NOOP", proto::ProxyTlvType::kNoop},
    {"SSL", proto::ProxyTlvType::kSsl},
    {"SSL_CIPHER", proto::ProxyTlvType::kSslCipher},
    {"SSL_CN", proto::ProxyTlvType::kSslCommonName},
    {"SSL_KEY_ALG", proto::ProxyTlvType::kSslKeyAlgorithm},
    {"SSL_SIG_ALG", proto::ProxyTlvType::kSslSignatureAlgorithm},
    {"SSL_VERSION", proto::ProxyTlvType::kSslVersion},
    {"UNIQUE_ID", proto::ProxyTlvType::kUniqueId},
};

bool PrepareTlv(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(0);
  for (const TlvName& one : kTlvNames) {
    if (one.name == text) {
      unit.number = int64_t(one.type);
      return true;
    }
  }
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  uint8_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, is_hex ? 16 : 10);
  if (!digits.empty() && error == std::errc() && stop == end) {
    unit.number = number;
    return true;
  }
  *why = "an id is a number from 0 to 255 (0xff), or a name such as 'AUTHORITY'";
  return false;
}

// Those about SSL stand one level deeper, inside the one that says that there is any.
bool IsAboutSsl(proto::ProxyTlvType type) {
  return type > proto::ProxyTlvType::kSsl && type < proto::ProxyTlvType::kNetns;
}

// The `*wanted`-th from here on; what has been passed is taken from it.
bool FindTlv(std::string_view tlvs, proto::ProxyTlvType type, uint32_t* wanted,
             std::string_view* value) {
  proto::ProxyTlvReader reader(tlvs);
  for (proto::ProxyTlv tlv; reader.Next(&tlv);) {
    if (tlv.type != type || --*wanted > 0) continue;
    *value = tlv.value;
    return true;
  }
  return false;
}

// In the order of the header (manual 7.3.3, fc_pp_tlv).
bool GiveTlv(Sample& sample, EvalContext& context, proto::ProxyTlvType type) {
  const std::string_view tlvs = TlvsOf(Traffic(context).client);
  uint32_t wanted = context.occurrence() == 0 ? 1 : context.occurrence();
  std::string_view value;
  if (!IsAboutSsl(type)) return FindTlv(tlvs, type, &wanted, &value) && GiveText(sample, value);
  proto::ProxyTlvReader reader(tlvs);
  for (proto::ProxyTlv tlv; reader.Next(&tlv);) {
    if (tlv.type == type && --wanted == 0) return GiveText(sample, tlv.value);
    proto::ProxySslTlv ssl;
    if (tlv.type != proto::ProxyTlvType::kSsl || !proto::ReadProxySslTlv(tlv.value, &ssl)) continue;
    if (FindTlv(ssl.tlvs, type, &wanted, &value)) return GiveText(sample, value);
  }
  return false;
}

bool Tlv(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return GiveTlv(sample, context, proto::ProxyTlvType(unit.number));
}
bool TlvAuthority(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return context.occurrence() <= 1 && GiveTlv(sample, context, proto::ProxyTlvType::kAuthority);
}
bool TlvUniqueId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return context.occurrence() <= 1 && GiveTlv(sample, context, proto::ProxyTlvType::kUniqueId);
}

bool ReceivedProxy(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Connection* client = Traffic(context).client;
  return client != nullptr &&
         GiveBoolean(sample, client->HasOwed(shard::HandshakeStep::kProxyRecv));
}

// The table ---------------------------------------------------------------------------------------

constexpr ArgumentSpec kTimeUnit[] = {{"unit", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kTlvId[] = {{"id", ArgumentType::kString}};

using kind::kBoolean;
using kind::kNumber;
using kind::kText;
constexpr SampleKind kIp = SampleKind::kAddress;
using needs::kClient;
using needs::kServer;
using needs::kShaken;

constexpr FetchSpec kConnectionFetches[] = {
    {"bc_dst", kIp, {}, kServer, &ServerDestination},
    {"bc_dst_port", kNumber, {}, kServer, &ServerDestinationPort},
    {"bc_err", kNumber, {}, kServer, &ErrorId<kBack>},
    {"bc_err_name", kText, {}, kServer, &ErrorName<kBack>},
    {"bc_err_str", kText, {}, kServer, &ErrorText<kBack>},
    {"bc_glitches", kNumber, {}, kServer, &NoGlitches<kBack>},
    {"bc_http_major", kNumber, {}, kServer, &HttpMajor<kBack>},
    {"bc_nb_streams", kNumber, {}, kServer, &OneStream<kBack>},
    {"bc_reused", kBoolean, {}, kServer, &Reused},
    {"bc_rtt", kNumber, kTimeUnit, kServer, &TcpTime<kBack, &tcp_info::tcpi_rtt>, &PrepareTime},
    {"bc_rttvar", kNumber, kTimeUnit, kServer, &TcpTime<kBack, &tcp_info::tcpi_rttvar>,
     &PrepareTime},
    {"bc_settings_streams_limit", kNumber, {}, kServer, &OneStream<kBack>},
    {"bc_src", kIp, {}, kServer, &ServerSource},
    {"bc_src_port", kNumber, {}, kServer, &ServerSourcePort},
    {"dst", kIp, {}, kClient, &Destination},
    {"dst_is_local", kBoolean, {}, kClient, &DestinationIsLocal},
    {"dst_port", kNumber, {}, kClient, &DestinationPort},
    {"fc_dst", kIp, {}, kClient, &ClientDestination},
    {"fc_dst_is_local", kBoolean, {}, kClient, &ClientDestinationIsLocal},
    {"fc_dst_port", kNumber, {}, kClient, &ClientDestinationPort},
    {"fc_err", kNumber, {}, kClient, &ErrorId<kFront>},
    {"fc_err_name", kText, {}, kClient, &ErrorName<kFront>},
    {"fc_err_str", kText, {}, kClient, &ErrorText<kFront>},
    {"fc_fackets", kNumber, {}, kClient, &TcpCount<kFront, &tcp_info::tcpi_fackets>},
    {"fc_glitches", kNumber, {}, kClient, &NoGlitches<kFront>},
    {"fc_http_major", kNumber, {}, kShaken, &HttpMajor<kFront>},
    {"fc_lost", kNumber, {}, kClient, &TcpCount<kFront, &tcp_info::tcpi_lost>},
    {"fc_nb_streams", kNumber, {}, kShaken, &OneStream<kFront>},
    {"fc_pp_authority", kText, {}, kShaken, &TlvAuthority},
    {"fc_pp_tlv", kText, kTlvId, kShaken, &Tlv, &PrepareTlv, kMany},
    {"fc_pp_unique_id", kText, {}, kShaken, &TlvUniqueId},
    {"fc_rcvd_proxy", kBoolean, {}, kShaken, &ReceivedProxy},
    {"fc_reordering", kNumber, {}, kClient, &TcpCount<kFront, &tcp_info::tcpi_reordering>},
    {"fc_retrans", kNumber, {}, kClient, &TcpCount<kFront, &tcp_info::tcpi_retrans>},
    {"fc_rtt", kNumber, kTimeUnit, kClient, &TcpTime<kFront, &tcp_info::tcpi_rtt>, &PrepareTime},
    {"fc_rttvar", kNumber, kTimeUnit, kClient, &TcpTime<kFront, &tcp_info::tcpi_rttvar>,
     &PrepareTime},
    {"fc_sacked", kNumber, {}, kClient, &TcpCount<kFront, &tcp_info::tcpi_sacked>},
    {"fc_settings_streams_limit", kNumber, {}, kShaken, &OneStream<kFront>},
    {"fc_saved_syn", SampleKind::kBinary, {}, kClient, &SavedSyn},
    {"fc_src", kIp, {}, kClient, &ClientSource},
    {"fc_src_is_local", kBoolean, {}, kClient, &ClientSourceIsLocal},
    {"fc_src_port", kNumber, {}, kClient, &ClientSourcePort},
    {"fc_unacked", kNumber, {}, kClient, &TcpCount<kFront, &tcp_info::tcpi_unacked>},
    {"src", kIp, {}, kClient, &Source},
    {"src_is_local", kBoolean, {}, kClient, &SourceIsLocal},
    {"src_port", kNumber, {}, kClient, &SourcePort},
};

}  // namespace

std::span<const FetchSpec> ConnectionFetches() { return kConnectionFetches; }

}  // namespace engine
