#include <memory>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/rules/actions.h"
#include "engine/server/capture_keywords.h"
#include "engine/server/expression_words.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/access_log.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"

namespace engine {
namespace {

using ruleset::kHttpAfter;
using ruleset::kHttpRequest;
using ruleset::kHttpResponse;
using ruleset::kTcpContent;
using ruleset::kTcpResponse;

using ruleset::kHttp;

class SetLogLevel final : public RuleAction {
 public:
  explicit SetLogLevel(LogLevel level) : level_(level) {}
  Verdict Run(RuleContext& context) const override {
    context.stream->log().SetLevel(level_);
    return Verdict::kContinue;
  }

 private:
  const LogLevel level_;
};

// A slot that is not there when a backend's rule runs is no fault: it serves many frontends (manual
// 4.4, capture).
class Capture final : public RuleAction {
 public:
  Capture(Expression value, uint32_t slot, bool of_response)
      : value_(std::move(value)), slot_(slot), of_response_(of_response) {}
  Verdict Run(RuleContext& context) const override {
    Sample sample;
    if (!value_.Run(context, sample) || !Cast(sample, SampleKind::kString, context.scratch())) {
      return Verdict::kContinue;
    }
    KeptValues& kept = context.stream->log().kept();
    (void)(of_response_ ? kept.SetResponseCapture(slot_, sample.text)
                        : kept.SetRequestCapture(slot_, sample.text));
    return Verdict::kContinue;
  }

 private:
  const Expression value_;
  const uint32_t slot_;
  const bool of_response_;
};

class SetTimeout final : public RuleAction {
 public:
  SetTimeout(TimeoutKind kind, uint32_t value_ms, std::optional<Expression> expression)
      : kind_(kind), value_ms_(value_ms), expression_(std::move(expression)) {}
  Verdict Run(RuleContext& context) const override {
    uint32_t value_ms = value_ms_;
    if (expression_) {
      Sample sample;
      const bool has_number = expression_->Run(context, sample) &&
                              Cast(sample, SampleKind::kInteger, context.scratch()) &&
                              sample.number > 0 && sample.number <= int64_t(kTimeMsMax);
      if (!has_number) return Verdict::kContinue;
      value_ms = uint32_t(sample.number);
    }
    context.stream->SetTimeout(kind_, value_ms);
    return Verdict::kContinue;
  }

 private:
  const TimeoutKind kind_;
  const uint32_t value_ms_;
  const std::optional<Expression> expression_;
};

class DisableRetry final : public RuleAction {
 public:
  Verdict Run(RuleContext& context) const override {
    context.stream->http_flow().DisableRetries();
    return Verdict::kContinue;
  }
};

class DoLog final : public RuleAction {
 public:
  DoLog(LogOrigin origin, std::string profile) : origin_(origin), profile_(std::move(profile)) {}
  Verdict Run(RuleContext& context) const override {
    SayByRule(context, origin_, profile_);
    return Verdict::kContinue;
  }

