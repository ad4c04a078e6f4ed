#include "engine/server/check_rule_keywords.h"

#include <algorithm>
#include <climits>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/config/address_words.h"
#include "engine/config/diagnostics.h"
#include "engine/server/check_protocols.h"
#include "engine/server/check_words.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using scope::kDefBack;

using Part = CheckFormat::Part;

CheckDraft& ChecksOf(BuildContext& context) { return context.proxy->check; }

// Where a rule goes: what the proxy says takes the place of what it has from `defaults`.
void AddRule(BuildContext& context, CheckRulesDraft& draft, CheckRule rule) {
  if (!context.is_inherited && draft.is_inherited) draft.rules.clear();
  draft.is_inherited = context.is_inherited;
  rule.step = uint16_t(std::min<size_t>(draft.rules.size() + 1, UINT16_MAX));
  draft.rules.push_back(std::move(rule));
}

bool TakeComment(CheckWords& words, CheckRule& rule) { return words.TakeText(rule.comment); }

// connect --------------------------------------------------------------------------------------

bool TakeConnectAddress(CheckWords& words, CheckRule& rule) {
  std::string text;
  if (!words.TakeText(text)) return false;
  const Parsed<AddressWord> word = ParseAddress(text, 0);
  if (!word) return words.RefuseTaken(word.error);
  if (word.value.kind != AddressKind::kHost) return words.RefuseTaken("expects an IP address");
  const Parsed<shard::Address> address = Resolve(words.context(), word.value);
  if (!address) return words.RefuseTaken(address.error);
  rule.address = address.value;
  return true;
}

// A number, or an expression that gives one.
bool TakePort(CheckWords& words, CheckRule& rule) {
  rule.port_value.reset();
  const std::string_view word = words.peek();
  if (words.empty() || base::IsDigit(word[0]) || word[0] == '-') {
    return words.TakeNumber(1, 65535, rule.port);
  }
  rule.port = 0;
  if (!words.TakeExpression(rule.port_value)) return false;
  return IsCastable(rule.port_value->gives(), SampleKind::kInteger) ||
         words.RefuseTaken("a port is a number");
}

bool TakeConnect(CheckWords words, CheckRulesDraft& draft, std::string_view proto) {
  CheckRule rule{.kind = CheckRule::Kind::kConnect};
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
      if (!TakePort(words, rule)) return false;
    } else if (word == "addr") {
      if (!TakeConnectAddress(words, rule)) return false;
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
      return words.RefuseUnknown({"port", "addr", "linger", "default", "send-proxy", "ssl", "sni",
                                  "alpn", "proto", "comment", "via-socks4"});
    }
  }
  AddRule(words.context(), draft, std::move(rule));
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

