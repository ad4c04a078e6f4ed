#include <algorithm>
#include <memory>
#include <string>

#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/config/value.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"
#include "shard/loop/timer_wheel.h"
#include "shard/stream/applet.h"

namespace engine {
namespace {

constexpr std::string_view kWaitUsage =
    "Usage: wait {-h|<duration>} [condition [args...]]\n"
    "  Waits for <duration>, in milliseconds unless it has a unit, or until a condition is met:\n"
    "  - srv-removable <backend>/<server>: it is in maintenance and has no connection left\n"
    "  - be-removable <backend>: never, as backends stay until a reload\n";

// Until the time is over, or nothing is connected to the server any more.
class Wait final : public CliCommand, shard::TimerClient {
 public:
  Wait(Cli& cli, uint32_t delay_ms, const ServerConfig* server)
      : cli_(cli), server_(server), timer_(this) {
    end_ms_ = loop().now_ms() + delay_ms;
  }

  CliStep Run(Cli& cli) override {
    if (server_ != nullptr && !IsBusy()) {
      cli.SayLine("Done.");
      return CliStep::kDone;
    }
    if (loop().now_ms() >= end_ms_) {
      if (server_ != nullptr) cli.SayLine("Wait delay expired.");
      return CliStep::kDone;
    }
    const uint64_t look_ms = server_ == nullptr ? end_ms_ : loop().now_ms() + kLookMs;
    timer_.Set(loop().timers(), std::min(end_ms_, look_ms));
    return CliStep::kAnswer;
  }

 private:
  static constexpr uint64_t kLookMs = 50;
  void OnTimer() noexcept override { cli_.peer().applet->Wake(); }
  shard::EventLoop& loop() { return cli_.worker().shard().loop(); }
  bool IsBusy() const {
    const ServerState& state = *server_->state;
    int64_t connections = state.Current();
    for (uint32_t shard = 0; shard < cli_.worker().shard().board().shards(); ++shard) {
      connections += server_->state->part(shard).idle_count.Get();
    }
    return connections > 0;
  }

  Cli& cli_;
  const ServerConfig* server_;  // null: only the time counts; else kept by the command's pin
  shard::Timer timer_;
  uint64_t end_ms_ = 0;
};

// Silence ends a connection; what is waited for on its behalf is none.
void KeepConnection(Cli& cli, uint32_t delay_ms) {
  constexpr uint32_t kSpareMs = 5000;
  Stream& stream = *cli.peer().stream;
  const uint32_t now_ms =
      stream.TimeoutOf(TimeoutKind::kClient, stream.frontend().timeouts.client_ms);
  if (now_ms != 0 && now_ms < delay_ms + kSpareMs) {
    stream.SetTimeout(TimeoutKind::kClient, delay_ms + kSpareMs);
  }
}

bool TakeMode(Cli& cli, const CliCall& call, const char* name, bool* mode) {
  const std::string_view word = call.argument(0);
  if (call.arguments() == 0) {
    cli.SayLine(std::string(name) + (*mode ? " is ON" : " is OFF"));
    return true;
  }
  if (call.arguments() > 1 || (word != "on" && word != "off")) {
    cli.SayError("'" + std::string(name) + "' takes 'on', 'off' or nothing.");
    return false;
  }
  *mode = word == "on";
  return true;
}

}  // namespace

std::unique_ptr<CliCommand> StartWait(Cli& cli, const CliCall& call) {
  if (call.argument(0) == "-h" || call.argument(1) == "-h") {
    cli.SayLine(kWaitUsage);
    return nullptr;
  }
  const Parsed<uint32_t> delay = ParseTimeMs(call.argument(0));
  if (!delay) {
    cli.SayError("'wait' expects a duration such as '500' or '2s'; '-h' says more.");
    return nullptr;
  }
  const std::string_view condition = call.argument(1);
  const ServerConfig* server = nullptr;
  if (condition == "srv-removable") {
    server = FindServerOf(cli, call.argument(2));
    if (server == nullptr) return nullptr;
    if (server->state->effective_admin() != AdminState::kMaint) {
      cli.SayError("The server must be in maintenance: 'disable server' puts it there.");
      return nullptr;
    }
  } else if (condition == "be-removable") {
    cli.SayError("Backends cannot be removed at run time: they stay until a reload.");
    return nullptr;
  } else if (!condition.empty()) {
    cli.SayError("'wait' knows the conditions 'srv-removable' and 'be-removable', not '" +
                 std::string(condition) + "'.");
    return nullptr;
  }
  KeepConnection(cli, delay.value);
  return std::make_unique<Wait>(cli, delay.value, server);
}

std::unique_ptr<CliCommand> StartSetTimeoutCli(Cli& cli, const CliCall& call) {
  std::string text(call.argument(0));
  // The unit is the second unless it is said (management 9.3).
  if (!text.empty() && text.back() >= '0' && text.back() <= '9') text += 's';
  const Parsed<uint32_t> delay = ParseTimeMs(text);
  if (!delay || delay.value == 0 || call.arguments() != 1) {
    cli.SayError("'set timeout cli' expects a delay above 0, in seconds.");
    return nullptr;
  }
  cli.peer().stream->SetTimeout(TimeoutKind::kClient, delay.value);
  return nullptr;
}

std::unique_ptr<CliCommand> StartSetSeverityOutput(Cli& cli, const CliCall& call) {
  const std::string_view word = call.argument(0);
  if (call.arguments() == 1 && word == "none") {
    cli.SetSeverityOutput(CliSeverityOutput::kNone);
  } else if (call.arguments() == 1 && word == "number") {
    cli.SetSeverityOutput(CliSeverityOutput::kNumber);
  } else if (call.arguments() == 1 && word == "string") {
    cli.SetSeverityOutput(CliSeverityOutput::kString);
  } else {
    cli.SayError("'set severity-output' takes 'none', 'number' or 'string'.");
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartExperimentalMode(Cli& cli, const CliCall& call) {
  bool mode = cli.experimental();
  if (TakeMode(cli, call, "experimental-mode", &mode)) cli.SetExperimental(mode);
  return nullptr;
}

std::unique_ptr<CliCommand> StartExpertMode(Cli& cli, const CliCall& call) {
  bool mode = cli.expert();
  if (TakeMode(cli, call, "expert-mode", &mode)) cli.SetExpert(mode);
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowStartupLogs(Cli& cli, const CliCall&) {
  cli.SayLine(cli.worker().process().startup_logs + cli.worker().configuration().start_notes);
  return nullptr;
}

}  // namespace engine
