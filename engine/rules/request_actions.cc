#include <algorithm>
#include <memory>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/rules/actions.h"
#include "engine/rules/replacement.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"
#include "proto/http/chars.h"
#include "proto/http/status.h"
#include "proto/http/target.h"

namespace engine {
namespace {

using proto::RequestHead;
using ruleset::kHttpAfter;
using ruleset::kHttpRequest;
using ruleset::kHttpResponse;

// What an action reads and writes of a request's target.
enum class Part : uint8_t { kPath, kPathQuery, kQuery, kUri };

// A target may hold neither blanks nor controls, which would end it for the next hop, nor a
// fragment, which some drop and some keep.
bool MustEscape(char c) { return uint8_t(c) <= ' ' || uint8_t(c) == 0x7f || c == '#'; }

std::string_view CopyEscaped(base::Arena& arena, std::string_view text) {
  const size_t escapes = size_t(std::count_if(text.begin(), text.end(), MustEscape));
  if (escapes == 0) return arena.Copy(text);
  constexpr char kDigits[] = "0123456789ABCDEF";
  const size_t bytes = text.size() + 2 * escapes;
  char* const begin = static_cast<char*>(arena.Allocate(bytes, 1));
  char* to = begin;
  for (const char c : text) {
    if (!MustEscape(c)) {
      *to++ = c;
      continue;
    }
    *to++ = '%';
    *to++ = kDigits[uint8_t(c) >> 4];
    *to++ = kDigits[uint8_t(c) & 15];
  }
  return {begin, bytes};
}

// A question mark that is there stays (manual 4.4, set-query).
void SetQuery(RequestHead& head, std::string_view query) {
  head.has_query = head.has_query || !query.empty();
  head.query = query;
}

void SetPathAndQuery(RequestHead& head, std::string_view text) {
  const size_t mark = text.find('?');
  head.path = text.substr(0, mark);
  head.has_query = mark != text.npos;
  head.query = head.has_query ? text.substr(mark + 1) : std::string_view();
}

// What begins otherwise would be read as a part of the host, or as another form of target.
bool IsPath(std::string_view text) {
  return text.empty() || text.front() == '/' || text.front() == '?';
}

// The server reads a query from the first '?' on, so that is one for later rules as well. The
// query that was there stays behind it.
bool SetPath(RequestHead& head, std::string_view text) {
  if (!IsPath(text)) return false;
  const size_t mark = text.find('?');
  head.path = text.substr(0, mark);
  if (mark == text.npos) return true;
  const std::string_view begin = text.substr(mark + 1);
  if (!head.has_query) {
    head.has_query = true;
    head.query = begin;
    return true;
  }
  const size_t bytes = begin.size() + 1 + head.query.size();
  char* const joined = static_cast<char*>(head.fields.arena().Allocate(bytes, 1));
  char* to = joined + begin.copy(joined, begin.size());
  *to++ = '?';
  head.query.copy(to, head.query.size());
  head.query = {joined, bytes};
  return true;
}

// "https://host/path?query", "/path?query" or, of OPTIONS, "*": what a client may send.
bool SetUri(RequestHead& head, std::string_view text) {
  RequestHead parsed(head.fields.arena());
  parsed.method = head.method;
  if (proto::ParseTarget(text, {}, parsed) != proto::TargetError::kNone) return false;
  head.target_form = parsed.target_form;
  head.scheme = parsed.scheme;
  head.authority = parsed.authority;
  head.path = parsed.path;
  head.has_query = parsed.has_query;
  head.query = parsed.query;
  if (head.target_form != proto::TargetForm::kAbsolute) return true;
  // The one who is asked reads the host from the target, whatever the field says.
  return head.fields.Set(proto::FieldName::kHost, head.authority);
}

// What must be escaped in a path makes no host.
bool MayNameHost(std::string_view uri) {
  if (uri.starts_with('/')) return true;
  const size_t scheme = uri.find("://");
  const size_t start = scheme == uri.npos ? 0 : scheme + 3;
  const std::string_view origin = uri.substr(0, uri.find_first_of("/?", start));
  return std::none_of(origin.begin(), origin.end(), MustEscape);
}

bool SetPart(RequestHead& head, Part part, std::string_view text) {
  // "CONNECT host:port" has none of these.
  if (head.method == proto::Method::kConnect) return false;
  base::Arena& arena = head.fields.arena();
  switch (part) {
    case Part::kPath:
      if (!SetPath(head, CopyEscaped(arena, text))) return false;
      if (head.target_form == proto::TargetForm::kAsterisk) {
        head.target_form = proto::TargetForm::kOrigin;
      }
      return true;
    case Part::kPathQuery:
      if (!IsPath(text)) return false;
      SetPathAndQuery(head, CopyEscaped(arena, text));
      if (head.target_form == proto::TargetForm::kAsterisk) {
        head.target_form = proto::TargetForm::kOrigin;
      }
      return true;
    case Part::kQuery:
      SetQuery(head, CopyEscaped(arena, text));
      return true;
    case Part::kUri:
      return MayNameHost(text) && SetUri(head, CopyEscaped(arena, text));
  }
  return false;
}

class SetTarget final : public RuleAction {
 public:
  SetTarget(Part part, RuleText text) : part_(part), text_(std::move(text)) {}
  Verdict Run(RuleContext& context) const override {
    std::string_view text;
    if (context.request == nullptr) return Verdict::kContinue;
    if (!text_.Write(context, &text) || !context.HasRoom(text.size())) return context.Failed();
    return SetPart(*context.request, part_, text) ? Verdict::kContinue : context.Failed();
  }

