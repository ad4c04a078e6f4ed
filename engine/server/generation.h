// generation.h - one configuration in use: from its start or reload until nobody uses it any more.
//
// Owns:    its Configuration, the limits of its frontends and binds, where clients of those before
//          it go on, and per shard a count of who uses it.
// Threads: made by the main thread, then immutable. A shard counts its own pins; any-thread reads
//          them.
// Units:   pins: sessions, commands of the runtime command line, questions to other shards.
// Errors:  none.
// States:  next -> current (new sessions begin with it) -> old (those that began with it end) ->
//          freed, when no shard has a pin and no message names it any more.
//
//   GenerationPin pin(frontend.generation, shard);   // as long as it lives, so does the generation

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "base/counters.h"
#include "engine/server/bind_successors.h"
#include "engine/server/proxy_config.h"
#include "shard/net/limit.h"

namespace engine {

// Of every frontend, whether `maxconn` is set or not: an operator may set it. Of binds, only where
// it is. A limit of the same frontend or bind goes on over a reload.
struct FrontendLimits {
  std::map<const ProxyConfig*, std::shared_ptr<shard::SharedLimit>> frontends;
  std::map<const BindConfig*, std::shared_ptr<shard::SharedLimit>> binds;
};

class Generation {
 public:
  Generation(uint64_t number, std::unique_ptr<Configuration> configuration, uint32_t shards)
      : number_(number),
        configuration_(std::move(configuration)),
        pins_(new Pins[shards]),
        shards_(shards) {
    for (const auto& proxy : configuration_->proxies) proxy->generation = this;
  }
  ~Generation() { Configuration::Free(std::move(configuration_)); }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // The later, the higher.
  uint64_t number() const { return number_; }
  Configuration& configuration() const { return *configuration_; }
  FrontendLimits& limits() { return limits_; }
  BindSuccessors& successors() { return successors_; }
  base::Gauge& pins(uint32_t shard) { return pins_[shard].count; }
  // Exact only when nothing moves.
  int64_t Pinned() const {
    int64_t sum = 0;
    for (uint32_t shard = 0; shard < shards_; ++shard) sum += pins_[shard].count.Get();
    return sum;
  }

 private:
  struct alignas(64) Pins {
    base::Gauge count;
  };
  const uint64_t number_;
  std::unique_ptr<Configuration> configuration_;
  FrontendLimits limits_;
  BindSuccessors successors_;
  const std::unique_ptr<Pins[]> pins_;
  const uint32_t shards_;
};

// Made, moved and dropped on one shard.
class GenerationPin {
 public:
  GenerationPin() = default;
  // Null: nothing is pinned, as in a process that never reloads.
  GenerationPin(Generation* generation, uint32_t shard) : generation_(generation), shard_(shard) {
    if (generation_ != nullptr) generation_->pins(shard_).Add();
  }
  ~GenerationPin() { Release(); }
  GenerationPin(GenerationPin&& other) noexcept
      : generation_(std::exchange(other.generation_, nullptr)), shard_(other.shard_) {}
  GenerationPin& operator=(GenerationPin&& other) noexcept {
    if (this == &other) return *this;
    Release();
    generation_ = std::exchange(other.generation_, nullptr);
    shard_ = other.shard_;
    return *this;
  }
  void Release() {
    if (generation_ != nullptr) generation_->pins(shard_).Sub();
    generation_ = nullptr;
  }

 private:
  Generation* generation_ = nullptr;
  uint32_t shard_ = 0;
};

}  // namespace engine
