// mailbox.h - messages between shards: one bounded queue per pair, a wake-up only for a shard that
// sleeps.
//
// Owns:    the queues of one process: (shards + 1)^2 minus the diagonal; the extra sender is the
//          main thread.
// Threads: any-thread, but fixed ones: TryPost by the sender's thread, Drain by the receiver's.
// Units:   messages of 64 bytes. A queue touches 1 kB, and up to 64 kB once it has been long.
// Errors:  a full queue refuses; the sender keeps what it wanted to send (a hand-off then serves
//          the fd itself).
// States:  a receiver is awake or about to sleep; PrepareSleep() and the re-check in it close the
//          gap in which a message could be posted to a shard that no longer looks.
//
//   mailroom.TryPost(me, target, {&HandleNewFd, {uint64_t(fd), listener}}, my_ring);

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/spsc_queue.h"

namespace shard {

class Ring;
class Shard;

struct Message {
  using Handler = void (*)(Shard& shard, const Message& message) noexcept;
  Handler handler = nullptr;
  uint64_t words[7] = {};
};
static_assert(sizeof(Message) == 64);

// The order in which a receiver takes what several senders have posted; each one's own messages
// keep theirs. For a simulator, which wants the orders that hardly ever come up.
class MailOrder {
 public:
  // One of `senders` that have something for `to`; that number itself: the rest waits for another
  // turn.
  virtual uint32_t PickSender(uint32_t to, uint32_t senders) noexcept = 0;

 protected:
  ~MailOrder() = default;
};

class Mailroom {
 public:
  static constexpr uint32_t kMessagesMax = 1024;

  // Senders and receivers are 0..shards-1; sender `shards` is the main thread. `messages_max` is
  // what one of them may have waiting for another.
  explicit Mailroom(uint32_t shards, uint32_t messages_max = kMessagesMax);
  uint32_t shards() const { return shards_; }
  uint32_t main_sender() const { return shards_; }
  // Start-up: where the wake-ups of shard `index` go. Before that, posting works and wakes nobody.
  void SetRing(uint32_t index, Ring* ring);
  // Start-up. Null: one sender after the other.
  void SetOrder(MailOrder* order) { order_ = order; }

  // `own_ring` is the sender's ring, null for the main thread.
  [[nodiscard]] bool TryPost(uint32_t from, uint32_t to, const Message& message, Ring* own_ring);
  // Runs what has arrived for `to`, at most `max` messages. Returns how many ran. Which sender is
  // first moves on with every call, so that none of them fills the receiver's turns alone.
  uint32_t Drain(uint32_t to, Shard& shard, uint32_t max);
  // True: nothing has arrived, and whoever posts from now on will wake the ring. False: look again
  // instead.
  [[nodiscard]] bool PrepareSleep(uint32_t to);
  void Awake(uint32_t to) { inboxes_[to]->sleeping.store(false, std::memory_order_relaxed); }
  // Any thread: something that `from` has posted lies there.
  bool HasMailFrom(uint32_t from, uint32_t to) const;
  // For the receiver: something has arrived.
  bool HasMail(uint32_t to) const { return !Empty(*inboxes_[to]); }

 private:
  using Queue = base::SpscQueue<Message>;
  struct alignas(64) Inbox {
    std::atomic<bool> sleeping{false};
    std::atomic<Ring*> ring{nullptr};
    std::vector<std::unique_ptr<Queue>> from;
    uint32_t first_sender = 0;  // the receiver's: who is served first in its next Drain
  };
  bool Empty(const Inbox& inbox) const;
  uint32_t DrainInOrder(uint32_t to, Shard& shard, uint32_t max);

  const uint32_t shards_;
  // Of all queues: what a pair does not use takes no memory.
  const base::RawCells<Message> near_;
  const base::RawCells<Message> far_;
  MailOrder* order_ = nullptr;
  std::vector<std::unique_ptr<Inbox>> inboxes_;
};

}  // namespace shard
