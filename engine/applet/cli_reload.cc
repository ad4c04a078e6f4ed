// `reload`: the main thread reads the files again. Ours: HAProxy has it on its master's socket
// alone (management 9.4).
#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/session/process_control.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

class AskReload final : public Question {
 public:
  void Answer(Worker&) override {}
  void AnswerMain(ProcessControl& control) override { said = control.Reload(); }
  std::string said;
};

class ReloadCommand final : public CliCommand {
 public:
  ReloadCommand(Worker& worker, AskReload* asked) : worker_(worker), asked_(asked) {}
  ~ReloadCommand() override { worker_.questions().Drop(asked_); }

  CliStep Run(Cli& cli) override {
    if (!asked_->answered()) return CliStep::kAnswer;
    cli.SayLine(asked_->said);
    return CliStep::kDone;
  }

 private:
  Worker& worker_;
  AskReload* const asked_;
};

}  // namespace

std::unique_ptr<CliCommand> StartReload(Cli& cli, const CliCall&) {
  AskReload* asked =
      cli.worker().questions().AskMain(std::make_unique<AskReload>(), *cli.peer().applet);
  if (asked == nullptr) {
    cli.SayLine("The process is busy, try again.");
    return nullptr;
  }
  return std::make_unique<ReloadCommand>(cli.worker(), asked);
}

}  // namespace engine
