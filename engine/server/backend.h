// backend.h - a set of servers as one: which of them may be used now, which takes the next stream,
// and who waits for a place.
//
// Owns:    the plan of each shard and, where a server has a limit, the WaitQueue. Never points into
//          a Configuration.
// Threads: built at start-up; Choose() by each shard with its own plan; ServersChanged() by
//          any-thread.
// Units:   server indices in the backend's order; weights 0..256.
// Errors:  no server usable, and all of them full, are outcomes.
// States:  none. What a server is in stands in its ServerState.
//
// A plan is computed from the servers' states alone, so every shard comes to the same one. A change
// only raises the version; each shard makes its plan anew when it next needs it. So there is
// nothing to swap under a reader and nothing to free behind one. The ticket that round robin draws
// is shared and outlives the plans.

#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "engine/balance/balancer.h"
#include "engine/server/proxy_config.h"
#include "engine/server/slow_start.h"
#include "engine/server/wait_queue.h"

namespace engine {

class BackendState;
class ServerState;

// The `maxconn` of the frontends that lead to a backend.
struct FrontendSum {
  uint64_t maxconn = 0;
  uint32_t without = 0;  // these take the process's
};

// What a backend is told about itself at start-up.
struct BackendRules {
  struct Server {
    ServerState* state = nullptr;
    uint32_t id = 0;
    uint32_t weight = 1;  // as configured
    bool backup = false;
    SlotLimit limit;
    uint32_t node_key = 0;  // its points on the ring of a consistent hash
    uint32_t slowstart_ms = 0;
  };
  BalanceAlgorithm algorithm = BalanceAlgorithm::kRandom;
  uint32_t random_draws = 2;
  HashRules hash;
  bool all_backups = false;
  bool has_static_weights = false;
  bool may_force = false;  // option persist, or some force-persist
  std::vector<Server> servers;
  uint32_t fullconn = 0;  // 0: a tenth of what the frontends before it take
  FrontendSum frontends;
};

// What balancing must know of a server over all shards. A line of its own, written only where the
// algorithm compares servers.
struct alignas(64) SharedLoad {
  std::atomic<int64_t> streams{0};  // that have a place
  std::atomic<uint64_t> use{0};     // ticket of the last choice
};

class Backend final : SlotServers, ThrottleListener {
 public:
  enum class Choice : uint8_t { kTaken, kFull, kServerFull, kNoServer };

  Backend(BackendState& state, BackendRules rules, uint32_t shards);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // The server for one stream, its place taken if it has a limit. kFull: wait in the queue for any;
  // kServerFull: wait for `*server`.
  Choice Choose(uint32_t shard, const PickRequest& request, uint32_t* server);
  // A place on that server, if it may be used and has room.
  bool TryTake(uint32_t shard, uint32_t server);
  // The same for a stream that must have this one: whether it may is the caller's to ask.
  bool TryTakePersistent(uint32_t shard, uint32_t server);
  // By those who must have this one.
  bool IsUsable(uint32_t shard, uint32_t server) override;
  // As the file says or its frontends make it (manual 4.2, fullconn). Any thread.
  uint32_t FullconnOf(uint32_t process_maxconn) const;
  // What a server is balanced by now: less than its weight while it starts slowly. Any thread.
  uint32_t EffectiveWeight(uint32_t server) const;
  // Some stream may ask for a server that is down.
  bool MayForce() const { return rules_.may_force; }
  bool ServesLine(uint32_t shard, uint32_t server) override {
    return rules_.may_force || IsUsable(shard, server);
  }
  bool IsEligible(uint32_t shard, uint32_t server) override {
    return PlanOf(shard).eligible[server];
  }
  // Another one than that may be balanced to.
  bool HasOther(uint32_t shard, uint32_t server);
  // Null when no server has a limit.
  WaitQueue* queue() { return queue_.get(); }
  // On the shard's thread, before it serves.
  void AttachShard(uint32_t shard, shard::EventLoop* loop, uint32_t process_maxconn);
  // When the shard's loop has ended.
  void DetachShard(uint32_t shard);
  // It has been down, and may be used from now on: its slowstart begins.
  void OnServerUp(uint32_t shard, uint32_t server) {
    if (!slow_starts_.empty()) slow_starts_[shard]->Begin(server);
  }
  // The states of servers have been changed: streams that come from now on see it. Those that wait
  // are told by queue()->AnnounceChange().
  void ServersChanged() { version_.fetch_add(1, std::memory_order_release); }
  std::atomic<uint64_t>* version() { return &version_; }
  // Null where nothing compares servers; else whoever holds a place on the server is counted here.
  SharedLoad* shared_load(uint32_t server) { return loads_ == nullptr ? nullptr : &loads_[server]; }

 private:
  class View;
  struct alignas(64) Plan {
    uint64_t version = 0;
    std::vector<bool> eligible;
    std::unique_ptr<Balancer> balancer;
    bool any_eligible = false;
    bool any_unlimited = false;
  };

  const Plan& PlanOf(uint32_t shard) {
    Plan& plan = plans_[shard];
    if (plan.version != version_.load(std::memory_order_acquire)) Rebuild(plan);
    return plan;
  }
  void Rebuild(Plan& plan);
  uint32_t WeightNow(uint32_t server) const;
  // Less of it while the server starts slowly.
  uint32_t Throttled(uint32_t server, uint32_t weight) const;
  uint32_t WeightScale(const std::vector<bool>& eligible) const;
  uint32_t ThrottlePercent(uint32_t server) override;
  void OnThrottleChanged(uint32_t shard) noexcept override;
  std::unique_ptr<Balancer> MakeBalancer(const std::vector<bool>& eligible);
  bool MustAskAgain(uint32_t shard) override {
    const Plan& plan = PlanOf(shard);
    return !plan.any_eligible || plan.any_unlimited;
  }
  int64_t BackendLoad() override;

  BackendState& state_;
  const BackendRules rules_;
  std::unique_ptr<Plan[]> plans_;  // by shard
  std::unique_ptr<WaitQueue> queue_;
  std::vector<std::unique_ptr<SlowStarts>> slow_starts_;  // by shard; empty: no server has any
  std::unique_ptr<SharedLoad[]> loads_;                   // by server
  std::atomic<uint64_t> version_{1};
  alignas(64) std::atomic<uint64_t> ticket_{0};
};

}  // namespace engine
