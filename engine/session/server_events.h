// server_events.h - what happens to servers, by checks and by operators: everybody is told, it is
// logged, and what follows is done.
//
// Owns:    what a full mailbox kept from being sent.
// Threads: local to the shard on which the change is made; every shard sees it at once.
// Units:   none.
// Errors:  none.
// States:  none.
//
// A server's state is a few shared words (ServerHealth, AdminState). Who changes them is told what
// was before, and comes here with it: the backends of the server, and of those that track it, make
// their plans anew, streams that wait choose again, streams on a server that went down may be ended
// on all shards (on-marked-down), and so may those on backup servers (on-marked-up).

#pragma once

#include <string>
#include <vector>

#include "engine/check/check_host.h"
#include "engine/session/event_log.h"
#include "shard/loop/mailbox.h"
#include "shard/loop/run_queue.h"

namespace engine {

class Worker;

class ServerEvents final : public CheckHost, shard::Task {
 public:
  explicit ServerEvents(Worker& worker) : worker_(worker) {}

  // By an operator (management 9.3), or an agent that may say the same.
  void ChangeAdmin(const ServerConfig& server, AdminState admin);
  void ChangeWeight(const ServerConfig& server, uint32_t weight);
  void ChangeHealth(const ServerConfig& server, HealthEvent event, std::string cause);
  // `change` has been made already.
  void OnHealthChanged(const ServerConfig& server, const HealthChange& change, std::string cause);

  // CheckHost
  shard::ShardContext& context() override;
  uint64_t Random() override;
  void MakeRoom() override;
  tls::ShardTls& tls() override;
  std::unique_ptr<CheckSamples> MakeSamples() override;
  ExternalChecks* external() override;
  void OnChecked(const ServerConfig& server, CheckOf of, const CheckReport& before,
                 const CheckReport& report, const HealthChange& change) override;
  void OnAgentSaid(const ServerConfig& server, const AgentAnswer& answer) override;

  // What traffic shows of a server that has `observe` (manual 5.2).
  void OnSuccess(const ServerConfig& server) {
    std::atomic<uint32_t>& errors = server.state->errors_in_row;
    if (errors.load(std::memory_order_relaxed) != 0) errors.store(0, std::memory_order_relaxed);
  }
  void OnFailure(const ServerConfig& server, const char* what);
  // An answer of HTTP, and an exchange that ended without one.
  void OnStatus(const ServerConfig& server, uint16_t status) {
    if (server.check.observe != Observe::kLayer7) return;
    const bool is_good = (status >= 100 && status <= 499) || status == 501 || status == 505;
    is_good ? OnSuccess(server) : OnFailure(server, "Wrong http response");
  }
  void OnNoAnswer(const ServerConfig& server, shard::CloseReason reason);

 private:
  void Run() noexcept override;  // tries again what a full mailbox refused
  // `server` and those that track it, however far.
  void Spread(const ServerConfig& server, const ServerMove& move);
  void SpreadOver(const ServerConfig& server, const ServerMove& move,
                  std::vector<const ProxyConfig*>* touched);
  void Tell(const ServerConfig& server, const ServerMove& move);
  void TellBackend(const ProxyConfig& backend);
  void KillStreams(const ServerConfig& server, shard::CloseReason reason);
  void Post(uint32_t shard, const shard::Message& message);
  void Observe(const ServerConfig& server, HealthEvent event, const char* what);
  void PostOrRun(uint32_t shard, const shard::Message& message);
  static void HandleKill(shard::Shard& shard, const shard::Message& message) noexcept;
  static void HandleObserved(shard::Shard& shard, const shard::Message& message) noexcept;

  struct Unsent {
    uint32_t shard;
    shard::Message message;
  };
  Worker& worker_;
  std::vector<Unsent> unsent_;
};

}  // namespace engine
