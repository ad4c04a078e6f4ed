#include "engine/applet/cli_commands.h"

#include "engine/applet/cli.h"

namespace engine {
namespace {

constexpr CliLevel kUser = CliLevel::kUser;
constexpr CliLevel kOperator = CliLevel::kOperator;
constexpr CliLevel kAdmin = CliLevel::kAdmin;

constexpr CliCommandSpec kCommands[] = {
    {"clear counters", kOperator, "[all]", "forget the peaks, or all counters", StartClearCounters},
    {"disable agent", kAdmin, "<backend>/<server>", "ask a server's agent no longer",
     StartDisableAgent},
    {"disable frontend", kAdmin, "<frontend>", "stop listening for now, and free its ports",
     StartDisableFrontend},
    {"disable health", kAdmin, "<backend>/<server>", "check a server no longer",
     StartDisableHealth},
    {"disable server", kAdmin, "<backend>/<server>", "put a server into maintenance",
     StartDisableServer},
    {"dump stats-file", kUser, "", "counters by guid, for the global 'stats-file'",
     StartDumpStatsFile},
    {"echo", kUser, "<text>", "say the text", StartEcho},
    {"enable agent", kAdmin, "<backend>/<server>", "ask a server's agent again", StartEnableAgent},
    {"enable frontend", kAdmin, "<frontend>", "listen again", StartEnableFrontend},
    {"enable health", kAdmin, "<backend>/<server>", "check a server again", StartEnableHealth},
    {"enable server", kAdmin, "<backend>/<server>", "take a server out of maintenance",
     StartEnableServer},
    {"experimental-mode", kUser, "[on|off]", "allow what may still change, on this connection",
     StartExperimentalMode},
    {"expert-mode", kAdmin, "[on|off]", "allow what is for experts, on this connection",
     StartExpertMode},
    {"get var", kOperator, "<name>", "a variable of the process", StartGetVar},
    {"get weight", kUser, "<backend>/<server>", "a server's weight, and the configured one",
     StartGetWeight},
    {"help", kUser, "[<command>]", "list the commands that begin so, or all", StartHelp},
    {"operator", kUser, "", "lower the level of this connection to operator", StartOperator},
    {"prompt", kUser, "[help | n | i | p | timed]*", "choose how commands are read", StartPrompt},
    {"quit", kUser, "", "end this connection", StartQuit},
    {"reload", kAdmin, "", "read the configuration again and put it to use", StartReload},
    {"set maxconn frontend", kAdmin, "<frontend> <value>", "set a frontend's maxconn",
     StartSetMaxconnFrontend},
    {"set maxconn global", kAdmin, "<value>", "set the process's maxconn, 0: as at the start",
     StartSetMaxconnGlobal},
    {"set maxconn server", kAdmin, "<backend>/<server> <value>",
     "set a server's maxconn, 0: no limit", StartSetMaxconnServer},
    {"set rate-limit connections global", kAdmin, "<value>", "set maxconnrate, 0: no limit",
     StartSetConnectionRate},
    {"set rate-limit sessions global", kAdmin, "<value>", "set maxsessrate, 0: no limit",
     StartSetSessionRate},
    {"set rate-limit ssl-sessions global", kAdmin, "<value>", "set maxsslrate, 0: no limit",
     StartSetTlsSessionRate},
    {"set server", kAdmin, "<backend>/<server> <what> <value>",
     "set its state (ready, drain, maint), weight, address, health or how it is checked",
     StartSetServer},
    {"set severity-output", kUser, "[none|number|string]",
     "put a severity before messages on this connection", StartSetSeverityOutput},
    {"set timeout cli", kUser, "<delay>", "set the timeout of this connection, in seconds",
     StartSetTimeoutCli},
    {"set var", kOperator, "<name> [expr|fmt] <value>", "set a variable of the process",
     StartSetVar},
    {"set weight", kAdmin, "<backend>/<server> <weight>[%]", "set a server's weight",
     StartSetWeight},
    {"show activity", kOperator, "[-1|0|<thread>]", "what the shards have done", StartShowActivity},
    {"show backend", kUser, "", "list the backends", StartShowBackend},
    {"show cli level", kUser, "", "the level of this connection", StartShowCliLevel},
    {"show cli sockets", kOperator, "", "list the sockets that take commands", StartShowCliSockets},
    {"show env", kOperator, "[<name>]", "the environment of the process", StartShowEnv},
    {"show errors", kOperator, "[<proxy>] [request|response]",
     "the last messages that were not understood", StartShowErrors},
    {"show events", kOperator, "[<ring> [-w] [-n] [-0]]", "list the rings, or say what one holds",
     StartShowEvents},
    {"show info", kUser, "[typed|json] [desc] [float]", "facts and limits of the process",
     StartShowInfo},
    {"show schema json", kUser, "", "the form of what is said as JSON", StartShowSchemaJson},
    {"show servers conn", kUser, "[<backend>]", "connections to every server",
     StartShowServersConn},
    {"show servers state", kUser, "[<backend>]", "the state of every server",
     StartShowServersState},
    {"show sess", kOperator, "[<id> | all | help] [...]", "streams, with their last moves for all",
     StartShowSess},
    {"show shards", kUser, "", "load and memory of every shard", StartShowShards},
    {"show startup-logs", kUser, "", "what the start has said", StartShowStartupLogs},
    {"show stat", kUser, "[<proxy> <type> <sid>] [typed|json] [desc] [up|no-maint]",
     "counters of all proxies, as CSV or otherwise", StartShowStat},
    {"show version", kUser, "", "the version of the process", StartShowVersion},
    {"shutdown frontend", kAdmin, "<frontend>", "stop listening until a reload",
     StartShutdownFrontend},
    {"shutdown session", kAdmin, "<id>", "end one stream", StartShutdownSession},
    {"shutdown sessions server", kAdmin, "<backend>/<server>", "end all streams on a server",
     StartShutdownSessionsServer},
    {"take listeners", kUser, "", "for another process and its -x: hand over the listening sockets",
     StartTakeListeners},
    {"user", kUser, "", "lower the level of this connection to user", StartUser},
    {"wait", kUser, "{-h|<delay>} [<condition>]", "wait for a time or a condition", StartWait},
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
    cli.SetMode(cli.mode() == Cli::Mode::kPrompt ? Cli::Mode::kSilent : Cli::Mode::kPrompt);
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

std::unique_ptr<CliCommand> StartEcho(Cli& cli, const CliCall& call) {
  std::string text;
  for (size_t i = 0; i < call.arguments(); ++i) {
    if (i != 0) text += ' ';
    text += call.argument(i);
  }
  cli.SayLine(text);
  return nullptr;
}

}  // namespace engine
