// wait_queue.h - who may have a place on the servers of one backend, and who waits for one, exact
// over all shards.
//
// Owns:    a padded count of taken places per limited server; per shard the lines of its waiters. A
//          waiter belongs to its stream and leaves by its destructor.
// Threads: the counts and the published keys are any-thread atomics, touched only where a server
//          has a limit. A Part, with everything that waits in it, is local to its shard.
// Units:   places on a server (connections, or requests in mode http); keys order the waiters.
// Errors:  a full mailbox keeps the grant in the sender, which tries again in its next turn.
// States:  a waiter: idle -> waiting -> granted, asked again, or left. A grant that finds its
//          waiter gone is passed on.
//
//   if (!queue.TryTake(shard, server)) queue.Enter(shard, WaitQueue::kBackendLine, &waiter);
//   ...                                // OnSlotGranted(server): the place is the waiter's now
//   queue.Release(shard, server);      // to the lowest key that waits, wherever it waits
//
// A backend has one line that any of its servers serves, and one line per server for those who may
// go nowhere else. Each shard publishes, per line, its lowest key (`head`) and the one behind it
// (`next`). Whoever has a place to give reads these of all shards, claims the lowest head by
// compare-and-swap and sends the place to its shard. While that grant is on its way the shard's
// head is empty: if the lowest key of all is a `next`, the place is given back to the count, and
// that shard gives it away when its grant arrives. So the order is exact, and nobody waits for
// another thread.
//
// Nothing is lost: who enters publishes and then looks for free places, who gives a place back
// then looks for published keys, all in one total order, so one of the two sees the other.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/counters.h"
#include "shard/loop/event_loop.h"
#include "shard/loop/run_queue.h"

namespace engine {

class WaitQueue;

// What waits. All calls on its own shard.
class SlotWaiter {
 public:
  // The order (manual 4.2, set-priority-class and set-priority-offset): a lower class first, in it
  // the time of entering moved by the offset. Before Enter().
  void SetPriority(int32_t priority_class, int32_t offset_ms) {
    priority_class_ = int16_t(priority_class);
    offset_ms_ = offset_ms;
  }
  bool waiting() const { return queue_ != nullptr; }
  // How many stood before it when it last entered a line.
  uint32_t ahead() const { return ahead_; }
  // Gives the place in the line up, for good. Nothing happens to one that does not wait.
  void Leave();

 protected:
  ~SlotWaiter() { Leave(); }

 private:
  friend class WaitQueue;
  // A place on `server` is the waiter's from now on, and so is the duty to release it.
  virtual void OnSlotGranted(uint32_t server) noexcept = 0;
  // The servers have changed: choose again, later. Entering again keeps the place in the order.
  virtual void OnAskAgain() noexcept = 0;

  WaitQueue* queue_ = nullptr;  // while it waits
  uint64_t key_ = 0;            // 0: has none yet; kept over OnAskAgain()
  uint32_t shard_ = 0;
  uint32_t line_ = 0;
  uint32_t position_ = 0;  // in the heap of its line
  uint32_t ahead_ = 0;
  int32_t offset_ms_ = 0;
  int16_t priority_class_ = 0;
};

// What the queue asks about the servers, as the calling shard sees them.
class SlotServers {
 public:
  // May the balancing of the backend choose it?
  virtual bool IsEligible(uint32_t shard, uint32_t server) = 0;
  // May it be used at all, by those that must have this one?
  virtual bool IsUsable(uint32_t shard, uint32_t server) = 0;
  // Are those that wait in its own line let in? Even while it is not usable, where some of them may
  // want it so; the others ask again when it goes.
  virtual bool ServesLine(uint32_t shard, uint32_t server) = 0;
  // Those who wait for any server must choose again: none may be chosen, or one without a limit.
  virtual bool MustAskAgain(uint32_t shard) = 0;
  // What part of its limit a server takes, in percent (manual 5.2, slowstart).
  virtual uint32_t ThrottlePercent(uint32_t server) = 0;
  // Streams in the backend now, for limits that follow the load.
  virtual int64_t BackendLoad() = 0;

 protected:
  ~SlotServers() = default;
};

struct SlotLimit {
  uint32_t maxconn = 0;   // 0, with minconn 0: no limit, not counted
  uint32_t minconn = 0;   // manual 5.2, minconn
  uint32_t maxqueue = 0;  // 0: no limit
  bool limited() const { return maxconn != 0 || minconn != 0; }
};

class WaitQueue {
 public:
  static constexpr uint32_t kBackendLine = 0;
  static uint32_t LineOf(uint32_t server) { return server + 1; }

  WaitQueue(SlotServers& servers, const std::vector<SlotLimit>& limits, uint32_t shards);
  ~WaitQueue();
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  // On the shard's thread, before it uses the queue. `fullconn`: the same from every shard.
  void AttachShard(uint32_t shard, shard::EventLoop* loop, uint32_t fullconn);
  // When the shard's loop has ended: places are given back and nobody is served any more.
  void DetachShard(uint32_t shard) { parts_[shard]->loop = nullptr; }

  // No message of this shard waits for room in another one's mailbox. By the shard.
  bool sends_nothing(uint32_t shard) const {
    return parts_[shard]->unsent.empty() && parts_[shard]->unannounced.empty();
  }

