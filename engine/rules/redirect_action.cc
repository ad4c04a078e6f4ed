#include <initializer_list>
#include <memory>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/mux/http_endpoint.h"
#include "engine/rules/actions.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/http_reply.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using proto::FieldName;
using ruleset::kHttpRequest;
using ruleset::kHttpResponse;

struct RedirectWords {
  enum class Kind : uint8_t { kNone, kLocation, kPrefix, kScheme };
  Kind kind = Kind::kNone;
  RuleText text;
  uint16_t status = 302;
  bool drop_query = false;
  bool append_slash = false;
  bool ignore_empty = false;
  bool keep_query = false;
  bool has_cookie = false;
  bool clears_cookie = false;
  RuleText cookie;
};

class Redirect final : public RuleAction {
 public:
  explicit Redirect(RedirectWords words) : words_(std::move(words)) {
    reply_.status = words_.status;
    // What a browser may keep is said by the status (RFC 9110 section 15.4).
    const bool permanent = words_.status == 301 || words_.status == 308;
    if (!permanent) reply_.fields = {{"cache-control", "no-cache"}};
  }

  Verdict Run(RuleContext& context) const override {
    FrontEndpoint* front = context.stream->front();
    if (front == nullptr) return Verdict::kContinue;
    std::string_view text;
    if (!words_.text.Write(context, &text)) return context.AnswerStatus(500);
    if (text.empty() && words_.ignore_empty) return Verdict::kContinue;
    proto::FieldList fields(front->arena());
    bool fits =
        fields.Add(FieldName::kLocation, LocationOf(front->request(), text, front->arena()));
    if (words_.has_cookie) {
      std::string_view cookie;
      fits = fits && words_.cookie.Write(context, &cookie) &&
             fields.Add(FieldName::kSetCookie,
                        Join(front->arena(), {cookie, words_.clears_cookie ? "; path=/; Max-Age=0;"
                                                                           : "; path=/;"}));
    }
    if (!fits) return context.AnswerStatus(500);
    context.stream->AnswerByRule(reply_, {.fields = &fields}, shard::CloseReason::kLocal);
    return Verdict::kEnd;
  }
  bool ends() const override { return !words_.ignore_empty; }

 private:
  static std::string_view Join(base::Arena& arena, std::initializer_list<std::string_view> pieces) {
    size_t bytes = 0;
    for (const std::string_view piece : pieces) bytes += piece.size();
    char* const begin = static_cast<char*>(arena.Allocate(bytes, 1));
    char* to = begin;
    for (const std::string_view piece : pieces) to += piece.copy(to, piece.size());
    return {begin, bytes};
  }

  std::string_view LocationOf(const proto::RequestHead& head, std::string_view text,
                              base::Arena& arena) const {
    const std::string_view query = head.has_query ? head.query : std::string_view();
    if (words_.kind == RedirectWords::Kind::kLocation) {
      if (!words_.keep_query || !head.has_query) return arena.Copy(text);
      const bool has_query = text.find('?') != text.npos;
      return Join(arena, {text, has_query ? "&" : "?", query});
    }
    const bool is_star = head.target_form == proto::TargetForm::kAsterisk;
    const std::string_view path = head.path.empty() || is_star ? "/" : head.path;
    const bool with_query = head.has_query && !words_.drop_query;
    const std::string_view slash =
        words_.append_slash && (with_query ? !query.ends_with('/') : !path.ends_with('/')) ? "/"
                                                                                           : "";
    const bool is_scheme = words_.kind == RedirectWords::Kind::kScheme;
    if (!is_scheme && text == "/") text = {};
    return Join(arena,
                {text, is_scheme ? "://" : "",
                 is_scheme ? head.fields.ValueOf(FieldName::kHost) : std::string_view(), path,
                 with_query ? "?" : "", with_query ? query : std::string_view(), slash});
  }

  RedirectWords words_;
  HttpReply reply_;
};

