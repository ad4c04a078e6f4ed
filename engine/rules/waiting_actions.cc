#include <memory>

#include "engine/config/diagnostics.h"
#include "engine/mux/http_endpoint.h"
#include "engine/rules/actions.h"
#include "engine/server/expression_words.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/body_wait.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "shard/loop/deadline.h"

namespace engine {
namespace {

using ruleset::kHttpAfter;
using ruleset::kHttpRequest;
using ruleset::kHttpResponse;

// True once the time has come that the first call set.
bool HasPassed(RuleContext& context, uint32_t wait_ms) {
  RuleCursor& cursor = context.cursor();
  if (!cursor.acting) {
    cursor.until_ms = shard::DeadlineIn(context.worker->context().loop->clock(), wait_ms);
  }
  return context.now_ms() >= cursor.until_ms;
}

// Holds the client back, then refuses.
class Tarpit final : public RuleAction {
 public:
  explicit Tarpit(std::shared_ptr<const RuleReply> reply) : reply_(std::move(reply)) {}
  Verdict Run(RuleContext& context) const override {
    const Timeouts& timeouts =
        context.backend != nullptr ? context.backend->timeouts : context.frontend->timeouts;
    const uint32_t wait_ms = context.stream->TimeoutOf(
        TimeoutKind::kTarpit, timeouts.tarpit_ms != 0 ? timeouts.tarpit_ms : timeouts.connect_ms);
    if (!context.cursor().acting) context.CountDenied();
    if (!HasPassed(context, wait_ms)) {
      context.stream->log().OnTarpit(*context.stream);
      return Verdict::kYield;
    }
    return context.Answer(*reply_, true);
  }
  bool ends() const override { return true; }
  const RuleReply* reply() const override { return reply_.get(); }

 private:
  const std::shared_ptr<const RuleReply> reply_;
};

class Pause final : public RuleAction {
 public:
  Pause(uint32_t wait_ms, std::optional<Expression> expression)
      : wait_ms_(wait_ms), expression_(std::move(expression)) {}
  Verdict Run(RuleContext& context) const override {
    uint32_t wait_ms = wait_ms_;
    if (expression_ && !context.cursor().acting) {
      Sample sample;
      const bool has_number = expression_->Run(context, sample) &&
                              Cast(sample, SampleKind::kInteger, context.scratch()) &&
                              sample.number > 0 && sample.number <= int64_t(kTimeMsMax);
      if (!has_number) return Verdict::kContinue;
      wait_ms = uint32_t(sample.number);
    }
    return HasPassed(context, wait_ms) ? Verdict::kContinue : Verdict::kYield;
  }

 private:
  const uint32_t wait_ms_;
  const std::optional<Expression> expression_;
};

class StrictMode final : public RuleAction {
 public:
  explicit StrictMode(bool on) : on_(on) {}
  Verdict Run(RuleContext& context) const override {
    context.cursor().lenient = !on_;
    return Verdict::kContinue;
  }

 private:
  const bool on_;
};

// Until the body is here, or as much of it as was asked for, or as much as there is room for.
class WaitForBody final : public RuleAction {
 public:
  WaitForBody(uint32_t wait_ms, uint64_t bytes_min) : wait_ms_(wait_ms), bytes_min_(bytes_min) {}
  Verdict Run(RuleContext& context) const override {
    Stream& stream = *context.stream;
    FrontEndpoint* front = stream.front();
    if (front == nullptr) return Verdict::kContinue;
    if (context.in_response) {
      BackEndpoint* back = stream.back();
      if (back == nullptr || !HasBody(back->response_framing())) return Verdict::kContinue;
      stream.http_flow().ReceiveAhead(stream);
      if (IsBodyHere(stream, stream.response(), bytes_min_)) return Verdict::kContinue;
    } else {
      if (!HasBody(front->request_framing())) return Verdict::kContinue;
      // A body that is broken is answered where all of them are.
      if (front->request_broken() || IsBodyHere(stream, stream.request(), bytes_min_)) {
        return Verdict::kContinue;
      }
      if (!context.cursor().acting) AskForBody(stream, *front);
    }
    return HasPassed(context, wait_ms_) ? context.AnswerLate() : Verdict::kYield;
  }

 private:
  const uint32_t wait_ms_;
  const uint64_t bytes_min_;
};

// There is no early data: what is here has come behind the handshake.
class WaitForHandshake final : public RuleAction {
 public:
  Verdict Run(RuleContext&) const override { return Verdict::kContinue; }
};

std::unique_ptr<const RuleAction> MakeWaitForBody(ActionUse& action) {
  std::string_view word;
  if (!action.TakeWord("time")) {
    ++action.next;
    action.Refuse("expects 'time'");
    return nullptr;
  }
  if (!action.TakeArgument("a time", &word)) return nullptr;
  const Parsed<uint32_t> time = ParseTimeMs(word);
  if (!time) {
    action.Refuse(time.error);
    return nullptr;
  }
  uint64_t bytes_min = 0;
  if (action.TakeWord("at-least")) {
    if (!action.TakeArgument("a size", &word)) return nullptr;
    const Parsed<uint64_t> size = ParseSize(word, UINT32_MAX);
    if (!size) {
      action.Refuse(size.error);
      return nullptr;
    }
    bytes_min = size.value;
  }
  if (action.peek() == "use-large-buffer") {
    ++action.next;
    action.Refuse("'use-large-buffer' is not supported yet");
    return nullptr;
  }
  return std::make_unique<WaitForBody>(time.value, bytes_min);
}

std::unique_ptr<const RuleAction> MakeWaitForHandshake(ActionUse&) {
  return std::make_unique<WaitForHandshake>();
}

std::unique_ptr<const RuleAction> MakeTarpit(ActionUse& action) {
  std::shared_ptr<const RuleReply> reply = action.TakeReply(500, false);
  if (reply == nullptr) return nullptr;
  return std::make_unique<Tarpit>(std::move(reply));
}

std::unique_ptr<const RuleAction> MakePause(ActionUse& action) {
  std::string_view word;
  if (!action.TakeArgument("a time or an expression", &word)) return nullptr;
  if (const Parsed<uint32_t> time = ParseTimeMs(word)) {
    return std::make_unique<Pause>(time.value, std::nullopt);
  }
  std::optional<Expression> expression =
      ParseExpression(action.context, action.use, action.next - 1, action.offers);
  if (!expression) return nullptr;
  return std::make_unique<Pause>(0, std::move(expression));
}

std::unique_ptr<const RuleAction> MakeStrictMode(ActionUse& action) {
  std::string_view word;
  if (!action.TakeArgument("'on' or 'off'", &word)) return nullptr;
  const Parsed<bool> on = ParseOnOff(word);
  if (!on) {
    action.Refuse(on.error);
    return nullptr;
  }
  return std::make_unique<StrictMode>(on.value);
}

constexpr ActionSpec kWaitingActions[] = {
    {"pause", kHttpRequest | kHttpResponse, &MakePause},
    {"strict-mode", kHttpRequest | kHttpResponse | kHttpAfter, &MakeStrictMode},
    {"tarpit", kHttpRequest, &MakeTarpit},
    {"wait-for-body", kHttpRequest | kHttpResponse, &MakeWaitForBody},
    {"wait-for-handshake", kHttpRequest, &MakeWaitForHandshake},
};

}  // namespace

std::span<const ActionSpec> WaitingActions() { return kWaitingActions; }

}  // namespace engine
