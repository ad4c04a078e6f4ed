#include "engine/server/check_rule_keywords.h"

#include <algorithm>
#include <climits>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/config/address_words.h"
#include "engine/config/diagnostics.h"
#include "engine/server/check_protocols.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

constexpr Scopes kBack = scope::kDefaults | scope::kBackend | scope::kListen;

CheckDraft& Draft(BuildContext& context) { return context.proxy->check; }

// Where a rule goes: what the proxy says takes the place of what it has from `defaults`.
void AddRule(BuildContext& context, CheckRulesDraft& draft, CheckRule rule) {
  if (!context.is_inherited && draft.is_inherited) draft.rules.clear();
  draft.is_inherited = context.is_inherited;
  rule.step = uint16_t(std::min<size_t>(draft.rules.size() + 1, UINT16_MAX));
  draft.rules.push_back(std::move(rule));
}

// The words of one line, taken one after another.
class Words {
 public:
  explicit Words(const KeywordUse& use) : use_(use) {}
  bool empty() const { return at_ >= use_.arguments(); }
  std::string_view peek() const { return use_.argument(at_); }
  // Empty at the end of the line.
  std::string_view Take() { return use_.argument(at_++); }
  // Of the word just taken, or of the one to come.
  bool RefuseTaken(std::string_view message) const { return Refuse(use_, at_ - 1, message); }
  bool RefuseNext(std::string_view message) const { return Refuse(use_, at_, message); }
  // What follows the word just taken.
  bool TakeText(std::string& out) {
    if (empty()) {
      return RefuseNext((at_ == 0 ? "" : InQuotes(use_.argument(at_ - 1)) + " ") +
                        std::string("expects an argument"));
    }
    out = Take();
    return true;
  }
  // A format without anything to be filled in.
  bool TakeFormat(std::string& out) {
    std::string format;
    if (!TakeText(format)) return false;
    out.clear();
    for (size_t i = 0; i < format.size(); ++i) {
      if (format[i] == '%' && (++i == format.size() || format[i] != '%')) {
        return RefuseTaken("a format with '%' in it is not supported yet");
      }
      out += format[i];
    }
    return true;
  }
  template <typename Value>
  bool TakeNumber(int64_t low, int64_t high, Value& out) {
    std::string text;
    return TakeText(text) && TakeArgument(use_, at_ - 1, ParseInteger(text, low, high), out);
  }
  bool TakeRegex(bool ignore_case, std::shared_ptr<const Regex>& out) {
    std::string text, error;
    if (!TakeText(text)) return false;
    out = Regex::Compile(text, ignore_case, &error);
    return out != nullptr || RefuseTaken("bad regular expression: " + error);
  }
  bool TakeHex(std::string& out) {
    std::string text;
    if (!TakeText(text)) return false;
    out.clear();
    if (text.empty() || text.size() % 2 != 0 ||
        !std::all_of(text.begin(), text.end(), [](unsigned char c) { return isxdigit(c); })) {
      return RefuseTaken("expects an even number of hexadecimal digits");
    }
    for (size_t i = 0; i < text.size(); i += 2) {
      out += char(std::stoi(text.substr(i, 2), nullptr, 16));
    }
    return true;
  }
  const KeywordUse& use() const { return use_; }

 private:
  const KeywordUse& use_;
  size_t at_ = 0;
};

bool TakeComment(Words& words, CheckRule& rule) { return words.TakeText(rule.comment); }

// connect --------------------------------------------------------------------------------------

bool TakeConnectAddress(BuildContext& context, Words& words, CheckRule& rule) {
  std::string text;
  if (!words.TakeText(text)) return false;
  const Parsed<AddressWord> word = ParseAddress(text, 0);
  if (!word) return words.RefuseTaken(word.error);
  if (word.value.kind != AddressKind::kHost) return words.RefuseTaken("expects an IP address");
  const Parsed<shard::Address> address = Resolve(context, word.value);
  if (!address) return words.RefuseTaken(address.error);
  rule.address = address.value;
  return true;
}