bool TakeStatus(CheckWords& words, const StatusSet& set, CheckStatus& out) {
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

bool TakeStatusCode(CheckWords& words, ExpectRule& expect) {
  if (!words.TakeExpression(expect.status_code)) return false;
  return IsCastable(expect.status_code->gives(), SampleKind::kInteger) ||
         words.RefuseTaken("a status code is a number");
}

// kNo: `word` is no option.
enum class Taken : uint8_t { kYes, kNo, kRefused };
Taken TakeExpectOption(CheckWords& words, std::string_view word, CheckRule& rule) {
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
  if (word == "status-code") return taken(TakeStatusCode(words, expect));
  return Taken::kNo;
}

bool TakeTcpMatch(CheckWords& words, std::string_view word, CheckRule& rule) {
  using Match = ExpectRule::Match;
  ExpectRule& expect = rule.expect;
  if (word == "string" || word == "string-lf") {
    expect.match = Match::kString;
    return word == "string" ? words.TakeText(expect.pattern)
                            : words.TakeFormat(rule, Part::kPattern, expect.pattern);
  }
  if (word == "binary" || word == "binary-lf") {
    expect.match = Match::kBinary;
    return word == "binary" ? words.TakeHex(expect.pattern)
                            : words.TakeHexFormat(rule, Part::kHexPattern, expect.pattern);
  }
  if (word == "rstring") {
    expect.match = Match::kRegex;
    return words.TakeRegex(false, expect.regex);
  }
  if (word == "rbinary") {
    expect.match = Match::kBinaryRegex;
    return words.TakeRegex(true, expect.regex);
  }
  return words.RefuseUnknown({"string", "string-lf", "rstring", "binary", "binary-lf", "rbinary",
                              "comment", "min-recv", "ok-status", "error-status", "tout-status",
                              "on-success", "on-error", "status-code"});
}

bool TakeCodes(CheckWords& words, ExpectRule& expect) {
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

// [-m METHOD] TEXT, of the name of a field or of its value.
bool TakeHeaderPattern(CheckWords& words, bool is_format, CheckRule& rule, Part part) {
  const bool is_name = part == Part::kHeaderName;
  HeaderPattern& pattern = is_name ? rule.expect.header_name : rule.expect.header_value;
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
    if (pattern.match == Match::kRegex) return words.TakeRegex(is_name, pattern.regex);
  }
  return is_format ? words.TakeFormat(rule, part, pattern.text) : words.TakeText(pattern.text);
}

bool TakeHeaderMatch(CheckWords& words, CheckRule& rule) {
  if (words.empty() || (words.peek() != "name" && words.peek() != "name-lf")) {
    return words.RefuseNext("expects 'name' and the name of a field");
  }
  if (!TakeHeaderPattern(words, words.Take() == "name-lf", rule, Part::kHeaderName)) return false;
  if (words.empty() || (words.peek() != "value" && words.peek() != "value-lf")) return true;
  return TakeHeaderPattern(words, words.Take() == "value-lf", rule, Part::kHeaderValue);
}

bool TakeHttpMatch(CheckWords& words, std::string_view word, CheckRule& rule) {
  using Match = ExpectRule::Match;
  ExpectRule& expect = rule.expect;
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
    return TakeHeaderMatch(words, rule);
  }
  if (word == "string" || word == "string-lf") {
    expect.match = Match::kBody;
    return word == "string" ? words.TakeText(expect.pattern)
                            : words.TakeFormat(rule, Part::kPattern, expect.pattern);
  }
  if (word == "rstring") {
    expect.match = Match::kBodyRegex;
    return words.TakeRegex(false, expect.regex);
  }
  return words.RefuseUnknown({"status", "rstatus", "hdr", "fhdr", "string", "string-lf", "rstring",
                              "comment", "min-recv", "ok-status", "error-status", "tout-status",
                              "on-success", "on-error", "status-code"});
}

bool TakeExpect(CheckWords words, CheckRulesDraft& draft,
                bool (*take_match)(CheckWords&, std::string_view, CheckRule&)) {
  if (!HasArguments(words.use(), 1, SIZE_MAX, "what to expect")) return false;
  CheckRule rule{.kind = CheckRule::Kind::kExpect};
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
    if (!take_match(words, word, rule)) return false;
  }
  if (!has_match) return words.RefuseNext("expects a match and a pattern");
  AddRule(words.context(), draft, std::move(rule));
  return true;
}

// send and the rest of tcp-check -----------------------------------------------------------------

// What is sent, as the word says that is behind `tcp-check`.
bool TakeBytes(CheckWords& words, CheckRule& rule) {
  const std::string& what = words.use().keyword->words;
  if (what.ends_with("send-binary-lf")) {
    return words.TakeHexFormat(rule, Part::kHexBytes, rule.bytes);
  }
  if (what.ends_with("send-binary")) return words.TakeHex(rule.bytes);
  if (what.ends_with("send-lf")) return words.TakeFormat(rule, Part::kBytes, rule.bytes);
  return words.TakeText(rule.bytes);
}

bool TakeSend(CheckWords words, CheckRulesDraft& draft) {
  if (!HasArguments(words.use(), 1, SIZE_MAX, "what to send")) return false;
  CheckRule rule{.kind = CheckRule::Kind::kSend};
  if (!TakeBytes(words, rule)) return false;
  while (!words.empty()) {
    const std::string_view word = words.Take();
    if (word != "comment") return words.RefuseTaken("unexpected " + InQuotes(word));
    if (!TakeComment(words, rule)) return false;
  }
  AddRule(words.context(), draft, std::move(rule));
  return true;
}

