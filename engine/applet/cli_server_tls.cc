#include "engine/applet/cli.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// One shard's view of the server. What was kept of the other kind is of no use any more.
class SetTls final : public Question {
 public:
  SetTls(const ServerConfig& server, bool speaks_tls) : server_(server), speaks_tls_(speaks_tls) {}
  void Answer(Worker& asked) override {
    server_.state->SetTls(server_, asked.index(), speaks_tls_);
    // During a reload the shard may have another configuration than the one who asks.
    const ServerConfig* now = server_.state->part(asked.index()).config;
    if (now != nullptr && now->state != server_.state && now->tls_context != nullptr) {
      now->state->SetTls(*now, asked.index(), speaks_tls_);
    }
    asked.idle_pool().CloseOutdated(server_);
  }

 private:
  const ServerConfig& server_;
  const bool speaks_tls_;
};

class SetTlsOnAllShards final : public AskShards<SetTls> {
 public:
  SetTlsOnAllShards(Cli& cli, const ServerConfig& server, bool speaks_tls)
      : AskShards(cli), server_(server), speaks_tls_(speaks_tls) {}

 private:
  std::unique_ptr<SetTls> Make() override { return std::make_unique<SetTls>(server_, speaks_tls_); }
  bool Take(Cli&, SetTls&) override { return false; }
  CliStep Finish(Cli& cli) override {
    cli.SayLine("server ssl setting updated.");
    return CliStep::kDone;
  }

  const ServerConfig& server_;
  const bool speaks_tls_;
};

}  // namespace

// `set server <backend>/<server> ssl on|off`: checks go on as they are (management 9.3).
std::unique_ptr<CliCommand> StartSetServerTls(Cli& cli, const CliCall& call) {
  const ServerConfig* server = FindServerOf(cli, call.argument(0));
  if (server == nullptr) return nullptr;
  const std::string_view value = call.argument(2);
  if ((value != "on" && value != "off") || call.arguments() > 3) {
    cli.SayLine("'set server <server> ssl' expects 'on' or 'off'.");
    return nullptr;
  }
  // What to trust and whom to ask for is the configuration's to say.
  if (server->tls_context == nullptr) {
    if (value == "off") return nullptr;
    cli.SayLine("'set server <server> ssl' needs a server with 'ssl' in the configuration.");
    return nullptr;
  }
  return std::make_unique<SetTlsOnAllShards>(cli, *server, value == "on");
}

}  // namespace engine
