// Long because the words of HTTP are many: a handler each, small and on its own, in five groups.

#include "engine/server/http_keywords.h"

#include <arpa/inet.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/server/build_context.h"
#include "engine/server/http_replies.h"
#include "proto/http/chars.h"
#include "proto/http/status.h"

namespace engine {
namespace {

using scope::kGlobal;

// Where the columns of the matrix (manual 4.1) allow a word.
constexpr Scopes kFront = scope::kDefaults | scope::kFrontend | scope::kListen;
constexpr Scopes kBack = scope::kDefaults | scope::kBackend | scope::kListen;
constexpr Scopes kAll = scope::kDefaults | scope::kProxies;
constexpr Scopes kServers = scope::kServer | scope::kDefaultServer;

// More would never fit a buffer anybody configures.
constexpr size_t kReplyFileBytesMax = size_t{16} << 20;

HttpConfig& Http(BuildContext& context) { return context.proxy->config->http; }

WordPlace Argument(const KeywordUse& use, size_t argument) {
  return {&use.line, use.first_argument + argument};
}

std::string Quoted(std::string_view word) { return InQuotes(word); }

bool IsCondition(std::string_view word) { return word == "if" || word == "unless"; }

// Replies -----------------------------------------------------------------------------------------

bool TakeStatus(const KeywordUse& use, size_t argument, uint16_t& status) {
  const std::string_view word = use.argument(argument);
  const auto number = base::ParseUnsigned(word);
  if (!number || *number > UINT16_MAX || !IsReplyStatus(uint32_t(*number))) {
    std::string list;
    for (const uint16_t one : ReplyStatuses())
      list += (list.empty() ? "" : " ") + std::to_string(one);
    return Refuse(use, argument, "status code " + Quoted(word) + " not handled",
                  "it is one of " + list);
  }
  status = uint16_t(*number);
  return true;
}

// The reply in the file an argument names, null when there is none to be had.
std::shared_ptr<const HttpReply> TakeReplyFile(BuildContext& context, const KeywordUse& use,
                                               size_t argument) {
  const std::string path(use.argument(argument));
  auto at = context.reply_files.find(path);
  if (at == context.reply_files.end()) {
    Parsed<std::shared_ptr<const HttpReply>> made;
    const Parsed<std::string> contents = ReadReplyFile(path, kReplyFileBytesMax);
    made.error = contents.error;
    if (contents) {
      Parsed<HttpReply> reply = ParseReplyFile(contents.value);
      made.error = reply.error;
      if (reply) made.value = std::make_shared<const HttpReply>(std::move(reply.value));
    }
    at = context.reply_files.emplace(path, std::move(made)).first;
  }
  if (!at->second) {
    (void)Refuse(use, argument, Quoted(path) + ": " + at->second.error);
    return nullptr;
  }
  context.reply_sizes.push_back({Argument(use, argument), ReplyBytes(*at->second.value)});
  return at->second.value;
}

// A log format (manual 8.2.6) that holds no field: "%%" is a percent sign.
bool TakeFormat(const KeywordUse& use, size_t argument, std::string_view format, std::string& out) {
  out.clear();
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%') {
      if (i + 1 >= format.size() || format[i + 1] != '%') {
        return Refuse(use, argument, "a format with '%' fields is not supported yet");
      }
      ++i;
    }
    out += format[i];
  }
  return true;
}

// `status N content-type T string S hdr NAME FORMAT ...` of http-error and http-request return.
struct ReplyWords {
  WordPlace status;
  WordPlace content_type;
  WordPlace source;  // the word that says where the answer comes from
  size_t source_argument = 0;
  std::vector<size_t> fields;  // arguments: names, values behind them
};

constexpr std::string_view kSources[] = {
    "default-errorfiles", "errorfile", "errorfiles", "file", "lf-file", "string", "lf-string"};

bool IsSource(std::string_view word) {
  return std::find(std::begin(kSources), std::end(kSources), word) != std::end(kSources);
}

// True for a reply that is known as a whole, by file or by section.
bool IsWhole(std::string_view source) {
  return source == "default-errorfiles" || source == "errorfile" || source == "errorfiles";
}

