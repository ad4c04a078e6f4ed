#include "engine/expr/log_item_writer.h"

#include <charconv>

#include "base/text.h"

namespace engine {
namespace {

constexpr std::string_view kBadRequest = "<BADREQ>";

std::string_view OriginName(LogOrigin origin) {
  switch (origin) {
    case LogOrigin::kSessionError:
      return "sess_error";
    case LogOrigin::kAccept:
      return "txn_accept";
    case LogOrigin::kRequest:
      return "txn_request";
    case LogOrigin::kConnect:
      return "txn_connect";
    case LogOrigin::kResponse:
      return "txn_response";
    case LogOrigin::kClose:
      return "txn_close";
    case LogOrigin::kTcpConnectionRule:
      return "tcp-req-conn";
    case LogOrigin::kTcpSessionRule:
      return "tcp-req-sess";
    case LogOrigin::kTcpContentRule:
      return "tcp-req-cont";
    case LogOrigin::kTcpResponseRule:
      return "tcp-res-cont";
    case LogOrigin::kHttpRequestRule:
      return "http-req";
    case LogOrigin::kHttpResponseRule:
      return "http-res";
    case LogOrigin::kHttpAfterRule:
      return "http-after-res";
    case LogOrigin::kCount:
    case LogOrigin::kUnspecified:
      break;
  }
  return "unspec";
}

// RFC 8949 section 3: the major types, and what stands alone.
enum CborMajor : uint8_t { kCborUnsigned = 0, kCborNegative = 1, kCborBytes = 2, kCborText = 3 };
constexpr uint8_t kCborBeginText = 0x7f;  // of pieces, until kCborBreak
constexpr uint8_t kCborBeginMap = 0xbf;
constexpr uint8_t kCborBreak = 0xff;
constexpr uint8_t kCborFalse = 0xf4;
constexpr uint8_t kCborTrue = 0xf5;
constexpr uint8_t kCborNull = 0xf6;

bool IsTrue(std::string_view text) {
  if (const auto number = base::ParseSigned(text)) return *number != 0;
  return text == "true" || text == "yes" || text == "on";
}

}  // namespace

// Encodings ---------------------------------------------------------------------------------------

void LogItemWriter::CborByte(uint8_t byte) {
  const char c = char(byte);
  if (binary_) {
    line_.Char(c);
  } else {
    line_.HexBytes({&c, 1});
  }
}

void LogItemWriter::CborHead(uint8_t major, uint64_t value) {
  const auto top = uint8_t(major << 5);
  int bytes = 0;
  if (value < 24) {
    return CborByte(uint8_t(top | value));
  } else if (value <= 0xff) {
    bytes = 1;
    CborByte(top | 24);
  } else if (value <= 0xffff) {
    bytes = 2;
    CborByte(top | 25);
  } else if (value <= 0xffffffff) {
    bytes = 4;
    CborByte(top | 26);
  } else {
    bytes = 8;
    CborByte(top | 27);
  }
  while (--bytes >= 0) CborByte(uint8_t(value >> (8 * bytes)));
}

void LogItemWriter::BeginMap() {
  if (encoding_ == LogEncoding::kJson) line_.Char('{');
  if (encoding_ == LogEncoding::kCbor) CborByte(kCborBeginMap);
}

void LogItemWriter::Key(std::string_view name, bool first) {
  if (encoding_ == LogEncoding::kJson) {
    if (!first) line_.Text(", ");
    line_.Char('"').Json(name).Text("\": ");
    return;
  }
  CborHead(kCborText, name.size());
  binary_ ? line_.Text(name) : line_.HexBytes(name);
}

void LogItemWriter::EndMap() {
  if (encoding_ == LogEncoding::kJson) line_.Char('}');
  if (encoding_ == LogEncoding::kCbor) CborByte(kCborBreak);
}

void LogItemWriter::BeginText() {
  switch (encoding_) {
    case LogEncoding::kNone:
      if (quotes()) line_.Char('"');
      return;
    case LogEncoding::kJson:
      line_.Char('"');
      return;
    case LogEncoding::kCbor:
      CborByte(kCborBeginText);
      return;
  }
}

void LogItemWriter::Piece(std::string_view text, LogEscape escape, bool harmless) {
  switch (encoding_) {
    case LogEncoding::kNone:
      harmless ? line_.Text(text) : line_.Escaped(text, escape);
      return;
    case LogEncoding::kJson:
      line_.Json(text);
      return;
    case LogEncoding::kCbor:
      CborHead(kCborText, text.size());
      binary_ ? line_.Text(text) : line_.HexBytes(text);
      return;
  }
}

void LogItemWriter::EndText() {
  switch (encoding_) {
    case LogEncoding::kNone:
      if (quotes()) line_.Char('"');
      return;
    case LogEncoding::kJson:
      line_.Char('"');
      return;
    case LogEncoding::kCbor:
      return CborByte(kCborBreak);
  }
}

void LogItemWriter::Nothing() {
  switch (encoding_) {
    case LogEncoding::kNone:
      line_.Text(quotes() ? "\"\"" : use_ == LogUse::kLog ? "-" : "");
      return;
    case LogEncoding::kJson:
      line_.Text("null");
      return;
    case LogEncoding::kCbor:
      return CborByte(kCborNull);
  }
}

void LogItemWriter::Integer(int64_t value) {
  if (plain()) {
    line_.Signed(value);
    return;
  }
  if (type_ == LogType::kText) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    BeginText();
    Piece({digits, size_t(end - digits)});
    return EndText();
  }
  if (type_ == LogType::kBoolean) {
    if (encoding_ == LogEncoding::kJson) {
      line_.Text(value != 0 ? "true" : "false");
    } else {
      CborByte(value != 0 ? kCborTrue : kCborFalse);
    }
    return;
  }
  if (encoding_ == LogEncoding::kJson) {
    line_.Signed(value);
  } else if (value >= 0) {
    CborHead(kCborUnsigned, uint64_t(value));
  } else {
    CborHead(kCborNegative, uint64_t(-(value + 1)));
  }
}

