// tcp_flow.h - the phases of a stream in mode tcp: look at what came in, choose a target, then
// forward.
//
// Owns:    nothing but its phase.
// Threads: shard-local.
// Units:   none.
// Errors:  no backend: the stream is rejected with kNoBackend.
// States:  kFront (the frontend's rules on content) -> kBack (the backend's) -> kResponse (the
//          answer is held until the backend's rules have seen it) -> kForward. Or kFront ->
//          kSwitched: the stream is HttpFlow's, by a rule or because its backend speaks HTTP
//          (manual 4, "upgrades").
//
// Rules can pause: Run() is called in every pass and goes on where it stood.

#pragma once

#include <cstdint>

namespace engine {

class Stream;
struct ProxyConfig;
enum class RuleStage : uint8_t;
enum class Verdict : uint8_t;

class TcpFlow {
 public:
  // True when it did something that a side may have waited for.
  bool Run(Stream& stream);

 private:
  enum class Phase : uint8_t { kFront, kBack, kResponse, kForward, kSwitched };
  void RunRequest(Stream& stream);
  void Switch(Stream& stream);
  // False: rules wait, or have ended it.
  bool Passes(Stream& stream, Verdict verdict);

  Phase phase_ = Phase::kFront;
};

}  // namespace engine
