#include "engine/check/server_check.h"

#include <algorithm>

#include "engine/check/check_request.h"
#include "engine/check/external_job.h"
#include "engine/server/server_state.h"
#include "engine/server/server_text.h"

namespace engine {
namespace {

// A program that is under way is looked at that often.
constexpr uint64_t kLookMs = 10;

const CheckRules& PlainConnect() {
  static const CheckRules rules = [] {
    CheckRules made;
    made.rules.push_back({.kind = CheckRule::Kind::kConnect, .with_defaults = true});
    return made;
  }();
  return rules;
}

const CheckRules& RulesOf(const ServerConfig& server) {
  const CheckRules* rules = server.backend->checks.get();
  return rules != nullptr ? *rules : PlainConnect();
}

// The line of an agent, which ends with the first '\r' or '\n'.
ExpectResult ExpectLine(std::string_view bytes, bool is_final, ExpectNote* note) {
  const size_t end = bytes.find_first_of("\r\n");
  if (end != std::string_view::npos) {
    note->text = bytes.substr(0, end);
    return ExpectResult::kMatch;
  }
  if (!is_final) return ExpectResult::kNeedMore;
  note->status = CheckStatus::kL7Timeout;
  note->text = "Ignoring incomplete line from agent";
  return ExpectResult::kFailed;
}

HealthEvent EventOf(CheckResult result) {
  switch (result) {
    case CheckResult::kPassed:
      return HealthEvent::kPassed;
    case CheckResult::kConditional:
      return HealthEvent::kConditional;
    default:
      return HealthEvent::kFailed;
  }
}

}  // namespace

ServerCheck::ServerCheck(CheckHost& host, const CheckSettings& settings, ServerConfig& server,
                         CheckOf of)
    : host_(host),
      settings_(settings),
      server_(server),
      of_(of),
      exchange_(host, *this, settings.answer_bytes_max),
      timer_(this) {}

CheckView& ServerCheck::view() const { return ViewOf(server_, of_); }

void ServerCheck::Begin(uint64_t first_ms) {
  timer_.Set(host_.context().loop->timers(), std::max<uint64_t>(first_ms, 1));
}

void ServerCheck::GoOn(const ServerCheck& stopped) {
  // No later than with the interval that it has now.
  Begin(std::min(stopped.stopped_next_ms_, host_.context().now_ms() + IntervalMs()));
}

void ServerCheck::Stop() {
  // One that was cut short is begun anew.
  const bool was_running = exchange_.running() || job_ != nullptr;
  stopped_next_ms_ = was_running ? host_.context().now_ms() : timer_.deadline_ms();
  timer_.Clear();
  exchange_.Abort();
  DropExternal();
  view().is_running.store(false, std::memory_order_relaxed);
}

bool ServerCheck::IsPaused() const {
  const HealthValue value = server_.state->health.Get();
  // An agent has to be asked in maintenance, too: it may have ordered it, and end it.
  if (of_ == CheckOf::kAgent) return !value.agent_checks;
  return !value.checks || server_.state->admin_state() == AdminState::kMaint ||
         !server_.state->has_address();
}

uint32_t ServerCheck::FastMs() const {
  const CheckConfig& check = server_.check;
  return check.fastinter_ms != 0 ? check.fastinter_ms : check.inter_ms;
}

// Manual 5.2, inter.
uint32_t ServerCheck::IntervalMs() const {
  const CheckConfig& check = server_.check;
  if (of_ == CheckOf::kAgent) return check.agent_inter_ms;
  const ServerHealth& health = server_.state->health;
  const HealthValue value = health.Get();
  if (value.count == health.count_max()) return check.inter_ms;
  if (value.count == 0) return check.downinter_ms != 0 ? check.downinter_ms : check.inter_ms;
  return FastMs();
}

void ServerCheck::WaitFor(uint64_t interval_ms) {
  // Manual 3.2, spread-checks: up to that much more or less.
  const uint64_t spread_ms = interval_ms * settings_.spread_percent / 100;
  if (spread_ms != 0) interval_ms += host_.Random() % (2 * spread_ms + 1) - spread_ms;
  shard::ShardContext& context = host_.context();
  timer_.Set(context.loop->timers(), context.now_ms() + std::max<uint64_t>(interval_ms, 1));
}

void ServerCheck::HurryUp() {
  const bool is_running = exchange_.running() || job_ != nullptr;
  if (!is_running && timer_.deadline_ms() == 0) return;  // stopped
  if (is_running) {
    exchange_.Abort();
    DropExternal();
    view().is_running.store(false, std::memory_order_relaxed);
  }
  const uint64_t next_ms = host_.context().now_ms() + FastMs();
  if (timer_.deadline_ms() == 0 || timer_.deadline_ms() > next_ms) {
    timer_.Clear();
    timer_.Set(host_.context().loop->timers(), next_ms);
  }
}

const CheckRules& ServerCheck::Rules() {
  if (of_ == CheckOf::kServer) return RulesOf(server_);
  agent_rules_ = {.kind = CheckKind::kProtocol};
  agent_rules_.rules.push_back({.kind = CheckRule::Kind::kConnect});
  const AgentSend said = server_.state->agent_send();
  const std::string_view send = said.is_said ? said.text() : server_.check.agent_send;
  if (!send.empty()) {
    agent_rules_.rules.push_back({.kind = CheckRule::Kind::kSend});
    agent_rules_.rules.back().bytes = send;
  }
  agent_rules_.rules.push_back({.kind = CheckRule::Kind::kExpect});
  agent_rules_.rules.back().expect.match = ExpectRule::Match::kFunction;
  agent_rules_.rules.back().expect.function = ExpectLine;
  return agent_rules_;
}

const shard::Address& ServerCheck::OwnAddress() const {
  return server_.state->dial(host_.context().loop->index()).address;
}

CheckTarget ServerCheck::Target() const {
  CheckTarget target = view().target.Get();
  if (of_ == CheckOf::kAgent && target.address.family == AF_UNSPEC) {
    target.address = server_.check.target.address;
  }
  // Where the server is now: an operator may have moved it.
  const shard::Address& own = OwnAddress();
  if (own.is_ip()) {
    if (target.address.family == AF_UNSPEC) target.address = own;
    if (target.port == 0) target.port = own.port;
  }
  return target;
}

void ServerCheck::StartExternal() {
  ExternalChecks* external = host_.external();
  if (external == nullptr) {
    return OnExchangeDone({CheckStatus::kProcessError, 0, "programs cannot be run"});
  }
  auto job = MakeJob(server_, Target(), RulesOf(server_), settings_.kept_environment.get());
  const uint32_t check_ms = server_.backend->timeouts.check_ms;
  job->timeout_ms = check_ms != 0 ? check_ms : server_.check.inter_ms;
  job_ = external->Submit(std::move(job));
  LookExternal();
}

void ServerCheck::LookExternal() {
  if (!job_->done()) {
    shard::ShardContext& context = host_.context();
    return timer_.Set(context.loop->timers(), context.now_ms() + kLookMs);
  }
  const ExternalResult result = job_->result;
  DropExternal();
  OnExchangeDone({result.status, result.code, result.text});
}

void ServerCheck::DropExternal() {
  if (job_ != nullptr) host_.external()->Drop(job_);
  job_ = nullptr;
}

void ServerCheck::OnTimer() noexcept {
  if (job_ != nullptr) return LookExternal();
  if (IsPaused()) return WaitFor(IntervalMs());
  const Timeouts& timeouts = server_.backend->timeouts;
  ExchangePlan plan{.rules = &Rules(), .server = &server_, .target = Target()};
  // Manual 4.2, timeout check.
  plan.connect_ms = of_ == CheckOf::kAgent ? server_.check.agent_inter_ms : server_.check.inter_ms;
  plan.talk_ms = timeouts.check_ms;
  if (plan.talk_ms != 0 && timeouts.connect_ms != 0) {
    plan.connect_ms = std::min(plan.connect_ms, timeouts.connect_ms);
  }
  started_us_ = host_.context().loop->clock().now_us();
  view().is_running.store(true, std::memory_order_relaxed);
  if (plan.rules->kind == CheckKind::kExternal) return StartExternal();
  exchange_.Start(plan);
}

std::string ServerCheck::RequestText(const CheckRequest& request) {
  const bool says_state = RulesOf(server_).send_state;
  return RequestBytes(
      request, says_state ? StateField(server_, OwnAddress(), settings_.node) : std::string());
}

CheckReport ServerCheck::ReportOf(const CheckOutcome& outcome) const {
  CheckReport report;
  report.status = outcome.status;
  report.code = outcome.code;
  report.duration_ms = uint32_t((host_.context().loop->clock().now_us() - started_us_) / 1000);
  report.SetText(outcome.text);
  return report;
}

void ServerCheck::OnExchangeDone(const CheckOutcome& outcome) {
  view().is_running.store(false, std::memory_order_relaxed);
  // What was found out about a server that was taken out meanwhile does not count.
  if (IsPaused()) return WaitFor(IntervalMs());
  if (of_ == CheckOf::kAgent) return FinishAgent(outcome);
  Conclude(host_, server_, of_, ReportOf(outcome), EventOf(Info(outcome.status).result));
  WaitFor(IntervalMs());
}

// That an agent cannot be asked says nothing about its server (manual 5.2, agent-check).
void ServerCheck::FinishAgent(const CheckOutcome& outcome) {
  CheckOutcome told = outcome;
  std::optional<HealthEvent> event;
  AgentAnswer answer;
  if (outcome.status == CheckStatus::kL7Ok) {
    answer = ParseAgentAnswer(outcome.text);
    // What is there now was never counted.
    if (answer.maxconn && !server_.limited()) {
      answer.maxconn.reset();
      if (answer.error.empty()) answer.error = "maxconn, which the server line does not limit";
    }
    told = {CheckStatus::kChecked, 0, {}};
    if (answer.is_up) {
      event = *answer.is_up ? HealthEvent::kAgentUp : HealthEvent::kAgentDown;
      told.status = *answer.is_up ? CheckStatus::kL7Ok : CheckStatus::kL7Status;
      told.text = "via agent : " + answer.state;
      if (!answer.description.empty()) told.text += " (" + answer.description + ")";
    }
    if (!answer.error.empty() && !answer.is_up) {
      told.text = "agent reports an error : " + answer.error;
    }
  }
  const CheckReport report = ReportOf(told);
  if (event) {
    Conclude(host_, server_, of_, report, *event);
  } else {
    view().report.Set(report);
  }
  WaitFor(IntervalMs());
  host_.OnAgentSaid(server_, answer);
}

}  // namespace engine