  bool limited(uint32_t server) const { return limits_[server].limited(); }
  // A place on a limited server for one that has just come: not while others wait.
  [[nodiscard]] bool TryTake(uint32_t shard, uint32_t server);
  bool HasRoom(uint32_t server) const;
  // Waits in `line`. False: the server's maxqueue is reached (never for kBackendLine). The grant
  // may come before Enter() returns.
  [[nodiscard]] bool Enter(uint32_t shard, uint32_t line, SlotWaiter* waiter);
  // A taken or granted place is free again.
  void Release(uint32_t shard, uint32_t server);
  // A server may be used again or no longer, or takes more: tells every shard. On a shard's thread.
  void AnnounceChange(uint32_t shard);
  // Of a limited server; 0: as many as come. AnnounceChange() has to follow. Any thread.
  void SetMaxconn(uint32_t server, uint32_t maxconn) {
    maxconn_[server].store(maxconn == 0 ? UINT32_MAX : maxconn, std::memory_order_seq_cst);
  }
  // Start-up, of a server that takes the place of `other`'s.
  void FollowMaxconn(uint32_t server, const WaitQueue& before, uint32_t other) {
    if (limits_[server].maxconn != before.limits_[other].maxconn) return;
    maxconn_[server].store(before.maxconn_[other].load(kRelaxed), kRelaxed);
  }
  // 0: no limit. Any thread.
  uint32_t maxconn(uint32_t server) const {
    const uint32_t max = maxconn_[server].load(kRelaxed);
    return max == UINT32_MAX ? 0 : max;
  }

  // Any thread.
  int64_t Taken(uint32_t server) const { return counts_[server].taken.load(kRelaxed); }
  int64_t Waiting(uint32_t line) const { return lines_[line].waiting.load(kRelaxed); }
  int64_t WaitingMax(uint32_t line) const;
  // Begins anew with those that wait now; the shard's own part of it.
  void ClearWaitingMax(uint32_t shard);
  int64_t Limit(uint32_t server) const;

 private:
  friend class SlotWaiter;
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;
  static constexpr uint64_t kNone = UINT64_MAX;

  struct alignas(64) Count {
    std::atomic<int64_t> taken{0};
  };
  struct alignas(64) LineCount {
    std::atomic<int64_t> waiting{0};
  };
  // What one shard shows of one line. Its shard writes; others may turn a head into kNone.
  struct alignas(64) Published {
    std::atomic<uint64_t> head{kNone};
    std::atomic<uint64_t> next{kNone};
    base::Gauge waiting_max;
  };
  // The waiters of one shard in one line.
  struct Line {
    uint64_t head_key = kNone;      // as published, or claimed with its grant on the way
    SlotWaiter* head = nullptr;     // null with a key: it left while its grant is on the way
    std::vector<SlotWaiter*> rest;  // binary heap, lowest key first; each knows its position

    void Push(SlotWaiter* waiter);
    SlotWaiter* Pop();
    void Erase(uint32_t at);
    uint64_t LowestOfRest() const { return rest.empty() ? kNone : rest.front()->key_; }

   private:
    void Put(uint32_t at, SlotWaiter* waiter) { (rest[at] = waiter)->position_ = at; }
    void Up(uint32_t at);
    void Down(uint32_t at);
  };
  struct Grant {
    uint32_t shard = 0;
    uint32_t line = 0;
    uint32_t server = 0;
    uint64_t key = 0;
  };
  struct alignas(64) Part final : shard::Task {
    explicit Part(WaitQueue& owner, uint32_t shard) : queue(owner), index(shard) {}
    void Run() noexcept override { queue.PostUnsent(*this); }
    WaitQueue& queue;
    const uint32_t index;
    shard::EventLoop* loop = nullptr;
    std::vector<Line> lines;
    std::vector<Grant> unsent;          // their mailbox was full
    std::vector<uint32_t> unannounced;  // shards, likewise
    bool is_dispatching = false;
    bool must_dispatch = false;
  };
  struct Candidate {
    uint64_t key = kNone;
    uint32_t shard = 0;
    uint32_t line = 0;
    bool claimable = false;
  };

  Published& PublishedOf(uint32_t line, uint32_t shard) {
    return published_[size_t(line) * shards_ + shard];
  }
  uint64_t NewKey(const SlotWaiter& waiter, uint64_t now_us);
  int64_t FullLimit(uint32_t server) const;
  bool HasFreePlace(uint32_t server) const;
  bool TryRaise(uint32_t server);
  void Insert(uint32_t shard, SlotWaiter* waiter);
  void Remove(SlotWaiter* waiter);
  void Refill(Line& line, Published& published);
  void Pass(uint32_t shard, uint32_t server);
  void Dispatch(uint32_t shard);
  Candidate Lowest(uint32_t shard, uint32_t server);
  void LowestOfLine(uint32_t line, Candidate* best);
  void Send(uint32_t shard, const Grant& grant);
  bool TryPost(Part& from, const Grant& grant);
  bool TryAnnounce(Part& from, uint32_t to);
  void PostUnsent(Part& part);
  void OnGrant(uint32_t shard, const Grant& grant);
  void OnChange(uint32_t shard);
  void AskAgain(uint32_t shard, uint32_t line);
  static void HandleGrant(shard::Shard& shard, const shard::Message& message) noexcept;
  static void HandleChange(shard::Shard& shard, const shard::Message& message) noexcept;

  SlotServers& servers_;
  const std::vector<SlotLimit> limits_;
  std::unique_ptr<std::atomic<uint32_t>[]> maxconn_;  // as it is now
  const uint32_t shards_;
  std::atomic<uint32_t> fullconn_{0};
  std::unique_ptr<Count[]> counts_;         // by server
  std::unique_ptr<LineCount[]> lines_;      // by line
  std::unique_ptr<Published[]> published_;  // by line, then shard
  std::vector<std::unique_ptr<Part>> parts_;
  alignas(64) std::atomic<uint64_t> last_ticket_{0};
};

inline void SlotWaiter::Leave() {
  if (queue_ != nullptr) queue_->Remove(this);
  key_ = 0;
}

}  // namespace engine
