// server_state.h - what changes about a server and a backend while they are used: found by name,
// older than any reload.
//
// Owns:    counters and the balancer. Never points into a Configuration.
// Threads: created at start-up or reload by the main thread; each shard writes its own ShardPart,
//          any-thread reads all. The administrative state is written by whoever administers.
// Units:   streams, bytes, microseconds of the monotonic clock.
// Errors:  none.
// States:  of a server, AdminState; health comes with health checks.

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "engine/balance/balancer.h"
#include "engine/mux/mux_h1_back.h"
#include "engine/server/proxy_config.h"
#include "shard/conn/close_reason.h"

namespace engine {

// The highest value of a gauge summed over all shards, noticed without writing to a shared line:
// the shard whose own share stands at its highest looks at the others'. Never above the truth,
// exact while numbers are small, and close to it when they are not.
class GaugePeak {
 public:
  template <typename Total>
  void Note(int64_t own, Total total) {
    if (own < own_max_) return;
    own_max_ = own;
    seen_.RaiseTo(total());
  }
  void Clear(int64_t own) {
    own_max_ = own;
    seen_.Set(own);
  }
  int64_t seen() const { return seen_.Get(); }

 private:
  int64_t own_max_ = 0;  // the shard's
  base::Gauge seen_;
};

// One shard's numbers about one server. A cache line of their own, because other shards' are beside
// them.
struct alignas(64) ServerShardPart {
  base::Gauge current;  // streams holding a slot
  GaugePeak current_peak;
  base::Counter total;  // slots ever taken
  base::Counter established;
  base::Counter connect_errors;
  base::Counter retries;
  base::Counter redispatches;
  base::Counter bytes_in;
  base::Counter bytes_out;
  base::Counter reused;      // exchanges on a kept connection
  base::Gauge idle_count;    // of `idle`, for other shards
  // Kept connections, shard-local; the longest kept first.
  base::IntrusiveList<MuxH1Back, &MuxH1Back::idle_hook> idle;
};

// What an operator said about a server. Draining: takes nothing new by load balancing, which is all
// there is without persistence and health checks, so today it differs from maintenance in name
// only.
enum class AdminState : uint8_t { kReady, kDrain, kMaint };

class ServerState {
 public:
  ServerState(std::string name, uint32_t shards)
      : name_(std::move(name)), parts_(new ServerShardPart[shards]), shards_(shards) {}
  const std::string& name() const { return name_; }
  ServerShardPart& part(uint32_t shard) { return parts_[shard]; }
  uint32_t shards() const { return shards_; }
  // Read over all shards; exact only when nothing moves.
  uint64_t Total() const;
  uint64_t Sum(base::Counter ServerShardPart::*counter) const;
  int64_t Current() const;
  int64_t CurrentPeak() const;
  void NoteRise(uint32_t shard) {
    parts_[shard].current_peak.Note(parts_[shard].current.Get(), [this] { return Current(); });
  }
  // Not to be chosen for anything new.
  bool disabled() const { return admin_state() != AdminState::kReady; }
  void SetDisabled(bool disabled) {
    SetAdminState(disabled ? AdminState::kMaint : AdminState::kReady);
  }
  AdminState admin_state() const { return admin_state_.load(std::memory_order_relaxed); }
  void SetAdminState(AdminState state) {
    if (admin_state_.exchange(state, std::memory_order_relaxed) == state) return;
    changed_us_.store(base::MonotonicMicros(), std::memory_order_relaxed);
  }
  uint64_t changed_us() const { return changed_us_.load(std::memory_order_relaxed); }

 private:
  const std::string name_;
  std::unique_ptr<ServerShardPart[]> parts_;
  const uint32_t shards_;
  std::atomic<AdminState> admin_state_{AdminState::kReady};
  std::atomic<uint64_t> changed_us_{base::MonotonicMicros()};
};

// One shard's numbers about one proxy, front and back half.
struct alignas(64) ProxyShardPart {
  base::Gauge front_current;
  GaugePeak front_peak;
  base::Counter front_total;
  base::Gauge back_current;
  GaugePeak back_peak;
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
  // Sums over all shards, exact only when nothing moves.
  int64_t FrontCurrent() const;
  int64_t FrontPeak() const;
  int64_t BackCurrent() const;
  int64_t BackPeak() const;
  uint64_t Sum(base::Counter ProxyShardPart::*counter) const;
  void RaiseFront(uint32_t shard) {
    ProxyShardPart& one = parts_[shard];
    one.front_current.Add();
    one.front_peak.Note(one.front_current.Get(), [this] { return FrontCurrent(); });
  }
  void RaiseBack(uint32_t shard) {
    ProxyShardPart& one = parts_[shard];
    one.back_current.Add();
    one.back_peak.Note(one.back_current.Get(), [this] { return BackCurrent(); });
  }
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
    server.state->NoteRise(shard);
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