bool TakeConnect(BuildContext& context, KeywordUse& use, CheckRulesDraft& draft,
                 std::string_view proto) {
  CheckRule rule{.kind = CheckRule::Kind::kConnect};
  Words words(use);
  // Without a word that says otherwise it is the connection of the server line.
  rule.with_defaults = words.empty();
  while (!words.empty()) {
    const std::string_view word = words.Take();
    if (word == "default") {
      rule.with_defaults = true;
    } else if (word == "send-proxy") {
      rule.send_proxy = true;
    } else if (word == "linger") {
      rule.linger = true;
    } else if (word == "port") {
      if (!words.empty() && !base::ParseUnsigned(words.peek())) {
        return words.RefuseNext("a port from a sample is not supported yet");
      }
      if (!words.TakeNumber(1, 65535, rule.port)) return false;
    } else if (word == "addr") {
      if (!TakeConnectAddress(context, words, rule)) return false;
    } else if (word == "comment") {
      if (!TakeComment(words, rule)) return false;
    } else if (word == "proto") {
      if (words.empty() || words.peek() != proto) {
        return words.RefuseNext("'proto' takes " + InQuotes(proto) + " only");
      }
      words.Take();
    } else if (word == "ssl") {
      rule.over_tls = true;
    } else if (word == "sni") {
      if (!words.TakeText(rule.sni)) return false;
    } else if (word == "alpn" || word == "via-socks4") {
      return words.RefuseTaken(InQuotes(word) + " is not supported yet");
    } else {
      return words.RefuseTaken("unexpected " + InQuotes(word));
    }
  }
  AddRule(context, draft, std::move(rule));
  return true;
}

// expect ---------------------------------------------------------------------------------------

struct StatusSet {
  std::string_view option;
  std::string_view allowed;  // with a blank around each
};
constexpr StatusSet kOkStatuses = {"ok-status", " L7OK L7OKC L6OK L4OK "};
constexpr StatusSet kErrorStatuses = {"error-status", " L7OKC L7RSP L7STS L6RSP L4CON "};
constexpr StatusSet kTimeoutStatuses = {"tout-status", " L7TOUT L6TOUT L4TOUT "};

bool TakeStatus(Words& words, const StatusSet& set, CheckStatus& out) {
  std::string text;
  if (!words.TakeText(text)) return false;
  const auto status = FindCheckStatus(text);
  if (!status || set.allowed.find(" " + text + " ") == std::string_view::npos) {
    return words.RefuseTaken(InQuotes(set.option) + " expects one of" +
                             std::string(set.allowed.substr(0, set.allowed.size() - 1)));
  }
  out = *status;
  return true;
}

// kNo: `word` is no option.
enum class Taken : uint8_t { kYes, kNo, kRefused };
Taken TakeExpectOption(Words& words, std::string_view word, CheckRule& rule) {
  const auto taken = [](bool good) { return good ? Taken::kYes : Taken::kRefused; };
  ExpectRule& expect = rule.expect;
  if (word == "comment") return taken(TakeComment(words, rule));
  if (word == "min-recv") return taken(words.TakeNumber(-1, INT_MAX, expect.min_recv));
  if (word == "ok-status") return taken(TakeStatus(words, kOkStatuses, expect.ok_status));
  if (word == "error-status") {
    expect.error_status_given = true;
    return taken(TakeStatus(words, kErrorStatuses, expect.error_status));
  }
  if (word == "tout-status") {
    return taken(TakeStatus(words, kTimeoutStatuses, expect.timeout_status));
  }
  if (word == "on-success") return taken(words.TakeFormat(expect.on_success));
  if (word == "on-error") return taken(words.TakeFormat(expect.on_error));
  if (word == "status-code") {
    return taken(words.RefuseTaken("'status-code' is not supported yet"));
  }
  return Taken::kNo;
}

bool TakeTcpMatch(Words& words, std::string_view word, ExpectRule& expect) {
  using Match = ExpectRule::Match;
  if (word == "string" || word == "string-lf") {
    expect.match = Match::kString;
    if (word == "string-lf") return words.TakeFormat(expect.pattern);
    return words.TakeText(expect.pattern);
  }
  if (word == "binary" || word == "binary-lf") {
    expect.match = Match::kBinary;
    return words.TakeHex(expect.pattern);
  }
  if (word == "rstring") {
    expect.match = Match::kRegex;
    return words.TakeRegex(false, expect.regex);
  }
  if (word == "rbinary") {
    expect.match = Match::kBinaryRegex;
    return words.TakeRegex(true, expect.regex);
  }
  return words.RefuseTaken("unexpected " + InQuotes(word) +
                           ": it takes 'string', 'rstring', 'binary' or 'rbinary'");
}

