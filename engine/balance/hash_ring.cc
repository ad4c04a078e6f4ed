// A hash decides, over a table of servers: the position in it is the hash modulo its length
// (map-based), or the next point on a ring that every server has several points on (consistent).
// What cannot take the stream, by `hash-preserve-affinity` or by its load, is passed over along the
// table, which is another order for every key.

#include <algorithm>

#include "engine/balance/balancer.h"

namespace engine {
namespace {

uint32_t PointOf(uint32_t node_key, uint32_t number) {
  // splitmix64, so that neighbouring keys and numbers land far apart.
  uint64_t value = (uint64_t(node_key) << 32 | number) + 0x9e3779b97f4a7c15u;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return uint32_t((value ^ value >> 31) >> 32);
}

class HashTable final : public Balancer {
 public:
  HashTable(const std::vector<uint32_t>& weights, const std::vector<uint32_t>& node_keys,
            const HashRules& rules, std::atomic<uint64_t>& ticket)
      : rules_(rules),
        bound_(weights, rules.method == HashMethod::kConsistent ? rules.balance_factor : 0),
        without_key_(MakeRoundRobin(weights, ticket)),
        passed_(weights.size(), 0) {
    if (rules.method == HashMethod::kMapBased) {
      for (uint16_t server : MakeSchedule(weights)) servers_.push_back(server);
    } else {
      MakeRing(weights, node_keys);
    }
    for (uint32_t weight : weights) usable_ += weight != 0 ? 1 : 0;
  }

  Picked Pick(const ServerView& view, const PickRequest& request) override {
    if (servers_.empty()) return {};
    if (!request.has_hash) return without_key_->Pick(view, request);
    const size_t start = Find(request.hash);
    ++epoch_;
    int last = -1;  // the last one passed over
    uint32_t passed = 0;
    for (size_t i = 0; i < servers_.size() && passed < usable_; ++i) {
      const uint32_t server = servers_[(start + i) % servers_.size()];
      if (passed_[server] == epoch_) continue;
      passed_[server] = epoch_;
      ++passed;
      if (int(server) == request.avoid) continue;
      if (!bound_.Allows(view, server)) {
        if (last < 0) last = int(server);
        continue;
      }
      if (view.TryTake(server)) return {int(server), true};
      if (!IsPassedOver(view, server)) return {int(server), false};
      last = int(server);
    }
    // All are saturated (the last one is where to wait), or only the one to avoid is left.
    if (last < 0) last = request.avoid;
    return {last, view.TryTake(uint32_t(last))};
  }

 private:
  void MakeRing(const std::vector<uint32_t>& weights, const std::vector<uint32_t>& node_keys) {
    struct Point {
      uint32_t hash;
      uint32_t server;
    };
    std::vector<Point> points;
    for (uint32_t server = 0; server < weights.size(); ++server) {
      if (weights[server] == 0) continue;
      const uint64_t scaled = uint64_t(weights[server]) * rules_.points_per_weight;
      const uint64_t count = std::max<uint64_t>(scaled / rules_.weight_scale, 1);
      for (uint32_t i = 0; i < count; ++i) {
        points.push_back({PointOf(node_keys[server], i), server});
      }
    }
    std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.server < b.server;
    });
    for (const Point& point : points) {
      hashes_.push_back(point.hash);
      servers_.push_back(point.server);
    }
  }
  size_t Find(uint32_t hash) const {
    if (hashes_.empty()) return hash % servers_.size();
    const auto at = std::lower_bound(hashes_.begin(), hashes_.end(), hash);
    return at == hashes_.end() ? 0 : size_t(at - hashes_.begin());
  }
  // A full server, for a stream that would wait for it.
  bool IsPassedOver(const ServerView& view, uint32_t server) const {
    switch (rules_.affinity) {
      case HashAffinity::kAlways:
        return false;
      case HashAffinity::kMaxconn:
        return true;
      case HashAffinity::kMaxqueue:
        return view.IsQueueFull(server);
    }
    return false;
  }

  const HashRules rules_;
  const LoadBound bound_;
  const std::unique_ptr<Balancer> without_key_;
  std::vector<uint32_t> servers_;  // by position
  std::vector<uint32_t> hashes_;   // of the positions, ascending; empty: map-based
  uint32_t usable_ = 0;
  // By server: the choice that passed it last. The balancer is its shard's own.
  std::vector<uint64_t> passed_;
  uint64_t epoch_ = 0;
};

}  // namespace

std::unique_ptr<Balancer> MakeHash(const std::vector<uint32_t>& weights,
                                   const std::vector<uint32_t>& node_keys, const HashRules& rules,
                                   std::atomic<uint64_t>& ticket) {
  return std::make_unique<HashTable>(weights, node_keys, rules, ticket);
}

}  // namespace engine
