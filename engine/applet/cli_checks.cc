#include "base/text.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/check/check_runner.h"
#include "engine/config/address_words.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

constexpr const char* kFromCli = ", changed from CLI";

// What a check's home shard is asked to do.
class ChangeCheck final : public Question {
 public:
  ChangeCheck(const ServerConfig& server, CheckOf of) : server_(server), of_(of) {}
  void Answer(Worker& asked) override {
    ServerCheck* check = asked.checks().Find(server_, of_);
    if (check == nullptr) return;
    if (send.is_said) return check->SetAgentSend(send);
    check->SetTarget(target);
  }
  CheckTarget target;
  AgentSend send;

 private:
  const ServerConfig& server_;
  const CheckOf of_;
};

class SetCheck final : public AskShards<ChangeCheck> {
 public:
  SetCheck(Cli& cli, const ServerConfig& server, CheckOf of)
      : AskShards(cli, CheckRunner::HomeOf(server, cli.worker().shard().board().shards()), 1),
        server_(server),
        of_(of) {}
  CheckTarget target;
  AgentSend send;

 private:
  std::unique_ptr<ChangeCheck> Make() override {
    auto question = std::make_unique<ChangeCheck>(server_, of_);
    question->target = target;
    question->send = send;
    return question;
  }
  bool Take(Cli&, ChangeCheck&) override { return false; }

  const ServerConfig& server_;
  const CheckOf of_;
};

void Apply(Cli& cli, const ServerConfig& server, HealthEvent event) {
  cli.worker().server_events().ChangeHealth(server, event, kFromCli);
}

bool TakePort(Cli& cli, std::string_view text, uint16_t* port) {
  const std::optional<uint64_t> number = base::ParseUnsigned(text);
  if (number && *number >= 1 && *number <= 65535) {
    *port = uint16_t(*number);
    return true;
  }
  cli.SayLine("provided port is invalid");
  return false;
}

// A name would have to be resolved, and nobody waits for that here.
bool TakeAddress(Cli& cli, std::string_view text, shard::Address* address) {
  const Parsed<AddressWord> word = ParseAddress(text, 0);
  if (word && word.value.is_literal) {
    *address = word.value.literal;
    return true;
  }
  cli.SayLine("invalid addr '" + std::string(text) + "'");
  return false;
}

// check-addr|agent-addr ADDR [port PORT], check-port|agent-port PORT
std::unique_ptr<CliCommand> SetTarget(Cli& cli, const CliCall& call, const ServerConfig& server,
                                      CheckOf of) {
  const CheckView& view = of == CheckOf::kAgent ? server.state->agent : server.state->check;
  CheckTarget target = view.target.Get();
  if (call.argument(1).ends_with("-port")) {
    if (!TakePort(cli, call.argument(2), &target.port)) return nullptr;
  } else {
    if (!TakeAddress(cli, call.argument(2), &target.address)) return nullptr;
    if (call.arguments() > 3) {
      if (call.argument(3) != "port") {
        cli.SayLine("'set server <srv> " + std::string(call.argument(1)) +
                    "' expects an address, and 'port' with a port.");
        return nullptr;
      }
      if (!TakePort(cli, call.argument(4), &target.port)) return nullptr;
    }
  }
  auto command = std::make_unique<SetCheck>(cli, server, of);
  command->target = target;
  return command;
}

void SetHealth(Cli& cli, const ServerConfig& server, std::string_view value) {
  if (server.tracked != nullptr) return cli.SayLine("cannot change health on a tracking server.");
  if (value == "up") return Apply(cli, server, HealthEvent::kForceUp);
  if (value == "stopping") return Apply(cli, server, HealthEvent::kForceStopping);
  if (value == "down") return Apply(cli, server, HealthEvent::kForceDown);
  cli.SayLine("'set server <srv> health' expects 'up', 'stopping', or 'down'.");
}

void SetAgent(Cli& cli, const ServerConfig& server, std::string_view value) {
  if (value == "up") return Apply(cli, server, HealthEvent::kAgentUp);
  if (value == "down") return Apply(cli, server, HealthEvent::kAgentDown);
  cli.SayLine("'set server <srv> agent' expects 'up' or 'down'.");
}

void Enable(Cli& cli, const CliCall& call, bool is_agent) {
  const ServerConfig* server = FindServerOf(cli, call.argument(0));
  if (server == nullptr) return;
  if (!(is_agent ? server->check.agent_enabled : server->check.enabled)) {
    return cli.SayLine(is_agent ? "Agent was not configured on this server, cannot enable."
                                : "Health check was not configured on this server, cannot enable.");
  }
  Apply(cli, *server, is_agent ? HealthEvent::kEnableAgent : HealthEvent::kEnableCheck);
}

void Disable(Cli& cli, const CliCall& call, HealthEvent event) {
  if (const ServerConfig* server = FindServerOf(cli, call.argument(0))) Apply(cli, *server, event);
}

}  // namespace

std::unique_ptr<CliCommand> StartEnableHealth(Cli& cli, const CliCall& call) {
  Enable(cli, call, false);
  return nullptr;
}

std::unique_ptr<CliCommand> StartEnableAgent(Cli& cli, const CliCall& call) {
  Enable(cli, call, true);
  return nullptr;
}

std::unique_ptr<CliCommand> StartDisableHealth(Cli& cli, const CliCall& call) {
  const ServerConfig* server = FindServerOf(cli, call.argument(0));
  // Of one that is not checked there is nothing to disable.
  if (server != nullptr && server->check.enabled) {
    Apply(cli, *server, HealthEvent::kDisableCheck);
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartDisableAgent(Cli& cli, const CliCall& call) {
  Disable(cli, call, HealthEvent::kDisableAgent);
  return nullptr;
}

bool SetServerCheck(Cli& cli, const CliCall& call, std::unique_ptr<CliCommand>* command) {
  const std::string_view what = call.argument(1);
  const bool is_agent = what == "agent" || what.starts_with("agent-");
  const bool is_target =
      what == "check-addr" || what == "check-port" || what == "agent-addr" || what == "agent-port";
  if (!is_target && what != "health" && what != "agent" && what != "agent-send") return false;
  const ServerConfig* server = FindServerOf(cli, call.argument(0));
  if (server == nullptr) return true;
  if (is_agent && !server->check.agent_enabled) {
    cli.SayLine("agent checks are not enabled on this server.");
    return true;
  }
  if (what == "health") {
    SetHealth(cli, *server, call.argument(2));
  } else if (what == "agent") {
    SetAgent(cli, *server, call.argument(2));
  } else if (what == "agent-send") {
    auto set = std::make_unique<SetCheck>(cli, *server, CheckOf::kAgent);
    if (set->send.Say(call.argument(2))) {
      *command = std::move(set);
    } else {
      cli.SayLine(base::Format("'set server <srv> agent-send' expects at most %zu bytes.",
                               AgentSend::kTextBytesMax));
    }
  } else if (!is_agent && !server->check.enabled) {
    cli.SayLine("health checks are not enabled on this server.");
  } else {
    *command = SetTarget(cli, call, *server, is_agent ? CheckOf::kAgent : CheckOf::kServer);
  }
  return true;
}

}  // namespace engine