bool TakeCodes(Words& words, ExpectRule& expect) {
  std::string text;
  if (!words.TakeText(text)) return false;
  for (const std::string_view piece : base::Split(text, ',')) {
    const size_t dash = piece.find('-');
    const auto low = base::ParseUnsigned(piece.substr(0, dash));
    const auto high =
        dash == std::string_view::npos ? low : base::ParseUnsigned(piece.substr(dash + 1));
    if (!low || !high || *low < 100 || *high > 999 || *low > *high) {
      return words.RefuseTaken("expects status codes such as '200,300-399'");
    }
    expect.codes.emplace_back(uint16_t(*low), uint16_t(*high));
  }
  return true;
}

// [-m METHOD] TEXT
bool TakeHeaderPattern(Words& words, bool is_format, bool ignore_case, HeaderPattern& pattern) {
  using Match = HeaderPattern::Match;
  pattern.match = Match::kExact;
  if (!words.empty() && words.peek() == "-m") {
    words.Take();
    std::string method;
    if (!words.TakeText(method)) return false;
    static constexpr std::pair<std::string_view, Match> kMethods[] = {{"str", Match::kExact},
                                                                      {"beg", Match::kBegin},
                                                                      {"end", Match::kEnd},
                                                                      {"sub", Match::kPart},
                                                                      {"reg", Match::kRegex}};
    const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                     [&](const auto& one) { return one.first == method; });
    if (found == std::end(kMethods)) {
      return words.RefuseTaken("'-m' takes 'str', 'beg', 'end', 'sub' or 'reg'");
    }
    pattern.match = found->second;
    if (pattern.match == Match::kRegex) return words.TakeRegex(ignore_case, pattern.regex);
  }
  return is_format ? words.TakeFormat(pattern.text) : words.TakeText(pattern.text);
}

bool TakeHeaderMatch(Words& words, ExpectRule& expect) {
  if (words.empty() || (words.peek() != "name" && words.peek() != "name-lf")) {
    return words.RefuseNext("expects 'name' and the name of a field");
  }
  if (!TakeHeaderPattern(words, words.Take() == "name-lf", true, expect.header_name)) return false;
  if (words.empty() || (words.peek() != "value" && words.peek() != "value-lf")) return true;
  return TakeHeaderPattern(words, words.Take() == "value-lf", false, expect.header_value);
}

bool TakeHttpMatch(Words& words, std::string_view word, ExpectRule& expect) {
  using Match = ExpectRule::Match;
  const bool is_head = word == "status" || word == "rstatus" || word == "hdr" || word == "fhdr";
  if (is_head && !expect.error_status_given) expect.error_status = CheckStatus::kL7Status;
  if (word == "status") {
    expect.match = Match::kStatus;
    return TakeCodes(words, expect);
  }
  if (word == "rstatus") {
    expect.match = Match::kStatusRegex;
    return words.TakeRegex(false, expect.regex);
  }
  if (word == "hdr" || word == "fhdr") {
    expect.match = word == "hdr" ? Match::kHeader : Match::kFullHeader;
    return TakeHeaderMatch(words, expect);
  }
  if (word == "string" || word == "string-lf") {
    expect.match = Match::kBody;
    return word == "string" ? words.TakeText(expect.pattern) : words.TakeFormat(expect.pattern);
  }
  if (word == "rstring") {
    expect.match = Match::kBodyRegex;
    return words.TakeRegex(false, expect.regex);
  }
  return words.RefuseTaken("unexpected " + InQuotes(word) +
                           ": it takes 'status', 'rstatus', 'hdr', 'fhdr', 'string' or 'rstring'");
}

