// idle_ring.h - a Ring without a kernel: nothing is ever submitted, nothing is ever answered.
//
// Owns:    nothing.
// Threads: as the test that derives from it needs; shard-local unless it says otherwise.
// Units:   none.
// Errors:  every operation but Turn() and Wake() fails the test: the loop itself submits nothing.
// States:  none.

#pragma once

#include <gtest/gtest.h>

#include <cerrno>

#include "shard/ring/ring.h"

namespace shard {

class IdleRing : public Ring {
 public:
  const char* name() const override { return "idle"; }
  void Accept(OpId, int, bool) override { Unexpected(); }
  void Connect(OpId, int, const sockaddr*, socklen_t) override { Unexpected(); }
  void Recv(OpId, int, RecvMode, BufferSize) override { Unexpected(); }
  void Send(OpId, int, std::span<const iovec>, SendMode) override { Unexpected(); }
  void Poll(OpId, int, uint32_t, bool) override { Unexpected(); }
  void Cancel(OpId) override { Unexpected(); }
  void Close(int) override { Unexpected(); }
  int Socket(int, int, int) override { return Unexpected(); }
  int SetOption(int, int, int, const void*, socklen_t) override { return Unexpected(); }
  int GetOption(int, int, int, int*) override { return Unexpected(); }
  int Bind(int, const sockaddr*, socklen_t) override { return Unexpected(); }
  int Shutdown(int, int) override { return Unexpected(); }
  int GetPeerName(int, sockaddr_storage*, socklen_t*) override { return Unexpected(); }
  int GetLocalName(int, sockaddr_storage*, socklen_t*) override { return Unexpected(); }
  int GetSocketError(int) override { return Unexpected(); }
  int PollNow(std::span<pollfd>) override { return Unexpected(); }
  int OpenPipe(int*, uint32_t*) override { return Unexpected(); }
  void ClosePipe(int, int) override { Unexpected(); }
  int Splice(int, int, size_t) override { return Unexpected(); }
  int RecvNow(int, void*, size_t) override { return Unexpected(); }
  int SendNow(int, std::span<const iovec>) override { return Unexpected(); }
  std::span<const Completion> Turn(uint64_t) override { return {}; }
  void Wake(Ring*) override {}
  uint64_t enter_calls() const override { return 0; }

 private:
  static int Unexpected() {
    ADD_FAILURE() << "an operation the loop has no business to submit";
    return -ENOSYS;
  }
};

}  // namespace shard