// set-var(NAME[,CONDITION...]) EXPRESSION, set-var-fmt(...) FORMAT, unset-var(NAME)
bool TakeVariable(CheckWords words, CheckRulesDraft& draft) {
  const KeywordUse& use = words.use();
  const auto refuse = [&use](const std::string& why) {
    use.diagnostics.Error(use.line.At(use.first_argument - 1), why);
    return false;
  };
  const std::string& name = use.keyword->words;
  std::string_view glued = use.line.text(use.first_argument - 1);
  glued.remove_prefix(std::min(glued.find('('), glued.size()));
  if (glued.size() < 2 || !glued.ends_with(')')) {
    return refuse(InQuotes(name) + " expects '(...)' behind it");
  }
  std::vector<std::string> pieces;
  for (const std::string_view piece : base::Split(glued.substr(1, glued.size() - 2), ',')) {
    pieces.emplace_back(base::Trim(piece));
  }
  auto variable = std::make_shared<CheckVariable>();
  std::string why;
  if (!variable->update.Read(pieces, &why)) return refuse(InQuotes(name) + ": " + why);
  const VariableScope scope = variable->update.name().scope;
  if (scope != VariableScope::kProcess && scope != VariableScope::kSession &&
      scope != VariableScope::kCheck) {
    return refuse("a check has variables of 'proc', 'sess' and 'check' only");
  }
  variable->unset = name.ends_with("unset-var");
  if (!variable->unset) {
    const bool good = name.ends_with("-fmt") ? words.TakeFormat(variable->text)
                                             : words.TakeExpression(variable->value);
    if (!good) return false;
  }
  if (!words.empty()) return words.RefuseNext("unexpected " + InQuotes(words.peek()));
  CheckRule rule{.kind = CheckRule::Kind::kVariable};
  rule.variable = std::move(variable);
  AddRule(words.context(), draft, std::move(rule));
  return true;
}

bool TakeCommentRule(CheckWords words, CheckRulesDraft& draft) {
  if (!HasArguments(words.use(), 1, 1, "a text")) return false;
  CheckRule rule{.kind = CheckRule::Kind::kComment};
  rule.comment = words.Take();
  AddRule(words.context(), draft, std::move(rule));
  return true;
}

void RegisterTcpRules(BuildKeywords& keywords) {
  keywords.Add({"option tcp-check", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    ChecksOf(context).kind = CheckKind::kTcp;
    return HasArguments(use, 0, 0);
  });
  const auto add = [&keywords](std::string_view words, bool (*take)(CheckWords, CheckRulesDraft&),
                               bool parentheses = false) {
    keywords.Add({.words = std::string(words), .scopes = kDefBack, .parentheses = parentheses},
                 [take](BuildContext& context, KeywordUse& use) {
                   return take({context, use, place::kTcpCheck}, ChecksOf(context).tcp);
                 });
  };
  add("tcp-check connect",
      [](CheckWords words, CheckRulesDraft& draft) { return TakeConnect(words, draft, "none"); });
  add("tcp-check expect", [](CheckWords words, CheckRulesDraft& draft) {
    return TakeExpect(words, draft, TakeTcpMatch);
  });
  add("tcp-check comment", TakeCommentRule);
  for (const char* words : {"tcp-check send", "tcp-check send-lf", "tcp-check send-binary",
                            "tcp-check send-binary-lf"}) {
    add(words, TakeSend);
  }
  for (const char* words : {"tcp-check set-var", "tcp-check set-var-fmt", "tcp-check unset-var"}) {
    add(words, TakeVariable, true);
  }
}

// http-check -----------------------------------------------------------------------------------

bool IsVersion(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && base::IsDigit(text[5]) &&
         text[6] == '.' && base::IsDigit(text[7]);
}

// How long the body is, and when the connection ends, is ours to say.
bool IsOurs(std::string_view name) {
  return base::EqualsIgnoreCase(name, "content-length") ||
         base::EqualsIgnoreCase(name, "transfer-encoding");
}

bool AddField(const CheckWords& words, std::string_view name, std::string_view value,
              CheckRequest& request) {
  if (!proto::IsToken(name))
    return words.RefuseTaken(InQuotes(name) + " is not the name of a field");
  if (!IsCheckValue(value)) return words.RefuseTaken("the value of a field cannot have that");
  if (!IsOurs(name)) request.fields.emplace_back(name, value);
  return true;
}

// NAME FORMAT
bool TakeRequestField(CheckWords& words, CheckRule& rule) {
  std::string name, value;
  const size_t field = rule.request.fields.size();
  const size_t formats = rule.formats.size();
  if (!words.TakeText(name) || !words.TakeFormat(rule, Part::kField, value, field)) return false;
  if (!AddField(words, name, value, rule.request)) return false;
  if (rule.request.fields.size() == field) rule.formats.resize(formats);  // it was not wanted
  return true;
}

