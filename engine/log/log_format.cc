#include "engine/log/log_format.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace engine {

enum class LogTag : uint8_t {
  kText,
  kSpace,
  kFlags,  // %o
  // Dates
  kAcceptUtc,
  kAcceptLocal,
  kAcceptSeconds,
  kAcceptMs,
  kAcceptMilliseconds,
  kRequestMs,
  kRequestUtc,
  kRequestLocal,
  // Timers
  kActive,
  kConnect,
  kData,
  kHandshake,
  kIdle,
  kUntilRequest,
  kRequestTime,
  kResponse,
  kTotal,
  kUser,
  kQueue,
  // The rest
  kBytesOut,
  kCookie,
  kHostname,
  kMethod,
  kTargetPath,
  kPath,
  kQuery,
  kTarget,
  kVersion,
  kUniqueId,
  kStatus,
  kBytesIn,
  kProcessConnections,
  kBackend,
  kBackendConnections,
  kSourceIp,
  kSourcePort,
  kBackendQueue,
  kClientIp,
  kClientPort,
  kFrontend,
  kFrontendConnections,
  kFrontendIp,
  kFrontendPort,
  kFrontendTransport,
  kLogCounter,
  kHeaders,
  kOrigin,
  kPid,
  kRequest,
  kRetries,
  kRequestCounter,
  kServer,
  kServerConnections,
  kServerIp,
  kServerPort,
  kServerQueue,
  kTlsCipher,
  kTlsVersion,
  kStates,
  kStatesCookie,
};