bool TakeWord(const KeywordUse& use, size_t& i, ReplyWords& words) {
  const std::string_view word = use.argument(i);
  if (IsCondition(word)) {
    return Refuse(use, i, "a condition (" + Quoted(word) + ") is not supported yet");
  }
  const size_t arguments = word == "default-errorfiles" ? 0 : word == "hdr" ? 2 : 1;
  const bool is_known = word == "status" || word == "content-type" || word == "hdr";
  if (!is_known && !IsSource(word)) {
    return Refuse(use, i, "unknown word " + Quoted(word),
                  Suggest(word, {"status", "content-type", "hdr", "default-errorfiles", "errorfile",
                                 "errorfiles", "file", "lf-file", "string", "lf-string"}));
  }
  if (i + arguments >= use.arguments()) {
    return Refuse(
        use, use.arguments(),
        Quoted(word) + (arguments == 2 ? " expects a name and a value" : " expects an argument"));
  }
  if (word == "status") words.status = Argument(use, i + 1);
  if (word == "content-type") words.content_type = Argument(use, i + 1);
  if (word == "hdr") words.fields.push_back(i + 1);
  if (IsSource(word)) {
    if (words.source) {
      return Refuse(use, i,
                    Quoted(word) + " where there is already a " + Quoted(words.source.text()));
    }
    words.source = Argument(use, i);
    words.source_argument = i + 1;
  }
  i += arguments + 1;
  return true;
}

bool TakePayload(const KeywordUse& use, const ReplyWords& words, HttpReply& reply) {
  const std::string_view source = words.source ? words.source.text() : std::string_view();
  if (source.empty()) return true;
  const size_t at = words.source_argument;
  std::string text(use.argument(at));
  if (source.ends_with("file")) {
    Parsed<std::string> contents = ReadReplyFile(text, kReplyFileBytesMax);
    if (!contents) return Refuse(use, at, Quoted(text) + ": " + contents.error);
    text = std::move(contents.value);
  }
  if (source.starts_with("lf-")) return TakeFormat(use, at, text, reply.body);
  reply.body = std::move(text);
  return true;
}

bool TakeField(const KeywordUse& use, size_t name_at, HttpReply& reply) {
  const std::string name = base::Lower(use.argument(name_at));
  std::string value;
  if (!TakeFormat(use, name_at + 1, use.argument(name_at + 1), value)) return false;
  if (!proto::IsToken(name)) {
    return Refuse(use, name_at, Quoted(use.argument(name_at)) + " is not the name of a field");
  }
  if (!value.empty() && !proto::AllOf(value, proto::kValueClass)) {
    return Refuse(use, name_at + 1, "a byte that no field may hold");
  }
  for (const std::string_view ours :
       {"content-length", "transfer-encoding", "content-type", "connection"}) {
    if (name != ours) continue;
    use.diagnostics.Warning(use.line.At(use.first_argument + name_at),
                            "'" + use.keyword->words + "': header " +
                                Quoted(use.argument(name_at)) + " is always ignored");
    return true;
  }
  reply.fields.emplace_back(name, value);
  return true;
}

// What HAProxy says about words that a reply makes no use of.
void WarnOfUnused(const KeywordUse& use, const ReplyWords& words, bool is_whole, bool is_empty) {
  const std::string keyword = "'" + use.keyword->words + "': ";
  if (words.content_type && (is_whole || is_empty)) {
    use.diagnostics.Warning(words.content_type.At(),
                            keyword + "'content-type' is ignored without a payload of its own");
  }
  if (!words.fields.empty() && is_whole) {
    use.diagnostics.Warning(use.line.At(use.first_argument + words.fields[0] - 1),
                            keyword + "'hdr' is ignored with an error file");
  }
}

bool MakeReply(BuildContext& context, const KeywordUse& use, const ReplyWords& words,
               uint16_t status, ReplyStep& step) {
  const size_t at = words.source_argument;
  const std::string_view source = words.source ? words.source.text() : std::string_view();
  step.status = status;
  step.status_word = words.status;
  if (source == "default-errorfiles") return true;
  if (source == "errorfiles") {
    step.section = Argument(use, at);
    step.optional = true;
    return true;
  }
  if (source == "errorfile") {
    step.reply = TakeReplyFile(context, use, at);
    return step.reply != nullptr;
  }
  auto reply = std::make_shared<HttpReply>();
  reply->status = status;
  if (!TakePayload(use, words, *reply)) return false;
  for (const size_t field : words.fields) {
    if (!TakeField(use, field, *reply)) return false;
  }
  const bool is_string = source.ends_with("string");
  if (!words.content_type && (!reply->body.empty() || is_string)) {
    return Refuse(use, at, "a 'content-type' must be given for a payload");
  }
  if (words.content_type && !reply->body.empty()) {
    reply->fields.emplace_back("content-type", std::string(words.content_type.text()));
  }
  context.reply_sizes.push_back(
      {words.source ? words.source : Argument(use, 0), ReplyBytes(*reply)});
  WarnOfUnused(use, words, false, reply->body.empty() && !is_string);
  step.reply = std::move(reply);
  return true;
}

