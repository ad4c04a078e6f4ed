// pipe_pool.h - pipes through which large transfers go from socket to socket without entering user
// space.
//
// Owns:    the pipes, in use or not, and their descriptors.
// Threads: shard-local.
// Units:   bytes.
// Errors:  no pipe left, or none to be had from the system: null, and the caller copies.
// States:  of a pipe: spare -> taken -> spare, or closed where bytes were left in it.
//
//   Pipe* pipe = pool.TryTake();
//   connection.SpliceIn(*pipe, left);  other.SpliceOut(*pipe);
//   pool.GiveBack(pipe);

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "shard/ring/ring.h"

namespace shard {

class PipePool;

struct Pipe {
  size_t room() const { return bytes < capacity && !stuffed ? capacity - bytes : 0; }

  PipePool* pool = nullptr;
  Pipe* next = nullptr;  // of the spare ones
  int read_fd = -1;
  int write_fd = -1;
  size_t capacity = 0;
  size_t bytes = 0;      // in it
  bool stuffed = false;  // full before its bytes are: of small pieces it holds fewer
  bool spoiled = false;  // what is in it nobody wants: to be closed, not kept
};

class PipePool {
 public:
  // What a pipe is asked to hold unless told otherwise: a source's low-water mark is never more
  // than its pipe holds.
  static constexpr uint32_t kPipeBytes = 256 * 1024;

  PipePool(Ring& ring, uint32_t pipes_max, uint32_t pipe_bytes = kPipeBytes);
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  Pipe* TryTake();
  void GiveBack(Pipe* pipe);
  uint32_t in_use() const { return in_use_; }
  uint32_t open() const { return open_; }
  uint32_t pipes_max() const { return pipes_max_; }
  // What has left all of them so far, to whatever socket.
  uint64_t bytes_out() const { return bytes_out_; }
  void CountOut(size_t bytes) { bytes_out_ += bytes; }

 private:
  void Close(Pipe* pipe);

  Ring& ring_;
  std::unique_ptr<Pipe[]> pipes_;
  const uint32_t pipes_max_;
  const uint32_t pipe_bytes_;
  Pipe* spare_ = nullptr;   // open and empty; the one used last first
  Pipe* closed_ = nullptr;  // records without descriptors
  uint32_t in_use_ = 0;
  uint32_t open_ = 0;
  uint64_t bytes_out_ = 0;
};

}  // namespace shard
