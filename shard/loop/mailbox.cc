#include "shard/loop/mailbox.h"

#include "shard/ring/ring.h"

namespace shard {

Mailroom::Mailroom(uint32_t shards, uint32_t messages_max)
    : shards_(shards),
      near_(size_t{shards} * (shards + 1) * Queue::NearFor(messages_max)),
      far_(size_t{shards} * (shards + 1) * Queue::FarFor(messages_max)) {
  Message* near = near_.data();
  Message* far = far_.data();
  for (uint32_t to = 0; to < shards; ++to) {
    auto inbox = std::make_unique<Inbox>();
    for (uint32_t from = 0; from <= shards; ++from) {
      inbox->from.push_back(std::make_unique<Queue>(near, far, messages_max));
      near += Queue::NearFor(messages_max);
      far += Queue::FarFor(messages_max);
    }
    inboxes_.push_back(std::move(inbox));
  }
}

void Mailroom::SetRing(uint32_t index, Ring* ring) {
  inboxes_[index]->ring.store(ring, std::memory_order_release);
}

bool Mailroom::TryPost(uint32_t from, uint32_t to, const Message& message, Ring* own_ring) {
  Inbox& inbox = *inboxes_[to];
  if (!inbox.from[from]->TryPush(message)) return false;
  // Pairs with the fence in PrepareSleep: either the receiver sees the message, or we see it
  // asleep.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (inbox.sleeping.load(std::memory_order_relaxed) &&
      inbox.sleeping.exchange(false, std::memory_order_relaxed)) {
    if (Ring* ring = inbox.ring.load(std::memory_order_acquire)) ring->Wake(own_ring);
  }
  return true;
}

bool Mailroom::HasMailFrom(uint32_t from, uint32_t to) const {
  return !inboxes_[to]->from[from]->empty();
}

uint32_t Mailroom::Drain(uint32_t to, Shard& shard, uint32_t max) {
  if (order_ != nullptr) return DrainInOrder(to, shard, max);
  uint32_t ran = 0;
  Inbox& inbox = *inboxes_[to];
  const uint32_t senders = uint32_t(inbox.from.size());
  uint32_t sender = inbox.first_sender;
  if (++inbox.first_sender == senders) inbox.first_sender = 0;
  for (uint32_t i = 0; i < senders && ran < max; ++i) {
    Message message;
    while (ran < max && inbox.from[sender]->TryPop(&message)) {
      message.handler(shard, message);
      ++ran;
    }
    if (++sender == senders) sender = 0;
  }
  return ran;
}

uint32_t Mailroom::DrainInOrder(uint32_t to, Shard& shard, uint32_t max) {
  std::vector<Queue*> waiting;
  uint32_t ran = 0;
  for (; ran < max; ++ran) {
    waiting.clear();
    for (const auto& queue : inboxes_[to]->from) {
      if (!queue->empty()) waiting.push_back(queue.get());
    }
    const uint32_t senders = uint32_t(waiting.size());
    const uint32_t sender = senders == 0 ? 0 : order_->PickSender(to, senders);
    Message message;
    if (sender >= senders || !waiting[sender]->TryPop(&message)) break;
    message.handler(shard, message);
  }
  return ran;
}

bool Mailroom::Empty(const Inbox& inbox) const {
  for (const auto& queue : inbox.from) {
    if (!queue->empty()) return false;
  }
  return true;
}

bool Mailroom::PrepareSleep(uint32_t to) {
  Inbox& inbox = *inboxes_[to];
  // Said first, so that nobody pays for waking a shard that is not going to sleep.
  if (!Empty(inbox)) return false;
  inbox.sleeping.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (Empty(inbox)) return true;
  inbox.sleeping.store(false, std::memory_order_relaxed);
  return false;
}

}  // namespace shard
