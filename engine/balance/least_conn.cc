// The server with the fewest streams for its weight, those that wait for it included; among equals
// the one that was taken longest ago, over all shards.
//
// Up to kScannedMax servers are all read for each choice. Above that, each shard orders them by the
// value it read last, and reads again the best few, and a few in turn: a server that others have
// relieved is found again after at most `servers / kRefreshed` choices.

#include <algorithm>

#include "engine/balance/balancer.h"

namespace engine {
namespace {

constexpr size_t kScannedMax = 32;
constexpr size_t kReread = 8;
constexpr size_t kRefreshed = 2;

class LeastConn final : public Balancer {
 public:
  LeastConn(const std::vector<uint32_t>& weights, std::atomic<uint64_t>& ticket)
      : weights_(weights), ticket_(ticket) {
    for (uint32_t server = 0; server < weights.size(); ++server) {
      if (weights[server] != 0) seen_.push_back({0, 0, server});
    }
    // All are equal as yet, so any order is a heap.
    for (uint32_t i = 0; i < seen_.size(); ++i) {
      heap_.push_back(i);
      place_.push_back(i);
    }
  }

  Picked Pick(const ServerView& view, const PickRequest& request) override {
    if (seen_.empty()) return {};
    const int best =
        seen_.size() <= kScannedMax ? ScanAll(view, request.avoid) : ScanBest(view, request.avoid);
    if (best >= 0 && view.TryTake(uint32_t(best))) return Note(view, uint32_t(best));
    // Its last place went meanwhile, or the best ones are full: any that has room.
    for (const Seen& other : seen_) {
      if (int(other.server) != request.avoid && view.TryTake(other.server)) {
        return Note(view, other.server);
      }
    }
    if (request.avoid >= 0 && weights_[size_t(request.avoid)] != 0 &&
        view.TryTake(uint32_t(request.avoid))) {
      return Note(view, uint32_t(request.avoid));
    }
    return {};
  }

 private:
  struct Seen {
    int64_t load;
    uint64_t use;
    uint32_t server;
  };

  Picked Note(const ServerView& view, uint32_t server) {
    view.NoteUse(server, ticket_.fetch_add(1, std::memory_order_relaxed) + 1);
    return {int(server), true};
  }
  void Read(const ServerView& view, Seen& seen) const {
    seen.load = view.TotalLoad(seen.server);
    seen.use = view.LastUse(seen.server);
  }
  // Load relative to weight, compared without dividing.
  bool IsBetter(const Seen& a, const Seen& b) const {
    const int64_t left = a.load * weights_[b.server];
    const int64_t right = b.load * weights_[a.server];
    return left != right ? left < right : a.use != b.use ? a.use < b.use : a.server < b.server;
  }

  int ScanAll(const ServerView& view, int avoid) {
    const Seen* best = nullptr;
    for (Seen& seen : seen_) {
      Read(view, seen);
      if (int(seen.server) == avoid || !view.HasRoom(seen.server)) continue;
      if (best == nullptr || IsBetter(seen, *best)) best = &seen;
    }
    return best == nullptr ? -1 : int(best->server);
  }

  int ScanBest(const ServerView& view, int avoid) {
    for (size_t i = 0; i < kRefreshed; ++i) {
      refresh_ = (refresh_ + 1) % seen_.size();
      Read(view, seen_[refresh_]);
      Up(place_[refresh_]);
      Down(place_[refresh_], heap_.size());
    }
    // The best ones come to the end, are read there, and go back in.
    size_t end = heap_.size();
    const Seen* best = nullptr;
    for (size_t i = 0; i < kReread; ++i) {
      Swap(0, --end);
      Down(0, end);
      Seen& seen = seen_[heap_[end]];
      Read(view, seen);
      if (int(seen.server) == avoid || !view.HasRoom(seen.server)) continue;
      if (best == nullptr || IsBetter(seen, *best)) best = &seen;
    }
    for (; end < heap_.size(); ++end) Up(end);
    return best == nullptr ? -1 : int(best->server);
  }

  bool IsAbove(size_t a, size_t b) const { return IsBetter(seen_[heap_[a]], seen_[heap_[b]]); }
  void Swap(size_t a, size_t b) {
    std::swap(heap_[a], heap_[b]);
    place_[heap_[a]] = uint32_t(a);
    place_[heap_[b]] = uint32_t(b);
  }
  void Up(size_t at) {
    for (; at > 0 && IsAbove(at, (at - 1) / 2); at = (at - 1) / 2) Swap(at, (at - 1) / 2);
  }
  // Among the first `size` of the heap.
  void Down(size_t at, size_t size) {
    for (;;) {
      size_t best = at;
      for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < size; ++child) {
        if (IsAbove(child, best)) best = child;
      }
      if (best == at) return;
      Swap(at, best);
      at = best;
    }
  }

  const std::vector<uint32_t> weights_;
  std::atomic<uint64_t>& ticket_;
  std::vector<Seen> seen_;
  // Above kScannedMax: places in seen_, the best one first; and where each of them stands.
  std::vector<uint32_t> heap_;
  std::vector<uint32_t> place_;
  size_t refresh_ = 0;
};

}  // namespace

std::unique_ptr<Balancer> MakeLeastConn(const std::vector<uint32_t>& weights,
                                        std::atomic<uint64_t>& ticket) {
  return std::make_unique<LeastConn>(weights, ticket);
}

}  // namespace engine