bool TakeMethod(CheckWords& words, std::string& method) {
  return words.TakeText(method) &&
         (proto::IsToken(method) || words.RefuseTaken(InQuotes(method) + " is not a method"));
}

bool CheckUri(const CheckWords& words, std::string_view uri) {
  return IsCheckUri(uri) || words.RefuseTaken("the URI of a request has no blanks");
}

bool CheckVersion(const CheckWords& words, std::string_view version) {
  return IsVersion(version) || words.RefuseTaken("expects a version such as 'HTTP/1.1'");
}

bool HasFormat(const CheckRule& rule, Part part) {
  return std::any_of(rule.formats.begin(), rule.formats.end(),
                     [part](const CheckFormat& format) { return format.part == part; });
}

bool TakeRequest(CheckWords words, CheckRulesDraft& draft) {
  CheckRule rule{.kind = CheckRule::Kind::kSendRequest};
  // What the line does not say is what the option line says.
  rule.request = {.method = {}, .uri = {}, .version = {}, .fields = {}, .body = {}};
  CheckRequest& request = rule.request;
  while (!words.empty()) {
    const std::string_view word = words.Take();
    bool good = true;
    if (word == "meth") {
      good = TakeMethod(words, request.method);
    } else if (word == "uri") {
      good = words.TakeText(request.uri) && CheckUri(words, request.uri);
    } else if (word == "uri-lf") {
      good = words.TakeFormat(rule, Part::kUri, request.uri) &&
             (HasFormat(rule, Part::kUri) || CheckUri(words, request.uri));
    } else if (word == "ver") {
      good = words.TakeText(request.version) && CheckVersion(words, request.version);
    } else if (word == "hdr") {
      good = TakeRequestField(words, rule);
    } else if (word == "body") {
      good = words.TakeText(request.body);
    } else if (word == "body-lf") {
      good = words.TakeFormat(rule, Part::kBody, request.body);
    } else if (word == "comment") {
      good = TakeComment(words, rule);
    } else {
      return words.RefuseUnknown(
          {"meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"});
    }
    if (!good) return false;
  }
  AddRule(words.context(), draft, std::move(rule));
  return true;
}

// Fields and a body behind the version are deprecated, but in many files.
bool TakeVersion(CheckWords& words, CheckRequest& request) {
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
  CheckDraft& draft = ChecksOf(context);
  draft.kind = CheckKind::kHttp;
  draft.option = {.kind = CheckRule::Kind::kSendRequest};
  CheckRequest& request = draft.option.request;
  CheckWords words(context, use, place::kHttpCheck);
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
  const size_t field = request.fields.size();
  return words.TakeFormat(draft.option, Part::kField, host, field) &&
         AddField(words, "Host", host, request);
}

void RegisterHttpRules(BuildKeywords& keywords) {
  keywords.Add({"option httpchk", kDefBack}, TakeHttpOption);
  const auto add = [&keywords](std::string_view words, bool (*take)(CheckWords, CheckRulesDraft&),
                               bool parentheses = false) {
    keywords.Add({.words = std::string(words), .scopes = kDefBack, .parentheses = parentheses},
                 [take](BuildContext& context, KeywordUse& use) {
                   return take({context, use, place::kHttpCheck}, ChecksOf(context).http);
                 });
  };
  add("http-check connect",
      [](CheckWords words, CheckRulesDraft& draft) { return TakeConnect(words, draft, "h1"); });
  add("http-check send", TakeRequest);
  add("http-check expect", [](CheckWords words, CheckRulesDraft& draft) {
    return TakeExpect(words, draft, TakeHttpMatch);
  });
  add("http-check comment", TakeCommentRule);
  for (const char* words :
       {"http-check set-var", "http-check set-var-fmt", "http-check unset-var"}) {
    add(words, TakeVariable, true);
  }
  keywords.Add({"http-check disable-on-404", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    ChecksOf(context).disable_on_404 = true;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"http-check send-state", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    ChecksOf(context).send_state = true;
    return HasArguments(use, 0, 0);
  });
}

// Named checks ---------------------------------------------------------------------------------

