// idle_pool.h - connections to servers that carry nothing: kept by their shard, lent to others.
//
// Owns:    the order of all idle connections of its shard, and who waits for one of another shard.
//          The connections are their muxes' and the table's; the lists by server are in
//          ServerShardPart.
// Threads: shard-local; shards lend by message.
// Units:   connections; microseconds of the monotonic clock, which all shards share.
// Errors:  a connection that cannot be moved, or not in time, costs nothing but a new one.
// States:  of a connection: in exchange -> idle -> in exchange, or idle -> leaving -> idle on
//          another shard. Leaving ends it when its server has said anything by then.
//
// What a request may use (manual 4.2, http-reuse; 5.2, pool-...): a connection with the same key,
// its own shard's first. Where the shard has none and another one publishes some, that one is
// asked; the stream waits at most kWaitMicros and then dials. A connection that comes too late
// joins the pool. Nothing is offered unasked: that would move connections nobody needs.
//
// How many are kept: with those in use, what the shard has used at once in this `pool-purge-delay`
// and the one before. Else first requests, which dial although others are idle, would leave one
// behind each, and fill a server that serves a fixed number of connections. Up to 16 idle ones that
// were made for other keys come on top.

#pragma once

#include <cstdint>

#include "base/intrusive_list.h"
#include "engine/mux/mux_h1_back.h"
#include "engine/server/proxy_config.h"
#include "shard/loop/mailbox.h"

namespace engine {

class Session;
class Worker;

// Waits for a connection that another shard was asked for. Asks once for each server it is sent to.
class IdleWaiter {
 public:
  // An answer has come, or the time is over: look into the pool again, then dial.
  virtual void OnIdleAnswer() noexcept = 0;
  void LeavePool() { idle_wait_hook.Unlink(); }

  base::ListHook idle_wait_hook;  // in the pool's list while it waits

 protected:
  ~IdleWaiter() { idle_wait_hook.Unlink(); }

 private:
  friend class IdlePool;
  const ServerConfig* asked_for_ = nullptr;
  uint64_t ticket_ = 0;
  uint64_t until_us_ = 0;
};

class IdlePool final : public IdleKeeper {
 public:
  static constexpr uint64_t kWaitMicros = 200;

  explicit IdlePool(Worker& worker) : worker_(worker) {}

  // An idle connection to `server`, made for `key`, that `session` may use, or null.
  MuxH1Back* Take(const ServerConfig& server, Session& session, const PoolKey& key);
  bool HasOwn(const ServerConfig& server, const Session& session) const;
  // True: another shard was asked and has not answered yet. `waiter` is told. Only connections
  // with an empty key are lent.
  bool AskOthers(IdleWaiter& waiter, const ServerConfig& server, const Session& session);
  // Before a connection is made: ends the longest idle one where the process has too many
  // descriptors open (manual 3.2, tune.pool-high-fd-ratio).
  void MakeRoom();
  // No descriptor is left: closes so many of those that have been idle for longest here; what they
  // held is free after the next Turn(). False: there is none. Then the other shards are asked to
  // close theirs, which takes a moment.
  bool FreeDescriptors(int count);
  // Ends the one that has been idle for longest here; its place in the tables is free after the
  // next Turn(). False: there is none.
  bool CloseOldest();
  // What no other session may use goes with its session.
  void CloseOwn(Session& session);
  // The server has moved: what leads to where it was goes.
  void CloseOutdated(const ServerConfig& server);
  // All that leads to the server.
  void CloseAllOf(const ServerConfig& server);
  // Whose time is over stops waiting. Once per turn.
  void OnTurnEnd();
  void CloseAll();
  // The shard has another configuration: what its servers may use goes on, the rest is closed.
  void Reconfigure();
  size_t leaving() const { return leaving_count_; }

  // IdleKeeper
  bool Keep(MuxH1Back& mux) noexcept override;
  void Forget(MuxH1Back& mux) noexcept override;
  void OnMovable(MuxH1Back& mux, bool silent) noexcept override;
  void OnBadResponse(const MuxH1Back& mux, const InvalidHead& head) noexcept override;

 private:
  struct Request {
    const ServerConfig* server;
    uint32_t from;
    uint64_t ticket;
    uint64_t until_us;
    bool proven;  // a connection that was reused before
  };

  void Add(MuxH1Back& mux, uint64_t until_ms);
  void Remove(MuxH1Back& mux);
  bool IsCurrent(const MuxH1Back& mux) const;
  // Makes it a connection of the server as the shard's configuration has it. False: that has none
  // to which it would be made in the same way.
  bool Renew(MuxH1Back& mux);
  bool Fits(const MuxH1Back& mux, const ServerConfig& server, const PoolKey& key) const;
  bool SameServer(const MuxH1Back& mux, const ServerConfig& server) const;
  MuxH1Back* FindOwn(const ServerConfig& server, Session& session, const PoolKey& key) const;
  bool IsFull(const ServerConfig& server) const;
  // So many connections were in use at once of late that one more may be needed. One that is idle
  // for longer may have been closed for it. What a session has to itself is not asked about.
  bool IsNeeded(const MuxH1Back& mux);
  bool AboveFdRatio(uint32_t percent) const;
  int ChooseLender(const ServerConfig& server) const;
  void Lend(const Request& request);
  void Refuse(uint32_t to, uint64_t ticket);
  void TakeOver(const ServerConfig& lent, int fd, uint32_t exchanges, uint64_t until_ms,
                uint64_t pool_key, bool awaited);
  IdleWaiter* FindWaiter(uint64_t ticket);
  static void HandleFree(shard::Shard& shard, const shard::Message& message) noexcept;
  static void HandleAsk(shard::Shard& shard, const shard::Message& message) noexcept;
  static void HandleAnswer(shard::Shard& shard, const shard::Message& message) noexcept;

  Worker& worker_;
  base::IntrusiveList<MuxH1Back, &MuxH1Back::kept_hook> kept_;            // the longest idle first
  base::IntrusiveList<MuxH1Back, &MuxH1Back::kept_hook> leaving_;         // on their way elsewhere
  base::IntrusiveList<IdleWaiter, &IdleWaiter::idle_wait_hook> waiters_;  // the first asked first
  uint64_t tickets_ = 0;
  size_t leaving_count_ = 0;
};

}  // namespace engine