namespace {

enum Flag : uint8_t { kQuote = 1, kHex = 2, kEscape = 4 };

struct TagName {
  std::string_view name;
  LogTag tag;
  bool http = false;
  uint32_t needs = 0;
};

// The table of manual 8.2.6, in its order. There is no TLS, no capture and no unique-id yet: those
// aliases are empty, as they are in HAProxy where nothing was captured.
constexpr TagName kTags[] = {
    {"o", LogTag::kFlags},
    {"T", LogTag::kAcceptUtc},
    {"Tl", LogTag::kAcceptLocal},
    {"Ts", LogTag::kAcceptSeconds},
    {"t", LogTag::kAcceptMs},
    {"ms", LogTag::kAcceptMilliseconds},
    {"tr", LogTag::kRequestMs, true},
    {"trg", LogTag::kRequestUtc, true},
    {"trl", LogTag::kRequestLocal, true},
    {"Ta", LogTag::kActive, true},
    {"Tc", LogTag::kConnect},
    {"Td", LogTag::kData},
    {"Th", LogTag::kHandshake},
    {"Ti", LogTag::kIdle, true},
    {"Tq", LogTag::kUntilRequest, true},
    {"TR", LogTag::kRequestTime, true},
    {"Tr", LogTag::kResponse, true},
    {"Tt", LogTag::kTotal},
    {"Tu", LogTag::kUser},
    {"Tw", LogTag::kQueue},
    {"B", LogTag::kBytesOut},
    {"CC", LogTag::kCookie, true},
    {"CS", LogTag::kCookie, true},
    {"H", LogTag::kHostname},
    {"HM", LogTag::kMethod, true, kNeedsRequest},
    {"HP", LogTag::kTargetPath, true, kNeedsRequest},
    {"HPO", LogTag::kPath, true, kNeedsRequest},
    {"HQ", LogTag::kQuery, true, kNeedsRequest},
    {"HU", LogTag::kTarget, true, kNeedsRequest},
    {"HV", LogTag::kVersion, true, kNeedsRequest},
    {"ID", LogTag::kUniqueId},
    {"ST", LogTag::kStatus},
    {"U", LogTag::kBytesIn},
    {"ac", LogTag::kProcessConnections, false, kNeedsCounts},
    {"b", LogTag::kBackend},
    {"bc", LogTag::kBackendConnections, false, kNeedsCounts},
    {"bi", LogTag::kSourceIp, false, kNeedsSource},
    {"bp", LogTag::kSourcePort, false, kNeedsSource},
    {"bq", LogTag::kBackendQueue},
    {"ci", LogTag::kClientIp, false, kNeedsClient},
    {"cp", LogTag::kClientPort, false, kNeedsClient},
    {"f", LogTag::kFrontend},
    {"fc", LogTag::kFrontendConnections, false, kNeedsCounts},
    {"fi", LogTag::kFrontendIp, false, kNeedsFrontendAddress},
    {"fp", LogTag::kFrontendPort, false, kNeedsFrontendAddress},
    {"ft", LogTag::kFrontendTransport},
    {"lc", LogTag::kLogCounter, false, kNeedsCounts},
    {"hr", LogTag::kHeaders},
    {"hrl", LogTag::kHeaders},
    {"hs", LogTag::kHeaders},
    {"hsl", LogTag::kHeaders},
    {"OG", LogTag::kOrigin},
    {"pid", LogTag::kPid},
    {"r", LogTag::kRequest, true, kNeedsRequest},
    {"rc", LogTag::kRetries},
    {"rt", LogTag::kRequestCounter},
    {"s", LogTag::kServer},
    {"sc", LogTag::kServerConnections, false, kNeedsCounts},
    {"si", LogTag::kServerIp},
    {"sp", LogTag::kServerPort},
    {"sq", LogTag::kServerQueue},
    {"sslc", LogTag::kTlsCipher},
    {"sslv", LogTag::kTlsVersion},
    {"ts", LogTag::kStates},
    {"tsc", LogTag::kStatesCookie, true},
};

// Encodings that are not written yet (manual 8.2.6, flags).
constexpr std::string_view kLaterFlags[] = {"bin", "json", "cbor"};

constexpr std::string_view kBadRequest = "<BADREQ>";

bool IsAlnum(char c) {
  return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z');
}

std::string_view OriginName(LogOrigin origin) {
  switch (origin) {
    case LogOrigin::kSessionError:
      return "sess_error";
    case LogOrigin::kAccept:
      return "txn_accept";
    case LogOrigin::kConnect:
      return "txn_connect";
    case LogOrigin::kResponse:
      return "txn_response";
    case LogOrigin::kClose:
      return "txn_close";
    case LogOrigin::kUnspecified:
      break;
  }
  return "unspec";
}

// One line being written: what a value looks like under an item's flags.
class Writer {
 public:
  Writer(const LogRecord& record, LogDates& dates, LogLine& line)
      : record_(record), dates_(dates), line_(line) {}
  void Write(LogTag tag, uint8_t flags);

 private:
  using Zone = LogDates::Zone;

  // A text that nobody hostile can choose. Nothing is "-", or "" where it is quoted.
  void Text(std::string_view text) {
    if (text.empty() && !quotes()) text = "-";
    Quoted([&] { line_.Text(text); });
  }
  // What a peer sent.
  void PeerText(std::string_view text) {
    const LogEscape escape = (flags_ & kEscape) != 0 ? LogEscape::kHashBackslash : LogEscape::kHash;
    Quoted([&] { line_.Escaped(text, escape); });
  }
  template <typename F>
  void Quoted(F write) {
    if (quotes()) line_.Char('"');
    write();
    if (quotes()) line_.Char('"');
  }
  // Those that the flag X turns into hexadecimal.
  void Number(uint64_t value) {
    if ((flags_ & kHex) != 0) {
      line_.Hex(value, 4);
    } else {
      line_.Number(value);
    }
  }
  void Ip(const shard::Address& address) {
    if (address.family == AF_UNSPEC) return Text({});
    Quoted([&] { (flags_ & kHex) != 0 ? line_.HexIp(address) : line_.Ip(address); });
  }
  void Port(const shard::Address& address) {
    if (address.family == AF_UNSPEC) return Text({});
    Number(address.is_ip() ? address.port : record_.bind_id);
  }
  void Growing(uint64_t value) {
    if (record_.early) line_.Char('+');
    line_.Number(value);
  }
  void GrowingTime(int64_t value_ms) {
    if (record_.early) line_.Char('+');
    line_.Signed(value_ms);
  }
  void DateMs(uint64_t wall_us) {
    line_.Text(dates_.Clf(wall_us, Zone::kLocal)).Char('.').Padded(wall_us / 1000 % 1000, 3);
  }
  void DateZone(uint64_t wall_us, Zone zone) {
    line_.Text(dates_.Clf(wall_us, zone)).Char(' ').Text(dates_.ZoneText(wall_us, zone));
  }
  void RequestPart(std::string_view part) { PeerText(record_.request.known ? part : kBadRequest); }
  void RequestLine();
  bool quotes() const { return (flags_ & kQuote) != 0; }

