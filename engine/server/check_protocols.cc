#include "engine/server/check_protocols.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace engine {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

// A list that begins with the connect of the server line; the others count from there.
class List {
 public:
  List() { Add({.kind = CheckRule::Kind::kConnect, .with_defaults = true}); }
  List& Send(std::string bytes) {
    CheckRule rule{.kind = CheckRule::Kind::kSend};
    rule.bytes = std::move(bytes);
    return Add(std::move(rule));
  }
  List& Expect(ExpectFunction function, CheckStatus timeout = CheckStatus::kL7Timeout,
               CheckStatus ok = CheckStatus::kL7Ok) {
    CheckRule rule{.kind = CheckRule::Kind::kExpect};
    rule.expect.match = ExpectRule::Match::kFunction;
    rule.expect.function = function;
    rule.expect.ok_status = ok;
    rule.expect.timeout_status = timeout;
    return Add(std::move(rule));
  }
  std::vector<CheckRule> Take() { return std::move(rules_); }

 private:
  List& Add(CheckRule rule) {
    rule.step = uint16_t(rules_.size() + 1);
    rules_.push_back(std::move(rule));
    return *this;
  }
  std::vector<CheckRule> rules_;
};

std::string_view FirstLine(std::string_view bytes) {
  return bytes.substr(0, bytes.find_first_of("\r\n"));
}

ExpectResult Fail(ExpectNote* note, CheckStatus status, std::string_view text, int32_t code = 0) {
  note->status = status;
  note->code = code;
  note->text = text;
  return ExpectResult::kFailed;
}

// More of an answer is needed, which will not come if the server has ended.
ExpectResult Incomplete(std::string_view bytes, bool is_final, ExpectNote* note) {
  if (!is_final) return ExpectResult::kNeedMore;
  return Fail(note, CheckStatus::kL7Response,
              bytes.empty() ? "TCPCHK got an empty response" : std::string(FirstLine(bytes)));
}

// Redis ---------------------------------------------------------------------------------------

ExpectResult ExpectPong(std::string_view bytes, bool is_final, ExpectNote* note) {
  constexpr std::string_view kPong = "+PONG\r\n";
  const std::string_view begin = bytes.substr(0, kPong.size());
  if (begin == kPong) {
    note->text = "Redis server is ok";
    return ExpectResult::kMatch;
  }
  if (kPong.starts_with(begin)) {
    if (!is_final || begin.empty()) return Incomplete(bytes, is_final, note);
  } else if (bytes.find('\n') == std::string_view::npos && !is_final) {
    return ExpectResult::kNeedMore;  // the whole line says what is wrong
  }
  return Fail(note, CheckStatus::kL7Status, FirstLine(bytes));
}

// SMTP (RFC 5321 section 4.2) -------------------------------------------------------------------

// The last line of a reply: "NNN text", behind any number of "NNN-text".
ExpectResult TakeReply(std::string_view bytes, bool is_final, ExpectNote* note) {
  const std::string_view all = bytes;
  for (;;) {
    const size_t end = bytes.find('\n');
    const std::string_view line = FirstLine(bytes);
    const size_t digits = std::min<size_t>(line.size(), 3);
    const bool are_digits = std::all_of(line.begin(), line.begin() + digits, base::IsDigit);
    if (!are_digits || (line.size() > 3 && line[3] != ' ' && line[3] != '-') ||
        (line.size() < 3 && end != std::string_view::npos)) {
      return Fail(note, CheckStatus::kL7Response, line);
    }
    if (end == std::string_view::npos) return Incomplete(all, is_final, note);
    if (line.size() == 3 || line[3] == ' ') {
      note->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
      note->text = line.size() > 4 ? line.substr(4) : std::string_view();
      break;
    }
    bytes.remove_prefix(end + 1);
  }
  if (note->code / 100 == 2) return ExpectResult::kMatch;
  note->status = CheckStatus::kL7Status;
  return ExpectResult::kFailed;
}

// PostgreSQL (the protocol's version 3) ----------------------------------------------------------

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | uint8_t(c);
  return value;
}

// The field `kind` of an ErrorResponse.
std::string_view ErrorField(std::string_view fields, char kind) {
  while (!fields.empty() && fields[0] != '\0') {
    const size_t end = std::min(fields.find('\0'), fields.size());
    if (fields[0] == kind) return fields.substr(1, end - 1);
    fields.remove_prefix(std::min(end + 1, fields.size()));
  }
  return {};
}