bool TakeExpect(BuildContext& context, KeywordUse& use, CheckRulesDraft& draft,
                bool (*take_match)(Words&, std::string_view, ExpectRule&)) {
  if (!HasArguments(use, 1, SIZE_MAX, "what to expect")) return false;
  CheckRule rule{.kind = CheckRule::Kind::kExpect};
  Words words(use);
  bool has_match = false;
  // Options may stand on either side of the match.
  while (!words.empty()) {
    std::string_view word = words.Take();
    const Taken taken = TakeExpectOption(words, word, rule);
    if (taken == Taken::kRefused) return false;
    if (taken == Taken::kYes) continue;
    if (has_match) return words.RefuseTaken("unexpected " + InQuotes(word));
    has_match = true;
    if (word.starts_with('!')) {
      rule.expect.negated = true;
      word.remove_prefix(1);
      if (word.empty()) word = words.Take();
    }
    if (!take_match(words, word, rule.expect)) return false;
  }
  if (!has_match) return words.RefuseNext("expects a match and a pattern");
  AddRule(context, draft, std::move(rule));
  return true;
}

// send and the rest of tcp-check -----------------------------------------------------------------

bool TakeSend(BuildContext& context, KeywordUse& use, bool (Words::*take)(std::string&)) {
  if (!HasArguments(use, 1, SIZE_MAX, "what to send")) return false;
  CheckRule rule{.kind = CheckRule::Kind::kSend};
  Words words(use);
  if (!(words.*take)(rule.bytes)) return false;
  while (!words.empty()) {
    const std::string_view word = words.Take();
    if (word != "comment") return words.RefuseTaken("unexpected " + InQuotes(word));
    if (!TakeComment(words, rule)) return false;
  }
  AddRule(context, Draft(context).tcp, std::move(rule));
  return true;
}

bool TakeCommentRule(BuildContext& context, KeywordUse& use, CheckRulesDraft& draft) {
  if (!HasArguments(use, 1, 1, "a text")) return false;
  CheckRule rule{.kind = CheckRule::Kind::kComment};
  rule.comment = use.argument(0);
  AddRule(context, draft, std::move(rule));
  return true;
}

void RegisterTcpRules(BuildKeywords& keywords) {
  keywords.Add({"option tcp-check", kBack}, [](BuildContext& context, KeywordUse& use) {
    Draft(context).kind = CheckKind::kTcp;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"tcp-check connect", kBack}, [](BuildContext& context, KeywordUse& use) {
    return TakeConnect(context, use, Draft(context).tcp, "none");
  });
  keywords.Add({"tcp-check expect", kBack}, [](BuildContext& context, KeywordUse& use) {
    return TakeExpect(context, use, Draft(context).tcp, TakeTcpMatch);
  });
  keywords.Add({"tcp-check comment", kBack}, [](BuildContext& context, KeywordUse& use) {
    return TakeCommentRule(context, use, Draft(context).tcp);
  });
  static constexpr std::pair<const char*, bool (Words::*)(std::string&)> kSends[] = {
      {"tcp-check send", &Words::TakeText},
      {"tcp-check send-lf", &Words::TakeFormat},
      {"tcp-check send-binary", &Words::TakeHex},
      {"tcp-check send-binary-lf", &Words::TakeHex}};
  for (const auto& [words, take] : kSends) {
    keywords.Add({words, kBack}, [take = take](BuildContext& context, KeywordUse& use) {
      return TakeSend(context, use, take);
    });
  }
}

// http-check -----------------------------------------------------------------------------------

bool IsVersion(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && base::IsDigit(text[5]) &&
         text[6] == '.' && base::IsDigit(text[7]);
}

bool IsUri(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return uint8_t(c) > 0x20 && uint8_t(c) != 0x7f;
  });
}

bool IsValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (uint8_t(c) >= 0x20 && uint8_t(c) != 0x7f);
  });
}

// How long the body is, and when the connection ends, is ours to say.
bool IsOurs(std::string_view name) {
  return base::EqualsIgnoreCase(name, "content-length") ||
         base::EqualsIgnoreCase(name, "transfer-encoding");
}

bool AddField(const Words& words, std::string_view name, std::string_view value,
              CheckRequest& request) {
  if (!proto::IsToken(name))
    return words.RefuseTaken(InQuotes(name) + " is not the name of a field");
  if (!IsValue(value)) return words.RefuseTaken("the value of a field cannot have that");
  if (!IsOurs(name)) request.fields.emplace_back(name, value);
  return true;
}

bool TakeRequestField(Words& words, CheckRequest& request) {
  std::string name, value;
  return words.TakeText(name) && words.TakeFormat(value) && AddField(words, name, value, request);
}

