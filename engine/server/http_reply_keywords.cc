#include "engine/server/http_reply_keywords.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/server/build_context.h"
#include "engine/server/expression_words.h"
#include "engine/server/http_replies.h"
#include "engine/server/process_keywords.h"
#include "engine/server/reply_formats.h"
#include "engine/server/rule_keywords.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using scope::kAll;

WordPlace Argument(const KeywordUse& use, size_t argument) {
  return {&use.line, use.first_argument + argument};
}

bool TakeStatus(const KeywordUse& use, size_t argument, uint16_t& status) {
  const std::string_view word = use.argument(argument);
  const auto number = base::ParseUnsigned(word);
  if (!number || *number > UINT16_MAX || !IsReplyStatus(uint32_t(*number))) {
    std::string list;
    for (const uint16_t one : ReplyStatuses())
      list += (list.empty() ? "" : " ") + std::to_string(one);
    return Refuse(use, argument, "status code " + InQuotes(word) + " not handled",
                  "it is one of " + list);
  }
  status = uint16_t(*number);
  return true;
}

// The reply in the file an argument names, null when there is none to be had.
std::shared_ptr<const HttpReply> TakeReplyFile(BuildContext& context, const KeywordUse& use,
                                               size_t argument) {
  const std::string path = FilePath(context, use.line, use.argument(argument));
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
    (void)Refuse(use, argument, InQuotes(path) + ": " + at->second.error);
    return nullptr;
  }
  context.reply_sizes.push_back({Argument(use, argument), ReplyBytes(*at->second.value)});
  return at->second.value;
}

