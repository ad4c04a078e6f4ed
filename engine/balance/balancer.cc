#include <algorithm>
#include <atomic>
#include <numeric>

#include "engine/balance/balancer.h"

namespace engine {
namespace {

// Each server `weight` times, spread as evenly as can be: in each step every server gains its
// weight and the richest is taken, paying the total (smooth weighted round robin).
std::vector<uint16_t> Schedule(const std::vector<uint32_t>& weights) {
  uint32_t divisor = 0;
  for (uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  std::vector<uint16_t> schedule;
  if (divisor == 0) return schedule;
  int64_t total = 0;
  for (uint32_t weight : weights) total += weight / divisor;
  std::vector<int64_t> credit(weights.size(), 0);
  schedule.reserve(size_t(total));
  for (int64_t step = 0; step < total; ++step) {
    size_t richest = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      credit[i] += weights[i] / divisor;
      if (credit[i] > credit[richest]) richest = i;
    }
    credit[richest] -= total;
    schedule.push_back(uint16_t(richest));
  }
  return schedule;
}

class RoundRobin final : public Balancer {
 public:
  explicit RoundRobin(const std::vector<uint32_t>& weights) : schedule_(Schedule(weights)) {}

  int Pick(const ServerView& view, const PickRequest& request) override {
    if (schedule_.empty()) return -1;
    const uint64_t ticket = ticket_.fetch_add(1, std::memory_order_relaxed);
    int fallback = -1;
    for (size_t i = 0; i < schedule_.size(); ++i) {
      const int server = schedule_[(ticket + i) % schedule_.size()];
      if (!view.Usable(uint32_t(server))) continue;
      if (server != request.avoid) return server;
      fallback = server;
    }
    return fallback;
  }

 private:
  const std::vector<uint16_t> schedule_;
  alignas(64) std::atomic<uint64_t> ticket_{0};
};

class First final : public Balancer {
 public:
  explicit First(uint32_t servers) : servers_(servers) {}
  int Pick(const ServerView& view, const PickRequest& request) override {
    int fallback = -1;
    for (uint32_t server = 0; server < servers_; ++server) {
      if (!view.Usable(server)) continue;
      if (int(server) != request.avoid) return int(server);
      fallback = int(server);
    }
    return fallback;
  }

 private:
  const uint32_t servers_;
};

class Random final : public Balancer {
 public:
  Random(const std::vector<uint32_t>& weights, uint32_t draws)
      : weights_(weights), draws_(std::max(draws, 1u)) {
    uint64_t sum = 0;
    for (uint32_t weight : weights) ends_.push_back(sum += weight);
  }

  int Pick(const ServerView& view, const PickRequest& request) override {
    if (ends_.empty() || ends_.back() == 0) return -1;
    int best = -1;
    uint64_t random = request.random;
    for (uint32_t draw = 0; draw < draws_; ++draw) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const int server = Nearest(view, uint32_t((random >> 33) % ends_.back()), request.avoid);
      if (best < 0 || (server >= 0 && Lighter(view, server, best))) best = server;
    }
    return best;
  }

 private:
  // The usable server at `point` of the weights' line, or the next one behind it; `avoid` only if
  // it is alone.
  int Nearest(const ServerView& view, uint64_t point, int avoid) const {
    const size_t start =
        size_t(std::upper_bound(ends_.begin(), ends_.end(), point) - ends_.begin());
    int fallback = -1;
    for (size_t i = 0; i < ends_.size(); ++i) {
      const size_t server = (start + i) % ends_.size();
      if (weights_[server] == 0 || !view.Usable(uint32_t(server))) continue;
      if (int(server) != avoid) return int(server);
      fallback = int(server);
    }
    return fallback;
  }
  // Load relative to weight, compared without dividing.
  bool Lighter(const ServerView& view, int a, int b) const {
    return uint64_t(view.Load(uint32_t(a))) * weights_[size_t(b)] <
           uint64_t(view.Load(uint32_t(b))) * weights_[size_t(a)];
  }

  const std::vector<uint32_t> weights_;
  std::vector<uint64_t> ends_;  // running sums of the weights
  const uint32_t draws_;
};

}  // namespace

std::unique_ptr<Balancer> MakeRoundRobin(const std::vector<uint32_t>& weights) {
  return std::make_unique<RoundRobin>(weights);
}
std::unique_ptr<Balancer> MakeRandom(const std::vector<uint32_t>& weights, uint32_t draws) {
  return std::make_unique<Random>(weights, draws);
}
std::unique_ptr<Balancer> MakeFirst(uint32_t servers) { return std::make_unique<First>(servers); }

}  // namespace engine
