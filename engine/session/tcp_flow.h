// tcp_flow.h - the phases of a stream in mode tcp: look at what came in, choose a target, then
// forward.
//
// Owns:    nothing but its phase.
// Threads: shard-local.
// Units:   none.
// Errors:  no backend: the stream is rejected with kNoBackend.
// States:  content (rules may still look at the bytes) -> forward.
//
// Rules can pause: Run() is called in every pass and goes on where it stood.

#pragma once

#include <cstdint>

namespace engine {

class Stream;

class TcpFlow {
 public:
  void Run(Stream& stream);

 private:
  enum class Phase : uint8_t { kContent, kForward };
  Phase phase_ = Phase::kContent;
};

}  // namespace engine
