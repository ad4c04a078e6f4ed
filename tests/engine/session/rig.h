// rig.h - whole streams in one process and one thread: shards over the scripted ring, turned by
// hand.
//
// Owns:    the clock, the fake network, the configuration and its states, the shards and workers.
// Threads: one.
// Units:   milliseconds of the fake clock; servers and listeners are named by their port.
// Errors:  none of its own; ExpectSettled() fails the test for whatever is left over.
// States:  being configured -> Start()ed -> ended by the destructor, which stops the shards. What
//          leaks then kills the test (see FakeNet).
//
//   Rig rig({.shards = 2});
//   ProxyConfig& proxy = rig.AddListen("relay", 80);
//   rig.AddServer(proxy, 9000);
//   rig.Start();
//   auto client = rig.Dial(80);
//   auto server = rig.WaitServer(9000);

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"
#include "shard/shard.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/fake_ring.h"

namespace engine {

struct RigOptions {
  uint64_t seed = 1;
  tests::FakeModes modes;
  uint32_t shards = 1;
  uint32_t maxconn = 0;  // of the process; 0: no limit
  uint32_t streams_max = 256;
  uint32_t connections_max = 512;
  uint32_t small_chunk_bytes = 4096;
  uint32_t large_chunk_bytes = 16384;
  uint32_t small_chunks = 1024;
  uint32_t large_chunks = 256;
  uint32_t pipes_max = 0;  // of a shard, for splicing
  uint32_t messages_max = shard::Mailroom::kMessagesMax;
  shard::MailOrder* mail_order = nullptr;
  // Puts a ring of the test's own before the fake one.
  std::unique_ptr<shard::Ring> (*wrap_ring)(std::unique_ptr<shard::Ring>) = nullptr;
  // Where lines for targets of logs() go.
  Datagrams* datagrams = nullptr;
};

sockaddr_in AddressOfPort(uint16_t port);

class Rig {
 public:
  explicit Rig(const RigOptions& options = {});
  ~Rig();

  // Before Start().
  ProxyConfig& AddListen(const std::string& name, uint16_t port);  // both halves, one bind
  ProxyConfig& AddFrontend(const std::string& name, uint16_t port);
  ProxyConfig& AddBackend(const std::string& name);
  ServerConfig& AddServer(ProxyConfig& backend, uint16_t port);
  LogPlan& logs() { return configuration_.logs; }
  void Start();

  // The client's end of a new connection, from `client_port` (0: any).
  std::unique_ptr<tests::FakePeer> Dial(uint16_t port, uint16_t client_port = 0);
  void ScriptConnect(uint16_t server_port, tests::ConnectScript script);
  // The server's end of the oldest connection to `server_port` that nobody has taken; null: none.
  std::unique_ptr<tests::FakePeer> TakeServer(uint16_t server_port);
  // The same, after turning until there is one (at most `limit_ms`).
  std::unique_ptr<tests::FakePeer> WaitServer(uint16_t server_port, uint64_t limit_ms = 1000);

  // Turns every shard once, without waiting; or that one.
  void Turn();
  void Turn(uint32_t shard) { shards_[shard]->loop().TurnOnce(); }
  // Turns until nothing is left to do at this time. Dies of a shard that never comes to rest.
  void Settle();
  // Settles, and moves time on to whatever happens next, for `ms` in all.
  void RunFor(uint64_t ms);
  // True as soon as `done` is, false after `limit_ms`.
  bool RunUntil(const std::function<bool()>& done, uint64_t limit_ms = 100000);

  // As a process that is told to stop at once. The destructor does it, too.
  void Stop();
  // When something will happen by itself; UINT64_MAX: never.
  uint64_t NextEventMicros() const;

  // What is still there although every session should have gone, in words; empty: nothing.
  std::string Leftovers();
  // Every session has gone and every count is back to zero; each stream had one reason.
  void ExpectSettled();
  // The same without the last: in mode http a session has any number of streams.
  void ExpectEmpty();
  uint64_t Streams(const ProxyConfig& frontend) const;  // ever begun
  uint64_t Reasons(const ProxyConfig& frontend, shard::CloseReason reason) const;
  // "normal 3, client_reset 1".
  std::string ReasonsText(const ProxyConfig& frontend) const;
  uint32_t live_sessions() const;
  uint64_t now_ms() const { return clock_.now_ms(); }

  tests::FakeClock& clock() { return clock_; }
  tests::FakeNet& net() { return net_; }
  shard::Shard& shard(uint32_t index) { return *shards_[index]; }
  tests::FakeRing& ring(uint32_t index) { return *rings_[index]; }
  Worker& worker(uint32_t index) { return *workers_[index]; }
  uint32_t shards() const { return options_.shards; }
  ProcessContext& process() { return process_; }
  Configuration& configuration() { return configuration_; }
  shard::LoadBoard& board() { return board_; }
  uint64_t new_bugs() const { return base::BugCount() - bugs_before_; }

 private:
  struct Bound {
    const BindConfig* bind;
    uint16_t port;
    int fd;
  };
  bool Resting() const;
  uint64_t Work() const;

  void Listen(ProxyConfig& frontend, uint16_t port);

  const RigOptions options_;
  tests::FakeClock clock_;
  tests::FakeNet net_;
  Configuration configuration_;
  StateTable states_;
  ProcessContext process_;
  std::unique_ptr<LogHub> logs_;
  std::vector<Bound> bound_;
  shard::Mailroom mailroom_;
  shard::LoadBoard board_;
  std::vector<std::unique_ptr<shard::Shard>> shards_;
  std::vector<tests::FakeRing*> rings_;
  std::vector<std::unique_ptr<Worker>> workers_;
  const uint64_t bugs_before_;
};

// `bytes` of text that depends on `seed` alone.
std::string RandomText(uint64_t seed, size_t bytes);

}  // namespace engine