// Values ------------------------------------------------------------------------------------------

void LogItemWriter::WholeText(std::string_view text, bool harmless) {
  if (!plain() && type_ == LogType::kInteger) {
    const auto number = base::ParseSigned(text);
    return number ? Integer(*number) : Nothing();
  }
  if (!plain() && type_ == LogType::kBoolean) return Integer(IsTrue(text) ? 1 : 0);
  if (text.empty() && plain()) return Nothing();
  BeginText();
  Piece(text, escape(), harmless);
  EndText();
}

void LogItemWriter::Number(uint64_t value) {
  if (plain() && (flags_ & kLogHex) != 0) {
    line_.Hex(value, 4);
  } else {
    Integer(int64_t(value));
  }
}

void LogItemWriter::Ip(const shard::Address& address) {
  if (address.family == AF_UNSPEC) return Text({});
  // A number, which is not quoted.
  const bool hex = (flags_ & kLogHex) != 0;
  if (plain() && hex && address.is_ip()) return void(line_.HexIp(address));
  char buffer[64];
  LogLine text(buffer, sizeof(buffer));
  hex ? text.HexIp(address) : text.Ip(address);
  Text(text.view());
}

void LogItemWriter::Port(const shard::Address& address) {
  if (address.family == AF_UNSPEC) return Text({});
  Number(address.is_ip() ? address.port : record_.bind_id);
}

void LogItemWriter::Growing(uint64_t value) {
  if (record_.early && plain()) line_.Char('+');
  Integer(int64_t(value));
}

void LogItemWriter::GrowingTime(int64_t value_ms) {
  if (record_.early && plain()) line_.Char('+');
  Integer(value_ms);
}

void LogItemWriter::DateMs(uint64_t wall_us) {
  char buffer[64];
  LogLine text(buffer, sizeof(buffer));
  text.Text(dates_.Clf(wall_us, Zone::kLocal)).Char('.').Padded(wall_us / 1000 % 1000, 3);
  plain() ? void(line_.Text(text.view())) : Text(text.view());
}

void LogItemWriter::DateZone(uint64_t wall_us, Zone zone) {
  char buffer[64];
  LogLine text(buffer, sizeof(buffer));
  text.Text(dates_.Clf(wall_us, zone)).Char(' ').Text(dates_.ZoneText(wall_us, zone));
  plain() ? void(line_.Text(text.view())) : Text(text.view());
}

void LogItemWriter::RequestPart(std::string_view part) {
  // No '-' for it, as HAProxy has it: a query that is not there.
  if (part.empty() && record_.request.known && plain()) {
    BeginText();
    return EndText();
  }
  PeerText(record_.request.known ? part : kBadRequest);
}

void LogItemWriter::RequestLine() {
  const LogRequest& request = record_.request;
  if (!request.known) return PeerText(kBadRequest);
  BeginText();
  PeerPiece(request.method);
  Piece(" ");
  PeerPiece(request.target);
  // A request that was cut has lost it.
  if (!request.version.empty()) {
    Piece(" ");
    PeerPiece(request.version);
  }
  EndText();
}

