#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// The lines of a ring as they stand; what is added while they are said is said, too.
class ShowEvents final : public CliCommand {
 public:
  ShowEvents(LogRing& ring, char end) : ring_(ring), end_(end) {}
  CliStep Run(Cli& cli) override {
    std::string text;
    const LogRing::Read read = ring_.TryRead(&next_, kCliRunBytes, end_, &text);
    cli.Say(text);
    return read == LogRing::Read::kEnd ? CliStep::kDone : CliStep::kAgain;
  }

 private:
  LogRing& ring_;
  const char end_;
  uint64_t next_ = 0;
};

}  // namespace

std::unique_ptr<CliCommand> StartShowEvents(Cli& cli, const CliCall& call) {
  LogHub* hub = cli.worker().process().logs;
  if (call.arguments() == 0) {
    cli.SayLine("Supported events sinks are listed below. Add -0 to end lines by NUL:");
    for (const LogRingPlan& ring : hub->plan().rings) {
      cli.SayLine(
          base::Format("    %-10s : type=buffer, %s", ring.name.c_str(), ring.description.c_str()));
    }
    return nullptr;
  }
  char end = '\n';
  bool from_the_end = false;
  for (size_t i = 1; i < call.arguments(); ++i) {
    const std::string_view word = call.argument(i);
    if (word == "-0") {
      end = '\0';
    } else if (word == "-n") {
      from_the_end = true;
    } else {
      cli.SayLine("'show events' knows '-n' and '-0'; '-w' is not supported yet.");
      return nullptr;
    }
  }
  LogRing* ring = hub->FindRing(call.argument(0));
  if (ring == nullptr) {
    cli.SayLine("No such event sink");
    return nullptr;
  }
  if (from_the_end) return nullptr;  // and nothing is waited for
  return std::make_unique<ShowEvents>(*ring, end);
}

}  // namespace engine
