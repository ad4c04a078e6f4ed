// channel.h - one direction of a stream: bytes between the side that produces them and the side
// that consumes them.
//
// Owns:    its bytes.
// Threads: shard-local.
// Units:   bytes.
// Errors:  none: a full channel takes nothing, and its producer stops reading.
// A large transfer may go through a pipe instead: bytes() goes first, and nothing is added to it
// while the pipe holds any.
//
// States:  of its input:  open -> ended (the producer will give no more); open again by Restart()
//          of its output: open -> shut (the consumer takes no more; what is left is dropped)
//          While held, the consumer side must not take bytes: somebody still looks at them.
//
// Only StreamSide and the flow that analyses a stream write it.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/buf/byte_queue.h"
#include "shard/conn/pipe_pool.h"

namespace shard {

class Channel {
 public:
  Channel(SlicePool& slices, size_t limit_bytes) : bytes_(slices), limit_bytes_(limit_bytes) {}

  ~Channel() { DropPipe(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  ByteQueue& bytes() { return bytes_; }
  const ByteQueue& bytes() const { return bytes_; }
  // How much more the producer may add to bytes().
  size_t room() const {
    if (pipe_ != nullptr && pipe_->bytes > 0) return 0;
    return bytes_.size() >= limit_bytes_ ? 0 : limit_bytes_ - bytes_.size();
  }
  bool empty() const { return bytes_.empty() && (pipe_ == nullptr || pipe_->bytes == 0); }
  // The pipe of a large transfer; null: none. Taken from its pool by the producer's side, given
  // back by either.
  Pipe* pipe() const { return pipe_; }
  void SetPipe(Pipe* pipe) { pipe_ = pipe; }
  void DropPipe() {
    if (pipe_ != nullptr) pipe_->pool->GiveBack(pipe_);
    pipe_ = nullptr;
  }
  // Its producer may use one; the consumer can take bytes out of one.
  bool pipe_allowed() const { return pipe_allowed_; }
  void AllowPipe(bool allowed) { pipe_allowed_ = allowed; }
  bool pipe_wanted() const { return pipe_wanted_; }
  void SetPipeWanted(bool wanted) { pipe_wanted_ = wanted; }

  bool ended() const { return ended_; }
  void End() { ended_ = true; }
  // Its producer is replaced before anything was consumed: what that one gave goes to `unread`, and
  // the next one begins anew.
  void Restart(ByteQueue& unread) {
    unread.MoveFrom(bytes_);
    bytes_produced_ = 0;
    ended_ = false;
  }
  bool shut() const { return shut_; }
  void Shut() {
    shut_ = true;
    bytes_.Clear();
    DropPipe();
  }
  bool held() const { return held_; }
  void Hold() { held_ = true; }
  void Release() { held_ = false; }
  // Nothing more will come out of it.
  bool drained() const { return shut_ || (ended_ && empty() && !held_); }

  uint64_t bytes_produced() const { return bytes_produced_; }
  void CountProduced(size_t bytes) { bytes_produced_ += bytes; }
  uint64_t bytes_consumed() const { return bytes_consumed_; }
  void CountConsumed(size_t bytes) { bytes_consumed_ += bytes; }

 private:
  ByteQueue bytes_;
  const size_t limit_bytes_;
  uint64_t bytes_produced_ = 0;
  uint64_t bytes_consumed_ = 0;
  bool ended_ = false;
  bool shut_ = false;
  bool held_ = false;
  bool pipe_allowed_ = false;
  bool pipe_wanted_ = false;
  Pipe* pipe_ = nullptr;
};

}  // namespace shard
