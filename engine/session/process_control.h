// process_control.h - what only the main thread can do, for those who ask from a shard.
//
// Owns:    nothing.
// Threads: Submit() any-thread; the rest the main thread. They wait for the shards, so none of them
//          may be called by a shard.
// Units:   none.
// Errors:  a text for the operator; empty when it was done.
// States:  of a frontend: Listening (engine/server/server_state.h).

#pragma once

#include <string>
#include <string_view>

namespace engine {

class Question;
struct ProxyConfig;

// What `take listeners` on the runtime socket answers, with one end of a session over which the
// listening sockets travel (docs/cli.md). Another program's answer begins differently.
inline constexpr std::string_view kHandoverGreeting = "ringway handover 1\n";

class ProcessControl {
 public:
  // `question` is answered by the main thread, and its asker woken. False: too many wait already.
  [[nodiscard]] virtual bool Submit(Question& question) = 0;

  // manual management.txt 9.3: disable, enable and shutdown frontend.
  virtual std::string DisableFrontend(const ProxyConfig& frontend) = 0;
  virtual std::string EnableFrontend(const ProxyConfig& frontend) = 0;
  virtual std::string ShutDownFrontend(const ProxyConfig& frontend) = 0;
  // Reads the configuration again and puts it to use. The whole answer of the command.
  virtual std::string Reload() = 0;

  // Gives the listening sockets to whoever holds the other end of `session`, which it takes. False:
  // they could not be sent.
  virtual bool ShareListeners(int session) = 0;

 protected:
  ~ProcessControl() = default;
};

}  // namespace engine