  bool WriteDate(LogTag tag);
  bool WriteTimer(LogTag tag);
  bool WriteRequest(LogTag tag);
  bool WriteAddress(LogTag tag);
  void WriteOther(LogTag tag);

  const LogRecord& record_;
  LogDates& dates_;
  LogLine& line_;
  uint8_t flags_ = 0;
};

void Writer::Write(LogTag tag, uint8_t flags) {
  flags_ = flags;
  if (WriteDate(tag) || WriteTimer(tag) || WriteAddress(tag) || WriteRequest(tag)) return;
  WriteOther(tag);
}

bool Writer::WriteDate(LogTag tag) {
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
      if ((flags_ & kHex) != 0) {
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

bool Writer::WriteTimer(LogTag tag) {
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
      line_.Signed(timers.connect_ms);
      return true;
    case LogTag::kData:
      line_.Signed(timers.data_ms);
      return true;
    case LogTag::kHandshake:
      line_.Signed(timers.handshake_ms);
      return true;
    case LogTag::kIdle:
      line_.Signed(timers.idle_ms);
      return true;
    case LogTag::kUntilRequest:
      line_.Signed(timers.until_request_ms());
      return true;
    case LogTag::kRequestTime:
      line_.Signed(timers.request_ms);
      return true;
    case LogTag::kResponse:
      line_.Signed(timers.response_ms);
      return true;
    case LogTag::kQueue:
      line_.Signed(timers.queue_ms);
      return true;
    default:
      return false;
  }
}

bool Writer::WriteAddress(LogTag tag) {
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

void Writer::RequestLine() {
  const LogRequest& request = record_.request;
  if (!request.known) return PeerText(kBadRequest);
  const LogEscape escape = (flags_ & kEscape) != 0 ? LogEscape::kHashBackslash : LogEscape::kHash;
  Quoted([&] {
    line_.Escaped(request.method, escape).Char(' ').Escaped(request.target, escape);
    // A request that was cut has lost it.
    if (!request.version.empty()) line_.Char(' ').Escaped(request.version, escape);
  });
}

bool Writer::WriteRequest(LogTag tag) {
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
    default:
      return false;
  }
}

void Writer::WriteOther(LogTag tag) {
  switch (tag) {
    case LogTag::kBytesOut:
      return Growing(record_.bytes_out);
    case LogTag::kBytesIn:
      line_.Number(record_.bytes_in);
      return;
    case LogTag::kCookie:
    case LogTag::kUniqueId:
      return Text({});
    case LogTag::kTlsCipher:
      return Text(record_.tls_cipher != nullptr ? record_.tls_cipher : std::string_view());
    case LogTag::kTlsVersion:
      return Text(record_.tls_version != nullptr ? record_.tls_version : std::string_view());
    case LogTag::kHostname:
      return Text(record_.hostname);
    case LogTag::kStatus:
      line_.Signed(record_.status);
      return;
    case LogTag::kProcessConnections:
      line_.Number(record_.process_connections);
      return;
    case LogTag::kFrontendConnections:
      line_.Number(record_.frontend_connections);
      return;
    case LogTag::kBackendConnections:
      line_.Number(record_.backend_connections);
      return;
    case LogTag::kServerConnections:
      line_.Number(record_.server_connections);
      return;
    case LogTag::kBackend:
      return Text(record_.backend);
    case LogTag::kFrontend:
    case LogTag::kFrontendTransport:
      return Text(record_.frontend);
    case LogTag::kServer:
      return Text(record_.server.empty() ? "<NOSRV>" : record_.server);
    case LogTag::kServerQueue:
      line_.Number(record_.server_queue);
      return;
    case LogTag::kBackendQueue:
      line_.Number(record_.backend_queue);
      return;
    case LogTag::kRetries:
      if (record_.redispatched) line_.Char('+');
      line_.Number(record_.retries);
      return;
    case LogTag::kLogCounter:
      return Number(record_.log_counter);
    case LogTag::kRequestCounter:
      return Number(record_.request_counter);
    case LogTag::kPid:
      return Number(record_.pid);
    case LogTag::kOrigin:
      return Text(OriginName(record_.origin));
    case LogTag::kStates:
      line_.Text({record_.states, 2});
      return;
    case LogTag::kStatesCookie:
      line_.Text({record_.states, 4});
      return;
    default:
      return;  // captured headers: none, so not even braces (manual 8.2.3)
  }
}

}  // namespace

// Reading -----------------------------------------------------------------------------------------

class LogFormat::Parser {
 public:
  Parser(LogFormat& format, std::string_view text, LogFormatError* error)
      : format_(format), text_(text), error_(error) {}
  bool Run();