// "{one|two}", and nothing at all where nothing is captured (manual 8.2.3).
void LogItemWriter::Headers(const LogCaptures& captures) {
  if (captures.count == 0) return plain() ? void() : Nothing();
  const LogEscape escape =
      (flags_ & kLogEscape) != 0 ? LogEscape::kHashBracketsBackslash : LogEscape::kHashBrackets;
  BeginText();
  Piece("{");
  for (uint32_t i = 0; i < captures.count; ++i) {
    if (i > 0) Piece("|");
    Piece(captures.values[i], escape, false);
  }
  Piece("}");
  EndText();
}

void LogItemWriter::HeaderList(const LogCaptures& captures) {
  const LogEscape escape =
      (flags_ & kLogEscape) != 0 ? LogEscape::kHashBracketsBackslash : LogEscape::kHashBrackets;
  if (!plain()) BeginText();
  for (uint32_t i = 0; i < captures.count; ++i) {
    if (i > 0) plain() ? void(line_.Char(' ')) : Piece(" ");
    // A header that is there and empty is shown as such: nothing.
    if (captures.values[i].data() == nullptr && plain()) {
      Nothing();
    } else if (plain()) {
      BeginText();
      Piece(captures.values[i], escape, false);
      EndText();
    } else {
      Piece(captures.values[i], escape, false);
    }
  }
  if (!plain()) EndText();
}

void LogItemWriter::Write(const Sample* sample, uint8_t flags, LogType type, Scratch& scratch) {
  flags_ = flags;
  is_sample_ = true;
  type_ = type;
  if (sample == nullptr) return Nothing();
  Sample value = *sample;
  const bool is_number = value.type == SampleType::kInteger || value.type == SampleType::kBoolean;
  if (is_number && !plain()) {
    if (type_ == LogType::kOwn && value.type == SampleType::kBoolean) type_ = LogType::kBoolean;
    return Integer(value.number);
  }
  const bool raw = binary_ && plain() && value.type == SampleType::kBinary;
  if (!Cast(value, SampleKind::kString, scratch)) return Nothing();
  WholeText(value.text, raw);
}

void LogItemWriter::Write(LogTag tag, uint8_t flags, LogType type) {
  flags_ = flags;
  is_sample_ = false;
  type_ = type;
  if (WriteDate(tag) || WriteTimer(tag) || WriteAddress(tag) || WriteRequest(tag) ||
      WriteCount(tag)) {
    return;
  }
  WriteOther(tag);
}

bool LogItemWriter::WriteDate(LogTag tag) {
  switch (tag) {
    case LogTag::kAcceptUtc:
      DateZone(record_.accept_us, Zone::kUtc);
      return true;
    case LogTag::kAcceptLocal:
      DateZone(record_.accept_us, Zone::kLocal);
      return true;
    case LogTag::kAcceptSeconds:
      Number(record_.accept_us / 1000000);
      return true;
    case LogTag::kAcceptMs:
      DateMs(record_.accept_us);
      return true;
    case LogTag::kAcceptMilliseconds:
      if (!plain()) {
        Integer(int64_t(record_.accept_us / 1000 % 1000));
      } else if ((flags_ & kLogHex) != 0) {
        line_.Hex(record_.accept_us / 1000 % 1000, 2);
      } else {
        line_.Padded(record_.accept_us / 1000 % 1000, 3);
      }
      return true;
    case LogTag::kRequestMs:
      DateMs(record_.request_us);
      return true;
    case LogTag::kRequestUtc:
      DateZone(record_.request_us, Zone::kUtc);
      return true;
    case LogTag::kRequestLocal:
      DateZone(record_.request_us, Zone::kLocal);
      return true;
    default:
      return false;
  }
}

bool LogItemWriter::WriteTimer(LogTag tag) {
  const LogTimers& timers = record_.timers;
  switch (tag) {
    case LogTag::kActive:
      GrowingTime(timers.active_ms);
      return true;
    case LogTag::kTotal:
      GrowingTime(timers.total_ms);
      return true;
    case LogTag::kUser:
      GrowingTime(timers.user_ms);
      return true;
    case LogTag::kConnect:
      Integer(timers.connect_ms);
      return true;
    case LogTag::kData:
      Integer(timers.data_ms);
      return true;
    case LogTag::kHandshake:
      Integer(timers.handshake_ms);
      return true;
    case LogTag::kIdle:
      Integer(timers.idle_ms);
      return true;
    case LogTag::kUntilRequest:
      Integer(timers.until_request_ms());
      return true;
    case LogTag::kRequestTime:
      Integer(timers.request_ms);
      return true;
    case LogTag::kResponse:
      Integer(timers.response_ms);
      return true;
    case LogTag::kQueue:
      Integer(timers.queue_ms);
      return true;
    default:
      return false;
  }
}

