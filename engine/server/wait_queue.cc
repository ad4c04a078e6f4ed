#include "engine/server/wait_queue.h"

#include <algorithm>

#include "base/check.h"

namespace engine {
namespace {

// A key: the class in 12 bits, then microseconds in 52 (142 years). The highest one is never used.
constexpr int32_t kClassMax = 2047;
constexpr int32_t kOffsetMaxMs = 524287;
constexpr uint32_t kTimeBits = 52;
constexpr int64_t kTimeMax = (int64_t(1) << kTimeBits) - 1;

}  // namespace

void WaitQueue::Line::Push(SlotWaiter* waiter) {
  rest.push_back(waiter);
  Up(uint32_t(rest.size() - 1));
}

SlotWaiter* WaitQueue::Line::Pop() {
  if (rest.empty()) return nullptr;
  SlotWaiter* lowest = rest.front();
  Erase(0);
  return lowest;
}

void WaitQueue::Line::Erase(uint32_t at) {
  SlotWaiter* last = rest.back();
  rest.pop_back();
  if (at == rest.size()) return;
  Put(at, last);
  Up(at);
  Down(last->position_);
}

void WaitQueue::Line::Up(uint32_t at) {
  SlotWaiter* waiter = rest[at];
  while (at > 0 && waiter->key_ < rest[(at - 1) / 2]->key_) {
    Put(at, rest[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  Put(at, waiter);
}

void WaitQueue::Line::Down(uint32_t at) {
  SlotWaiter* waiter = rest[at];
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= rest.size()) break;
    if (child + 1 < rest.size() && rest[child + 1]->key_ < rest[child]->key_) ++child;
    if (waiter->key_ <= rest[child]->key_) break;
    Put(at, rest[child]);
    at = child;
  }
  Put(at, waiter);
}

WaitQueue::WaitQueue(SlotServers& servers, const std::vector<SlotLimit>& limits, uint32_t shards)
    : servers_(servers),
      limits_(limits),
      maxconn_(new std::atomic<uint32_t>[limits.size()]),
      shards_(shards),
      counts_(new Count[limits.size()]),
      lines_(new LineCount[limits.size() + 1]),
      published_(new Published[(limits.size() + 1) * shards]) {
  for (size_t server = 0; server < limits.size(); ++server) {
    maxconn_[server].store(limits[server].maxconn, kRelaxed);
  }
  for (uint32_t shard = 0; shard < shards; ++shard) {
    parts_.push_back(std::make_unique<Part>(*this, shard));
    parts_.back()->lines.resize(limits.size() + 1);
  }
}

WaitQueue::~WaitQueue() = default;

void WaitQueue::AttachShard(uint32_t shard, shard::EventLoop* loop, uint32_t fullconn) {
  parts_[shard]->loop = loop;
  fullconn_.store(fullconn, kRelaxed);
}

void WaitQueue::ClearWaitingMax(uint32_t shard) {
  for (uint32_t line = 0; line <= limits_.size(); ++line) {
    PublishedOf(line, shard).waiting_max.Set(Waiting(line));
  }
}

int64_t WaitQueue::WaitingMax(uint32_t line) const {
  int64_t most = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    most = std::max(most, published_[size_t(line) * shards_ + shard].waiting_max.Get());
  }
  return most;
}

int64_t WaitQueue::Limit(uint32_t server) const {
  const int64_t limit = FullLimit(server);
  const uint32_t throttle = servers_.ThrottlePercent(server);
  return throttle >= 100 ? limit : std::max<int64_t>(1, limit * throttle / 100);
}

int64_t WaitQueue::FullLimit(uint32_t server) const {
  const uint32_t minconn = limits_[server].minconn;
  const uint32_t maxconn = maxconn_[server].load(kRelaxed);
  if (maxconn == 0) return minconn;  // a ramp without an upper end is flat
  if (minconn == 0 || minconn >= maxconn) return maxconn;
  const int64_t fullconn = fullconn_.load(kRelaxed);
  const int64_t load = servers_.BackendLoad();
  if (fullconn == 0 || load >= fullconn) return maxconn;
  return std::max<int64_t>(minconn, int64_t(maxconn) * load / fullconn);
}

bool WaitQueue::HasFreePlace(uint32_t server) const {
  return counts_[server].taken.load(std::memory_order_seq_cst) < Limit(server);
}

bool WaitQueue::HasRoom(uint32_t server) const {
  return Waiting(kBackendLine) == 0 && Waiting(LineOf(server)) == 0 && HasFreePlace(server);
}

bool WaitQueue::TryRaise(uint32_t server) {
  std::atomic<int64_t>& taken = counts_[server].taken;
  const int64_t limit = Limit(server);
  int64_t now = taken.load(std::memory_order_seq_cst);
  while (now < limit) {
    if (taken.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst)) return true;
  }
  return false;
}