bool TakeReplyWords(const KeywordUse& use, ReplyWords& words) {
  for (size_t i = 0; i < use.arguments();) {
    if (!TakeWord(use, i, words)) return false;
  }
  return true;
}

bool TakeHttpError(BuildContext& context, KeywordUse& use) {
  ReplyWords words;
  if (!HasArguments(use, 2, SIZE_MAX, "'status' and a status code")) return false;
  if (!TakeReplyWords(use, words)) return false;
  if (!words.status) return Refuse(use, 0, "expects 'status' and a status code");
  uint16_t status = 0;
  if (!TakeStatus(use, words.status.word - use.first_argument, status)) return false;
  if (words.source && IsWhole(words.source.text())) WarnOfUnused(use, words, true, true);
  ReplyStep step;
  if (!MakeReply(context, use, words, status, step)) return false;
  context.proxy->reply_steps.push_back(std::move(step));
  return true;
}

// Without a condition the first one ends the rules for every request.
bool TakeReturn(BuildContext& context, KeywordUse& use) {
  const Section& section = *context.proxy->section;
  if (section.kind == SectionKind::kDefaults && section.name.empty()) {
    return Refuse(use, 0, "is only allowed in a 'defaults' section that has a name");
  }
  ReplyWords words;
  if (!TakeReplyWords(use, words)) return false;
  const bool is_whole = words.source && IsWhole(words.source.text());
  uint16_t status = 200;
  if (words.status && is_whole) {
    if (!TakeStatus(use, words.status.word - use.first_argument, status)) return false;
  } else if (words.status) {
    const size_t at = words.status.word - use.first_argument;
    if (!TakeArgument(use, at, ParseInteger(words.status.text(), 200, 599), status)) return false;
  }
  if (is_whole) WarnOfUnused(use, words, true, true);
  ReplyStep step;
  if (!MakeReply(context, use, words, status, step)) return false;
  if (context.proxy->return_word) return true;
  context.proxy->return_word = {&use.line, use.first_word};
  context.proxy->return_step = std::move(step);
  return true;
}

bool TakeErrorFile(BuildContext& context, KeywordUse& use) {
  ReplyStep step;
  if (!HasArguments(use, 2, 2, "a status code and a file") || !TakeStatus(use, 0, step.status)) {
    return false;
  }
  step.reply = TakeReplyFile(context, use, 1);
  if (step.reply == nullptr) return false;
  if (context.http_errors_section != nullptr) {
    context.http_errors_section->replies[step.status] = std::move(step.reply);
  } else {
    context.proxy->reply_steps.push_back(std::move(step));
  }
  return true;
}

bool TakeErrorLocation(BuildContext& context, KeywordUse& use, uint16_t redirect) {
  ReplyStep step;
  if (!HasArguments(use, 2, 2, "a status code and a URL") || !TakeStatus(use, 0, step.status)) {
    return false;
  }
  const std::string_view url = use.argument(1);
  if (!proto::AllOf(url, proto::kValueClass)) {
    return Refuse(use, 1, "a byte that no field may hold");
  }
  auto reply = std::make_shared<HttpReply>();
  reply->status = redirect;
  reply->fields = {{"cache-control", "no-cache"}, {"location", std::string(url)}};
  context.reply_sizes.push_back({Argument(use, 1), ReplyBytes(*reply)});
  step.reply = std::move(reply);
  context.proxy->reply_steps.push_back(std::move(step));
  return true;
}

bool TakeErrorFiles(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "the name of an http-errors section")) return false;
  std::vector<ReplyStep>& steps = context.proxy->reply_steps;
  ReplyStep step;
  step.section = Argument(use, 0);
  if (use.arguments() == 1) steps.push_back(step);
  for (size_t i = 1; i < use.arguments(); ++i) {
    if (!TakeStatus(use, i, step.status)) return false;
    step.status_word = Argument(use, i);
    steps.push_back(step);
  }
  return true;
}

