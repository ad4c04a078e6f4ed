#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/session/process_control.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

using Change = std::string (ProcessControl::*)(const ProxyConfig& frontend);

class ChangeFrontend final : public Question {
 public:
  ChangeFrontend(const ProxyConfig& frontend, Change change)
      : frontend_(frontend), change_(change) {}
  void Answer(Worker&) override {}
  void AnswerMain(ProcessControl& control) override { said = (control.*change_)(frontend_); }
  std::string said;

 private:
  const ProxyConfig& frontend_;
  const Change change_;
};

// Asks the main thread, which owns the listening sockets.
class ChangeCommand final : public CliCommand {
 public:
  ChangeCommand(Worker& worker, ChangeFrontend* asked) : worker_(worker), asked_(asked) {}
  ~ChangeCommand() override { worker_.questions().Drop(asked_); }

  CliStep Run(Cli& cli) override {
    if (!asked_->answered()) return CliStep::kAnswer;
    if (!asked_->said.empty()) cli.SayLine(asked_->said);
    return CliStep::kDone;
  }

 private:
  Worker& worker_;
  ChangeFrontend* const asked_;
};

std::unique_ptr<CliCommand> Start(Cli& cli, const CliCall& call, Change change) {
  if (call.arguments() == 0) {
    cli.SayLine("A frontend name is expected.");
    return nullptr;
  }
  const ProxyConfig* frontend = FindProxyOf(cli.worker().configuration(), call.argument(0), false);
  if (frontend == nullptr) {
    cli.SayLine("No such frontend.");
    return nullptr;
  }
  ChangeFrontend* asked = cli.worker().questions().AskMain(
      std::make_unique<ChangeFrontend>(*frontend, change), *cli.peer().applet);
  if (asked == nullptr) {
    cli.SayLine("The process is busy, try again.");
    return nullptr;
  }
  return std::make_unique<ChangeCommand>(cli.worker(), asked);
}

}  // namespace

std::unique_ptr<CliCommand> StartDisableFrontend(Cli& cli, const CliCall& call) {
  return Start(cli, call, &ProcessControl::DisableFrontend);
}

std::unique_ptr<CliCommand> StartEnableFrontend(Cli& cli, const CliCall& call) {
  return Start(cli, call, &ProcessControl::EnableFrontend);
}

std::unique_ptr<CliCommand> StartShutdownFrontend(Cli& cli, const CliCall& call) {
  return Start(cli, call, &ProcessControl::ShutDownFrontend);
}

}  // namespace engine