bool TakeTarget(ActionUse& action, RedirectWords& words, RedirectWords::Kind kind) {
  if (words.kind != RedirectWords::Kind::kNone) {
    return action.Refuse("only one of 'location', 'prefix' and 'scheme' can be given");
  }
  if (action.stage == RuleStage::kHttpResponse && kind != RedirectWords::Kind::kLocation) {
    return action.Refuse("a response can only be redirected by 'location'");
  }
  words.kind = kind;
  std::string_view text;
  // The older line takes its text as it is (manual 4.2, redirect).
  if (action.stage == RuleStage::kRedirect) {
    if (!action.TakeArgument("a text", &text)) return false;
    words.text = RuleText::Of(text);
  } else if (!action.TakeText("a text", TextUse::kMessage, &words.text)) {
    return false;
  }
  if (words.text.is_constant() && !words.text.constant().empty() &&
      !proto::AllOf(words.text.constant(), proto::kValueClass)) {
    return action.Refuse("a byte that no field may hold");
  }
  return true;
}

bool TakeCode(ActionUse& action, RedirectWords& words) {
  std::string_view word;
  if (!action.TakeArgument("a status", &word)) return false;
  const auto code = base::ParseUnsigned(word);
  for (const uint16_t known : {301, 302, 303, 307, 308}) {
    if (code && *code == known) {
      words.status = known;
      return true;
    }
  }
  return action.Refuse("a redirection's code is one of 301, 302, 303, 307 and 308, not " +
                       InQuotes(word));
}

bool TakeCookie(ActionUse& action, RedirectWords& words, bool clears, bool is_format) {
  words.has_cookie = true;
  words.clears_cookie = clears;
  if (is_format) return action.TakeText("a cookie", TextUse::kMessage, &words.cookie);
  std::string_view text;
  if (!action.TakeArgument("a cookie", &text)) return false;
  words.cookie = RuleText::Of(text);
  return true;
}

bool TakeWords(ActionUse& action, RedirectWords& words) {
  using Kind = RedirectWords::Kind;
  while (!action.done()) {
    bool good = true;
    if (action.TakeWord("location")) {
      good = TakeTarget(action, words, Kind::kLocation);
    } else if (action.TakeWord("prefix")) {
      good = TakeTarget(action, words, Kind::kPrefix);
    } else if (action.TakeWord("scheme")) {
      good = TakeTarget(action, words, Kind::kScheme);
    } else if (action.TakeWord("code")) {
      good = TakeCode(action, words);
    } else if (action.TakeWord("set-cookie")) {
      good = TakeCookie(action, words, false, false);
    } else if (action.TakeWord("set-cookie-fmt")) {
      good = TakeCookie(action, words, false, true);
    } else if (action.TakeWord("clear-cookie")) {
      good = TakeCookie(action, words, true, false);
    } else if (action.TakeWord("drop-query")) {
      words.drop_query = true;
    } else if (action.TakeWord("append-slash")) {
      words.append_slash = true;
    } else if (action.TakeWord("ignore-empty")) {
      words.ignore_empty = true;
    } else if (action.TakeWord("keep-query")) {
      words.keep_query = true;
    } else {
      const std::string_view word = action.peek();
      ++action.next;
      std::string hint =
          Suggest(word, {"location", "prefix", "scheme", "code", "set-cookie", "set-cookie-fmt",
                         "clear-cookie", "drop-query", "append-slash", "ignore-empty", "keep-query",
                         "if", "unless"});
      if (hint.empty() && words.kind == Kind::kNone) {
        hint = "'location', 'prefix' or 'scheme' stands before where it leads to";
      }
      good = action.Refuse("unknown word " + InQuotes(word), hint);
    }
    if (!good) return false;
  }
  if (words.kind != Kind::kNone) return true;
  return engine::Refuse(action.use, action.next, "expects 'location', 'prefix' or 'scheme'");
}

std::unique_ptr<const RuleAction> MakeRedirect(ActionUse& action) {
  RedirectWords words;
  if (!TakeWords(action, words)) return nullptr;
  return std::make_unique<Redirect>(std::move(words));
}

constexpr ActionSpec kRedirectActions[] = {
    {"redirect", kHttpRequest | kHttpResponse, &MakeRedirect},
};

}  // namespace

std::span<const ActionSpec> RedirectActions() { return kRedirectActions; }

}  // namespace engine
