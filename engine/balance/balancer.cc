#include "engine/balance/balancer.h"

#include <algorithm>
#include <numeric>

namespace engine {
namespace {

std::vector<uint32_t> WithWeight(const std::vector<uint32_t>& weights) {
  std::vector<uint32_t> servers;
  for (uint32_t server = 0; server < weights.size(); ++server) {
    if (weights[server] != 0) servers.push_back(server);
  }
  return servers;
}

// Takes the first of `servers` that has room, beginning at `start` and going around; `avoid` only
// if no other one has.
Picked TakeAround(const ServerView& view, const std::vector<uint32_t>& servers, size_t start,
                  int avoid) {
  bool has_avoided = false;
  for (size_t i = 0; i < servers.size(); ++i) {
    const uint32_t server = servers[(start + i) % servers.size()];
    if (int(server) == avoid) {
      has_avoided = true;
    } else if (view.TryTake(server)) {
      return {int(server), true};
    }
  }
  if (has_avoided && view.TryTake(uint32_t(avoid))) return {avoid, true};
  return {};
}

class RoundRobin final : public Balancer {
 public:
  RoundRobin(const std::vector<uint32_t>& weights, std::atomic<uint64_t>& ticket)
      : schedule_(MakeSchedule(weights)), servers_(WithWeight(weights)), ticket_(ticket) {}

  Picked Pick(const ServerView& view, const PickRequest& request) override {
    if (schedule_.empty()) return {};
    const uint64_t ticket = ticket_.fetch_add(1, std::memory_order_relaxed);
    // Along the schedule while that is likely to find another server; it may be far longer than
    // there are servers.
    const size_t steps = std::min(schedule_.size(), 2 * servers_.size());
    for (size_t i = 0; i < steps; ++i) {
      const int server = schedule_[(ticket + i) % schedule_.size()];
      if (server != request.avoid && view.TryTake(uint32_t(server))) return {server, true};
    }
    return TakeAround(view, servers_, size_t(ticket % servers_.size()), request.avoid);
  }

 private:
  const std::vector<uint16_t> schedule_;
  const std::vector<uint32_t> servers_;
  std::atomic<uint64_t>& ticket_;
};

class First final : public Balancer {
 public:
  explicit First(std::vector<uint32_t> order) : order_(std::move(order)) {}
  Picked Pick(const ServerView& view, const PickRequest& request) override {
    return TakeAround(view, order_, 0, request.avoid);
  }

 private:
  const std::vector<uint32_t> order_;
};

class Random final : public Balancer {
 public:
  Random(const std::vector<uint32_t>& weights, uint32_t draws, uint32_t balance_factor)
      : weights_(weights),
        servers_(WithWeight(weights)),
        bound_(weights, balance_factor),
        draws_(std::max(draws, 1u)) {
    uint64_t sum = 0;
    for (uint32_t server : servers_) ends_.push_back(sum += weights[server]);
  }

  Picked Pick(const ServerView& view, const PickRequest& request) override {
    if (ends_.empty()) return {};
    int best = -1;
    uint64_t random = request.random;
    size_t start = 0;
    for (uint32_t draw = 0; draw < draws_; ++draw) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const uint64_t point = (random >> 33) % ends_.back();
      start = size_t(std::upper_bound(ends_.begin(), ends_.end(), point) - ends_.begin());
      const int server = Nearest(view, start, request.avoid);
      if (best < 0 || (server >= 0 && Lighter(view, server, best))) best = server;
    }
    if (best >= 0 && view.TryTake(uint32_t(best))) return {best, true};
    return TakeAround(view, servers_, start, request.avoid);  // its last place went meanwhile
  }

 private:
  // The server at `start`, or the next one behind it that has room; -1: none but `avoid`.
  int Nearest(const ServerView& view, size_t start, int avoid) const {
    for (size_t i = 0; i < servers_.size(); ++i) {
      const uint32_t server = servers_[(start + i) % servers_.size()];
      if (int(server) != avoid && view.HasRoom(server) && bound_.Allows(view, server)) {
        return int(server);
      }
    }
    return -1;
  }
  // Load relative to weight, compared without dividing.
  bool Lighter(const ServerView& view, int a, int b) const {
    return uint64_t(view.Load(uint32_t(a))) * weights_[size_t(b)] <
           uint64_t(view.Load(uint32_t(b))) * weights_[size_t(a)];
  }

  const std::vector<uint32_t> weights_;
  const std::vector<uint32_t> servers_;
  std::vector<uint64_t> ends_;  // running sums of the weights of servers_
  const LoadBound bound_;
  const uint32_t draws_;
};

}  // namespace

// In each step every server gains its
// weight and the richest is taken, paying the total (smooth weighted round robin).
std::vector<uint16_t> MakeSchedule(const std::vector<uint32_t>& weights) {
  uint32_t divisor = 0;
  for (uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  std::vector<uint16_t> schedule;
  if (divisor == 0) return schedule;
  int64_t total = 0;
  for (uint32_t weight : weights) total += weight / divisor;
  std::vector<int64_t> credit(weights.size(), 0);
  schedule.reserve(size_t(total));
  for (int64_t step = 0; step < total; ++step) {
    size_t richest = weights.size();
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) continue;
      credit[i] += weights[i] / divisor;
      if (richest == weights.size() || credit[i] > credit[richest]) richest = i;
    }
    credit[richest] -= total;
    schedule.push_back(uint16_t(richest));
  }
  return schedule;
}

LoadBound::LoadBound(const std::vector<uint32_t>& weights, uint32_t factor)
    : weights_(weights), factor_(factor) {
  for (uint32_t weight : weights) weights_sum_ += weight;
}

std::unique_ptr<Balancer> MakeRoundRobin(const std::vector<uint32_t>& weights,
                                         std::atomic<uint64_t>& ticket) {
  return std::make_unique<RoundRobin>(weights, ticket);
}
std::unique_ptr<Balancer> MakeRandom(const std::vector<uint32_t>& weights, uint32_t draws,
                                     uint32_t balance_factor) {
  return std::make_unique<Random>(weights, draws, balance_factor);
}
std::unique_ptr<Balancer> MakeFirst(std::vector<uint32_t> order) {
  return std::make_unique<First>(std::move(order));
}

}  // namespace engine