bool TakeMethod(Words& words, std::string& method) {
  return words.TakeText(method) &&
         (proto::IsToken(method) || words.RefuseTaken(InQuotes(method) + " is not a method"));
}

bool CheckUri(const Words& words, std::string_view uri) {
  return IsUri(uri) || words.RefuseTaken("the URI of a request has no blanks");
}

bool CheckVersion(const Words& words, std::string_view version) {
  return IsVersion(version) || words.RefuseTaken("expects a version such as 'HTTP/1.1'");
}

bool TakeRequest(BuildContext& context, KeywordUse& use) {
  CheckRule rule{.kind = CheckRule::Kind::kSendRequest};
  // What the line does not say is what the option line says.
  rule.request = {.method = {}, .uri = {}, .version = {}, .fields = {}, .body = {}};
  Words words(use);
  CheckRequest& request = rule.request;
  while (!words.empty()) {
    const std::string_view word = words.Take();
    bool good = true;
    if (word == "meth") {
      good = TakeMethod(words, request.method);
    } else if (word == "uri") {
      good = words.TakeText(request.uri) && CheckUri(words, request.uri);
    } else if (word == "uri-lf") {
      good = words.TakeFormat(request.uri) && CheckUri(words, request.uri);
    } else if (word == "ver") {
      good = words.TakeText(request.version) && CheckVersion(words, request.version);
    } else if (word == "hdr") {
      good = TakeRequestField(words, request);
    } else if (word == "body") {
      good = words.TakeText(request.body);
    } else if (word == "body-lf") {
      good = words.TakeFormat(request.body);
    } else if (word == "comment") {
      good = TakeComment(words, rule);
    } else {
      return words.RefuseTaken("unexpected " + InQuotes(word));
    }
    if (!good) return false;
  }
  AddRule(context, Draft(context).http, std::move(rule));
  return true;
}

// Fields and a body behind the version are deprecated, but in many files.
bool TakeVersion(Words& words, CheckRequest& request) {
  std::string text(words.Take());
  const size_t end = text.find("\r\n");
  request.version = text.substr(0, end);
  if (end == std::string::npos) return true;
  words.use().diagnostics.Warning(words.use().line.At(words.use().first_argument + 2),
                                  "fields behind the version are deprecated",
                                  "'http-check send' took their place");
  std::string_view rest = std::string_view(text).substr(end + 2);
  while (!rest.empty()) {
    const size_t line_end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(std::min(line_end + 2, rest.size()));
    if (line.empty()) {
      request.body = rest;
      return true;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return words.RefuseTaken("a field has a colon");
    if (!AddField(words, line.substr(0, colon), base::Trim(line.substr(colon + 1)), request)) {
      return false;
    }
  }
  return true;
}

// option httpchk [[METHOD] URI [VERSION [HOST]]]
bool TakeHttpOption(BuildContext& context, KeywordUse& use) {
  CheckDraft& draft = Draft(context);
  draft.kind = CheckKind::kHttp;
  draft.request = {};
  CheckRequest& request = draft.request;
  Words words(use);
  if (!HasArguments(use, 0, 4)) return false;
  if (use.arguments() >= 2) {
    request.method = words.Take();
    if (!proto::IsToken(request.method)) return words.RefuseTaken("is not a method");
  }
  if (!words.empty()) {
    request.uri = words.Take();
    if (!CheckUri(words, request.uri)) return false;
  }
  if (!words.empty() && !(TakeVersion(words, request) && CheckVersion(words, request.version))) {
    return false;
  }
  if (words.empty()) return true;
  std::string host;
  return words.TakeFormat(host) && AddField(words, "Host", host, request);
}

void RegisterHttpRules(BuildKeywords& keywords) {
  keywords.Add({"option httpchk", kBack}, TakeHttpOption);
  keywords.Add({"http-check connect", kBack}, [](BuildContext& context, KeywordUse& use) {
    return TakeConnect(context, use, Draft(context).http, "h1");
  });
  keywords.Add({"http-check send", kBack}, TakeRequest);
  keywords.Add({"http-check expect", kBack}, [](BuildContext& context, KeywordUse& use) {
    return TakeExpect(context, use, Draft(context).http, TakeHttpMatch);
  });
  keywords.Add({"http-check comment", kBack}, [](BuildContext& context, KeywordUse& use) {
    return TakeCommentRule(context, use, Draft(context).http);
  });
  keywords.Add({"http-check disable-on-404", kBack}, [](BuildContext& context, KeywordUse& use) {
    Draft(context).disable_on_404 = true;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"http-check send-state", kBack}, [](BuildContext& context, KeywordUse& use) {
    Draft(context).send_state = true;
    return HasArguments(use, 0, 0);
  });
}

// Named checks ---------------------------------------------------------------------------------

bool SetProtocol(BuildContext& context, std::vector<CheckRule> rules) {
  Draft(context).kind = CheckKind::kProtocol;
  Draft(context).protocol = std::move(rules);
  return true;
}

bool IsPlainWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return uint8_t(c) > 0x20 && uint8_t(c) != 0x7f;
  });
}