const HttpErrors* FindSection(BuildContext& context, const WordPlace& place) {
  const auto found = context.http_errors.find(place.text());
  if (found != context.http_errors.end()) return &found->second;
  std::vector<std::string_view> names;
  for (const auto& [name, section] : context.http_errors) names.push_back(name);
  context.diagnostics.Error(place.At(),
                            "unable to find http-errors section " + Quoted(place.text()),
                            Suggest(place.text(), names));
  return nullptr;
}

void ApplySection(BuildContext& context, const ReplyStep& step, HttpReplies& replies) {
  const HttpErrors* section = FindSection(context, step.section);
  if (section == nullptr) return;
  if (step.status == 0) {
    for (const auto& [status, reply] : section->replies) replies[status] = reply;
    return;
  }
  const auto found = section->replies.find(step.status);
  if (found != section->replies.end()) {
    replies[step.status] = found->second;
  } else if (!step.optional) {
    context.diagnostics.Warning(step.status_word.At(),
                                "status " + std::to_string(step.status) +
                                    " is not declared in http-errors section " +
                                    Quoted(step.section.text()));
  }
}

void ApplySteps(BuildContext& context, ProxyDraft& draft) {
  HttpReplies& replies = draft.config->http.replies;
  for (const ReplyStep& step : draft.reply_steps) {
    if (step.section) {
      ApplySection(context, step, replies);
    } else if (step.reply != nullptr) {
      replies[step.status] = step.reply;
    } else {
      replies.erase(step.status);
    }
  }
}

// `errorfiles NAME` and `default-errorfiles` of `http-request return`. In a backend the frontend is
// not known, so that one gets the backend's reply or the built-in one.
void ApplyReturn(BuildContext& context, ProxyDraft& draft) {
  if (!draft.return_word) return;
  HttpConfig& http = draft.config->http;
  const ReplyStep& step = draft.return_step;
  HttpReplies found;
  if (step.section) ApplySection(context, step, found);
  if (step.reply != nullptr) {
    http.return_reply = step.reply;
  } else if (!found.empty()) {
    http.return_reply = found.begin()->second;
  } else {
    http.return_reply =
        std::make_shared<const HttpReply>(FindReply(*draft.config, nullptr, step.status));
  }
}

void RegisterReplies(BuildKeywords& keywords) {
  keywords.Add({"errorfile", kAll | scope::kHttpErrors}, TakeErrorFile);
  keywords.Add({"errorfiles", kAll}, TakeErrorFiles);
  keywords.Add({"http-error", kAll}, TakeHttpError);
  keywords.Add({"http-request return", kAll}, TakeReturn);
  for (const char* words : {"errorloc", "errorloc302", "errorloc303"}) {
    const uint16_t redirect = std::string_view(words) == "errorloc303" ? 303 : 302;
    keywords.Add({words, kAll}, [=](BuildContext& context, KeywordUse& use) {
      return TakeErrorLocation(context, use, redirect);
    });
  }
}

// Connections -------------------------------------------------------------------------------------

void AddTimeout(BuildKeywords& keywords, const char* words, uint32_t HttpConfig::*field) {
  keywords.Add({words, kAll}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Http(context).*field);
  });
}

// An option that is on or off; "default" is what a HttpConfig starts with.
void AddOption(BuildKeywords& keywords, const char* words, Scopes scopes, bool HttpConfig::*field) {
  keywords.Add({words, scopes, Support::kWorks, kAllowsBoth},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 Http(context).*field =
                     use.prefix == kAllowsDefault ? HttpConfig().*field : use.prefix == kNoPrefix;
                 return true;
               });
}

// Each replaces the others; taking back one that is not in force changes nothing (manual 4.2).
void AddConnectionMode(BuildKeywords& keywords, const char* words, ConnectionMode mode) {
  keywords.Add({words, kAll, Support::kWorks, kAllowsBoth},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 ConnectionMode& current = Http(context).connection_mode;
                 if (use.prefix == kNoPrefix) {
                   current = mode;
                 } else if (current == mode) {
                   current = ConnectionMode::kKeepAlive;
                 }
                 return true;
               });
}

bool TakeReuse(BuildContext& context, KeywordUse& use) {
  size_t policy = 0;
  if (!HasArguments(use, 1, 1, "'never', 'safe', 'aggressive' or 'always'") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"never", "safe", "aggressive", "always"}),
                    policy)) {
    return false;
  }
  Http(context).reuse = ReusePolicy(policy);
  return true;
}

