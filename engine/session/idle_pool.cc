#include "engine/session/idle_pool.h"

#include <algorithm>

#include "base/check.h"
#include "engine/server/server_state.h"
#include "engine/session/session.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// How many idle connections are looked at for one that may be used: a new connection costs less
// than a long search.
constexpr int kLookedAtMax = 16;
constexpr uint64_t kNoFd = UINT64_MAX;

const ServerConfig& ServerOf(const MuxH1Back& mux) {
  return *static_cast<const ServerConfig*>(mux.server);
}

}  // namespace

// Leads to where its server is now.
bool IdlePool::IsCurrent(const MuxH1Back& mux) const {
  return mux.config_key == ServerOf(mux).state->dial(worker_.index()).pool_key;
}

// By name: a stream may have another configuration than what is kept.
bool IdlePool::SameServer(const MuxH1Back& mux, const ServerConfig& server) const {
  return &ServerOf(mux).state->part(worker_.index()) == &server.state->part(worker_.index());
}

// Leads to where the server is for the stream, and was made for a client that looks the same to it.
// What TLS has checked is known for the very same context only.
bool IdlePool::Fits(const MuxH1Back& mux, const ServerConfig& server, const PoolKey& key) const {
  return mux.config_key == server.state->dial(worker_.index()).pool_key && mux.key == key &&
         ServerOf(mux).tls_context == server.tls_context;
}

bool IdlePool::Renew(MuxH1Back& mux) {
  const ServerConfig& before = ServerOf(mux);
  const ServerConfig* now = before.state->part(worker_.index()).config;
  if (now == &before) return true;
  if (now == nullptr || now->backend->disabled || now->backend->mode != Mode::kHttp ||
      !Fits(mux, *now, mux.key)) {
    return false;
  }
  mux.server = now;
  mux.SetProfile(*now->backend->http_profile);
  return true;
}

void IdlePool::Reconfigure() {
  for (MuxH1Back* mux = kept_.front(); mux != nullptr;) {
    MuxH1Back* next = kept_.Next(mux);
    if (!Renew(*mux)) {
      mux->own_hook.Unlink();
      Remove(*mux);
      mux->CloseIdle();
    }
    mux = next;
  }
  for (MuxH1Back* mux = leaving_.front(); mux != nullptr;) {
    MuxH1Back* next = leaving_.Next(mux);
    if (!Renew(*mux)) {
      mux->kept_hook.Unlink();
      --leaving_count_;
      Refuse(mux->lent_to, mux->ticket);
      mux->CloseIdle();
    }
    mux = next;
  }
}

MuxH1Back* IdlePool::Take(const ServerConfig& server, Session& session, const PoolKey& key) {
  ServerShardPart& part = server.state->part(worker_.index());
  const ReusePolicy policy = server.backend->http.reuse;
  const bool first = session.requests() <= 1;
  // A session's first request has no connection of its own.
  if (first && (policy == ReusePolicy::kNever || policy == ReusePolicy::kSafe)) return nullptr;
  MuxH1Back* mux = FindOwn(server, session, key);
  // The latest one kept is the likeliest to be alive, and its memory is warm.
  MuxH1Back* next = mux == nullptr ? part.idle.back() : nullptr;
  for (int looked = 0; next != nullptr && looked < kLookedAtMax; ++looked) {
    const bool allowed = next->session_id() == session.id() ||
                         (policy != ReusePolicy::kNever &&
                          (policy != ReusePolicy::kAggressive || !first || next->exchanges() > 1));
    if (allowed && !next->is_private() && Fits(*next, server, key)) {
      mux = next;
      break;
    }
    next = part.idle.Previous(next);
  }
  if (mux == nullptr) {
    // What lies idle is made for others, so this one is needed beside it.
    const int64_t others = std::min<int64_t>(part.idle_count.Get(), kLookedAtMax);
    part.recent_peak.Note(part.current.Get() + others);
    return nullptr;
  }
  Remove(*mux);
  part.reused.Add();
  // The stream keeps its own configuration, and no other.
  mux->server = &server;
  mux->SetProfile(*server.backend->http_profile);
  mux->BelongTo(session.id(), session.own_connections());
  return mux;
}

// What the session has to itself goes before everything else: it may be authenticated.
MuxH1Back* IdlePool::FindOwn(const ServerConfig& server, Session& session,
                             const PoolKey& key) const {
  OwnConnections& own = session.own_connections();
  for (MuxH1Back* mux = own.front(); mux != nullptr; mux = own.Next(mux)) {
    if (SameServer(*mux, server) && mux->idle() && Fits(*mux, server, key)) return mux;
  }
  return nullptr;
}

