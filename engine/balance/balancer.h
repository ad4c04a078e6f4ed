// balancer.h - which server of a backend takes the next stream.
//
// Owns:    a Balancer owns its immutable schedule; the ticket it draws from is the backend's.
// Threads: immutable once made; the view and what stands behind it belong to the caller.
// Units:   server indices in the backend's order; weights 0..256.
// Errors:  -1 when no server has room.
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

 protected:
  ~ServerView() = default;
};

struct PickRequest {
  int avoid = -1;       // the server that has just failed; taken only when no other has room
  uint64_t random = 0;  // from the shard's generator
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  // The server whose place was taken; -1: none has room.
  virtual int Pick(const ServerView& view, const PickRequest& request) const = 0;
};

// In all of them a weight of 0 leaves the server out.
// Weighted round robin over a smooth schedule (manual 4.2, balance roundrobin and static-rr).
std::unique_ptr<Balancer> MakeRoundRobin(const std::vector<uint32_t>& weights,
                                         std::atomic<uint64_t>& ticket);
// The best of `draws` weighted random choices (manual 4.2, balance random).
std::unique_ptr<Balancer> MakeRandom(const std::vector<uint32_t>& weights, uint32_t draws);
// The first server of `order` that has room (manual 4.2, balance first).
std::unique_ptr<Balancer> MakeFirst(std::vector<uint32_t> order);

}  // namespace engine