struct RetryWord {
  std::string_view word;
  uint32_t bits;
};
constexpr RetryWord kRetryWords[] = {
    {"none", 0},
    {"conn-failure", kRetryConnFailure},
    {"empty-response", kRetryEmptyResponse},
    {"junk-response", kRetryJunkResponse},
    {"response-timeout", kRetryResponseTimeout},
    {"0rtt-rejected", kRetry0RttRejected},
    {"all-retryable-errors", kRetryConnFailure | kRetryEmptyResponse | kRetryJunkResponse |
                                 kRetryResponseTimeout | kRetry0RttRejected | kRetry500 |
                                 kRetry502 | kRetry503 | kRetry504},
    {"401", kRetry401},
    {"403", kRetry403},
    {"404", kRetry404},
    {"408", kRetry408},
    {"421", kRetry421},
    {"425", kRetry425},
    {"429", kRetry429},
    {"500", kRetry500},
    {"501", kRetry501},
    {"502", kRetry502},
    {"503", kRetry503},
    {"504", kRetry504},
};

bool TakeRetryOn(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "at least one condition such as 'conn-failure'")) {
    return false;
  }
  uint32_t bits = 0;
  for (size_t i = 0; i < use.arguments(); ++i) {
    const auto* found =
        std::find_if(std::begin(kRetryWords), std::end(kRetryWords),
                     [&](const RetryWord& one) { return one.word == use.argument(i); });
    if (found == std::end(kRetryWords)) {
      std::vector<std::string_view> names;
      for (const RetryWord& one : kRetryWords) names.push_back(one.word);
      return Refuse(use, i, "unknown condition " + Quoted(use.argument(i)),
                    Suggest(use.argument(i), names));
    }
    if (found->bits == 0 && use.arguments() > 1) return Refuse(use, i, "'none' stands alone");
    bits |= found->bits;
  }
  Http(context).retry_on = bits;
  return true;
}

bool TakeAbortOnClose(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 0)) return false;
  context.proxy->has_abort_on_close = use.prefix != kAllowsDefault;
  Http(context).abort_on_close = use.prefix == kNoPrefix;
  return true;
}