ExpectResult ExpectAuthentication(std::string_view bytes, bool is_final, ExpectNote* note) {
  constexpr size_t kHeadBytes = 5;
  if (!bytes.empty() && bytes[0] != 'R' && bytes[0] != 'E') {
    return Fail(note, CheckStatus::kL7Status, "PostgreSQL unknown error");
  }
  if (bytes.size() < kHeadBytes) return Incomplete(bytes, is_final, note);
  const uint32_t length = BigEndian(bytes.substr(1));
  if (length < 4) return Fail(note, CheckStatus::kL7Status, "PostgreSQL unknown error");
  const bool is_whole = bytes.size() >= size_t(length) + 1;
  if (bytes[0] == 'R') {
    if (!is_whole) return Incomplete(bytes, is_final, note);
    note->text = "PostgreSQL server is ok";
    return ExpectResult::kMatch;
  }
  if (!is_whole && !is_final) return ExpectResult::kNeedMore;
  const std::string_view fields = bytes.substr(kHeadBytes, length - 4);
  const std::string_view message = ErrorField(fields, 'M');
  return Fail(note, CheckStatus::kL7Response, message.empty() ? ErrorField(fields, 'S') : message);
}

// MySQL (its client/server protocol) -------------------------------------------------------------

constexpr size_t kPacketHeadBytes = 4;

std::string Packet(std::string_view payload, uint8_t sequence) {
  const auto size = uint32_t(payload.size());
  std::string packet = {char(size), char(size >> 8), char(size >> 16), char(sequence)};
  return packet.append(payload);
}

ExpectResult TakeError(std::string_view payload, ExpectNote* note) {
  const int32_t code = payload.size() < 3 ? 0 : uint8_t(payload[1]) | uint8_t(payload[2]) << 8;
  return Fail(note, CheckStatus::kL7Status, payload.substr(std::min<size_t>(3, payload.size())),
              code);
}

// The first packet of `bytes` into `*payload`. kMatch: it is whole.
ExpectResult TakePacket(std::string_view bytes, bool is_final, ExpectNote* note,
                        std::string_view* payload) {
  if (bytes.size() < kPacketHeadBytes) return Incomplete(bytes, is_final, note);
  const uint32_t length =
      uint8_t(bytes[0]) | uint8_t(bytes[1]) << 8 | uint32_t(uint8_t(bytes[2])) << 16;
  if (length == 0) return Fail(note, CheckStatus::kL7Response, "empty packet of MySQL");
  if (bytes.size() < kPacketHeadBytes + length) return Incomplete(bytes, is_final, note);
  *payload = bytes.substr(kPacketHeadBytes, length);
  return ExpectResult::kMatch;
}

ExpectResult ExpectGreeting(std::string_view bytes, bool is_final, ExpectNote* note) {
  std::string_view payload;
  const ExpectResult result = TakePacket(bytes, is_final, note, &payload);
  if (result != ExpectResult::kMatch) return result;
  if (payload[0] == '\xff') return TakeError(payload, note);
  // A version that ends, as all since 3.21 have it.
  const bool is_known = payload[0] == 9 || payload[0] == 10;
  const size_t end = payload.find('\0');
  if (!is_known || end == std::string_view::npos) {
    return Fail(note, CheckStatus::kL7Response, "not a greeting of MySQL");
  }
  note->text = payload.substr(1, end - 1);
  return ExpectResult::kMatch;
}

ExpectResult ExpectLogin(std::string_view bytes, bool is_final, ExpectNote* note) {
  std::string_view payload;
  const ExpectResult result = TakePacket(bytes, is_final, note, &payload);
  if (result != ExpectResult::kMatch) return result;
  if (payload[0] == '\xff') return TakeError(payload, note);
  // Done, or asked for another way to authenticate: the user exists, the server works.
  if (payload[0] == '\0' || payload[0] == '\xfe') return ExpectResult::kMatch;
  return Fail(note, CheckStatus::kL7Response, "not an answer of MySQL to a login");
}

// LDAP (RFC 4511) --------------------------------------------------------------------------------

// One length of BER. False: it is none. `*at` moves behind it.
bool TakeLength(std::string_view bytes, size_t* at, size_t* length) {
  if (*at >= bytes.size()) return false;
  const uint8_t first = uint8_t(bytes[(*at)++]);
  *length = first;
  if (first < 0x80) return true;
  const int count = first & 0x7f;
  if (count == 0 || count > 4) return false;
  *length = 0;
  for (int i = 0; i < count; ++i) {
    if (*at >= bytes.size()) return false;
    *length = *length << 8 | uint8_t(bytes[(*at)++]);
  }
  return true;
}

// A message with our id, which holds a bind response, which begins with a result code.
ExpectResult ExpectBound(std::string_view bytes, bool is_final, ExpectNote* note) {
  constexpr size_t kBytesMin = 14;
  constexpr std::string_view kNoLdap = "Not LDAPv3 protocol";
  if (!bytes.empty() && bytes[0] != 0x30) {
    return Fail(note, CheckStatus::kL7Response, kNoLdap);
  }
  if (bytes.size() < kBytesMin) {
    if (!is_final) return ExpectResult::kNeedMore;
    return Fail(note, CheckStatus::kL7Response,
                bytes.empty() ? "TCPCHK got an empty response" : kNoLdap);
  }
  size_t at = 1, length = 0;
  const bool has_length = TakeLength(bytes, &at, &length);
  if (has_length && bytes.size() - at < length && !is_final) return ExpectResult::kNeedMore;
  const bool is_ours = has_length && bytes.substr(at, 3) == "\x02\x01\x01"sv &&
                       bytes.size() > at + 3 && bytes[at + 3] == 0x61;
  at += 4;
  if (!is_ours || !TakeLength(bytes, &at, &length) || bytes.substr(at, 2) != "\x0a\x01"sv ||
      bytes.size() <= at + 2) {
    return Fail(note, CheckStatus::kL7Response, kNoLdap);
  }
  note->code = uint8_t(bytes[at + 2]);
  if (note->code == 0) {
    note->text = "Success";
    return ExpectResult::kMatch;
  }
  return Fail(note, CheckStatus::kL7Status,
              "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9", note->code);
}