bool IdlePool::HasOwn(const ServerConfig& server, const Session& session) const {
  auto& idle = server.state->part(worker_.index()).idle;
  MuxH1Back* mux = idle.back();
  for (int looked = 0; mux != nullptr && looked < kLookedAtMax; ++looked) {
    if (mux->session_id() == session.id()) return true;
    mux = idle.Previous(mux);
  }
  return false;
}

bool IdlePool::AskOthers(IdleWaiter& waiter, const ServerConfig& server, const Session& session) {
  if (waiter.asked_for_ == &server) return waiter.idle_wait_hook.linked();
  waiter.asked_for_ = &server;
  waiter.LeavePool();
  const ReusePolicy policy = server.backend->http.reuse;
  const bool first = session.requests() <= 1;
  if (policy == ReusePolicy::kNever || (first && policy == ReusePolicy::kSafe)) return false;
  if (!worker_.configuration().global.idle_pool_shared) return false;
  const int lender = ChooseLender(server);
  if (lender < 0) return false;
  const uint64_t until_us = worker_.context().loop->clock().now_us() + kWaitMicros;
  const bool proven = first && policy == ReusePolicy::kAggressive;
  const uint64_t ticket = ++tickets_;
  const shard::Message ask{
      &HandleAsk,
      {reinterpret_cast<uint64_t>(&server), worker_.index(), ticket, until_us, uint64_t(proven)}};
  if (!worker_.context().loop->TryPost(uint32_t(lender), ask)) return false;
  waiter.ticket_ = ticket;
  waiter.until_us_ = until_us;
  waiters_.PushBack(&waiter);
  worker_.context().loop->WakeBy(until_us);
  return true;
}

// The shard with the most; where few are left none is taken away (manual 5.2, pool-low-conn).
int IdlePool::ChooseLender(const ServerConfig& server) const {
  int64_t total = 0;
  int64_t most = 0;
  int lender = -1;
  for (uint32_t shard = 0; shard < server.state->shards(); ++shard) {
    const int64_t idle = server.state->part(shard).idle_count.Get();
    total += idle;
    if (shard == worker_.index() || idle <= most) continue;
    most = idle;
    lender = int(shard);
  }
  return total < int64_t(server.pool_low_conn) ? -1 : lender;
}

void IdlePool::HandleAsk(shard::Shard& shard, const shard::Message& message) noexcept {
  static_cast<Worker*>(shard.app())
      ->idle_pool()
      .Lend({.server = reinterpret_cast<const ServerConfig*>(message.words[0]),
             .from = uint32_t(message.words[1]),
             .ticket = message.words[2],
             .until_us = message.words[3],
             .proven = message.words[4] != 0});
}

void IdlePool::Lend(const Request& request) {
  const ServerConfig& server = *request.server;
  // Who asked has dialled by now: what would come is of no use.
  if (worker_.context().loop->clock().now_us() >= request.until_us) return;
  MuxH1Back* mux = server.state->part(worker_.index()).idle.back();
  for (int looked = 0; mux != nullptr && looked < kLookedAtMax; ++looked) {
    if (!mux->is_private() && IsCurrent(*mux) && mux->key.empty() && mux->CanLeave() &&
        (!request.proven || mux->exchanges() > 1)) {
      Remove(*mux);
      leaving_.PushBack(mux);
      ++leaving_count_;
      mux->lent_to = request.from;
      mux->ticket = request.ticket;
      return mux->Leave();
    }
    mux = server.state->part(worker_.index()).idle.Previous(mux);
  }
  Refuse(request.from, request.ticket);
}

void IdlePool::Refuse(uint32_t to, uint64_t ticket) {
  // A full mailbox: it learns it from the time that passes.
  (void)worker_.context().loop->TryPost(to, {&HandleAnswer, {0, kNoFd, 0, ticket}});
}

void IdlePool::OnMovable(MuxH1Back& mux, bool silent) noexcept {
  mux.kept_hook.Unlink();
  --leaving_count_;
  if (!silent) {
    Refuse(mux.lent_to, mux.ticket);
    return mux.CloseIdle();
  }
  const ServerConfig& server = ServerOf(mux);
  const shard::Message answer{
      &HandleAnswer,
      {reinterpret_cast<uint64_t>(&server), uint64_t(mux.connection()->fd()), mux.exchanges(),
       mux.ticket, mux.idle_until_ms, mux.config_key}};
  // Only memory is left behind, so the other shard may begin before this one has freed it.
  if (worker_.context().loop->TryPost(mux.lent_to, answer)) return mux.GiveUpWire();
  mux.Stay();
  Add(mux, mux.idle_until_ms);
}