void RegisterConnections(BuildKeywords& keywords) {
  AddTimeout(keywords, "timeout http-request", &HttpConfig::request_ms);
  AddTimeout(keywords, "timeout http-keep-alive", &HttpConfig::keep_alive_ms);
  AddConnectionMode(keywords, "option http-keep-alive", ConnectionMode::kKeepAlive);
  AddConnectionMode(keywords, "option http-server-close", ConnectionMode::kServerClose);
  AddConnectionMode(keywords, "option httpclose", ConnectionMode::kClose);
  keywords.Add({"http-reuse", kBack}, TakeReuse);
  keywords.Add({"retry-on", kBack}, TakeRetryOn);
  keywords.Add({"option abortonclose", kAll, Support::kWorks, kAllowsBoth}, TakeAbortOnClose);
  AddOption(keywords, "option http-pretend-keepalive", kBack, &HttpConfig::pretend_keepalive);
  AddOption(keywords, "option http-no-delay", kAll, &HttpConfig::no_delay);
  AddOption(keywords, "option http-buffer-request", kAll, &HttpConfig::buffer_request);
  AddOption(keywords, "option http-ignore-probes", kFront, &HttpConfig::ignore_probes);
  AddOption(keywords, "option idle-close-on-response", kFront, &HttpConfig::idle_close_on_response);
  keywords.Add({"option dontlognull", kFront, Support::kWorks, kAllowsBoth},
               [](BuildContext& context, KeywordUse& use) {
                 context.proxy->config->dont_log_null = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
}

// Messages ----------------------------------------------------------------------------------------

bool TakeNetwork(const KeywordUse& use, size_t argument, IpNetwork& network) {
  const std::string text(use.argument(argument));
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  network = {};
  int bits_max = 32;
  if (inet_pton(AF_INET, address.c_str(), network.bytes) == 1) {
    network.family = AF_INET;
  } else if (inet_pton(AF_INET6, address.c_str(), network.bytes) == 1) {
    network.family = AF_INET6;
    bits_max = 128;
  } else {
    return Refuse(use, argument, Quoted(text) + " is not a network such as '10.0.0.0/8'");
  }
  network.bits = uint8_t(bits_max);
  if (slash == std::string::npos) return true;
  const std::string mask = text.substr(slash + 1);
  in_addr dotted{};
  if (network.family == AF_INET && inet_pton(AF_INET, mask.c_str(), &dotted) == 1) {
    const uint32_t host_order = ntohl(dotted.s_addr);
    const uint32_t ones = uint32_t(__builtin_popcount(host_order));
    if (host_order != (ones == 0 ? 0 : UINT32_MAX << (32 - ones))) {
      return Refuse(use, argument, Quoted(mask) + " is not a network mask");
    }
    network.bits = uint8_t(ones);
  } else if (!TakeArgument(use, argument, ParseInteger(mask, 0, bits_max), network.bits)) {
    return false;
  }
  for (size_t i = 0; i < sizeof(network.bytes); ++i) {
    const int kept = std::clamp(int(network.bits) - int(i) * 8, 0, 8);
    network.bytes[i] &= uint8_t(0xff00u >> kept);
  }
  return true;
}

// A field's name. Those that say where the message ends are never handed out.
bool TakeFieldName(const KeywordUse& use, size_t argument, std::string& name) {
  if (!proto::IsToken(use.argument(argument))) {
    return Refuse(use, argument, Quoted(use.argument(argument)) + " is not the name of a field");
  }
  name = use.argument(argument);
  return true;
}

// Each line stands for itself: what an earlier one said is gone. Of several `except` the last one
// counts, as haproxy 2.6 does it.
bool TakeForward(KeywordUse& use, const char* header, bool has_if_none, ForwardOption& out) {
  ForwardOption option{.enabled = true, .if_none = false, .header = header, .except = {}};
  for (size_t i = 0; i < use.arguments(); ++i) {
    const std::string_view word = use.argument(i);
    if (word == "if-none" && has_if_none) {
      option.if_none = true;
    } else if (word == "except" && i + 1 < use.arguments()) {
      option.except.resize(1);
      if (!TakeNetwork(use, ++i, option.except[0])) return false;
    } else if (word == "header" && i + 1 < use.arguments()) {
      if (!TakeFieldName(use, ++i, option.header)) return false;
    } else if (word == "except" || word == "header") {
      return Refuse(use, i + 1, Quoted(word) + " expects an argument");
    } else {
      return Refuse(use, i, "unexpected " + Quoted(word),
                    has_if_none ? "it takes 'except', 'header' and 'if-none'"
                                : "it takes 'except' and 'header'");
    }
  }
  out = std::move(option);
  return true;
}

bool TakeForwarded(BuildContext& context, KeywordUse& use) {
  ForwardedOption option;
  option.enabled = use.prefix == kNoPrefix;
  if (use.prefix != kNoPrefix || use.arguments() == 0) option.proto = option.from = true;
  for (size_t i = 0; i < use.arguments(); ++i) {
    const std::string_view word = use.argument(i);
    if (word.ends_with("-expr")) {
      return Refuse(use, i, Quoted(word) + " is not supported yet");
    }
    bool* const field = word == "proto"      ? &option.proto
                        : word == "host"     ? &option.host
                        : word == "by"       ? &option.by
                        : word == "by_port"  ? &option.by_port
                        : word == "for"      ? &option.from
                        : word == "for_port" ? &option.from_port
                                             : nullptr;
    if (field == nullptr) {
      return Refuse(use, i, "unexpected " + Quoted(word),
                    Suggest(word, {"proto", "host", "by", "by_port", "for", "for_port"}));
    }
    *field = true;
  }
  if ((option.by_port && !option.by) || (option.from_port && !option.from)) {
    return Refuse(use, 0, "a port needs its address: 'by' or 'for'");
  }
  Http(context).forwarded = option;
  return true;
}

bool TakeHeaderNames(BuildContext& context, KeywordUse& use) {
  size_t rule = 0;
  if (!HasArguments(use, 1, 1, "'preserve', 'delete' or 'reject'") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"preserve", "delete", "reject"}), rule)) {
    return false;
  }
  Http(context).header_names = HeaderNameRule(rule);
  return true;
}

bool TakeSendName(BuildContext& context, KeywordUse& use) {
  std::string name;
  if (!HasArguments(use, 1, 1, "the name of a field") || !TakeFieldName(use, 0, name)) return false;
  for (const std::string_view ours :
       {"host", "content-length", "transfer-encoding", "connection"}) {
    if (base::EqualsIgnoreCase(name, ours)) {
      return Refuse(use, 0, Quoted(name) + " cannot carry the name of a server");
    }
  }
  Http(context).send_name_header = name;
  return true;
}