bool TakeSmtp(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 2)) return false;
  if (use.arguments() == 1) return Refuse(use, 1, "expects a domain behind the command");
  std::string_view hello = "HELO";
  std::string_view domain = "localhost";
  if (use.arguments() == 2) {
    // Manual 4.2: whatever else is said is the default.
    if (use.argument(0) == "EHLO") hello = "EHLO";
    domain = use.argument(1);
    if (!IsPlainWord(domain)) return Refuse(use, 1, "is not a domain");
  }
  return SetProtocol(context, SmtpCheck(hello, domain));
}

// user NAME
bool TakeUser(const KeywordUse& use, std::string* user) {
  if (use.argument(0) != "user") return Refuse(use, 0, "expects 'user' and a name");
  if (!IsPlainWord(use.argument(1))) return Refuse(use, 1, "'user' expects a name");
  *user = use.argument(1);
  return true;
}

bool TakeMysql(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 3)) return false;
  std::string user;
  if (use.arguments() > 0 && !TakeUser(use, &user)) return false;
  size_t client = 0;
  if (use.arguments() > 2 &&
      !TakeArgument(use, 2, ParseOneOf(use.argument(2), {"post-41", "pre-41", "post-80"}),
                    client)) {
    return false;
  }
  return SetProtocol(context, MysqlCheck(user, MysqlClient(client)));
}

void RegisterNamedChecks(BuildKeywords& keywords) {
  keywords.Add({"option smtpchk", kBack}, TakeSmtp);
  keywords.Add({"option mysql-check", kBack}, TakeMysql);
  keywords.Add({"option pgsql-check", kBack}, [](BuildContext& context, KeywordUse& use) {
    std::string user;
    return HasArguments(use, 2, 2, "'user' and a name") && TakeUser(use, &user) &&
           SetProtocol(context, PostgresCheck(user));
  });
  static constexpr std::pair<const char*, std::vector<CheckRule> (*)()> kPlain[] = {
      {"option redis-check", &RedisCheck},
      {"option ldap-check", &LdapCheck},
      {"option ssl-hello-chk", &TlsHelloCheck}};
  for (const auto& [words, make] : kPlain) {
    keywords.Add({words, kBack}, [make = make](BuildContext& context, KeywordUse& use) {
      return HasArguments(use, 0, 0) && SetProtocol(context, make());
    });
  }
}

// Programs ---------------------------------------------------------------------------------------

void RegisterPrograms(BuildKeywords& keywords) {
  keywords.Add({"option external-check", kBack}, [](BuildContext& context, KeywordUse& use) {
    Draft(context).kind = CheckKind::kExternal;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"external-check command", kBack}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "the path of a program")) return false;
    Draft(context).command = use.argument(0);
    return true;
  });
  keywords.Add({"external-check path", kBack}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a list of folders")) return false;
    Draft(context).command_path = use.argument(0);
    return true;
  });
}

// At the end -----------------------------------------------------------------------------------

// A comment line speaks of the rule behind it.
void PassComments(std::vector<CheckRule>& rules) {
  const std::string* comment = nullptr;
  for (CheckRule& rule : rules) {
    if (rule.kind == CheckRule::Kind::kComment) {
      comment = &rule.comment;
      continue;
    }
    if (comment != nullptr && rule.comment.empty()) rule.comment = *comment;
    comment = nullptr;
  }
}

