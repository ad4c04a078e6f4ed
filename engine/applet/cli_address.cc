#include <optional>
#include <string>

#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

constexpr uint64_t kPortMax = 65535;

using Port = std::optional<ServerPort>;

// "8080", or "+1000" and "-1000" from the client's.
Port ParsePort(std::string_view text) {
  const bool follows = text.starts_with('+') || text.starts_with('-');
  const std::optional<uint64_t> number = base::ParseUnsigned(text.substr(follows ? 1 : 0));
  if (!number || *number > kPortMax || (*number == 0 && !follows)) return std::nullopt;
  return ServerPort{follows, text[0] == '-' ? -int32_t(*number) : int32_t(*number)};
}

std::string NameOf(const ServerPort& port) {
  return base::Format(port.follows ? "%+d" : "%d", port.value);
}

// One shard's view of the server, and what hangs on it.
class MoveServer final : public Question {
 public:
  MoveServer(const ServerConfig& server, const shard::Address& address, const Port& port)
      : server_(server), address_(address), port_(port) {}
  void Answer(Worker& asked) override {
    Move(asked, server_);
    // During a reload the shard may have another configuration than the one who asks.
    const ServerConfig* now = server_.state->part(asked.index()).config;
    if (now != nullptr && now->state != server_.state) Move(asked, *now);
    asked.idle_pool().CloseOutdated(server_);
  }

 private:
  void Move(Worker& asked, const ServerConfig& server) const {
    server.state->MoveTo(server, asked.index(), address_, port_);
    FollowCookie(server, asked.index());
  }

  const ServerConfig& server_;
  const shard::Address address_;
  const Port port_;
};

class MoveOnAllShards final : public AskShards<MoveServer> {
 public:
  MoveOnAllShards(Cli& cli, const ServerConfig& server, const shard::Address& address,
                  const Port& port, std::string said)
      : AskShards(cli), server_(server), address_(address), port_(port), said_(said) {}

 private:
  std::unique_ptr<MoveServer> Make() override {
    return std::make_unique<MoveServer>(server_, address_, port_);
  }
  bool Take(Cli&, MoveServer&) override { return false; }
  CliStep Finish(Cli& cli) override {
    if (!server_.state->has_address()) {
      server_.state->SetHasAddress(true);
      (void)server_.backend->state->NoteServers();
      server_.backend->state->TellWaiters(cli.worker().index());
    }
    cli.Inform();
    cli.SayLine(said_);
    return CliStep::kDone;
  }

  const ServerConfig& server_;
  const shard::Address address_;
  const Port port_;
  const std::string said_;
};

}  // namespace

// `set server <backend>/<server> addr <address> [port [+-]<port>]`: the words behind the server.
std::unique_ptr<CliCommand> StartSetServerAddress(Cli& cli, const CliCall& call) {
  const ServerConfig* server = FindServerOf(cli, call.argument(0));
  if (server == nullptr) return nullptr;
  const std::string_view text = call.argument(2);
  shard::Address address = shard::Address::FromText(text);
  if (!address.is_ip()) {
    cli.SayLine(text.empty() ? "set server <b>/<s> addr requires an address and optionally a port."
                             : "Invalid addr '" + std::string(text) + "'");
    return nullptr;
  }
  const bool has_port = call.argument(3) == "port";
  if (call.arguments() > (has_port ? 5 : 3)) {
    cli.SayLine("Only 'port' and its number may follow the address.");
    return nullptr;
  }
  Port port;
  if (has_port) {
    port = ParsePort(call.argument(4));
    if (!port) {
      cli.SayLine("A port is a number between 1 and 65535, or the client's with +N or -N.");
      return nullptr;
    }
    if (port->follows && !server->follows_port && server->check.target.port == 0) {
      cli.SayLine(
          "A port that depends on the client's leaves none for checks: the server line has to "
          "give one with 'port'.");
      return nullptr;
    }
  }
  const ServerDial& dial = server->state->dial(cli.worker().index());
  if (dial.address.family == AF_UNIX) {
    cli.SayLine("The server is a unix socket, which only the configuration can change.");
    return nullptr;
  }
  std::string changes;
  if (address.Ip() != dial.address.Ip() || dial.follows_address) {
    changes = "IP changed from '" + dial.address.Ip() + "' to '" + address.Ip() + "'";
  } else {
    changes = "no need to change the addr";
  }
  if (port) {
    const std::string was = NameOf(
        ServerPort{dial.follows_port, dial.follows_port ? dial.port_offset : dial.address.port});
    const std::string is = NameOf(*port);
    changes += was == is ? ", no need to change the port"
                         : ", port changed from '" + was + "' to '" + is + "'";
  }
  return std::make_unique<MoveOnAllShards>(cli, *server, address, port,
                                           changes + " by 'stats socket command'");
}

}  // namespace engine
