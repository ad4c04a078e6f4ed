// balancer.h - which server of a backend takes the next stream.
//
// Owns:    a Balancer owns its immutable schedule and the shared ticket it draws from.
// Threads: built at start-up; Pick() by any-thread.
// Units:   server indices in the backend's order; weights 0..256.
// Errors:  -1 when no server may be used.
// States:  none.
//
// To the outside all shards together look like one process: a sequence of single requests rotates
// exactly, whichever shards they arrive on. So round robin draws tickets from one counter, over a
// table that is never written.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace engine {

// What a balancer may ask about the servers. Implemented over the backend's state as one shard sees
// it.
class ServerView {
 public:
  virtual bool Usable(uint32_t server) const = 0;
  // Streams this shard has on the server now.
  virtual uint32_t Load(uint32_t server) const = 0;

 protected:
  ~ServerView() = default;
};

struct PickRequest {
  int avoid = -1;       // the server that has just failed; taken only when there is no other
  uint64_t random = 0;  // from the shard's generator
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  // `servers` index into what the balancer was built for.
  virtual int Pick(const ServerView& view, const PickRequest& request) = 0;
};

// Weighted round robin over a smooth schedule (manual 4.2, balance roundrobin and static-rr).
std::unique_ptr<Balancer> MakeRoundRobin(const std::vector<uint32_t>& weights);
// The best of `draws` weighted random choices (manual 4.2, balance random).
std::unique_ptr<Balancer> MakeRandom(const std::vector<uint32_t>& weights, uint32_t draws);
// The first usable server in order (manual 4.2, balance first).
std::unique_ptr<Balancer> MakeFirst(uint32_t servers);

}  // namespace engine