 private:
  bool Refuse(size_t at, std::string message) {
    *error_ = {std::move(message), at};
    return false;
  }
  void Add(LogTag tag, uint8_t flags, std::string_view text = {}) {
    format_.items_.push_back({tag, flags, std::string(text)});
  }
  void AddText(std::string_view text) {
    if (!format_.items_.empty() && format_.items_.back().tag == LogTag::kText) {
      format_.items_.back().text += text;
    } else {
      Add(LogTag::kText, 0, text);
    }
  }
  bool Item();
  bool TakeName();
  bool TakeFlags(uint8_t* flags);
  bool TakeFlag(std::string_view word, size_t at, uint8_t* flags);

  LogFormat& format_;
  const std::string_view text_;
  LogFormatError* const error_;
  size_t at_ = 0;
  uint8_t flags_ = 0;  // of %o
};

bool LogFormat::Parser::Run() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == ' ' || c == '\t') {
      if (format_.items_.empty() || format_.items_.back().tag != LogTag::kSpace) {
        Add(LogTag::kSpace, 0);
      }
      ++at_;
    } else if (c == '%' && at_ + 1 < text_.size() && text_[at_ + 1] == '%') {
      AddText("%");
      at_ += 2;
    } else if (c == '%') {
      if (!Item()) return false;
    } else {
      AddText(text_.substr(at_++, 1));
    }
  }
  return true;
}

bool LogFormat::Parser::TakeName() {
  if (at_ >= text_.size() || text_[at_] != '(') return true;
  const size_t close = text_.find(')', at_);
  if (close == std::string_view::npos) return Refuse(at_, "a name is not closed by ')'");
  // It names the value for encodings that are refused, so nothing is done with it.
  const std::string_view name = text_.substr(at_ + 1, close - at_ - 1);
  const size_t colon = name.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view type = name.substr(colon + 1);
    if (type != "str" && type != "sint" && type != "bool") {
      return Refuse(at_ + 2 + colon, "unknown type '" + std::string(type) + "'");
    }
  }
  at_ = close + 1;
  return true;
}

bool LogFormat::Parser::TakeFlag(std::string_view word, size_t at, uint8_t* flags) {
  const bool off = word.starts_with('-');
  if (off || word.starts_with('+')) word.remove_prefix(1);
  const uint8_t flag = word == "Q" ? kQuote : word == "X" ? kHex : word == "E" ? kEscape : 0;
  if (flag == 0) {
    const bool later =
        std::find(std::begin(kLaterFlags), std::end(kLaterFlags), word) != std::end(kLaterFlags);
    return Refuse(at, later ? "the flag '" + std::string(word) + "' is not supported yet"
                            : "unknown flag '" + std::string(word) + "'");
  }
  *flags = off ? uint8_t(*flags & ~flag) : uint8_t(*flags | flag);
  return true;
}