bool LogItemWriter::WriteAddress(LogTag tag) {
  switch (tag) {
    case LogTag::kClientIp:
      Ip(record_.client);
      return true;
    case LogTag::kClientPort:
      Port(record_.client);
      return true;
    case LogTag::kFrontendIp:
      Ip(record_.frontend_address);
      return true;
    case LogTag::kFrontendPort:
      Port(record_.frontend_address);
      return true;
    case LogTag::kSourceIp:
      Ip(record_.source);
      return true;
    case LogTag::kSourcePort:
      Port(record_.source);
      return true;
    case LogTag::kServerIp:
      Ip(record_.server_address);
      return true;
    case LogTag::kServerPort:
      Port(record_.server_address);
      return true;
    default:
      return false;
  }
}

bool LogItemWriter::WriteRequest(LogTag tag) {
  const LogRequest& request = record_.request;
  const size_t question = request.target.find('?');
  switch (tag) {
    case LogTag::kRequest:
      RequestLine();
      return true;
    case LogTag::kMethod:
      RequestPart(request.method);
      return true;
    case LogTag::kTargetPath:
      RequestPart(request.target.substr(0, question));
      return true;
    case LogTag::kPath:
      RequestPart(request.path);
      return true;
    case LogTag::kQuery:
      RequestPart(question == std::string_view::npos ? std::string_view()
                                                     : request.target.substr(question));
      return true;
    case LogTag::kTarget:
      RequestPart(request.target);
      return true;
    case LogTag::kVersion:
      RequestPart(request.version);
      return true;
    case LogTag::kRequestCookie:
      PeerText(record_.request_cookie);
      return true;
    case LogTag::kResponseCookie:
      PeerText(record_.response_cookie);
      return true;
    case LogTag::kRequestHeaders:
      Headers(record_.request_captures);
      return true;
    case LogTag::kRequestHeaderList:
      HeaderList(record_.request_captures);
      return true;
    case LogTag::kResponseHeaders:
      Headers(record_.response_captures);
      return true;
    case LogTag::kResponseHeaderList:
      HeaderList(record_.response_captures);
      return true;
    default:
      return false;
  }
}

bool LogItemWriter::WriteCount(LogTag tag) {
  switch (tag) {
    case LogTag::kBytesOut:
      Growing(record_.bytes_out);
      return true;
    case LogTag::kBytesIn:
      Integer(int64_t(record_.bytes_in));
      return true;
    case LogTag::kStatus:
      Integer(record_.status);
      return true;
    case LogTag::kProcessConnections:
      Integer(record_.process_connections);
      return true;
    case LogTag::kFrontendConnections:
      Integer(record_.frontend_connections);
      return true;
    case LogTag::kBackendConnections:
      Integer(record_.backend_connections);
      return true;
    case LogTag::kServerConnections:
      Integer(record_.server_connections);
      return true;
    case LogTag::kServerQueue:
      Integer(record_.server_queue);
      return true;
    case LogTag::kBackendQueue:
      Integer(record_.backend_queue);
      return true;
    case LogTag::kRetries:
      if (record_.redispatched && plain()) line_.Char('+');
      Integer(record_.retries);
      return true;
    case LogTag::kLogCounter:
      Number(record_.log_counter);
      return true;
    case LogTag::kRequestCounter:
      Number(record_.request_counter);
      return true;
    case LogTag::kPid:
      Number(record_.pid);
      return true;
    default:
      return false;
  }
}

void LogItemWriter::WriteOther(LogTag tag) {
  switch (tag) {
    case LogTag::kUniqueId:
      return PeerText(record_.unique_id);
    case LogTag::kTlsCipher:
      return Text(record_.tls_cipher != nullptr ? record_.tls_cipher : std::string_view());
    case LogTag::kTlsVersion:
      return Text(record_.tls_version != nullptr ? record_.tls_version : std::string_view());
    case LogTag::kHostname:
      return Text(record_.hostname);
    case LogTag::kBackend:
      return Text(record_.backend);
    case LogTag::kFrontend:
      return Text(record_.frontend);
    case LogTag::kFrontendTransport:
      BeginText();
      Piece(record_.frontend);
      if (record_.tls) Piece("~");
      return EndText();
    case LogTag::kServer:
      return Text(record_.server.empty() ? "<NOSRV>" : record_.server);
    case LogTag::kOrigin:
      return Text(OriginName(record_.origin));
    case LogTag::kStates:
      return plain() ? void(line_.Text({record_.states, 2})) : Text({record_.states, 2});
    case LogTag::kStatesCookie:
      return plain() ? void(line_.Text({record_.states, 4})) : Text({record_.states, 4});
    default:
      return;
  }
}

}  // namespace engine