// `status N content-type T string S hdr NAME FORMAT ...` of http-error and http-request return.
struct ReplyWords {
  WordPlace status;
  bool says_deny_status = false;
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

bool TakeWord(const KeywordUse& use, size_t& i, ReplyWords& words, bool denies) {
  std::string_view word = use.argument(i);
  const bool is_deny_status = denies && word == "deny_status";
  if (is_deny_status) word = "status";
  const size_t arguments = word == "default-errorfiles" ? 0 : word == "hdr" ? 2 : 1;
  const bool is_known = word == "status" || word == "content-type" || word == "hdr";
  if (!is_known && !IsSource(word)) {
    const std::string hint =
        Suggest(word, {"status", "content-type", "hdr", "default-errorfiles", "errorfile",
                       "errorfiles", "file", "lf-file", "string", "lf-string", "if", "unless",
                       denies ? "deny_status" : "status"});
    return Refuse(use, i, "unknown word " + InQuotes(word),
                  !hint.empty() ? hint
                                : "what an answer may have is 'status', 'content-type', 'hdr', and "
                                  "one of 'string', 'lf-string', 'file', 'lf-file', 'errorfile', "
                                  "'errorfiles', 'default-errorfiles'");
  }
  if (i + arguments >= use.arguments()) {
    return Refuse(
        use, use.arguments(),
        InQuotes(word) + (arguments == 2 ? " expects a name and a value" : " expects an argument"));
  }
  if (word == "status") {
    words.status = Argument(use, i + 1);
    words.says_deny_status = is_deny_status;
  }
  if (word == "content-type") words.content_type = Argument(use, i + 1);
  if (word == "hdr") words.fields.push_back(i + 1);
  if (IsSource(word)) {
    if (words.source) {
      return Refuse(use, i,
                    InQuotes(word) + " where there is already a " + InQuotes(words.source.text()));
    }
    words.source = Argument(use, i);
    words.source_argument = i + 1;
  }
  i += arguments + 1;
  return true;
}

// Where the expressions of a reply stand.
struct FormatPlace {
  Needs offers;
  bool in_response;
};

bool CompileFormat(BuildContext& context, const KeywordUse& use, size_t argument,
                   std::string_view format, Needs offers, RuleText* text) {
  ExpressionProblem problem;
  if (text->Compile(format, UnitsOf(context), offers, TextUse::kMessage, &problem)) {
    text->ForEachExpression(
        [&](const Expression& one) { NoteNamed(context, Argument(use, argument), one); });
    return true;
  }
  ReportProblem(use.diagnostics, use.line.At(use.first_argument + argument), use.keyword->words,
                format, problem);
  return false;
}

bool TakePayload(BuildContext& context, const KeywordUse& use, const ReplyWords& words,
                 Needs offers, HttpReply& reply, ReplyFormats& formats) {
  const std::string_view source = words.source ? words.source.text() : std::string_view();
  if (source.empty()) return true;
  const size_t at = words.source_argument;
  std::string text(use.argument(at));
  if (source.ends_with("file")) {
    Parsed<std::string> contents =
        ReadReplyFile(FilePath(context, use.line, text), kReplyFileBytesMax);
    if (!contents) return Refuse(use, at, InQuotes(text) + ": " + contents.error);
    text = std::move(contents.value);
  }
  if (source.starts_with("lf-")) {
    RuleText compiled;
    if (!CompileFormat(context, use, at, text, offers, &compiled)) return false;
    if (!compiled.is_constant()) {
      formats.body = std::move(compiled);
      return true;
    }
    text = compiled.constant();
  }
  reply.body = std::move(text);
  return true;
}

bool TakeField(BuildContext& context, const KeywordUse& use, size_t name_at, Needs offers,
               HttpReply& reply, ReplyFormats& formats) {
  const std::string name = base::Lower(use.argument(name_at));
  RuleText compiled;
  if (!CompileFormat(context, use, name_at + 1, use.argument(name_at + 1), offers, &compiled)) {
    return false;
  }
  const std::string& value = compiled.constant();
  if (!proto::IsToken(name)) {
    return Refuse(use, name_at, InQuotes(use.argument(name_at)) + " is not the name of a field");
  }
  if (!value.empty() && !proto::AllOf(value, proto::kValueClass)) {
    return Refuse(use, name_at + 1, "a byte that no field may hold");
  }
  for (const std::string_view ours :
       {"content-length", "transfer-encoding", "content-type", "connection"}) {
    if (name != ours) continue;
    use.diagnostics.Warning(use.line.At(use.first_argument + name_at),
                            "'" + use.keyword->words + "': header " +
                                InQuotes(use.argument(name_at)) + " is always ignored");
    return true;
  }
  if (compiled.is_constant()) {
    reply.fields.emplace_back(name, value);
  } else {
    formats.fields.emplace_back(name, std::move(compiled));
  }
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
               uint16_t status, const FormatPlace& where, ReplyStep& step) {
  const size_t at = words.source_argument;
  const std::string_view source = words.source ? words.source.text() : std::string_view();
  step.status = status;
  step.status_word = words.status;
  if (source == "default-errorfiles") return true;
  if (source == "errorfiles") {
    step.section = Argument(use, at);
    return true;
  }
  if (source == "errorfile") {
    step.reply = TakeReplyFile(context, use, at);
    return step.reply != nullptr;
  }
  auto reply = std::make_shared<HttpReply>();
  reply->status = status;
  auto formats = std::make_shared<ReplyFormats>();
  formats->in_response = where.in_response;
  if (!TakePayload(context, use, words, where.offers, *reply, *formats)) return false;
  for (const size_t field : words.fields) {
    if (!TakeField(context, use, field, where.offers, *reply, *formats)) return false;
  }
  const bool is_string = source.ends_with("string");
  const bool is_made = formats->body.has_value();
  if (!words.content_type && (!reply->body.empty() || is_string || is_made)) {
    return Refuse(use, at, "a 'content-type' must be given for a payload");
  }
  if (words.content_type && (!reply->body.empty() || is_made)) {
    reply->fields.emplace_back("content-type", std::string(words.content_type.text()));
  }
  context.reply_sizes.push_back(
      {words.source ? words.source : Argument(use, 0), ReplyBytes(*reply)});
  WarnOfUnused(use, words, false, reply->body.empty() && !is_string && !is_made);
  if (!formats->empty()) reply->formats = std::move(formats);
  step.reply = std::move(reply);
  return true;
}

// Up to the end, or to the condition of a rule.
bool TakeReplyWords(const KeywordUse& use, ReplyWords& words, size_t* end = nullptr,
                    bool denies = false) {
  size_t i = 0;
  while (i < use.arguments()) {
    if (end != nullptr && IsConditionWord(use.argument(i))) break;
    if (!TakeWord(use, i, words, denies)) return false;
  }
  if (end != nullptr) *end = i;
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
  if (!MakeReply(context, use, words, status, {place::kHttpRequest, false}, step)) return false;
  context.proxy->reply_steps.push_back(std::move(step));
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
                            "unable to find http-errors section " + InQuotes(place.text()),
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
  } else {
    context.diagnostics.Warning((step.status_word ? step.status_word : step.section).At(),
                                "status " + std::to_string(step.status) +
                                    " is not declared in http-errors section " +
                                    InQuotes(step.section.text()));
  }
}

}  // namespace