bool LogFormat::Parser::TakeFlags(uint8_t* flags) {
  if (at_ >= text_.size() || text_[at_] != '{') return true;
  const size_t close = text_.find('}', at_);
  if (close == std::string_view::npos) return Refuse(at_, "flags are not closed by '}'");
  for (size_t begin = at_ + 1; begin < close;) {
    const size_t end = std::min(text_.find(',', begin), close);
    if (!TakeFlag(text_.substr(begin, end - begin), begin, flags)) return false;
    begin = end + 1;
  }
  at_ = close + 1;
  return true;
}

bool LogFormat::Parser::Item() {
  const size_t start = at_++;
  uint8_t flags = flags_;
  if (!TakeName() || !TakeFlags(&flags)) return false;
  if (at_ < text_.size() && text_[at_] == '[') {
    return Refuse(start, "an expression ('%[...]') is not supported yet");
  }
  size_t end = at_;
  while (end < text_.size() && IsAlnum(text_[end])) ++end;
  const std::string_view name = text_.substr(at_, end - at_);
  const auto* found = std::find_if(std::begin(kTags), std::end(kTags),
                                   [&](const TagName& one) { return one.name == name; });
  if (found == std::end(kTags)) {
    return Refuse(start, name.empty() ? "a '%' stands alone: write '%%'"
                                      : "no such item: '%" + std::string(name) + "'");
  }
  at_ = end;
  if (found->tag == LogTag::kFlags) {
    flags_ = flags;
    return true;
  }
  if (found->http && format_.http_item_.empty()) format_.http_item_ = "%" + std::string(name);
  format_.needs_ |= found->needs;
  Add(found->tag, flags);
  return true;
}

bool LogFormat::Compile(std::string_view text, LogFormatError* error) {
  *this = {};
  return Parser(*this, text, error).Run();
}

void LogFormat::Write(const LogRecord& record, LogDates& dates, LogLine& line) const {
  Writer writer(record, dates, line);
  // Blanks are one, whatever is empty between them (manual 8.2.6).
  bool after_space = true;
  for (const Item& item : items_) {
    if (item.tag == LogTag::kSpace) {
      if (!after_space) line.Char(' ');
      after_space = true;
      continue;
    }
    const size_t before = line.size();
    if (item.tag == LogTag::kText) {
      line.Text(item.text);
    } else {
      writer.Write(item.tag, item.flags);
    }
    if (line.size() != before) after_space = false;
  }
}

void WriteDefaultLog(const LogRecord& record, LogLine& line) {
  const char* mode = record.http ? "HTTP" : "TCP";
  if (record.client.is_ip()) {
    line.Text("Connect from ").Ip(record.client).Char(':').Number(record.client.port);
    line.Text(" to ").Ip(record.frontend_address).Char(':').Number(record.frontend_address.port);
  } else {
    line.Text("Connect to unix:").Number(record.bind_id);
  }
  line.Text(" (").Text(record.frontend).Char('/').Text(mode).Char(')');
}

void WriteErrorLog(const LogRecord& record, LogDates& dates, LogLine& line) {
  line.Ip(record.client).Char(':');
  line.Number(record.client.is_ip() ? record.client.port : record.bind_id);
  line.Text(" [").Text(dates.Clf(record.accept_us, LogDates::Zone::kLocal));
  line.Char('.').Padded(record.accept_us / 1000 % 1000, 3).Text("] ");
  line.Text(record.frontend).Char('/').Text(record.bind).Text(": ").Text(record.message);
}

std::vector<std::string_view> LogTagNames() {
  std::vector<std::string_view> names;
  for (const TagName& one : kTags) names.push_back(one.name);
  return names;
}

}  // namespace engine
