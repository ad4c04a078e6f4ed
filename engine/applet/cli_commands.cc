#include "engine/applet/cli_commands.h"

#include "engine/applet/cli.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

constexpr CliLevel kUser = CliLevel::kUser;

constexpr CliCommandSpec kCommands[] = {
    {"help", kUser, "[<command>]: list the commands that begin so, or all", StartHelp},
    {"operator", kUser, ": lower the level of this connection to operator", StartOperator},
    {"prompt", kUser, "[help | n | i | p | timed]*: choose how commands are read", StartPrompt},
    {"quit", kUser, ": end this connection", StartQuit},
    {"show cli level", kUser, ": the level of this connection", StartShowCliLevel},
    {"show version", kUser, ": the version of this process", StartShowVersion},
    {"user", kUser, ": lower the level of this connection to user", StartUser},
};

const char* NameOf(CliLevel level) {
  return level == CliLevel::kAdmin ? "admin" : level == CliLevel::kOperator ? "operator" : "user";
}

}  // namespace

std::span<const CliCommandSpec> CliCommands() { return kCommands; }

std::unique_ptr<CliCommand> StartHelp(Cli& cli, const CliCall& call) {
  const std::string list = CliHelp(cli.commands(), call.words, call.first_argument, cli.level());
  if (list.empty()) {
    cli.Say("No command begins like that. The commands are:\n" +
            CliHelp(cli.commands(), {}, 0, cli.level()));
  } else {
    cli.Say("The following commands are valid at this level:\n" + list);
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartPrompt(Cli& cli, const CliCall& call) {
  if (call.arguments() == 0) {
    cli.SetMode(cli.mode() == Cli::Mode::kPrompt ? Cli::Mode::kInteractive : Cli::Mode::kPrompt);
    return nullptr;
  }
  for (size_t i = 0; i < call.arguments(); ++i) {
    const std::string_view word = call.argument(i);
    if (word == "n") {
      cli.SetMode(Cli::Mode::kSilent);
    } else if (word == "i") {
      cli.SetMode(Cli::Mode::kInteractive);
    } else if (word == "p") {
      cli.SetMode(Cli::Mode::kPrompt);
    } else if (word == "timed") {
      cli.SetMode(Cli::Mode::kPrompt);
      cli.SetTimed(!cli.timed());
    } else {
      cli.Say(
          "Usage: prompt [n | i | p | timed]*\n"
          "  n: one line, then the connection ends\n"
          "  i: one line after the other, no prompt\n"
          "  p: one line after the other, with a prompt\n"
          "  timed: like p, and show the uptime in the prompt, or stop showing it\n"
          "Without an argument the prompt is turned on or off.\n");
      return nullptr;
    }
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartQuit(Cli& cli, const CliCall&) {
  cli.Quit();
  return nullptr;
}

std::unique_ptr<CliCommand> StartUser(Cli& cli, const CliCall&) {
  cli.LowerLevel(CliLevel::kUser);
  return nullptr;
}

std::unique_ptr<CliCommand> StartOperator(Cli& cli, const CliCall&) {
  if (cli.Needs(CliLevel::kOperator)) cli.LowerLevel(CliLevel::kOperator);
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowCliLevel(Cli& cli, const CliCall&) {
  cli.SayLine(NameOf(cli.level()));
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowVersion(Cli& cli, const CliCall&) {
  cli.SayLine(cli.worker().process().version);
  return nullptr;
}

}  // namespace engine