bool WaitQueue::TryTake(uint32_t shard, uint32_t server) {
  if (Waiting(kBackendLine) != 0 || Waiting(LineOf(server)) != 0) return false;
  if (!TryRaise(server)) return false;
  // One stream more in the backend may have raised the limit for others, too.
  if (limits_[server].minconn != 0) Dispatch(shard);
  return true;
}

// Tickets are the time, made to rise strictly over all shards: so they order exactly, and an offset
// in milliseconds can be added to them.
uint64_t WaitQueue::NewKey(const SlotWaiter& waiter, uint64_t now_us) {
  uint64_t last = last_ticket_.load(kRelaxed);
  uint64_t ticket;
  do {
    ticket = std::max(last + 1, now_us);
  } while (!last_ticket_.compare_exchange_weak(last, ticket, kRelaxed));
  const int32_t priority_class =
      std::clamp<int32_t>(waiter.priority_class_, -kClassMax, kClassMax) + kClassMax;
  const int64_t offset_us =
      int64_t(1000) * std::clamp(waiter.offset_ms_, -kOffsetMaxMs, kOffsetMaxMs);
  const int64_t time = std::clamp<int64_t>(int64_t(ticket) + offset_us, 1, kTimeMax);
  return uint64_t(priority_class) << kTimeBits | uint64_t(time);
}

bool WaitQueue::Enter(uint32_t shard, uint32_t line, SlotWaiter* waiter) {
  MUST(waiter->queue_ == nullptr);
  Part& part = *parts_[shard];
  const int64_t before = lines_[line].waiting.fetch_add(1, std::memory_order_seq_cst);
  if (line != kBackendLine && limits_[line - 1].maxqueue != 0 &&
      before >= int64_t(limits_[line - 1].maxqueue)) {
    lines_[line].waiting.fetch_sub(1, std::memory_order_seq_cst);
    return false;
  }
  PublishedOf(line, shard).waiting_max.RaiseTo(before + 1);
  if (waiter->key_ == 0) {
    waiter->key_ = NewKey(*waiter, part.loop != nullptr ? part.loop->clock().now_us() : 0);
  }
  waiter->ahead_ = uint32_t(before);
  waiter->queue_ = this;
  waiter->shard_ = shard;
  waiter->line_ = line;
  Insert(shard, waiter);
  Dispatch(shard);
  return true;
}

// The head that replaces another is shown as `next` first, so that at no moment a reader misses one
// of the two.
void WaitQueue::Insert(uint32_t shard, SlotWaiter* waiter) {
  Line& line = parts_[shard]->lines[waiter->line_];
  Published& published = PublishedOf(waiter->line_, shard);
  if (line.head_key == kNone) {
    line.Push(waiter);
    return Refill(line, published);
  }
  if (line.head != nullptr && waiter->key_ < line.head_key) {
    uint64_t expected = line.head_key;
    published.next.store(line.head_key, std::memory_order_seq_cst);
    if (published.head.compare_exchange_strong(expected, waiter->key_, std::memory_order_seq_cst)) {
      line.Push(line.head);
      line.head = waiter;
      line.head_key = waiter->key_;
      return;  // the old head is the lowest of the rest, and shown
    }
  }
  line.Push(waiter);
  published.next.store(line.LowestOfRest(), std::memory_order_seq_cst);
}

// Shows the lowest waiter as head. None is shown and no grant is on its way.
void WaitQueue::Refill(Line& line, Published& published) {
  MUST(line.head_key == kNone);
  line.head = line.Pop();
  if (line.head != nullptr) {
    line.head_key = line.head->key_;
    published.head.store(line.head_key, std::memory_order_seq_cst);
  }
  published.next.store(line.LowestOfRest(), std::memory_order_seq_cst);
}