void AddUnsafe(BuildKeywords& keywords, const char* words, const char* old_words, Scopes scopes,
               bool HttpConfig::*field) {
  AddOption(keywords, words, scopes, field);
  keywords.Add({old_words, scopes, Support::kWorks, kAllowsBoth},
               [=, name = std::string(words)](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 use.diagnostics.Warning(use.line.At(use.first_word),
                                         "'" + use.keyword->words + "' is deprecated",
                                         Quoted(name) + " took its place");
                 Http(context).*field = use.prefix == kNoPrefix;
                 return true;
               });
}

void RegisterMessages(BuildKeywords& keywords) {
  keywords.Add({"option forwardfor", kAll}, [](BuildContext& context, KeywordUse& use) {
    return TakeForward(use, "X-Forwarded-For", true, Http(context).forward_for);
  });
  keywords.Add({"option originalto", kAll}, [](BuildContext& context, KeywordUse& use) {
    return TakeForward(use, "X-Original-To", false, Http(context).original_to);
  });
  keywords.Add({"option forwarded", kBack, Support::kWorks, kAllowsBoth}, TakeForwarded);
  keywords.Add({"option http-restrict-req-hdr-names", kAll}, TakeHeaderNames);
  keywords.Add({"http-send-name-header", kBack}, TakeSendName);
  keywords.Add({"monitor-uri", kFront}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a URI")) return false;
    Http(context).monitor_uri = use.argument(0);
    return true;
  });
  AddOption(keywords, "option http-drop-request-trailers", kBack,
            &HttpConfig::drop_request_trailers);
  AddOption(keywords, "option http-drop-response-trailers", kFront,
            &HttpConfig::drop_response_trailers);
  AddOption(keywords, "option h1-case-adjust-bogus-client", kFront,
            &HttpConfig::adjust_case_client);
  AddOption(keywords, "option h1-case-adjust-bogus-server", kBack, &HttpConfig::adjust_case_server);
  AddUnsafe(keywords, "option accept-unsafe-violations-in-http-request",
            "option accept-invalid-http-request", kFront, &HttpConfig::accept_unsafe_request);
  AddUnsafe(keywords, "option accept-unsafe-violations-in-http-response",
            "option accept-invalid-http-response", kBack, &HttpConfig::accept_unsafe_response);
}

// Global and server lines -------------------------------------------------------------------------

using CaseMap = std::map<std::string, std::string, std::less<>>;

// The reason why not, or empty.
std::string AddCase(std::string_view from, std::string_view to, CaseMap& map) {
  if (!proto::IsToken(from)) return Quoted(from) + " is not the name of a field";
  if (base::Lower(from) != from) return Quoted(from) + " is not in lower case";
  if (base::Lower(to) != from) {
    return Quoted(from) + " and " + Quoted(to) + " differ in more than their case";
  }
  if (!map.emplace(from, to).second) return "duplicate entry " + Quoted(from);
  return {};
}

bool TakeCaseAdjust(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, 2, "the name of a field in lower case, and as it is sent"))
    return false;
  const std::string error =
      AddCase(use.argument(0), use.argument(1), context.configuration.global.h1_case_adjust);
  return error.empty() || Refuse(use, 0, error);
}

bool TakeCaseAdjustFile(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a file")) return false;
  const std::string path(use.argument(0));
  const Parsed<std::string> contents = ReadReplyFile(path, kReplyFileBytesMax);
  if (!contents) return Refuse(use, 0, Quoted(path) + ": " + contents.error);
  CaseMap map;
  size_t number = 0;
  for (std::string_view line : base::Split(contents.value, '\n')) {
    ++number;
    line = base::Trim(line);
    if (line.empty() || line.front() == '#') continue;
    const size_t blank = line.find_first_of(" \t");
    const std::string_view from = line.substr(0, blank);
    const std::string_view to =
        blank == std::string_view::npos ? std::string_view() : base::Trim(line.substr(blank));
    const std::string error = to.empty() ? "expects two names" : AddCase(from, to, map);
    if (error.empty()) continue;
    return Refuse(use, 0, Quoted(path) + ", line " + std::to_string(number) + ": " + error);
  }
  context.case_adjust_file = std::move(map);
  return true;
}

