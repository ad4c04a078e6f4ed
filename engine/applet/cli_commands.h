// cli_commands.h - the commands by subject; cli_commands.cc puts them into one table.
//
// Owns:    nothing. Threads: immutable. Units: none. Errors: none. States: none.

#pragma once

#include <memory>

#include "engine/applet/cli_command.h"

namespace engine {

using CliStart = std::unique_ptr<CliCommand>(Cli& cli, const CliCall& call);

// cli_commands.cc: the conversation itself, and what the process is.
CliStart StartHelp, StartPrompt, StartQuit, StartUser, StartOperator, StartShowCliLevel,
    StartShowCliSockets, StartShowVersion, StartShowInfo, StartShowEnv, StartShowErrors;

}  // namespace engine