 private:
  const Part part_;
  const RuleText text_;
};

class ReplaceTarget final : public RuleAction {
 public:
  ReplaceTarget(Part part, Replacement replacement)
      : part_(part), replacement_(std::move(replacement)) {}
  Verdict Run(RuleContext& context) const override {
    if (context.request == nullptr) return Verdict::kContinue;
    RequestHead& head = *context.request;
    std::string_view old;
    std::string_view made;
    bool changed = false;
    if (!Read(context, &old) || !replacement_.Replace(context, old, &made, &changed)) {
      return context.Failed();
    }
    if (!changed) return Verdict::kContinue;
    if (!context.HasRoom(made.size())) return context.Failed();
    return SetPart(head, part_, made) ? Verdict::kContinue : context.Failed();
  }

 private:
  bool Read(RuleContext& context, std::string_view* text) const {
    const RequestHead& head = *context.request;
    if (part_ == Part::kPath) {
      *text = head.path;
      return true;
    }
    const bool whole = part_ == Part::kUri && head.target_form == proto::TargetForm::kAbsolute;
    const std::string_view pieces[] = {whole ? head.scheme : std::string_view(),
                                       whole ? std::string_view("://") : std::string_view(),
                                       whole ? head.authority : std::string_view(),
                                       head.path,
                                       head.has_query ? std::string_view("?") : std::string_view(),
                                       head.query};
    size_t bytes = 0;
    for (const std::string_view piece : pieces) bytes += piece.size();
    char* const to = context.scratch().Take(bytes);
    if (to == nullptr) return false;
    size_t used = 0;
    for (const std::string_view piece : pieces) {
      piece.copy(to + used, piece.size());
      used += piece.size();
    }
    *text = {to, bytes};
    return true;
  }

  const Part part_;
  const Replacement replacement_;
};

class SetMethod final : public RuleAction {
 public:
  explicit SetMethod(RuleText text) : text_(std::move(text)) {}
  Verdict Run(RuleContext& context) const override {
    std::string_view text;
    if (context.request == nullptr) return Verdict::kContinue;
    if (!text_.Write(context, &text) || !proto::IsToken(text)) return context.Failed();
    RequestHead& head = *context.request;
    const proto::Method method = proto::FindMethod(text);
    // How long an answer is depends on these two, and the client counts on the method it sent.
    const auto is_special = [](proto::Method one) {
      return one == proto::Method::kHead || one == proto::Method::kConnect;
    };
    if (method != head.method && (is_special(method) || is_special(head.method))) {
      return context.Failed();
    }
    head.method = method;
    head.method_text = head.fields.arena().Copy(text);
    return Verdict::kContinue;
  }