void IdlePool::OnBadResponse(const MuxH1Back& mux, const InvalidHead& head) noexcept {
  const ServerConfig& server = ServerOf(mux);
  InvalidMessage& message = worker_.NoteInvalid(*server.backend, true, head);
  message.server.Set(server);
  message.session = mux.session_id();
}

void IdlePool::HandleAnswer(shard::Shard& shard, const shard::Message& message) noexcept {
  IdlePool& pool = static_cast<Worker*>(shard.app())->idle_pool();
  IdleWaiter* waiter = pool.FindWaiter(message.words[3]);
  if (message.words[1] != kNoFd) {
    pool.TakeOver(*reinterpret_cast<const ServerConfig*>(message.words[0]), int(message.words[1]),
                  uint32_t(message.words[2]), message.words[4], message.words[5],
                  waiter != nullptr);
  }
  if (waiter == nullptr) return;
  waiter->LeavePool();
  waiter->OnIdleAnswer();
}

void IdlePool::TakeOver(const ServerConfig& lent, int fd, uint32_t exchanges, uint64_t until_ms,
                        uint64_t pool_key, bool awaited) {
  shard::ShardContext& context = worker_.context();
  // As this shard has it, which may be one configuration further, or one behind; and one of the two
  // shards may have learned of another address by now.
  const ServerConfig* now = lent.state->part(worker_.index()).config;
  if (now == nullptr || now->tls_context != lent.tls_context ||
      now->state->dial(worker_.index()).pool_key != pool_key) {
    return context.ring().Close(fd);
  }
  const ServerConfig& server = *now;
  // Whoever waits will use it in this turn; else it must be worth keeping.
  const bool wanted =
      !context.loop->stopping() && (awaited || (!worker_.shard().draining() && !IsFull(server)));
  shard::Connection* connection =
      wanted ? worker_.shard().connections().Adopt(fd, shard::Role::kDialled) : nullptr;
  if (connection == nullptr) return context.ring().Close(fd);
  MuxH1Back* mux = worker_.NewMuxH1Back(*connection, server);
  if (mux == nullptr) return connection->Abort();
  (void)connection->Start();
  mux->Arrive(exchanges);
  server.state->part(worker_.index()).taken_over.Add();
  Add(*mux, until_ms);
}

IdleWaiter* IdlePool::FindWaiter(uint64_t ticket) {
  for (IdleWaiter* waiter = waiters_.front(); waiter != nullptr; waiter = waiters_.Next(waiter)) {
    if (waiter->ticket_ == ticket) return waiter;
  }
  return nullptr;
}

void IdlePool::OnTurnEnd() {
  shard::EventLoop& loop = *worker_.context().loop;
  while (IdleWaiter* waiter = waiters_.front()) {
    if (waiter->until_us_ > loop.clock().now_us()) return loop.WakeBy(waiter->until_us_);
    waiter->LeavePool();
    waiter->OnIdleAnswer();
  }
}

bool IdlePool::IsFull(const ServerConfig& server) const {
  if (server.pool_max_conn < 0) return false;
  int64_t idle = 0;
  for (uint32_t shard = 0; shard < server.state->shards(); ++shard) {
    idle += server.state->part(shard).idle_count.Get();
  }
  return idle >= server.pool_max_conn;
}

bool IdlePool::IsNeeded(const MuxH1Back& mux) {
  const ServerConfig& server = ServerOf(mux);
  if (mux.is_private() || server.backend->http.reuse == ReusePolicy::kNever) return true;
  ServerShardPart& part = server.state->part(worker_.index());
  const int64_t used = part.current.Get();
  const int64_t need =
      part.recent_peak.Get(used, worker_.context().now_ms(), server.pool_purge_delay_ms);
  const int64_t idle = part.idle_count.Get();
  if (idle < int64_t(server.pool_low_conn) || used + idle <= need) return true;
  MuxH1Back* oldest = part.idle.front();
  for (int looked = 0; oldest != nullptr && looked < kLookedAtMax; ++looked) {
    if (!oldest->is_private()) {
      Remove(*oldest);
      oldest->CloseIdle();
      return true;
    }
    oldest = part.idle.Next(oldest);
  }
  return false;
}