template <typename Field>
void AddServerNumber(BuildKeywords& keywords, const char* words, int64_t low,
                     Field ServerConfig::*field) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), low, INT_MAX),
                        context.server->*field);
  });
}

void RegisterOthers(BuildKeywords& keywords) {
  keywords.Add({"tune.http.maxhdr", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, 32767),
                        context.configuration.global.http_maxhdr);
  });
  keywords.Add({"h1-case-adjust", kGlobal}, TakeCaseAdjust);
  keywords.Add({"h1-case-adjust-file", kGlobal}, TakeCaseAdjustFile);
  AddServerNumber(keywords, "pool-max-conn", -1, &ServerConfig::pool_max_conn);
  AddServerNumber(keywords, "pool-low-conn", 0, &ServerConfig::pool_low_conn);
  AddServerNumber(keywords, "max-reuse", -1, &ServerConfig::max_reuse);
  keywords.Add({"pool-purge-delay", kServers}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "a time") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), context.server->pool_purge_delay_ms);
  });
}

// What HAProxy says about these words in a TCP proxy, which does without them.
void WarnOfTcp(BuildContext& context, const ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  const HttpConfig& http = config.http;
  const auto warn = [&](bool is_set, const char* what) {
    if (!is_set) return;
    context.diagnostics.Warning(draft.section->header.At(1), std::string(what) + " ignored for " +
                                                                 config.kind + " '" + config.name +
                                                                 "' as it requires 'mode http'");
  };
  warn(config.is_frontend && !http.monitor_uri.empty(), "'monitor-uri'");
  warn(bool(draft.return_word), "'http-request' rules");
  warn(http.forward_for.enabled, "'option forwardfor'");
  warn(http.original_to.enabled, "'option originalto'");
  warn(config.is_backend && http.forwarded.enabled, "'option forwarded'");
  warn(http.buffer_request, "'option http-buffer-request'");
  warn(config.is_frontend && http.ignore_probes, "'option http-ignore-probes'");
  warn(config.is_backend && http.pretend_keepalive, "'option http-pretend-keepalive'");
}

}  // namespace

void RegisterHttpKeywords(BuildKeywords& keywords) {
  RegisterReplies(keywords);
  RegisterConnections(keywords);
  RegisterMessages(keywords);
  RegisterOthers(keywords);
}

void ReadHttpErrors(BuildContext& context, const Section& section) {
  const Location where = section.header.At(section.name.empty() ? 0 : 1);
  if (section.name.empty()) {
    context.diagnostics.Error(where, "'http-errors' expects a name");
    return;
  }
  const auto [at, is_new] = context.http_errors.try_emplace(section.name);
  if (!is_new) {
    const SourcePlace other = PlaceOf(*at->second.header);
    context.diagnostics.Error(where, "http-errors section '" + section.name +
                                         "' already exists, declared at " + other.file + ":" +
                                         std::to_string(other.line));
    return;
  }
  at->second.header = &section.header;
  context.http_errors_section = &at->second;
  for (const Line& line : section.lines) {
    context.keywords.Run(context, line, scope::kHttpErrors, context.diagnostics);
  }
  context.http_errors_section = nullptr;
}

void FinishHttp(BuildContext& context, ProxyDraft& draft) {
  ApplySteps(context, draft);
  const bool is_http = draft.config->mode == Mode::kHttp;
  if (!draft.has_abort_on_close) draft.config->http.abort_on_close = is_http;
  if (is_http) {
    ApplyReturn(context, draft);
  } else {
    WarnOfTcp(context, draft);
  }
}

void FinishHttpReplies(BuildContext& context) {
  GlobalConfig& global = context.configuration.global;
  // Both ways to write it may be used; a name that both have is the section's.
  global.h1_case_adjust.insert(context.case_adjust_file.begin(), context.case_adjust_file.end());
  // Half a buffer is the most that is ever kept free (manual 3.2, tune.maxrewrite).
  const size_t bytes_max = global.bufsize - std::min(global.maxrewrite, global.bufsize / 2);
  for (const ReplySize& one : context.reply_sizes) {
    if (one.bytes <= bytes_max) continue;
    context.diagnostics.Error(
        one.place.At(), base::Format("a reply of %zu bytes does not fit the %zu that tune.bufsize "
                                     "less tune.maxrewrite leave",
                                     one.bytes, bytes_max));
  }
}

}  // namespace engine
