// `take listeners`: hands this connection's user the listening sockets, where the `stats socket`
// says `expose-fd listeners`. Both ends of the transfer are in engine/run.

#include <sys/socket.h>
#include <unistd.h>

#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/session/process_control.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

// The main thread, which owns the sockets, gets one end of a session.
class ShareListeners final : public Question {
 public:
  explicit ShareListeners(int session) : session_(session) {}
  ~ShareListeners() override {
    if (session_ >= 0) close(session_);
  }
  void Answer(Worker&) override {}
  void AnswerMain(ProcessControl& control) override {
    shared = control.ShareListeners(session_);
    session_ = -1;
  }
  bool shared = false;

 private:
  int session_;
};

// -1: the client has gone. Asked anew in each turn, as the number may be somebody else's by then.
int ClientFd(Stream& stream) {
  shard::Endpoint* client = stream.client_side().endpoint();
  if (client == nullptr || client->connection() == nullptr) return -1;
  return client->connection()->fd();
}

class TakeListeners final : public CliCommand {
 public:
  TakeListeners(Stream& stream, ShareListeners* asked, int their_end)
      : stream_(stream), asked_(asked), their_end_(their_end) {}
  ~TakeListeners() override {
    close(their_end_);
    stream_.worker().questions().Drop(asked_);
  }

  // The other end goes out at once and not through the ring, which passes no descriptors. Nothing
  // was said before it on this connection.
  CliStep Run(Cli& cli) override {
    if (!asked_->answered()) return CliStep::kAnswer;
    const int ends[] = {their_end_};
    if (!asked_->shared) {
      cli.SayLine("The sockets could not be handed over.");
    } else if (shard::SendWithFds(ClientFd(stream_), kHandoverGreeting, ends) < 0) {
      cli.SayLine("This connection cannot take descriptors.");
    }
    return CliStep::kDone;
  }

 private:
  Stream& stream_;
  ShareListeners* const asked_;
  const int their_end_;
};

}  // namespace

std::unique_ptr<CliCommand> StartTakeListeners(Cli& cli, const CliCall&) {
  Stream& stream = *cli.peer().stream;
  if (!stream.session().bind().expose_listeners) {
    cli.SayLine("Permission denied: this socket does not say 'expose-fd listeners'.");
    return nullptr;
  }
  int domain = 0;
  socklen_t length = sizeof(domain);
  if (getsockopt(ClientFd(stream), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 ||
      domain != AF_UNIX) {
    cli.SayLine("Only a unix socket can hand over descriptors.");
    return nullptr;
  }
  if (cli.mode() != Cli::Mode::kSilent || !cli.is_only_command()) {
    cli.SayLine("'take listeners' must be the only command of its connection.");
    return nullptr;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    cli.SayLine("No descriptor is left for the transfer.");
    return nullptr;
  }
  ShareListeners* asked = cli.worker().questions().AskMain(
      std::make_unique<ShareListeners>(ends[0]), *cli.peer().applet);
  if (asked == nullptr) {
    close(ends[1]);
    cli.SayLine("The process is busy, try again.");
    return nullptr;
  }
  return std::make_unique<TakeListeners>(stream, asked, ends[1]);
}

}  // namespace engine