bool SetProtocol(BuildContext& context, std::vector<CheckRule> rules) {
  ChecksOf(context).kind = CheckKind::kProtocol;
  ChecksOf(context).protocol = std::move(rules);
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
bool TakeUserWord(const KeywordUse& use, std::string* user) {
  if (use.argument(0) != "user") return Refuse(use, 0, "expects 'user' and a name");
  if (!IsPlainWord(use.argument(1))) return Refuse(use, 1, "'user' expects a name");
  *user = use.argument(1);
  return true;
}

bool TakeMysql(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 3)) return false;
  std::string user;
  if (use.arguments() > 0 && !TakeUserWord(use, &user)) return false;
  size_t client = 0;
  if (use.arguments() > 2 &&
      !TakeArgument(use, 2, ParseOneOf(use.argument(2), {"post-41", "pre-41", "post-80"}),
                    client)) {
    return false;
  }
  return SetProtocol(context, MysqlCheck(user, MysqlClient(client)));
}

void RegisterNamedChecks(BuildKeywords& keywords) {
  keywords.Add({"option smtpchk", kDefBack}, TakeSmtp);
  keywords.Add({"option mysql-check", kDefBack}, TakeMysql);
  keywords.Add({"option pgsql-check", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    std::string user;
    return HasArguments(use, 2, 2, "'user' and a name") && TakeUserWord(use, &user) &&
           SetProtocol(context, PostgresCheck(user));
  });
  static constexpr std::pair<const char*, std::vector<CheckRule> (*)()> kPlain[] = {
      {"option redis-check", &RedisCheck},
      {"option ldap-check", &LdapCheck},
      {"option ssl-hello-chk", &TlsHelloCheck}};
  for (const auto& [words, make] : kPlain) {
    keywords.Add({words, kDefBack}, [make = make](BuildContext& context, KeywordUse& use) {
      return HasArguments(use, 0, 0) && SetProtocol(context, make());
    });
  }
}

// Programs ---------------------------------------------------------------------------------------

void RegisterPrograms(BuildKeywords& keywords) {
  keywords.Add({"option external-check", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    ChecksOf(context).kind = CheckKind::kExternal;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"external-check command", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "the path of a program")) return false;
    ChecksOf(context).command = use.argument(0);
    return true;
  });
  keywords.Add({"external-check path", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a list of folders")) return false;
    ChecksOf(context).command_path = use.argument(0);
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
    return rule.kind == CheckRule::Kind::kComment || rule.kind == CheckRule::Kind::kVariable;
  });
  if (is_first) return true;
  context.diagnostics.Error(draft.section->header.At(1),
                            "the rules of a check that has a 'connect' begin with one");
  return false;
}

// What `http-check send` left out is what the option line says.
void FillRequest(const CheckRule& option_rule, CheckRule& rule) {
  const CheckRequest& option = option_rule.request;
  CheckRequest& request = rule.request;
  if (request.method.empty()) request.method = option.method;
  if (request.uri.empty() && !HasFormat(rule, Part::kUri)) request.uri = option.uri;
  if (request.version.empty()) request.version = option.version;
  const bool has_host =
      std::any_of(request.fields.begin(), request.fields.end(),
                  [](const auto& field) { return base::EqualsIgnoreCase(field.first, "host"); });
  for (size_t i = 0; i < option.fields.size(); ++i) {
    if (base::EqualsIgnoreCase(option.fields[i].first, "host") && has_host) continue;
    for (const CheckFormat& format : option_rule.formats) {
      if (format.field == i) {
        rule.formats.push_back({Part::kField, request.fields.size(), format.text});
      }
    }
    request.fields.push_back(option.fields[i]);
  }
  if (request.body.empty() && !HasFormat(rule, Part::kBody)) request.body = option.body;
}

void CompleteHttp(const CheckDraft& draft, std::vector<CheckRule>& rules) {
  const auto is = [](CheckRule::Kind kind) {
    return [kind](const CheckRule& rule) { return rule.kind == kind; };
  };
  if (std::none_of(rules.begin(), rules.end(), is(CheckRule::Kind::kSendRequest))) {
    // Before the first expect, behind the last connect that stands before it.
    const auto expect = std::find_if(rules.begin(), rules.end(), is(CheckRule::Kind::kExpect));
    rules.insert(expect, draft.option);
  } else {
    for (CheckRule& rule : rules) {
      if (rule.kind == CheckRule::Kind::kSendRequest) FillRequest(draft.option, rule);
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

bool IsCheckUri(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return uint8_t(c) > 0x20 && uint8_t(c) != 0x7f;
  });
}

bool IsCheckValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (uint8_t(c) >= 0x20 && uint8_t(c) != 0x7f);
  });
}

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