// This shard's part of the process's descriptors, against its part of what there may be.
bool IdlePool::AboveFdRatio(uint32_t percent) const {
  const uint64_t fds_max = worker_.process().fds_max;
  const uint64_t fds =
      uint64_t(worker_.shard().connections().live()) * worker_.shard().board().shards();
  return fds_max != 0 && fds * 100 > fds_max * percent;
}

bool IdlePool::Keep(MuxH1Back& mux) noexcept {
  if (!Renew(mux)) return false;
  const ServerConfig& server = ServerOf(mux);
  const bool worn = server.max_reuse >= 0 && int64_t(mux.exchanges()) > server.max_reuse;
  if (worn || !IsCurrent(mux) || worker_.shard().draining() || server.pool_purge_delay_ms == 0 ||
      IsFull(server) || AboveFdRatio(worker_.configuration().global.pool_low_fd_percent)) {
    return false;
  }
  if (!IsNeeded(mux)) return false;
  // Unused for two purge periods, as if half of the idle ones went in each.
  Add(mux, worker_.context().now_ms() + 2 * uint64_t(server.pool_purge_delay_ms));
  return true;
}

void IdlePool::Add(MuxH1Back& mux, uint64_t until_ms) {
  ServerShardPart& part = ServerOf(mux).state->part(worker_.index());
  part.idle.PushBack(&mux);
  part.idle_count.Add();
  kept_.PushBack(&mux);
  mux.idle_until_ms = until_ms;
  mux.connection()->SetDeadline(until_ms);
}

void IdlePool::Remove(MuxH1Back& mux) {
  mux.idle_hook.Unlink();
  mux.kept_hook.Unlink();
  const ServerConfig& server = ServerOf(mux);
  server.state->part(worker_.index()).idle_count.Sub();
}

void IdlePool::Forget(MuxH1Back& mux) noexcept { Remove(mux); }

void IdlePool::MakeRoom() {
  if (kept_.empty()) return;
  if (AboveFdRatio(worker_.configuration().global.pool_high_fd_percent)) CloseOldest();
}

bool IdlePool::CloseOldest() {
  MuxH1Back* oldest = kept_.front();
  if (oldest == nullptr) return false;
  Remove(*oldest);
  oldest->CloseIdle();
  return true;
}

// The limit is the process's, so that one shard may lack what another keeps for nothing.
bool IdlePool::FreeDescriptors(int count) {
  if (CloseOldest()) {
    for (int closed = 1; closed < count; ++closed) CloseOldest();
    return true;
  }
  for (uint32_t shard = 0; shard < worker_.shard().board().shards(); ++shard) {
    if (shard == worker_.index()) continue;
    // A full mailbox: that shard has enough to do, and whoever lacks a descriptor asks again.
    (void)worker_.context().loop->TryPost(shard, {&HandleFree, {uint64_t(count)}});
  }
  return false;
}

void IdlePool::HandleFree(shard::Shard& shard, const shard::Message& message) noexcept {
  IdlePool& pool = static_cast<Worker*>(shard.app())->idle_pool();
  for (uint64_t i = 0; i < message.words[0]; ++i) pool.CloseOldest();
}

void IdlePool::CloseOutdated(const ServerConfig& server) {
  ServerShardPart& part = server.state->part(worker_.index());
  for (MuxH1Back* mux = part.idle.front(); mux != nullptr;) {
    MuxH1Back* next = part.idle.Next(mux);
    if (!IsCurrent(*mux)) {
      Remove(*mux);
      mux->CloseIdle();
    }
    mux = next;
  }
}

void IdlePool::CloseAllOf(const ServerConfig& server) {
  ServerShardPart& part = server.state->part(worker_.index());
  while (MuxH1Back* mux = part.idle.front()) {
    Remove(*mux);
    mux->CloseIdle();
  }
}

void IdlePool::CloseOwn(Session& session) {
  while (MuxH1Back* mux = session.own_connections().front()) {
    // Its streams are gone, so what it has is idle.
    DEBUG_MUST(mux->idle());
    mux->own_hook.Unlink();
    Remove(*mux);
    mux->CloseIdle();
  }
}

void IdlePool::CloseAll() {
  while (MuxH1Back* mux = kept_.front()) {
    Remove(*mux);
    mux->CloseIdle();
  }
  while (MuxH1Back* mux = leaving_.front()) {
    mux->kept_hook.Unlink();
    --leaving_count_;
    mux->CloseIdle();
  }
}

}  // namespace engine
