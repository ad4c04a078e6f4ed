// listener.h - one listening socket as one shard sees it: accepts in flight, pauses, limits.
//
// Owns:    nothing of the kernel: the descriptor belongs to the supervisor (several shards may
//          share it). Owns the descriptors it has accepted and not yet handed on: a backlog full of
//          them where it may take many, else one.
// Threads: shard-local.
// Units:   connections.
// Errors:  no descriptors left: the handler may give some up, else accepting pauses until one is
//          given back (or 100 ms have passed); counted.
// States:  idle -> accepting <-> full (a limit is reached: what was accepted meanwhile waits here,
//          nothing is refused) -> stopped.

#pragma once

#include <cstdint>
#include <vector>

#include "base/counters.h"
#include "shard/loop/event_loop.h"

namespace shard {

class Listener;

class AcceptHandler {
 public:
  // A new connection. False: no room for it now (a limit); the listener keeps `fd` and calls again
  // after Resume().
  virtual bool OnAccepted(Listener& listener, int fd) noexcept = 0;
  // Whether there are descriptors for everybody who may stand in the kernel's backlogs. If not,
  // clients are taken one by one. Asked with each accept, and by Resume().
  virtual bool MayTakeMany(Listener& listener) noexcept = 0;
  // The process has no descriptor left. True: something was closed for it, with the next Turn().
  virtual bool OnOutOfDescriptors() noexcept = 0;

 protected:
  ~AcceptHandler() = default;
};

struct ListenerCounters {
  base::Counter accepted;
  base::Counter no_descriptors;
  base::Counter paused;
};

class Listener final : TimerClient {
 public:
  // `index` is the same in all shards and names the listener in messages and completions; `bind` is
  // the engine's.
  Listener(EventLoop& loop, AcceptHandler& handler, uint32_t index, int fd, const void* bind)
      : loop_(loop),
        handler_(handler),
        index_(index),
        fd_(fd),
        bind_(bind),
        retry_(this),
        look_(this) {}
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // fd -1: this shard does not accept on it, but serves what others hand over.
  void Start();
  // Stops for good. What was accepted and waits is still offered to the handler by Resume().
  void Stop();
  // Paused: takes nobody, until it is told otherwise; who comes waits in the kernel's backlog.
  void SetPaused(bool paused);
  // Before Start(): another process accepts here, too, and is about to end. The kernel wakes one of
  // those who wait for a client; if that one ends, the client stands there until the next comes. So
  // for some time it is looked at again, which takes whoever is there.
  void LookAgain() { looks_left_ = kLooks; }
  // A connection that somebody else has taken from this socket's backlog; takes `fd`.
  void Offer(int fd);
  // Room may have come or gone: offers what waits, then accepts on, as many at once as may be.
  void Resume();
  // A descriptor was closed in this shard: accepting may go on after -EMFILE.
  void OnDescriptorFreed() {
    if (out_of_descriptors_) Resume();
  }
  void OnCompletion(const Completion& completion) noexcept;

  uint32_t index() const { return index_; }
  int fd() const { return fd_; }
  const void* bind() const { return bind_; }
  // From the next connection on.
  void SetBind(const void* bind) { bind_ = bind; }
  bool stopped() const { return stopped_; }
  // The ring holds no accept of this listener. After Stop() it never will again, so the descriptor
  // may be closed.
  bool answered() const { return accept_ == Accept::kNone; }
  // Nobody waits for room.
  bool keeps_none() const { return waiting_.empty(); }
  size_t waiting() const { return waiting_.size() - offered_; }
  ListenerCounters& counters() { return counters_; }

 private:
  static constexpr uint64_t kRetryMs = 100;
  static constexpr uint64_t kLookMs = 200;
  static constexpr uint32_t kLooks = 150;
  // What the ring holds.
  enum class Accept : uint8_t {
    kNone,
    kOne,     // for one client
    kMany,    // for whoever comes
    kEnding,  // a cancelled one that has not been answered
  };
  OpId Op() const { return {OpKind::kAccept, {index_, 1}}; }
  void Arm();
  void Disarm();
  void Pause();
  void OnTimer() noexcept override;

  EventLoop& loop_;
  AcceptHandler& handler_;
  const uint32_t index_;
  const int fd_;
  const void* bind_;
  Timer retry_;
  Timer look_;
  // Accepted while a limit was full, those before `offered_` no longer. Nobody is added while the
  // last of them is being offered, so it is emptied as a whole.
  std::vector<int> waiting_;
  size_t offered_ = 0;
  ListenerCounters counters_;
  Accept accept_ = Accept::kNone;
  uint32_t looks_left_ = 0;
  bool full_ = false;
  bool out_of_descriptors_ = false;
  bool paused_ = false;
  bool stopped_ = false;
};

}  // namespace shard