 private:
  const LogOrigin origin_;
  const std::string profile_;  // empty: those of the loggers
};

LogOrigin OriginOf(RuleStage stage) {
  switch (stage) {
    case RuleStage::kTcpConnection:
      return LogOrigin::kTcpConnectionRule;
    case RuleStage::kTcpSession:
      return LogOrigin::kTcpSessionRule;
    case RuleStage::kTcpContent:
      return LogOrigin::kTcpContentRule;
    case RuleStage::kTcpResponse:
      return LogOrigin::kTcpResponseRule;
    case RuleStage::kHttpRequest:
      return LogOrigin::kHttpRequestRule;
    case RuleStage::kHttpResponse:
      return LogOrigin::kHttpResponseRule;
    case RuleStage::kHttpAfter:
      return LogOrigin::kHttpAfterRule;
    case RuleStage::kRedirect:
    case RuleStage::kStats:
    case RuleStage::kCount:
      break;
  }
  return LogOrigin::kUnspecified;
}

std::unique_ptr<const RuleAction> MakeDoLog(ActionUse& action) {
  std::string_view profile;
  if (action.TakeWord("profile")) {
    if (!action.TakeArgument("the name of a log-profile", &profile)) return nullptr;
    action.context.profile_words.push_back(
        {&action.use.line, action.use.first_argument + action.next - 1});
  }
  return std::make_unique<DoLog>(OriginOf(action.stage), std::string(profile));
}

// A hint about which streams may wait for others. A shard runs what is ready in turn, each for a
// short while, so nobody has to.
class SetNice final : public RuleAction {
 public:
  Verdict Run(RuleContext&) const override { return Verdict::kContinue; }
};

std::unique_ptr<const RuleAction> MakeSetNice(ActionUse& action) {
  std::string_view word;
  if (!action.TakeArgument("a number from -1024 to 1024", &word)) return nullptr;
  const Parsed<int64_t> nice = ParseInteger(word, -1024, 1024);
  if (nice) return std::make_unique<SetNice>();
  action.Refuse(nice.error);
  return nullptr;
}

std::unique_ptr<const RuleAction> MakeDisableRetry(ActionUse&) {
  return std::make_unique<DisableRetry>();
}

std::unique_ptr<const RuleAction> MakeSetLogLevel(ActionUse& action) {
  std::string_view word;
  if (!action.TakeArgument("a level", &word)) return nullptr;
  if (word == "silent") return std::make_unique<SetLogLevel>(LogLevel::kCount);
  const int level = FindLogLevel(word);
  if (level >= 0) return std::make_unique<SetLogLevel>(LogLevel(level));
  action.Refuse("unknown level " + InQuotes(word),
                Suggest(word, {"emerg", "alert", "crit", "err", "warning", "notice", "info",
                               "debug", "silent"}));
  return nullptr;
}

std::unique_ptr<const RuleAction> MakeCapture(ActionUse& action) {
  std::optional<Expression> value;
  std::string_view word;
  if (!action.TakeExpression(&value)) return nullptr;
  const bool by_length = action.TakeWord("len");
  if (!by_length && !action.TakeWord("id")) {
    ++action.next;
    action.Refuse("expects 'len' or 'id'");
    return nullptr;
  }
  if (!action.TakeArgument("a number", &word)) return nullptr;
  const Parsed<int64_t> number = ParseInteger(word, by_length ? 1 : 0, 65535);
  if (!number) {
    action.Refuse(number.error);
    return nullptr;
  }
  const bool of_response =
      action.stage == RuleStage::kHttpResponse || action.stage == RuleStage::kHttpAfter;
  ProxyDraft& draft = *action.context.proxy;
  if (!by_length) {
    if (draft.config->is_frontend) {
      const WordPlace place{&action.use.line, action.use.first_argument + action.next - 1};
      draft.captures_by_id.push_back({place, uint32_t(number.value), of_response});
    }
    return std::make_unique<Capture>(std::move(*value), uint32_t(number.value), of_response);
  }
  if (of_response) {
    action.Refuse("'len' is for rules on requests: a response has slots that were declared",
                  "use 'declare capture response len' and 'id'");
    return nullptr;
  }
  if (!draft.config->is_frontend) {
    action.Refuse("'len' is for frontends, whose streams have the slots",
                  "use 'declare capture request len' there and 'id' here");
    return nullptr;
  }
  const uint32_t slot = AddCaptureSlot(draft, true, uint32_t(number.value));
  return std::make_unique<Capture>(std::move(*value), slot, false);
}

std::unique_ptr<const RuleAction> MakeSetTimeout(ActionUse& action) {
  std::string_view word;
  if (!action.TakeArgument("the name of a timeout", &word)) return nullptr;
  const Parsed<size_t> kind =
      ParseOneOf(word, {"client", "connect", "queue", "server", "tarpit", "tunnel"});
  if (!kind) {
    action.Refuse(kind.error);
    return nullptr;
  }
  const auto which = TimeoutKind(kind.value);
  const ProxyConfig& proxy = *action.context.proxy->config;
  const bool of_client = which == TimeoutKind::kClient;
  const bool of_both = which == TimeoutKind::kTarpit;
  if (!of_both && !(of_client ? proxy.is_frontend : proxy.is_backend)) {
    action.Refuse("'" + std::string(word) + "' needs a proxy with the " +
                  (of_client ? "frontend" : "backend") + " capability");
    return nullptr;
  }
  if (!action.TakeArgument("a time or an expression", &word)) return nullptr;
  if (const Parsed<uint32_t> time = ParseTimeMs(word)) {
    if (time.value != 0) return std::make_unique<SetTimeout>(which, time.value, std::nullopt);
    action.Refuse("a time above 0 is expected");
    return nullptr;
  }
  std::optional<Expression> expression =
      ParseExpression(action.context, action.use, action.next - 1, action.offers);
  if (!expression) return nullptr;
  return std::make_unique<SetTimeout>(which, 0, std::move(expression));
}

constexpr ActionSpec kStreamActions[] = {
    {"capture", kTcpContent | kHttp, &MakeCapture},
    {"disable-l7-retry", kHttpRequest, &MakeDisableRetry},
    {"do-log", ruleset::kTcpConnection | ruleset::kTcpSession | kTcpContent | kTcpResponse | kHttp,
     &MakeDoLog},
    {"set-log-level", kTcpContent | kTcpResponse | kHttp, &MakeSetLogLevel},
    {"set-nice", kTcpContent | kTcpResponse | kHttpRequest | kHttpResponse, &MakeSetNice, false,
     "streams are run in turn"},
    {"set-timeout", kHttpRequest | kHttpResponse, &MakeSetTimeout},
};

}  // namespace

std::span<const ActionSpec> StreamActions() { return kStreamActions; }

}  // namespace engine
