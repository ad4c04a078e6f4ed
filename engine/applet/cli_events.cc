#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/session/worker.h"
#include "shard/loop/timer_wheel.h"
#include "shard/stream/applet.h"

namespace engine {
namespace {

// The lines of a ring as they stand; what is added while they are said is said, too. Where it waits
// for more it looks again in short intervals, until anything is typed.
class ShowEvents final : public CliCommand, shard::TimerClient {
 public:
  struct Options {
    LogFraming framing = LogFraming::kLineFeed;
    bool from_the_end = false;  // -n
    bool waits = false;         // -w
  };
  ShowEvents(Cli& cli, LogRing& ring, const Options& options)
      : cli_(cli), ring_(ring), options_(options), timer_(this) {}

  CliStep Run(Cli& cli) override {
    if (options_.waits && cli.has_input()) {
      cli.DropInput();
      return CliStep::kDone;
    }
    if (options_.from_the_end) {
      if (!ring_.TryFindEnd(&next_)) return CliStep::kAgain;
      options_.from_the_end = false;
    }
    std::string text;
    const LogRing::Read read = ring_.TryRead(&next_, kCliRunBytes, options_.framing, &text);
    cli.Say(text);
    if (read != LogRing::Read::kEnd) return CliStep::kAgain;
    if (!options_.waits) return CliStep::kDone;
    shard::EventLoop& loop = cli.worker().shard().loop();
    timer_.Set(loop.timers(), loop.now_ms() + kLookMs);
    return CliStep::kAnswer;
  }

 private:
  static constexpr uint64_t kLookMs = 50;
  void OnTimer() noexcept override { cli_.peer().applet->Wake(); }

  Cli& cli_;
  LogRing& ring_;
  Options options_;
  shard::Timer timer_;
  uint64_t next_ = 0;
};

void ListRings(Cli& cli, LogHub& hub) {
  cli.SayLine(
      "Supported events sinks are listed below. Add -0 to end lines by NUL, -n to begin at"
      " the end, -w to wait for new events:");
  for (const LogSink& sink : hub.plan().sinks) {
    const LogTarget& target = hub.plan().targets[sink.target];
    if (target.kind != LogTarget::Kind::kFd) continue;
    cli.SayLine(base::Format("    %-10s : type=fd, standard %s (fd#%d)", sink.name.c_str(),
                             target.fd == 1 ? "output" : "error", target.fd));
  }
  for (const LogRingPlan& ring : hub.plan().rings) {
    cli.SayLine(
        base::Format("    %-10s : type=buffer, %s", ring.name.c_str(), ring.description.c_str()));
    for (size_t i = 0; i < ring.servers.size(); ++i) {
      LogRingServerFacts& facts = hub.FindRing(ring.name)->server(i);
      cli.SayLine(base::Format(
          "        server %s : %s, connects=%llu sent=%llu lost=%llu", ring.servers[i].name.c_str(),
          facts.connected.load(std::memory_order_relaxed) ? "connected" : "not connected",
          static_cast<unsigned long long>(facts.connects.Get()),
          static_cast<unsigned long long>(facts.lines_sent.Get()),
          static_cast<unsigned long long>(facts.lines_lost.Get())));
    }
  }
}

}  // namespace

std::unique_ptr<CliCommand> StartShowEvents(Cli& cli, const CliCall& call) {
  LogHub* hub = cli.worker().process().logs;
  if (call.arguments() == 0) {
    ListRings(cli, *hub);
    return nullptr;
  }
  ShowEvents::Options options;
  for (size_t i = 1; i < call.arguments(); ++i) {
    const std::string_view word = call.argument(i);
    if (word == "-0") {
      options.framing = LogFraming::kNul;
    } else if (word == "-n" || word == "-w" || word == "-nw" || word == "-wn") {
      options.from_the_end |= word != "-w";
      options.waits |= word != "-n";
    } else {
      cli.SayLine("'show events' knows '-n', '-w' and '-0'.");
      return nullptr;
    }
  }
  LogRing* ring = hub->FindRing(call.argument(0));
  if (ring == nullptr) {
    cli.SayLine("No such event sink");
    return nullptr;
  }
  return std::make_unique<ShowEvents>(cli, *ring, options);
}

}  // namespace engine
