#include "engine/applet/cli_applet.h"

#include "engine/applet/cli.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

using shard::Applet;

class CliAppletType final : public shard::AppletType {
 public:
  const char* name() const override { return "cli"; }
  void Work(Applet& applet) const override;
  void Release(Applet& applet) const override {
    delete static_cast<Cli*>(applet.state);
    applet.state = nullptr;
  }

 private:
  static Cli* Begin(Applet& applet);
  static void FeedInput(Applet& applet, Cli& cli);
  static bool GiveOutput(Applet& applet, Cli& cli);
};

Cli* CliAppletType::Begin(Applet& applet) {
  auto& stream = *static_cast<Stream*>(applet.owner);
  Worker& worker = stream.worker();
  const size_t line_max = worker.configuration().global.bufsize;
  return new Cli(CliCommands(), stream.session().bind().level, {&worker, &stream, &applet},
                 line_max);
}

void CliAppletType::FeedInput(Applet& applet, Cli& cli) {
  shard::ByteQueue& input = applet.input();
  while (!input.empty()) {
    const std::string_view bytes = input.front().view();
    cli.Feed(bytes);
    input.Consume(bytes.size());
  }
  if (applet.input_ended()) cli.EndInput();
}

// True when all of it has found room.
bool CliAppletType::GiveOutput(Applet& applet, Cli& cli) {
  const std::string_view text = cli.output();
  const size_t given =
      applet.output().Append(text.substr(0, applet.output_room()), *applet.context().small);
  cli.output().erase(0, given);
  // Room wakes the applet by itself; a pool that ran dry does not.
  if (!cli.output().empty() && applet.output_room() > 0) applet.Wake();
  return cli.output().empty();
}

void CliAppletType::Work(Applet& applet) const {
  if (applet.state == nullptr) applet.state = Begin(applet);
  Cli& cli = *static_cast<Cli*>(applet.state);
  for (;;) {
    if (!GiveOutput(applet, cli)) return;
    if (cli.wants_input()) FeedInput(applet, cli);
    const Cli::Wait wait = cli.Run();
    // A command at work is not to be ended by `stats timeout`, which is for users who say nothing.
    cli.peer().stream->SetClientWaits(wait == Cli::Wait::kAnswer);
    switch (wait) {
      case Cli::Wait::kOutput:
        continue;
      case Cli::Wait::kAgain:
        return applet.Wake();
      case Cli::Wait::kInput:
      case Cli::Wait::kAnswer:
        return;
      case Cli::Wait::kFinished:
        break;
    }
    // What comes after the last line is not for us; without this the client's silence would keep
    // the connection until `stats timeout`.
    applet.input().Clear();
    applet.EndOutput();
    if (applet.output().empty()) applet.Fail(shard::CloseReason::kNormal);
    return;
  }
}

}  // namespace

const shard::AppletType& CliApplet() {
  static const CliAppletType cli;
  return cli;
}

}  // namespace engine
