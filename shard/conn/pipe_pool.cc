#include "shard/conn/pipe_pool.h"

#include "base/check.h"

namespace shard {

PipePool::PipePool(Ring& ring, uint32_t pipes_max, uint32_t pipe_bytes)
    : ring_(ring), pipes_(new Pipe[pipes_max]), pipes_max_(pipes_max), pipe_bytes_(pipe_bytes) {
  for (uint32_t i = pipes_max; i > 0; --i) {
    pipes_[i - 1].pool = this;
    pipes_[i - 1].next = closed_;
    closed_ = &pipes_[i - 1];
  }
}

PipePool::~PipePool() {
  MUST(in_use_ == 0);
  while (Pipe* pipe = spare_) {
    spare_ = pipe->next;
    Close(pipe);
  }
}

Pipe* PipePool::TryTake() {
  Pipe* pipe = spare_;
  if (pipe != nullptr) {
    spare_ = pipe->next;
  } else {
    pipe = closed_;
    if (pipe == nullptr) return nullptr;
    uint32_t bytes = pipe_bytes_;
    int fds[2];
    if (ring_.OpenPipe(fds, &bytes) < 0) return nullptr;
    closed_ = pipe->next;
    pipe->read_fd = fds[0];
    pipe->write_fd = fds[1];
    pipe->capacity = bytes;
    ++open_;
  }
  pipe->next = nullptr;
  pipe->bytes = 0;
  pipe->stuffed = pipe->spoiled = false;
  ++in_use_;
  return pipe;
}

void PipePool::GiveBack(Pipe* pipe) {
  MUST(in_use_ > 0 && pipe->pool == this);
  --in_use_;
  if (pipe->bytes > 0 || pipe->spoiled) return Close(pipe);
  pipe->next = spare_;
  spare_ = pipe;
}

void PipePool::Close(Pipe* pipe) {
  ring_.ClosePipe(pipe->read_fd, pipe->write_fd);
  pipe->read_fd = pipe->write_fd = -1;
  --open_;
  pipe->next = closed_;
  closed_ = pipe;
}

}  // namespace shard
