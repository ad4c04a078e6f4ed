#include "base/text.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/server/server_state.h"

namespace engine {
namespace {

class DescribeShard final : public Question {
 public:
  void Answer(Worker& asked) override {
    shard::Shard& shard = asked.shard();
    const shard::LoopCounters& loop = shard.loop().counters();
    const auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
    text = base::Format(
        "shard=%u ring=%s connections=%d sessions=%u streams=%u sockets=%u small_chunks=%u "
        "large_chunks=%u slices=%u turns=%llu long_turns=%llu ring_enters=%llu completions=%llu "
        "stale=%llu messages=%llu tasks=%llu handshakes=%llu handshakes_queued=%u "
        "handshakes_put_off=%llu",
        shard.index(), shard.context().ring().name(), shard.board().load(shard.index()),
        asked.live_sessions(), asked.live_streams(), shard.connections().live(),
        shard.small().in_use(), shard.large().in_use(), shard.slices().in_use(),
        number(loop.turns.Get()), number(loop.long_turns.Get()),
        number(shard.context().ring().enter_calls()), number(loop.completions.Get()),
        number(shard.connections().counters().stale_completions.Get()), number(loop.messages.Get()),
        number(loop.tasks_run.Get()), number(loop.costly_run.Get()),
        shard.loop().costly_lane().waiting(), number(loop.costly_put_off.Get()));
  }
  std::string text;
};

class ShowShards final : public AskShards<DescribeShard> {
 public:
  using AskShards::AskShards;

 private:
  std::unique_ptr<DescribeShard> Make() override { return std::make_unique<DescribeShard>(); }
  bool Take(Cli& cli, DescribeShard& answered) override {
    cli.SayLine(answered.text);
    return false;
  }
};

// A counter has one writer, so each shard clears its own.
class ClearCounters final : public Question {
 public:
  explicit ClearCounters(bool all) : all_(all) {}
  void Answer(Worker& asked) override {
    const uint32_t shard = asked.index();
    asked.shared().rates.ClearHighest(shard);
    TlsCounts& tls = asked.shared().tls;
    for (Rates* rates : {&tls.sessions, &tls.front_keys, &tls.back_keys}) {
      rates->ClearHighest(shard);
    }
    for (const auto& proxy : asked.configuration().proxies) {
      Clear(*proxy->state, shard);
      for (const auto& server : proxy->servers) Clear(*server->state->numbers(), shard);
      for (const auto& numbers : proxy->state->gone()) Clear(*numbers, shard);
    }
  }

 private:
  void Clear(BackendState& state, uint32_t shard) const {
    ProxyShardPart& part = state.part(shard);
    part.front_peak.Clear(part.front_current.Get());
    part.back_peak.Clear(part.back_current.Get());
    state.front_rates().ClearHighest(shard);
    state.back_rates().ClearHighest(shard);
    state.request_rates().ClearHighest(shard);
    if (state.queue() != nullptr) state.queue()->ClearWaitingMax(shard);
    if (!all_) return;
    for (base::Counter* counter :
         {&part.front_total, &part.back_total, &part.bytes_in, &part.bytes_out, &part.retries,
          &part.redispatches, &part.sessions, &part.requests, &part.request_errors,
          &part.intercepted, &part.back_bytes_in, &part.back_bytes_out, &part.back_requests}) {
      counter->Set(0);
    }
    for (base::Counter* counter : {&part.denied_connections, &part.denied_sessions})
      counter->Set(0);
    part.front_rules.Clear();
    part.back_rules.Clear();
    part.carried.Clear();
    part.front_statuses.Clear();
    part.back_statuses.Clear();
    part.back_failures.Clear();
    for (base::Counter& counter : part.by_reason) counter.Set(0);
  }
  void Clear(ServerNumbers& numbers, uint32_t shard) const {
    ServerShardPart& part = numbers.parts[shard];
    part.current_peak.Clear(part.current.Get());
    numbers.rates.ClearHighest(shard);
    part.times.ClearHighest();
    if (!all_) return;
    part.statuses.Clear();
    part.failures.Clear();
    part.rules.Clear();
    part.times.Clear();
    for (base::Counter* counter :
         {&part.total, &part.repeats, &part.established, &part.connect_errors, &part.retries,
          &part.redispatches, &part.bytes_in, &part.bytes_out, &part.reused}) {
      counter->Set(0);
    }
  }
  const bool all_;
};

class ClearEverywhere final : public AskShards<ClearCounters> {
 public:
  ClearEverywhere(Cli& cli, bool all) : AskShards(cli), all_(all) {}

 private:
  std::unique_ptr<ClearCounters> Make() override { return std::make_unique<ClearCounters>(all_); }
  bool Take(Cli&, ClearCounters&) override { return false; }
  const bool all_;
};

}  // namespace

std::unique_ptr<CliCommand> StartShowShards(Cli& cli, const CliCall&) {
  return std::make_unique<ShowShards>(cli);
}

std::unique_ptr<CliCommand> StartClearCounters(Cli& cli, const CliCall& call) {
  const bool all = call.argument(0) == "all";
  if (call.arguments() > (all ? 1 : 0)) {
    cli.SayLine("'clear counters' takes nothing or 'all'; one server's alone cannot be cleared.");
    return nullptr;
  }
  if (all && !cli.Needs(CliLevel::kAdmin)) return nullptr;
  return std::make_unique<ClearEverywhere>(cli, all);
}

}  // namespace engine