// TLS (RFC 6101, RFC 8446) -----------------------------------------------------------------------

// A record of a handshake, or an alert: whoever answers so speaks TLS, whatever it thinks of SSLv3.
ExpectResult ExpectRecord(std::string_view bytes, bool is_final, ExpectNote* note) {
  constexpr size_t kRecordHeadBytes = 5;
  note->status = CheckStatus::kL6Response;
  note->text.clear();
  const bool may_be = bytes.empty() || bytes[0] == 0x15 || bytes[0] == 0x16;
  if (!may_be || (bytes.size() > 1 && bytes[1] != 3)) return ExpectResult::kFailed;
  if (bytes.size() >= kRecordHeadBytes) return ExpectResult::kMatch;
  return is_final ? ExpectResult::kFailed : ExpectResult::kNeedMore;
}

void AddLength(std::string& out, size_t length, int bytes) {
  while (bytes-- > 0) out += char(length >> (8 * bytes));
}

// A hello of SSLv3 that offers the cipher suites of that time.
std::string ClientHello() {
  std::string suites;
  const auto add = [&](int first, int last) {
    for (int suite = first; suite <= last; ++suite) AddLength(suites, size_t(suite), 2);
  };
  add(0x01, 0x1b);
  add(0x2f, 0x3a);
  constexpr std::string_view kVersion = "\x03\x00"sv;
  std::string body(kVersion);
  body += "\0\0\0\0"sv;                       // the time, which is nobody's business
  body += "ringway health check: hello\n"sv;  // stands for 28 random bytes
  body += '\0';                               // no session
  AddLength(body, suites.size(), 2);
  body += suites;
  body += "\x01\x00"sv;  // no compression
  std::string message = "\x01";
  AddLength(message, body.size(), 3);
  message += body;
  std::string record = "\x16";
  record += kVersion;
  AddLength(record, message.size(), 2);
  return record + message;
}

}  // namespace

std::vector<CheckRule> RedisCheck() {
  return List().Send("*1\r\n$4\r\nPING\r\n").Expect(ExpectPong).Take();
}

std::vector<CheckRule> SmtpCheck(std::string_view hello, std::string_view domain) {
  return List()
      .Expect(TakeReply)
      .Send(std::string(hello) + " " + std::string(domain) + "\r\n")
      .Expect(TakeReply)
      .Send("QUIT\r\n")
      .Expect(TakeReply)
      .Take();
}

std::vector<CheckRule> PostgresCheck(std::string_view user) {
  std::string body = "\x00\x03\x00\x00"s + "user"s + '\0' + std::string(user) + '\0' + '\0';
  std::string message;
  AddLength(message, body.size() + 4, 4);
  return List().Send(message + body).Expect(ExpectAuthentication).Take();
}

std::vector<CheckRule> MysqlCheck(std::string_view user, MysqlClient client) {
  List list;
  list.Expect(ExpectGreeting);
  if (user.empty()) return list.Take();
  std::string login;
  switch (client) {
    case MysqlClient::kPre41:
      login = "\x00\x80"s + "\x00\x00\x01"s + std::string(user) + '\0' + '\0';
      break;
    case MysqlClient::kPost41:
    case MysqlClient::kPost80: {
      // CLIENT_PROTOCOL_41 and CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH; 16 MB; utf8; no
      // password.
      const bool names_plugin = client == MysqlClient::kPost80;
      login = "\x00\x82"s + (names_plugin ? "\x08\x00"s : "\x00\x00"s) + "\x00\x80\x00\x01\x21"s +
              std::string(23, '\0') + std::string(user) + '\0' + '\0';
      if (names_plugin) login += "mysql_native_password"s + '\0';
      break;
    }
  }
  constexpr std::string_view kQuit = "\x01";
  list.Send(Packet(login, 1) + Packet(kQuit, 0));
  list.Expect(ExpectLogin);
  return list.Take();
}

std::vector<CheckRule> LdapCheck() {
  // An anonymous simple bind of version 3, with id 1.
  return List()
      .Send("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"s)
      .Expect(ExpectBound)
      .Take();
}

std::vector<CheckRule> TlsHelloCheck() {
  return List()
      .Send(ClientHello())
      .Expect(ExpectRecord, CheckStatus::kL6Timeout, CheckStatus::kL6Ok)
      .Take();
}

}  // namespace engine