 private:
  const RuleText text_;
};

class SetStatus final : public RuleAction {
 public:
  SetStatus(uint16_t status, std::string reason) : status_(status), reason_(std::move(reason)) {}
  Verdict Run(RuleContext& context) const override {
    if (context.response == nullptr) return Verdict::kContinue;
    proto::ResponseHead& head = *context.response;
    // Final and interim answers are not each other's.
    if ((head.status < 200) != (status_ < 200)) return context.Failed();
    head.status = status_;
    head.reason = reason_.empty() ? proto::StatusReason(status_) : std::string_view(reason_);
    return Verdict::kContinue;
  }

 private:
  const uint16_t status_;
  const std::string reason_;
};

// False for a text that no request could have; one that is made is looked at each time.
bool MayBe(Part part, std::string_view text) {
  if (part == Part::kQuery) return true;
  if (part != Part::kUri) return IsPath(text);
  return text == "*" || text.starts_with('/') || text.find("://") != text.npos;
}

template <Part kPart>
std::unique_ptr<const RuleAction> MakeSetTarget(ActionUse& action) {
  RuleText text;
  if (!action.TakeText("a text", TextUse::kMessage, &text)) return nullptr;
  if (text.is_constant() && !MayBe(kPart, text.constant())) {
    action.Refuse(InQuotes(text.constant()) +
                  (kPart == Part::kUri ? " is not a URI" : " is not a path: one begins with '/'"));
    return nullptr;
  }
  return std::make_unique<SetTarget>(kPart, std::move(text));
}

template <Part kPart>
std::unique_ptr<const RuleAction> MakeReplaceTarget(ActionUse& action) {
  Replacement replacement;
  if (!replacement.Take(action)) return nullptr;
  return std::make_unique<ReplaceTarget>(kPart, std::move(replacement));
}

std::unique_ptr<const RuleAction> MakeSetMethod(ActionUse& action) {
  RuleText text;
  if (!action.TakeText("a method", TextUse::kMessage, &text)) return nullptr;
  if (text.is_constant() && !proto::IsToken(text.constant())) {
    action.Refuse(InQuotes(text.constant()) + " is not a method");
    return nullptr;
  }
  return std::make_unique<SetMethod>(std::move(text));
}

std::unique_ptr<const RuleAction> MakeSetStatus(ActionUse& action) {
  std::string_view word;
  if (!action.TakeArgument("a status", &word)) return nullptr;
  const Parsed<int64_t> status = ParseInteger(word, 100, 999);
  if (!status) {
    action.Refuse(status.error);
    return nullptr;
  }
  std::string reason;
  if (action.TakeWord("reason")) {
    if (!action.TakeArgument("a text", &word)) return nullptr;
    if (!proto::AllOf(word, proto::kValueClass)) {
      action.Refuse("a byte that no reason may hold");
      return nullptr;
    }
    reason = word;
  }
  return std::make_unique<SetStatus>(uint16_t(status.value), std::move(reason));
}

constexpr ActionSpec kRequestActions[] = {
    {"replace-path", kHttpRequest, &MakeReplaceTarget<Part::kPath>},
    {"replace-pathq", kHttpRequest, &MakeReplaceTarget<Part::kPathQuery>},
    {"replace-uri", kHttpRequest, &MakeReplaceTarget<Part::kUri>},
    {"set-method", kHttpRequest, &MakeSetMethod},
    {"set-path", kHttpRequest, &MakeSetTarget<Part::kPath>},
    {"set-pathq", kHttpRequest, &MakeSetTarget<Part::kPathQuery>},
    {"set-query", kHttpRequest, &MakeSetTarget<Part::kQuery>},
    {"set-status", kHttpResponse | kHttpAfter, &MakeSetStatus},
    {"set-uri", kHttpRequest, &MakeSetTarget<Part::kUri>},
};

}  // namespace

std::span<const ActionSpec> RequestActions() { return kRequestActions; }

}  // namespace engine
