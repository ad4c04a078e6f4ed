// server_state.h - what changes about a server and a backend while they are used: found by name,
// older than any reload.
//
// Owns:    counters and the balancer. Never points into a Configuration.
// Threads: created at start-up or reload by the main thread; each shard writes its own ShardPart,
// any-thread reads all. Units:   streams, bytes. Errors:  none. States:  none yet; health and
// administration states come with health checks.

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/counters.h"
#include "engine/balance/balancer.h"
#include "engine/server/proxy_config.h"
#include "shard/conn/close_reason.h"

namespace engine {

// One shard's numbers about one server. A cache line of their own, because other shards' are beside
// them.
struct alignas(64) ServerShardPart {
  base::Gauge current;  // streams holding a slot
  base::Counter total;  // slots ever taken
  base::Counter established;
  base::Counter connect_errors;
  base::Counter retries;
  base::Counter redispatches;
  base::Counter bytes_in;
  base::Counter bytes_out;
};

class ServerState {
 public:
  ServerState(std::string name, uint32_t shards)
      : name_(std::move(name)), parts_(new ServerShardPart[shards]), shards_(shards) {}
  const std::string& name() const { return name_; }
  ServerShardPart& part(uint32_t shard) { return parts_[shard]; }
  uint32_t shards() const { return shards_; }
  // Read over all shards; exact only when nothing moves.
  uint64_t Total() const;
  int64_t Current() const;
  bool disabled() const { return disabled_.load(std::memory_order_relaxed); }
  void SetDisabled(bool disabled) { disabled_.store(disabled, std::memory_order_relaxed); }

 private:
  const std::string name_;
  std::unique_ptr<ServerShardPart[]> parts_;
  const uint32_t shards_;
  std::atomic<bool> disabled_{false};
};

// One shard's numbers about one proxy, front and back half.
struct alignas(64) ProxyShardPart {
  base::Gauge front_current;
  base::Counter front_total;
  base::Gauge back_current;
  base::Counter back_total;
  base::Counter bytes_in;
  base::Counter bytes_out;
  base::Counter connect_errors;
  base::Counter retries;
  base::Counter redispatches;
  base::Counter by_reason[size_t(shard::CloseReason::kCount)];
};

class BackendState {
 public:
  BackendState(std::string name, uint32_t shards)
      : name_(std::move(name)), parts_(new ProxyShardPart[shards]), shards_(shards) {}
  const std::string& name() const { return name_; }
  ProxyShardPart& part(uint32_t shard) { return parts_[shard]; }
  uint32_t shards() const { return shards_; }
  // Active and backup servers are chosen among separately: a backup is used only when no active one
  // can be.
  void SetBalancers(std::unique_ptr<Balancer> active, std::unique_ptr<Balancer> backup) {
    active_ = std::move(active);
    backup_ = std::move(backup);
  }
  Balancer* active() { return active_.get(); }
  Balancer* backup() { return backup_.get(); }
  std::vector<ServerState*>& servers() { return servers_; }

 private:
  const std::string name_;
  std::unique_ptr<ProxyShardPart[]> parts_;
  const uint32_t shards_;
  std::unique_ptr<Balancer> active_;
  std::unique_ptr<Balancer> backup_;
  std::vector<ServerState*> servers_;
};

// All states of the process, by proxy and server name.
class StateTable {
 public:
  explicit StateTable(uint32_t shards) : shards_(shards) {}
  // Gives every proxy and server of `configuration` its state, made where it is new.
  void Attach(Configuration& configuration);

 private:
  const uint32_t shards_;
  std::map<std::string, std::unique_ptr<BackendState>> proxies_;
  std::map<std::string, std::unique_ptr<ServerState>> servers_;  // "backend/server"
};

// The count of one stream on one server, released by its destructor: no timeout, retry or abort can
// leak or double it.
class ServerSlot {
 public:
  ServerSlot() = default;
  ServerSlot(ServerConfig& server, uint32_t shard) : server_(&server), shard_(shard) {
    part().current.Add();
    part().total.Add();
  }
  ~ServerSlot() { Release(); }
  ServerSlot(ServerSlot&& other) noexcept : server_(other.server_), shard_(other.shard_) {
    other.server_ = nullptr;
  }
  ServerSlot& operator=(ServerSlot&& other) noexcept {
    if (this != &other) {
      Release();
      server_ = other.server_;
      shard_ = other.shard_;
      other.server_ = nullptr;
    }
    return *this;
  }
  void Release() {
    if (server_ == nullptr) return;
    part().current.Sub();
    server_ = nullptr;
  }
  ServerConfig* server() const { return server_; }
  ServerShardPart& part() const { return server_->state->part(shard_); }

 private:
  ServerConfig* server_ = nullptr;
  uint32_t shard_ = 0;
};

// Picks a server of `backend` for a stream of `shard`. `avoid`: index of the server that failed, or
// -1.
ServerConfig* PickServer(const ProxyConfig& backend, uint32_t shard, int avoid, uint64_t random);

}  // namespace engine