void WaitQueue::Remove(SlotWaiter* waiter) {
  Line& line = parts_[waiter->shard_]->lines[waiter->line_];
  Published& published = PublishedOf(waiter->line_, waiter->shard_);
  if (waiter != line.head) {
    line.Erase(waiter->position_);
    published.next.store(line.LowestOfRest(), std::memory_order_seq_cst);
  } else {
    line.head = nullptr;
    uint64_t expected = line.head_key;
    const uint64_t heir = line.LowestOfRest();
    if (published.head.compare_exchange_strong(expected, heir, std::memory_order_seq_cst)) {
      line.head = line.Pop();
      line.head_key = heir;
      published.next.store(line.LowestOfRest(), std::memory_order_seq_cst);
    }
    // Else its grant is on the way: OnGrant() finds nobody and passes it on.
  }
  lines_[waiter->line_].waiting.fetch_sub(1, std::memory_order_seq_cst);
  waiter->queue_ = nullptr;
  // A place that was left for this one may now be somebody else's.
  Dispatch(waiter->shard_);
}

void WaitQueue::LowestOfLine(uint32_t line, Candidate* best) {
  if (lines_[line].waiting.load(std::memory_order_seq_cst) == 0) return;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    Published& published = PublishedOf(line, shard);
    uint64_t head = published.head.load(std::memory_order_seq_cst);
    uint64_t next = published.next.load(std::memory_order_seq_cst);
    // The two are one reading only if the head stood still.
    for (uint64_t again = published.head.load(std::memory_order_seq_cst); again != head;
         again = published.head.load(std::memory_order_seq_cst)) {
      head = again;
      next = published.next.load(std::memory_order_seq_cst);
    }
    const uint64_t key = head != kNone ? head : next;
    if (key < best->key) *best = {key, shard, line, head != kNone};
  }
}

// Who comes first of those that `server` may serve.
WaitQueue::Candidate WaitQueue::Lowest(uint32_t shard, uint32_t server) {
  Candidate best;
  if (servers_.ServesLine(shard, server)) LowestOfLine(LineOf(server), &best);
  if (servers_.IsEligible(shard, server)) LowestOfLine(kBackendLine, &best);
  return best;
}

// Gives one taken place of `server` to who comes first, or back to the count.
void WaitQueue::Pass(uint32_t shard, uint32_t server) {
  std::atomic<int64_t>& taken = counts_[server].taken;
  const bool is_serving = parts_[shard]->loop != nullptr;
  for (bool is_held = true;;) {
    const bool above = taken.load(std::memory_order_seq_cst) > Limit(server);
    const Candidate first = is_serving && !(is_held && above) ? Lowest(shard, server) : Candidate();
    if (!first.claimable) {
      if (!is_held) return;
      taken.fetch_sub(1, std::memory_order_seq_cst);
      is_held = false;
      if (!is_serving) return;
      continue;  // look once more: who entered before the count fell did not see this place
    }
    if (!is_held && !TryRaise(server)) return;  // whoever has the last place looks when giving it
    is_held = true;
    uint64_t expected = first.key;
    std::atomic<uint64_t>& head = PublishedOf(first.line, first.shard).head;
    if (head.compare_exchange_strong(expected, kNone, std::memory_order_seq_cst)) {
      return Send(shard, {first.shard, first.line, server, first.key});
    }
  }
}

void WaitQueue::Release(uint32_t shard, uint32_t server) { Pass(shard, server); }

// Gives away every free place that somebody may have.
void WaitQueue::Dispatch(uint32_t shard) {
  Part& part = *parts_[shard];
  if (part.loop == nullptr) return;
  part.must_dispatch = true;
  if (part.is_dispatching) return;  // the outer one goes on: no recursion per waiter
  part.is_dispatching = true;
  while (part.must_dispatch) {
    part.must_dispatch = false;
    for (uint32_t server = 0; server < limits_.size(); ++server) {
      while (HasFreePlace(server) && Lowest(shard, server).claimable && TryRaise(server)) {
        Pass(shard, server);
      }
    }
  }
  part.is_dispatching = false;
}

