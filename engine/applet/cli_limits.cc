#include <optional>

#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

constexpr uint64_t kValueMax = INT32_MAX;

class TellOfChange final : public Question {
 public:
  void Answer(Worker& asked) override { asked.OnLimitsChanged(); }
};

// Every shard gives back what it has leased under the old limit, and lets in whom the new one lets.
class TellShards final : public AskShards<TellOfChange> {
 public:
  using AskShards::AskShards;

 private:
  std::unique_ptr<TellOfChange> Make() override { return std::make_unique<TellOfChange>(); }
  bool Take(Cli&, TellOfChange&) override { return false; }
};

// A number that is no number has been answered.
std::optional<uint64_t> TakeValue(Cli& cli, std::string_view text) {
  const std::optional<uint64_t> value = base::ParseUnsigned(text);
  if (value && *value <= kValueMax) return value;
  cli.SayLine(text.empty() || !value ? "Integer value expected." : "Value out of range.");
  return std::nullopt;
}

std::unique_ptr<CliCommand> SetRate(Cli& cli, const CliCall& call, shard::RateLimit& limit) {
  const std::optional<uint64_t> value = TakeValue(cli, call.argument(0));
  if (!value) return nullptr;
  limit.SetMax(uint32_t(*value));
  return std::make_unique<TellShards>(cli);
}

}  // namespace

std::unique_ptr<CliCommand> StartSetMaxconnFrontend(Cli& cli, const CliCall& call) {
  const ProxyConfig* frontend = FindProxyOf(cli.worker().configuration(), call.argument(0), false);
  if (frontend == nullptr) {
    cli.SayLine(call.arguments() == 0 ? "A frontend name is expected." : "No such frontend.");
    return nullptr;
  }
  const std::optional<uint64_t> value = TakeValue(cli, call.argument(1));
  shard::SharedLimit* limit = cli.worker().FrontendLimit(*frontend);
  if (!value || limit == nullptr) return nullptr;
  limit->SetMax(int64_t(*value));
  frontend->state->SetMaxconn(int64_t(*value));
  return std::make_unique<TellShards>(cli);
}

std::unique_ptr<CliCommand> StartSetMaxconnGlobal(Cli& cli, const CliCall& call) {
  const ProcessContext& process = cli.worker().process();
  const std::optional<uint64_t> value = TakeValue(cli, call.argument(0));
  if (!value) return nullptr;
  if (*value > process.hard_maxconn) {
    cli.SayLine("Value out of range.");
    return nullptr;
  }
  process.global_maxconn->SetMax(int64_t(*value == 0 ? process.hard_maxconn : *value));
  return std::make_unique<TellShards>(cli);
}

std::unique_ptr<CliCommand> StartSetMaxconnServer(Cli& cli, const CliCall& call) {
  const ServerConfig* server = FindServerOf(cli, call.argument(0));
  if (server == nullptr) return nullptr;
  const std::optional<uint64_t> value = TakeValue(cli, call.argument(1));
  if (!value) return nullptr;
  if (!server->limited()) {
    // What is there now was never counted.
    cli.SayLine("A server without 'maxconn' in the configuration cannot be given one.");
    return nullptr;
  }
  WaitQueue& queue = *server->backend->state->queue();
  server->state->NoteSpeaker(AgentWord::kMaxconn, false);
  queue.SetMaxconn(server->index, uint32_t(*value));
  queue.AnnounceChange(cli.worker().index());
  return nullptr;
}

std::unique_ptr<CliCommand> StartSetConnectionRate(Cli& cli, const CliCall& call) {
  return SetRate(cli, call, cli.worker().shared().connection_limit);
}

std::unique_ptr<CliCommand> StartSetTlsSessionRate(Cli& cli, const CliCall& call) {
  return SetRate(cli, call, cli.worker().shared().tls.session_limit);
}

std::unique_ptr<CliCommand> StartSetSessionRate(Cli& cli, const CliCall& call) {
  return SetRate(cli, call, cli.worker().shared().session_limit);
}

}  // namespace engine
