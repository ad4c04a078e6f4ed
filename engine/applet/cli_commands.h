// cli_commands.h - the commands by subject; cli_commands.cc puts them into one table.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   none.
// Errors:  told to the user.
// States:  none.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/applet/cli_command.h"
#include "engine/server/proxy_config.h"

namespace engine {

using CliStart = std::unique_ptr<CliCommand>(Cli& cli, const CliCall& call);

// cli_commands.cc: the conversation itself.
CliStart StartHelp, StartPrompt, StartQuit, StartUser, StartOperator, StartShowCliLevel, StartEcho;
// cli_process.cc: what the process is and was told.
CliStart StartShowVersion, StartShowInfo, StartShowEnv, StartShowCliSockets;
CliStart StartShowSchemaJson;
// cli_errors.cc: messages that were not understood.
CliStart StartShowErrors;
// cli_listeners.cc: for another process that takes over.
CliStart StartTakeListeners;
// cli_events.cc: what rings hold.
CliStart StartShowEvents;
// cli_stat.cc
CliStart StartShowStat;
// cli_stats_file.cc
CliStart StartDumpStatsFile;
// cli_servers.cc: what is known of servers, and what an operator says about them.
CliStart StartShowBackend, StartShowServersState, StartShowServersConn, StartGetWeight,
    StartDisableServer, StartEnableServer, StartSetServer, StartSetWeight;
// cli_checks.cc: how servers are checked.
CliStart StartEnableHealth, StartDisableHealth, StartEnableAgent, StartDisableAgent;
// `set server <server> <what> ...` for what is about checks. False: `what` is not.
bool SetServerCheck(Cli& cli, const CliCall& call, std::unique_ptr<CliCommand>* command);
// cli_address.cc: where a server is.
CliStart StartSetServerAddress;
// cli_server_tls.cc
CliStart StartSetServerTls;
// cli_limits.cc: what an operator says about limits.
CliStart StartSetMaxconnFrontend, StartSetMaxconnGlobal, StartSetMaxconnServer;
CliStart StartSetConnectionRate, StartSetSessionRate, StartSetTlsSessionRate;
// cli_streams.cc: streams of all shards.
CliStart StartDisableFrontend, StartEnableFrontend, StartShutdownFrontend;
CliStart StartShowSess, StartShutdownSession, StartShutdownSessionsServer;
// cli_shards.cc: what only a shard can tell, or change, about itself.
CliStart StartShowShards, StartClearCounters;

// cli_activity.cc
CliStart StartShowActivity;
// cli_variables.cc: variables of the process.
CliStart StartGetVar, StartSetVar;
// cli_settings.cc: this connection, and waiting.
CliStart StartWait, StartSetTimeoutCli, StartSetSeverityOutput, StartExperimentalMode,
    StartExpertMode, StartShowStartupLogs;
// cli_reload.cc
CliStart StartReload;

// By name, or by number as `#12`; null where there is none.
const ProxyConfig* FindProxyOf(const Configuration& configuration, std::string_view name,
                               bool is_backend);
// `backend/server`, each by name or as `#id`. Null: it has been said why.
const ServerConfig* FindServerOf(Cli& cli, std::string_view backend_and_server);

}  // namespace engine
