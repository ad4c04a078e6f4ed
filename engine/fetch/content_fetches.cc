#include <algorithm>
#include <cstring>

#include "base/arena.h"
#include "base/text.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "proto/http1/request_parser.h"
#include "proto/tls/client_hello.h"

namespace engine {
namespace {

// What has come and nobody has taken; null: the channel is not at hand, or it carries HTTP, whose
// bytes are no raw ones (manual 7.3.5).
template <Side kSide>
const shard::Channel* Raw(EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  if (traffic.request_framing != nullptr) return nullptr;
  const bool response = kSide == Side::kResponse || (kSide == Side::kEither && traffic.in_response);
  return response ? traffic.response_channel : traffic.request_channel;
}

void NoteMore(EvalContext& context, const shard::Channel& channel) {
  if (!channel.ended() && channel.room() > 0) context.SetUnsettled(true);
}

std::string_view Bytes(EvalContext& context, const shard::Channel& channel) {
  return Traffic(context).Contiguous(&channel.bytes(), channel.bytes().size());
}

// True once rules wait for nothing any more (manual 7.3.2).
bool WaitEnd(const PreparedUnit&, Sample& sample, EvalContext& context) {
  context.SetUnsettled(true);
  return GiveBoolean(sample, !context.may_wait());
}

// Blocks ------------------------------------------------------------------------------------------

template <Side kSide>
bool Length(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Channel* channel = Raw<kSide>(context);
  if (channel == nullptr) return false;
  NoteMore(context, *channel);
  return GiveNumber(sample, int64_t(channel->bytes().size()));
}

// `length` 0: all from `offset` on.
bool GiveBlock(Sample& sample, EvalContext& context, const shard::Channel& channel, uint64_t offset,
               uint64_t length) {
  const uint64_t size = channel.bytes().size();
  const uint64_t wanted = length == 0 ? (size > offset ? size - offset : 0) : length;
  if (length == 0) NoteMore(context, channel);
  if (offset > size || wanted > size - offset || wanted == 0) {
    NoteMore(context, channel);
    return false;
  }
  const std::string_view bytes =
      Traffic(context).Contiguous(&channel.bytes(), size_t(offset + wanted));
  if (bytes.size() < offset + wanted) return false;
  return GiveBytes(sample, bytes.substr(offset, wanted));
}

template <Side kSide>
bool Payload(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const shard::Channel* channel = Raw<kSide>(context);
  return channel != nullptr &&
         GiveBlock(sample, context, *channel, uint64_t(unit.arguments.number(0, 0)),
                   uint64_t(unit.arguments.number(1, 0)));
}

bool PreparePayload(PreparedUnit& unit, std::string* why) {
  if (unit.arguments.number(0, 0) >= 0 && unit.arguments.number(1, 0) >= 0) return true;
  *why = "an offset and a length are not negative";
  return false;
}

// The length in network order at one place, the block at another.
template <Side kSide>
bool PayloadLv(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const shard::Channel* channel = Raw<kSide>(context);
  if (channel == nullptr) return false;
  const auto at = uint64_t(unit.arguments.number(0, 0));
  const auto length_bytes = uint64_t(unit.arguments.number(1, 0));
  Sample length;
  if (!GiveBlock(length, context, *channel, at, length_bytes)) return false;
  uint64_t wanted = 0;
  for (const char c : length.text) wanted = wanted << 8 | uint8_t(c);
  int64_t offset = int64_t(at + length_bytes);
  const std::string_view given = unit.arguments.text(2);
  if (!given.empty()) {
    const bool relative = given[0] == '+' || given[0] == '-';
    offset = relative ? offset + unit.number : unit.number;
  }
  if (wanted == 0 || offset < 0) return false;
  return GiveBlock(sample, context, *channel, uint64_t(offset), wanted);
}

bool PreparePayloadLv(PreparedUnit& unit, std::string* why) {
  const int64_t length = unit.arguments.number(1, 0);
  if (unit.arguments.number(0, 0) < 0 || length < 1 || length > 8) {
    *why = "an offset is not negative, and a length has 1 to 8 bytes";
    return false;
  }
  if (!unit.arguments.has(2)) return true;
  std::string_view text = unit.arguments.text(2);
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto number = base::ParseSigned(text);
  if (!number) {
    *why = "<offset2> is a number, with '+' or '-' where it is relative";
    return false;
  }
  unit.number = *number;
  return true;
}

// TLS ---------------------------------------------------------------------------------------------

bool Hello(EvalContext& context, proto::ClientHello* hello) {
  const shard::Channel* channel = Raw<Side::kRequest>(context);
  if (channel == nullptr) return false;
  const std::string_view bytes = Bytes(context, *channel);
  const size_t join_bytes = proto::HelloJoinBytes(bytes);
  char* join = join_bytes == 0 ? nullptr : context.scratch().Take(join_bytes);
  if (join_bytes != 0 && join == nullptr) return false;
  const proto::HelloResult result = proto::ReadClientHello(bytes, hello, {join, join_bytes});
  if (result == proto::HelloResult::kNeedMore) NoteMore(context, *channel);
  return result == proto::HelloResult::kDone;
}

template <Side kSide>
bool HelloType(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Channel* channel = Raw<kSide>(context);
  if (channel == nullptr) return false;
  uint8_t type = 0;
  const proto::HelloResult result = proto::ReadHelloType(Bytes(context, *channel), &type);
  if (result == proto::HelloResult::kNeedMore) NoteMore(context, *channel);
  return result == proto::HelloResult::kDone && GiveNumber(sample, type);
}

bool HelloServerName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::ClientHello hello;
  return Hello(context, &hello) && !hello.server_name.empty() &&
         GiveText(sample, hello.server_name);
}

template <std::string_view proto::ClientHello::*kList>
bool HelloList(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::ClientHello hello;
  return Hello(context, &hello) && !(hello.*kList).empty() && GiveBytes(sample, hello.*kList);
}

// A protocol that the client offers: a condition looks at all, and the first is its favourite.
bool Alpn(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::ClientHello hello;
  if (!Hello(context, &hello)) return false;
  uint32_t left = std::max<uint32_t>(context.occurrence(), 1);
  for (std::string_view rest = hello.alpn; !rest.empty();) {
    const size_t length = uint8_t(rest[0]);
    if (length + 1 > rest.size()) return false;
    if (--left == 0) return GiveText(sample, rest.substr(1, length));
    rest.remove_prefix(length + 1);
  }
  return false;
}

bool HasGroups(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::ClientHello hello;
  return Hello(context, &hello) && GiveBoolean(sample, hello.has_groups);
}

bool Ticket(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::ClientHello hello;
  return Hello(context, &hello) && GiveNumber(sample, hello.has_ticket_data ? 2
                                                      : hello.has_ticket    ? 1
                                                                            : 0);
}

// The groups of the shares, two bytes each.
bool KeyShareGroups(const PreparedUnit&, Sample& sample, EvalContext& context) {
  proto::ClientHello hello;
  if (!Hello(context, &hello)) return false;
  char* groups = context.scratch().Take(hello.key_shares.size());
  if (groups == nullptr) return false;
  size_t used = 0;
  for (std::string_view rest = hello.key_shares; rest.size() >= 4;) {
    const size_t length = size_t(uint8_t(rest[2])) << 8 | uint8_t(rest[3]);
    if (length + 4 > rest.size()) break;
    groups[used++] = rest[0];
    groups[used++] = rest[1];
    rest = rest.substr(length + 4);
  }
  return used > 0 && GiveBytes(sample, {groups, used});
}

// Major times 65536, and minor: of SSLv2's hello, too, which has no record. A client of TLS 1.3
// says 1.2 there (RFC 8446 section 4.1.2).
bool Version(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const shard::Channel* channel = Raw<Side::kRequest>(context);
  if (channel == nullptr) return false;
  const std::string_view bytes = Bytes(context, *channel);
  if (bytes.size() >= 5 && (uint8_t(bytes[0]) & 0x80) != 0 && bytes[2] == 1) {
    return GiveNumber(sample, int64_t(uint8_t(bytes[3])) << 16 | uint8_t(bytes[4]));
  }
  proto::ClientHello hello;
  if (!Hello(context, &hello)) return false;
  return GiveNumber(sample, int64_t(hello.version >> 8) << 16 | (hello.version & 0xff));
}

// RDP ---------------------------------------------------------------------------------------------

// "Cookie: mstshash=user\r\n" behind the TPKT and X.224 headers; [MS-RDPBCGR] 2.2.1.1.
bool RdpCookie(const PreparedUnit& unit, EvalContext& context, std::string_view* value) {
  constexpr size_t kHeaderBytes = 11;
  constexpr std::string_view kBegin = "Cookie: ";
  const shard::Channel* channel = Raw<Side::kRequest>(context);
  if (channel == nullptr) return false;
  const std::string_view bytes = Bytes(context, *channel);
  if (bytes.size() < kHeaderBytes + kBegin.size()) {
    NoteMore(context, *channel);
    return false;
  }
  if (bytes[0] != 3 || bytes[1] != 0 || uint8_t(bytes[5]) != 0xe0) return false;
  std::string_view rest = bytes.substr(kHeaderBytes);
  if (!rest.starts_with(kBegin)) return false;
  rest.remove_prefix(kBegin.size());
  const size_t end = rest.find("\r\n");
  if (end == rest.npos) {
    NoteMore(context, *channel);
    return false;
  }
  const std::string_view cookie = rest.substr(0, end);
  const size_t equals = cookie.find('=');
  if (equals == cookie.npos) return false;
  const std::string_view wanted = unit.arguments.text(0);
  if (!wanted.empty() && !base::EqualsIgnoreCase(cookie.substr(0, equals), wanted)) return false;
  *value = cookie.substr(equals + 1);
  return true;
}

bool RdpCookieValue(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view value;
  return RdpCookie(unit, context, &value) && GiveText(sample, value);
}

bool RdpCookieCount(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  if (Raw<Side::kRequest>(context) == nullptr) return false;
  std::string_view value;
  return GiveNumber(sample, RdpCookie(unit, context, &value) ? 1 : 0);
}

// HTTP in bytes -----------------------------------------------------------------------------------

bool IsHttp(const PreparedUnit&, Sample& sample, EvalContext& context) {
  // Where HTTP is spoken it has been understood already.
  if (Traffic(context).request != nullptr) return GiveBoolean(sample, true);
  const shard::Channel* channel = Raw<Side::kRequest>(context);
  if (channel == nullptr) return false;
  const std::string_view bytes = Bytes(context, *channel);
  constexpr size_t kArenaBytes = 16384;
  char* block = context.scratch().Take(kArenaBytes + 8);
  if (block == nullptr) return false;
  block += (8 - reinterpret_cast<uintptr_t>(block) % 8) % 8;
  base::Arena arena(block, kArenaBytes);
  proto::RequestHead head(arena);
  static const proto::ParserOptions kOptions;
  proto::RequestParser parser(kOptions, head);
  const proto::ParseResult result = parser.Parse(bytes);
  if (result == proto::ParseResult::kNeedMore) {
    NoteMore(context, *channel);
    return false;
  }
  return GiveBoolean(sample, result == proto::ParseResult::kDone);
}

// distcc ------------------------------------------------------------------------------------------

// A sequence of tokens of four letters and eight hexadecimal digits; some have a body of that many
// bytes behind them. Finds the occurrence, from 1; 0 is the first.
bool FindToken(const PreparedUnit& unit, EvalContext& context, uint32_t* parameter,
               std::string_view* body) {
  const shard::Channel* channel = Raw<Side::kRequest>(context);
  if (channel == nullptr) return false;
  const std::string_view wanted = unit.arguments.text(0);
  int64_t left = std::max<int64_t>(unit.arguments.number(1, 1), 1);
  std::string_view rest = Bytes(context, *channel);
  constexpr size_t kTokenBytes = 12;
  while (rest.size() >= kTokenBytes) {
    const std::string_view token = rest.substr(0, 4);
    uint32_t number = 0;
    for (const char c : rest.substr(4, 8)) {
      const char lower = base::ToLower(c);
      if (!base::IsDigit(c) && (lower < 'a' || lower > 'f')) return false;
      number = number << 4 | uint32_t(base::IsDigit(c) ? c - '0' : lower - 'a' + 10);
    }
    rest.remove_prefix(kTokenBytes);
    const bool has_body = token == "ARGV" || token == "DOTI" || token == "DOTO" ||
                          token == "SERR" || token == "SOUT" || token == "CDIR" ||
                          token == "NAME" || token == "LINK" || token == "FILE" || token == "DOTD";
    if (token == wanted && --left == 0) {
      *parameter = number;
      *body = has_body && number <= rest.size() ? rest.substr(0, number) : std::string_view();
      if (has_body && number > rest.size()) NoteMore(context, *channel);
      return true;
    }
    if (!has_body) continue;
    if (number > rest.size()) break;
    rest.remove_prefix(number);
  }
  NoteMore(context, *channel);
  return false;
}

bool DistccParameter(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  uint32_t parameter = 0;
  std::string_view body;
  return FindToken(unit, context, &parameter, &body) && GiveNumber(sample, parameter);
}

bool DistccBody(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  uint32_t parameter = 0;
  std::string_view body;
  return FindToken(unit, context, &parameter, &body) && !body.empty() && GiveBytes(sample, body);
}

bool PrepareToken(PreparedUnit& unit, std::string* why) {
  if (unit.arguments.text(0).size() == 4) return true;
  *why = "a token has four letters";
  return false;
}

// The table ---------------------------------------------------------------------------------------

constexpr ArgumentSpec kBlock[] = {{"offset", ArgumentType::kInteger},
                                   {"length", ArgumentType::kInteger}};
constexpr ArgumentSpec kLengthBlock[] = {{"offset1", ArgumentType::kInteger},
                                         {"length", ArgumentType::kInteger},
                                         {"offset2", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kName[] = {{"name", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kToken[] = {{"token", ArgumentType::kString},
                                   {"occ", ArgumentType::kInteger, kOptional}};

using kind::kBinary;
using kind::kBoolean;
using kind::kNumber;
using kind::kText;
using needs::kRawRequest;
using needs::kRawResponse;
using needs::kRequestBytes;
using HelloField = std::string_view proto::ClientHello::*;
constexpr HelloField kSuites = &proto::ClientHello::cipher_suites;
constexpr HelloField kSignatures = &proto::ClientHello::signatures;
constexpr HelloField kGroups = &proto::ClientHello::groups;

constexpr FetchSpec kContentFetches[] = {
    {"distcc_body", kBinary, kToken, kRawRequest, &DistccBody, &PrepareToken},
    {"distcc_param", kNumber, kToken, kRawRequest, &DistccParameter, &PrepareToken},
    {"payload", kBinary, kBlock, kRawRequest, &Payload<Side::kEither>, &PreparePayload},
    {"payload_lv", kBinary, kLengthBlock, kRawRequest, &PayloadLv<Side::kEither>,
     &PreparePayloadLv},
    {"rdp_cookie", kText, kName, kRawRequest, &RdpCookieValue},
    {"rdp_cookie_cnt", kNumber, kName, kRawRequest, &RdpCookieCount},
    {"rep_ssl_hello_type", kNumber, {}, kRawResponse, &HelloType<Side::kResponse>},
    {"req.len", kNumber, {}, kRawRequest, &Length<Side::kRequest>},
    {"req.payload", kBinary, kBlock, kRawRequest, &Payload<Side::kRequest>, &PreparePayload},
    {"req.payload_lv", kBinary, kLengthBlock, kRawRequest, &PayloadLv<Side::kRequest>,
     &PreparePayloadLv},
    {"req.proto_http", kBoolean, {}, kRequestBytes, &IsHttp},
    {"req.rdp_cookie", kText, kName, kRawRequest, &RdpCookieValue},
    {"req.rdp_cookie_cnt", kNumber, kName, kRawRequest, &RdpCookieCount},
    {"req.ssl_alpn", kText, {}, kRawRequest, &Alpn, nullptr, kMany},
    {"req.ssl_cipherlist", kBinary, {}, kRawRequest, &HelloList<kSuites>},
    {"req.ssl_ec_ext", kBoolean, {}, kRawRequest, &HasGroups},
    {"req.ssl_hello_type", kNumber, {}, kRawRequest, &HelloType<Side::kRequest>},
    {"req.ssl_keyshare_groups", kBinary, {}, kRawRequest, &KeyShareGroups},
    {"req.ssl_sigalgs", kBinary, {}, kRawRequest, &HelloList<kSignatures>},
    {"req.ssl_sni", kText, {}, kRawRequest, &HelloServerName},
    {"req.ssl_st_ext", kNumber, {}, kRawRequest, &Ticket},
    {"req.ssl_supported_groups", kBinary, {}, kRawRequest, &HelloList<kGroups>},
    {"req.ssl_ver", kNumber, {}, kRawRequest, &Version},
    {"req_len", kNumber, {}, kRawRequest, &Length<Side::kRequest>},
    {"req_proto_http", kBoolean, {}, kRequestBytes, &IsHttp},
    {"req_ssl_hello_type", kNumber, {}, kRawRequest, &HelloType<Side::kRequest>},
    {"req_ssl_sni", kText, {}, kRawRequest, &HelloServerName},
    {"req_ssl_ver", kNumber, {}, kRawRequest, &Version},
    {"res.len", kNumber, {}, kRawResponse, &Length<Side::kResponse>},
    {"res.payload", kBinary, kBlock, kRawResponse, &Payload<Side::kResponse>, &PreparePayload},
    {"res.payload_lv", kBinary, kLengthBlock, kRawResponse, &PayloadLv<Side::kResponse>,
     &PreparePayloadLv},
    {"res.ssl_hello_type", kNumber, {}, kRawResponse, &HelloType<Side::kResponse>},
    {"wait_end", kBoolean, {}, kRequestBytes, &WaitEnd},
};

}  // namespace

std::span<const FetchSpec> ContentFetches() { return kContentFetches; }

}  // namespace engine