void WaitQueue::Send(uint32_t shard, const Grant& grant) {
  if (grant.shard == shard) return OnGrant(shard, grant);
  Part& part = *parts_[shard];
  if (part.unsent.empty() && TryPost(part, grant)) return;
  part.unsent.push_back(grant);
  part.loop->run_queue().Add(&part);
}

bool WaitQueue::TryPost(Part& from, const Grant& grant) {
  return from.loop->TryPost(grant.shard, {&HandleGrant,
                                          {reinterpret_cast<uint64_t>(this), grant.shard,
                                           grant.line, grant.server, grant.key}});
}

bool WaitQueue::TryAnnounce(Part& from, uint32_t to) {
  return from.loop->TryPost(to, {&HandleChange, {reinterpret_cast<uint64_t>(this), to}});
}

// Runs in every turn until the full mailboxes had room; the loop does not sleep meanwhile.
void WaitQueue::PostUnsent(Part& part) {
  std::erase_if(part.unsent, [&](const Grant& grant) { return TryPost(part, grant); });
  std::erase_if(part.unannounced, [&](uint32_t to) { return TryAnnounce(part, to); });
  if (!part.unsent.empty() || !part.unannounced.empty()) part.loop->run_queue().Add(&part);
}

void WaitQueue::HandleGrant(shard::Shard&, const shard::Message& message) noexcept {
  auto& queue = *reinterpret_cast<WaitQueue*>(message.words[0]);
  const uint32_t shard = uint32_t(message.words[1]);
  queue.OnGrant(shard,
                {shard, uint32_t(message.words[2]), uint32_t(message.words[3]), message.words[4]});
}

void WaitQueue::OnGrant(uint32_t shard, const Grant& grant) {
  Line& line = parts_[shard]->lines[grant.line];
  Published& published = PublishedOf(grant.line, shard);
  if (BUG_IF(line.head_key != grant.key, "grant_for_no_head")) return Pass(shard, grant.server);
  SlotWaiter* waiter = line.head;
  line.head = nullptr;
  line.head_key = kNone;
  const bool may_serve = grant.line == kBackendLine ? servers_.IsEligible(shard, grant.server)
                                                    : servers_.ServesLine(shard, grant.server);
  if (waiter != nullptr && !may_serve) {
    line.Push(waiter);  // the server was disabled meanwhile
    waiter = nullptr;
  }
  Refill(line, published);
  if (waiter == nullptr) {
    Pass(shard, grant.server);
  } else {
    lines_[grant.line].waiting.fetch_sub(1, std::memory_order_seq_cst);
    waiter->queue_ = nullptr;
    waiter->key_ = 0;
    waiter->OnSlotGranted(grant.server);
  }
  // What was left free because this grant was on its way.
  Dispatch(shard);
}

void WaitQueue::AnnounceChange(uint32_t shard) {
  Part& part = *parts_[shard];
  if (part.loop == nullptr) return;
  for (uint32_t to = 0; to < shards_; ++to) {
    if (to == shard || TryAnnounce(part, to)) continue;
    part.unannounced.push_back(to);
    part.loop->run_queue().Add(&part);
  }
  OnChange(shard);
}

void WaitQueue::HandleChange(shard::Shard&, const shard::Message& message) noexcept {
  reinterpret_cast<WaitQueue*>(message.words[0])->OnChange(uint32_t(message.words[1]));
}

void WaitQueue::OnChange(uint32_t shard) {
  for (uint32_t server = 0; server < limits_.size(); ++server) {
    if (!servers_.IsUsable(shard, server)) AskAgain(shard, LineOf(server));
  }
  if (servers_.MustAskAgain(shard)) AskAgain(shard, kBackendLine);
  Dispatch(shard);
}

void WaitQueue::AskAgain(uint32_t shard, uint32_t index) {
  Line& line = parts_[shard]->lines[index];
  while (SlotWaiter* waiter = line.head != nullptr ? line.head
                              : line.rest.empty()  ? nullptr
                                                   : line.rest.front()) {
    Remove(waiter);  // keeps its key
    waiter->OnAskAgain();
  }
}

}  // namespace engine