void RegisterHttpReplyKeywords(BuildKeywords& keywords) {
  keywords.Add({"errorfile", kAll | scope::kHttpErrors}, TakeErrorFile);
  keywords.Add({"errorfiles", kAll}, TakeErrorFiles);
  keywords.Add({"http-error", kAll}, TakeHttpError);
  for (const char* words : {"errorloc", "errorloc302", "errorloc303"}) {
    const uint16_t redirect = std::string_view(words) == "errorloc303" ? 303 : 302;
    keywords.Add({words, kAll}, [=](BuildContext& context, KeywordUse& use) {
      return TakeErrorLocation(context, use, redirect);
    });
  }
}

std::shared_ptr<const RuleReply> ActionUse::TakeReply(uint16_t status, bool is_return) {
  ReplyWords words;
  if (!TakeReplyWords(use, words, &next, !is_return)) return nullptr;
  // Only deny_status, or nothing: the proxy's own answer (manual 4.4, deny).
  const bool is_default = !is_return && !words.source && words.fields.empty() &&
                          (!words.status || words.says_deny_status);
  const bool is_whole = is_default || (words.source && IsWhole(words.source.text()));
  if (words.status) {
    const size_t at = words.status.word - use.first_argument;
    const bool good = is_whole ? TakeStatus(use, at, status)
                               : engine::TakeArgument(
                                     use, at, ParseInteger(words.status.text(), 200, 599), status);
    if (!good) return nullptr;
  }
  if (is_whole && !is_default) WarnOfUnused(use, words, true, true);
  auto reply = std::make_shared<RuleReply>();
  reply->status = status;
  if (is_default) return reply;
  ReplyStep step;
  const bool in_response = stage == RuleStage::kHttpResponse;
  if (!MakeReply(context, use, words, status, {offers, in_response}, step)) return nullptr;
  reply->reply = step.reply;
  if (step.section) context.proxy->late_replies.emplace_back(std::move(step), reply);
  return reply;
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

void ApplyReplySteps(BuildContext& context, ProxyDraft& draft) {
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

// In a defaults section nobody asks.
void FinishRuleReplies(BuildContext& context, ProxyDraft& draft) {
  for (const auto& [step, reply] : draft.late_replies) {
    HttpReplies found;
    ApplySection(context, step, found);
    if (!found.empty()) {
      reply->reply = found.begin()->second;
    } else {
      // Not the page that the proxy itself would show: the rule asks for none of those.
      auto empty = std::make_shared<HttpReply>();
      empty->status = step.status;
      reply->reply = std::move(empty);
    }
  }
}

void CheckReplySizes(BuildContext& context) {
  const GlobalConfig& global = context.configuration.global;
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
