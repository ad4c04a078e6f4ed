// balancer.h - which server of a backend takes the next stream.
//
// Owns:    a Balancer owns its immutable schedule; the ticket it draws from is the backend's.
// Threads: shard-local: each shard makes its own; the ticket, and what the view stands for, are
//          shared by all of them.
// Units:   server indices in the backend's order; weights 0..256.
// Errors:  no server has room: Picked without a server, or with the one to wait for.
// States:  none.
//
// To the outside all shards together look like one process: a sequence of single requests rotates
// exactly, whichever shards they arrive on. So round robin draws tickets from one counter, over a
// table that is never written. A Balancer knows only servers that may be used: another one is made
// when that changes.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace engine {

// What a balancer may ask about the servers. Implemented over the backend's state as one shard sees
// it.
class ServerView {
 public:
  // Whether TryTake() would do, at this moment.
  virtual bool HasRoom(uint32_t server) const = 0;
  // Takes a place on the server for the stream. False: it is full (maxconn).
  virtual bool TryTake(uint32_t server) const = 0;
  // Streams this shard has on the server now.
  virtual uint32_t Load(uint32_t server) const = 0;
  // No more may wait for the server (maxqueue).
  virtual bool IsQueueFull(uint32_t server) const = 0;
  // Of all shards, those that wait for the server included. Only where the backend counts them.
  virtual int64_t TotalLoad(uint32_t server) const = 0;
  // Streams in the backend, the one to be placed included.
  virtual int64_t BackendLoad() const = 0;
  // The ticket the server was last taken with; 0: never.
  virtual uint64_t LastUse(uint32_t server) const = 0;
  virtual void NoteUse(uint32_t server, uint64_t ticket) const = 0;

 protected:
  ~ServerView() = default;
};

struct PickRequest {
  int avoid = -1;       // the server that has just failed; taken only when no other has room
  uint64_t random = 0;  // from the shard's generator
  bool has_hash = false;
  uint32_t hash = 0;  // of what the backend's rule names
};

// `taken`: a place on `server` is the stream's. Else it waits for `server`, or, with -1, for any.
struct Picked {
  int server = -1;
  bool taken = false;
};

enum class HashMethod : uint8_t { kMapBased, kConsistent };
// hash-preserve-affinity: which full servers are passed over.
enum class HashAffinity : uint8_t { kAlways, kMaxconn, kMaxqueue };
struct HashRules {
  HashMethod method = HashMethod::kMapBased;
  HashAffinity affinity = HashAffinity::kAlways;
  uint32_t balance_factor = 0;     // hash-balance-factor, in percent; 0: no bound
  uint32_t points_per_weight = 1;  // on the ring; the same whichever servers are usable
  uint32_t weight_scale = 1;       // what the weights were multiplied with
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  virtual Picked Pick(const ServerView& view, const PickRequest& request) = 0;
};

// In all of them a weight of 0 leaves the server out.
// Weighted round robin over a smooth schedule (manual 4.2, balance roundrobin and static-rr).
std::unique_ptr<Balancer> MakeRoundRobin(const std::vector<uint32_t>& weights,
                                         std::atomic<uint64_t>& ticket);
// The best of `draws` weighted random choices (manual 4.2, balance random), among those that
// `balance_factor` allows.
std::unique_ptr<Balancer> MakeRandom(const std::vector<uint32_t>& weights, uint32_t draws,
                                     uint32_t balance_factor = 0);
// The least loaded for its weight (manual 4.2, balance leastconn).
std::unique_ptr<Balancer> MakeLeastConn(const std::vector<uint32_t>& weights,
                                        std::atomic<uint64_t>& ticket);
// What the hash of the request says; round robin for one without (manual 4.2, hash-type).
// `node_keys`: by server, where its points on the ring are derived from.
std::unique_ptr<Balancer> MakeHash(const std::vector<uint32_t>& weights,
                                   const std::vector<uint32_t>& node_keys, const HashRules& rules,
                                   std::atomic<uint64_t>& ticket);
// The first server of `order` that has room (manual 4.2, balance first).
std::unique_ptr<Balancer> MakeFirst(std::vector<uint32_t> order);

// Each server `weight` times over its share of the sum, spread as evenly as can be.
std::vector<uint16_t> MakeSchedule(const std::vector<uint32_t>& weights);

// hash-balance-factor: a server may have that many percent of its part of the backend's streams,
// rounded up, so that one of them always may take one more.
class LoadBound {
 public:
  LoadBound(const std::vector<uint32_t>& weights, uint32_t factor);
  bool Allows(const ServerView& view, uint32_t server) const {
    if (factor_ == 0) return true;
    return view.TotalLoad(server) * 100 * int64_t(weights_sum_) <
           view.BackendLoad() * int64_t(weights_[server]) * int64_t(factor_);
  }

 private:
  const std::vector<uint32_t> weights_;
  uint64_t weights_sum_ = 0;
  const uint32_t factor_;
};

}  // namespace engine