// The rules begin with a connect: the one that is written, or that of the server line.
bool AddConnect(BuildContext& context, const ProxyDraft& draft, std::vector<CheckRule>& rules) {
  const auto is_connect = [](const CheckRule& rule) {
    return rule.kind == CheckRule::Kind::kConnect;
  };
  const auto first = std::find_if(rules.begin(), rules.end(), is_connect);
  if (first == rules.end()) {
    rules.insert(rules.begin(), {.kind = CheckRule::Kind::kConnect, .with_defaults = true});
    return true;
  }
  const bool is_first = std::all_of(rules.begin(), first, [](const CheckRule& rule) {
    return rule.kind == CheckRule::Kind::kComment;
  });
  if (is_first) return true;
  context.diagnostics.Error(draft.section->header.At(1),
                            "the rules of a check that has a 'connect' begin with one");
  return false;
}

// What `http-check send` left out is what the option line says.
void FillRequest(const CheckRequest& option, CheckRequest& request) {
  if (request.method.empty()) request.method = option.method;
  if (request.uri.empty()) request.uri = option.uri;
  if (request.version.empty()) request.version = option.version;
  const auto has_host = [](const CheckRequest& one) {
    return std::any_of(one.fields.begin(), one.fields.end(), [](const auto& field) {
      return base::EqualsIgnoreCase(field.first, "host");
    });
  };
  for (const auto& field : option.fields) {
    if (base::EqualsIgnoreCase(field.first, "host") && has_host(request)) continue;
    request.fields.push_back(field);
  }
  if (request.body.empty()) request.body = option.body;
}

void CompleteHttp(const CheckDraft& draft, std::vector<CheckRule>& rules) {
  const auto is = [](CheckRule::Kind kind) {
    return [kind](const CheckRule& rule) { return rule.kind == kind; };
  };
  if (std::none_of(rules.begin(), rules.end(), is(CheckRule::Kind::kSendRequest))) {
    // Before the first expect, behind the last connect that stands before it.
    const auto expect = std::find_if(rules.begin(), rules.end(), is(CheckRule::Kind::kExpect));
    CheckRule send{.kind = CheckRule::Kind::kSendRequest};
    send.request = draft.request;
    rules.insert(expect, std::move(send));
  } else {
    for (CheckRule& rule : rules) {
      if (rule.kind == CheckRule::Kind::kSendRequest) FillRequest(draft.request, rule.request);
    }
  }
  const auto last_send =
      std::find_if(rules.rbegin(), rules.rend(), is(CheckRule::Kind::kSendRequest));
  if (std::any_of(last_send.base(), rules.end(), is(CheckRule::Kind::kExpect))) return;
  CheckRule expect{.kind = CheckRule::Kind::kExpect};
  expect.expect.match = ExpectRule::Match::kStatus;
  expect.expect.error_status = CheckStatus::kL7Status;
  expect.expect.codes.emplace_back(200, 399);
  rules.insert(last_send.base(), std::move(expect));
}

}  // namespace

void RegisterCheckRuleKeywords(BuildKeywords& keywords) {
  RegisterTcpRules(keywords);
  RegisterHttpRules(keywords);
  RegisterNamedChecks(keywords);
  RegisterPrograms(keywords);
}

std::shared_ptr<const CheckRules> FinishCheckRules(BuildContext& context, ProxyDraft& draft) {
  const CheckDraft& check = draft.check;
  if (check.kind == CheckKind::kConnect || !draft.config->is_backend) return nullptr;
  auto rules = std::make_shared<CheckRules>();
  rules->kind = check.kind;
  rules->disable_on_404 = check.kind == CheckKind::kHttp && check.disable_on_404;
  rules->send_state = check.send_state;
  rules->command = check.command;
  rules->command_path = check.command_path;
  if (check.kind == CheckKind::kTcp) rules->rules = check.tcp.rules;
  if (check.kind == CheckKind::kHttp) rules->rules = check.http.rules;
  if (check.kind == CheckKind::kProtocol) rules->rules = check.protocol;
  PassComments(rules->rules);
  if (!AddConnect(context, draft, rules->rules)) return nullptr;
  if (check.kind == CheckKind::kHttp) CompleteHttp(check, rules->rules);
  return rules;
}

}  // namespace engine
