#include <charconv>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"

namespace engine {
namespace {

// One number of every shard; `is_mean`: their mean says more than their sum.
struct ActivityRow {
  const char* name;
  bool is_mean;
};
constexpr ActivityRow kRows[] = {
    {"thread_id", true},   {"uptime_sec", true},     {"idle_pct", true},
    {"turns", false},      {"long_turns", false},    {"completions", false},
    {"messages", false},   {"timers_fired", false},  {"tasks_run", false},
    {"costly_run", false}, {"buffer_waits", false},  {"ring_enters", false},
    {"stale", false},      {"accepted", false},      {"sessions", false},
    {"streams", false},    {"streams_begun", false}, {"sockets", false},
};
constexpr size_t kRowCount = std::size(kRows);

class AskActivity final : public Question {
 public:
  void Answer(Worker& asked) override {
    shard::Shard& shard = asked.shard();
    const shard::LoopCounters& loop = shard.loop().counters();
    const uint64_t uptime_us = base::MonotonicMicros() - asked.process().started_us;
    values = {shard.index() + 1,
              uptime_us / 1000000,
              loop.idle_percent.Get(),
              loop.turns.Get(),
              loop.long_turns.Get(),
              loop.completions.Get(),
              loop.messages.Get(),
              loop.timers_fired.Get(),
              loop.tasks_run.Get(),
              loop.costly_run.Get(),
              loop.buffer_waits.Get(),
              shard.context().ring().enter_calls(),
              loop.stale_completions.Get(),
              shard.connections().counters().adopted.Get(),
              asked.live_sessions(),
              asked.live_streams(),
              asked.streams_begun(),
              shard.connections().live()};
  }
  std::vector<uint64_t> values;
};

class ShowActivity final : public AskShards<AskActivity> {
 public:
  // -1: all columns, 0: the sums alone, N: one shard alone, from 1.
  ShowActivity(Cli& cli, int64_t column) : AskShards(cli), column_(column) {}

 private:
  std::unique_ptr<AskActivity> Make() override { return std::make_unique<AskActivity>(); }
  bool Take(Cli&, AskActivity& answered) override {
    columns_.push_back(std::move(answered.values));
    return false;
  }
  CliStep Finish(Cli& cli) override {
    std::string text;
    for (size_t row = 0; row < kRowCount; ++row) {
      uint64_t sum = 0;
      std::string each;
      for (const std::vector<uint64_t>& column : columns_) {
        sum += column[row];
        each += " " + std::to_string(column[row]);
      }
      if (kRows[row].is_mean) sum /= columns_.size();
      const uint64_t first = column_ > 0 ? columns_[size_t(column_) - 1][row] : sum;
      text += std::string(kRows[row].name) + ": " + std::to_string(first);
      if (column_ < 0 && columns_.size() > 1) text += " [" + each + " ]";
      text += '\n';
    }
    cli.SayLine(text);
    return CliStep::kDone;
  }

  const int64_t column_;
  std::vector<std::vector<uint64_t>> columns_;  // by shard
};

}  // namespace

std::unique_ptr<CliCommand> StartShowActivity(Cli& cli, const CliCall& call) {
  const std::string_view word = call.argument(0);
  const int64_t shards = cli.worker().shard().board().shards();
  int64_t column = -1;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), column);
  const bool is_number =
      parsed.ec == std::errc() && parsed.ptr == word.data() + word.size() && !word.empty();
  if ((!word.empty() && !is_number) || call.arguments() > 1 || column < -1 || column > shards) {
    cli.SayError("'show activity' takes -1, 0 or a thread's number from 1 to " +
                 std::to_string(shards) + ".");
    return nullptr;
  }
  return std::make_unique<ShowActivity>(cli, column);
}

}  // namespace engine
