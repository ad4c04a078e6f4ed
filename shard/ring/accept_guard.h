// accept_guard.h - accept4() on a listening socket that may block, without getting stuck in it.
//
// Owns:    one POSIX timer aimed at the thread that used the guard first.
// Threads: of one thread, a shard or the main one.
// Units:   milliseconds (kPatienceMs).
// Errors:  as accept4: a descriptor or -errno; -EAGAIN when there is nobody to accept.
// States:  none.
//
// An inherited listener keeps the flags it came with, because they belong to the open file that
// the other process shares. On a blocking one, "poll says ready, so accept" is a race: with several
// shards or processes on one socket, another one takes the connection in between, as a rule and not
// by accident, and accept4 then sleeps with the whole shard. SO_RCVTIMEO would bound that but lives
// in the shared socket too. So a timer signals this thread while it is in accept4: nobody else sees
// anything of it. Cost: two calls more per accept, on such listeners under the poll driver and
// where the main thread takes a backlog.
//
// The signal is SIGURG, which is ignored by default and which nothing here uses otherwise; it gets
// an empty handler and is unblocked in this thread.

#pragma once

#include <ctime>

namespace shard {

class AcceptGuard {
 public:
  static constexpr int kPatienceMs = 2;

  AcceptGuard() = default;
  ~AcceptGuard();
  AcceptGuard(const AcceptGuard&) = delete;
  AcceptGuard& operator=(const AcceptGuard&) = delete;

  // The new descriptor is non-blocking and close-on-exec.
  int Accept(int listener);

 private:
  bool Prepare();
  void Arm(bool on);

  bool prepared_ = false;
  timer_t timer_ = {};
};

}  // namespace shard
