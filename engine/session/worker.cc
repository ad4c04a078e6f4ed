#include "engine/session/worker.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/check.h"
#include "shard/conn/proxy_recv.h"
#include "tls/layer.h"

namespace engine {

using shard::CloseReason;

namespace {

constexpr char kPlaceIsFree = 0;               // its address, for TellWhenClosed()
constexpr uint16_t kPrivilegedPortMax = 1023;  // RFC 6335, system ports

// Whether the client sends from a system port (manual 3.1, harden.reject-privileged-ports.tcp).
// Unix sockets have no port. Costs a system call, for those who ask for it.
bool HasPrivilegedPort(shard::Ring& ring, int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (ring.GetPeerName(fd, &storage, &length) != 0) return false;
  const shard::Address peer = shard::Address::FromSockaddr(storage, length);
  return peer.is_ip() && peer.port != 0 && peer.port <= kPrivilegedPortMax;
}

// What one evaluation may make, nested ones included: a few copies of a whole buffer and of what
// converters grow it to. Untouched pages cost nothing.
size_t ScratchBytes(const Configuration& configuration) {
  constexpr size_t kLeastBytes = 262144;
  return kLeastBytes + 8 * size_t{configuration.global.bufsize};
}

}  // namespace

shard::HandshakeTable AllHandshakes() {
  shard::HandshakeTable table;
  table.steps[size_t(shard::HandshakeStep::kCipRecv)] = shard::CipRecvStep();
  table.steps[size_t(shard::HandshakeStep::kProxyRecv)] = shard::ProxyRecvStep();
  table.steps[size_t(shard::HandshakeStep::kProxySend)] = shard::ProxySendStep();
  table.steps[size_t(shard::HandshakeStep::kTlsAccept)] = tls::AcceptStep();
  table.steps[size_t(shard::HandshakeStep::kTlsConnect)] = tls::ConnectStep();
  return table;
}

Worker::Worker(ProcessContext& process, uint32_t streams_max)
    : process_(process),
      configuration_(process.configuration),
      sessions_(streams_max),
      streams_(streams_max),
      raw_muxes_(2 * streams_max),
      h1_fronts_(streams_max),
      h1_backs_(2 * streams_max),
      h1_requests_(streams_max),
      h1_responses_(streams_max),
      h1_pools_{&h1_requests_, &h1_responses_},
      applets_(streams_max),
      scratch_memory_(new char[ScratchBytes(*process.configuration)]),
      scratch_(scratch_memory_.get(), ScratchBytes(*process.configuration)) {}

Worker::~Worker() {
  if (shard_ != nullptr) {
    if (process_.shared != nullptr) process_.shared->loops[index()] = nullptr;
    // What is dropped below gives its place back, but to nobody: no loop turns any more.
    for (const Configuration* configuration : known_) {
      for (const auto& proxy : configuration->proxies) {
        if (proxy->state->backend() != nullptr) proxy->state->backend()->DetachShard(index());
      }
    }
  }
  // The shard is over: what the stop left is dropped without events.
  while (Stream* stream = all_streams_.front()) streams_.Delete(stream);
}

void Worker::OnStart(shard::Shard& shard) noexcept {
  shard_ = &shard;
  shard.SetHandshakes(&process_.handshakes);
  random_state_ = shard.loop().clock().now_us() * 2654435761u + shard.index() + 1;
  const uint32_t index = shard.index();
  if (process_.logs != nullptr) log_ = std::make_unique<ShardLog>(*process_.logs, index);
  if (process_.shared != nullptr) process_.shared->loops[index] = &shard.loop().counters();
  SetProfiling();
  if (!configuration_->proxies.empty()) generation_ = configuration_->proxies[0]->generation;
  OpenTls(*configuration_);
  AttachBackends(*configuration_);
  Know(*configuration_);
  OpenKeepPool(*configuration_);
  if (process_.global_maxconn != nullptr) {
    global_share_ = std::make_unique<shard::LimitShare>(*process_.global_maxconn, index);
  }
  AddLimits(process_.limits);
  CheckHost& host = server_events_;
  checks_ = std::make_unique<CheckRunner>(host, *configuration_, index, shard.board().shards());
  checks_->Start(nullptr);
  if (process_.logs == nullptr) return;
  ring_senders_ =
      std::make_unique<RingSenders>(context(), *process_.logs, [this] { idle_pool_.MakeRoom(); });
  ring_senders_->Start();
}

shard::LimitShare* Worker::GlobalShare(const BindConfig& bind) const {
  return bind.frontend->is_internal ? nullptr : global_share_.get();
}

shard::LimitShare* Worker::TlsShare(const BindConfig& bind) const {
  return bind.tls_context == nullptr ? nullptr : tls_counts_->share();
}

Worker::Shares Worker::SharesOf(const BindConfig& bind) const {
  return {FindShare(bind_shares_, &bind), FindShare(frontend_shares_, bind.frontend),
          GlobalShare(bind), TlsShare(bind)};
}

bool Worker::Reserve(shard::Shard&, shard::Listener& listener) noexcept {
  // A stream begun now would outlive OnStop(), which has ended all there were.
  if (shard_->loop().stopping()) return false;
  const BindConfig& bind = *static_cast<const BindConfig*>(listener.bind());
  const Shares shares = SharesOf(bind);
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] == nullptr || shares[i]->TryTake()) continue;
    recall_shards_ |= shares[i]->Holders();
    while (i-- > 0) {
      if (shares[i] != nullptr) resume_shards_ |= shares[i]->Release();
    }
    return false;
  }
  if (!accept_rates_.TryTake(bind)) {
    ReleaseReserved(bind);
    return false;
  }
  if (!bind.frontend->is_internal) NoteTaken();
  return true;
}

// Whether clients of `bind` may have to wait although the process has places.
bool Worker::HasOwnLimit(const BindConfig& bind) const {
  if (bind_shares_.contains(&bind) || accept_rates_.Limits(bind)) return true;
  if (TlsShare(bind) != nullptr) return true;
  const shard::SharedLimit* frontend = FrontendLimit(*bind.frontend);
  return frontend != nullptr && frontend->max() < process_.global_maxconn->max();
}

bool Worker::MayTakeMany(shard::Listener& listener) noexcept {
  const BindConfig& bind = *static_cast<const BindConfig*>(listener.bind());
  // Operators are few.
  if (bind.frontend->is_internal) return false;
  if (process_.burst_guard == nullptr) return true;
  return process_.burst_guard->Fits(HasOwnLimit(bind) ? 0 : process_.global_maxconn->free());
}

void Worker::NoteTaken() {
  if (process_.burst_guard == nullptr) return;
  if (!process_.burst_guard->NoteTaken(process_.global_maxconn->free())) return;
  const uint32_t shards = shard_->board().shards();
  resume_shards_ |= shards < 64 ? (uint64_t(1) << shards) - 1 : ~uint64_t(0);
}

void Worker::ReleaseReserved(const BindConfig& bind) {
  for (shard::LimitShare* share : SharesOf(bind)) {
    if (share != nullptr) resume_shards_ |= share->Release();
  }
}

void Worker::Serve(shard::Shard&, const void* reserved_for, int fd) noexcept {
  const BindConfig& bind = *static_cast<const BindConfig*>(reserved_for);
  const bool stopping = shard_->loop().stopping();
  const bool rejected =
      configuration_->global.reject_privileged_ports && HasPrivilegedPort(context().ring(), fd);
  Session* session = stopping || rejected ? nullptr : NewSession(bind);
  if (session == nullptr) {
    const CloseReason reason = stopping   ? CloseReason::kShutdown
                               : rejected ? CloseReason::kRejected
                                          : CloseReason::kNoMemory;
    bind.frontend->state->part(index()).by_reason[size_t(reason)].Add();
    context().ring().Close(fd);
    OnClientGone(bind);
    return;
  }
  bind.frontend->state->RaiseFront(index());
  if (bind.parts != nullptr) bind.parts[index()].current.Add();
  accept_rates_.Count(bind);
  session->Begin(fd);
}

void Worker::FreeSession(Session* session) {
  const BindConfig& bind = session->bind();
  bind.frontend->state->part(index()).front_current.Sub();
  if (bind.parts != nullptr) bind.parts[index()].current.Sub();
  idle_pool_.CloseOwn(*session);
  shard::Connection* client = shard_->connections().Find(session->client());
  // The session keeps the configuration: until its place is free, or its client has a pin.
  const GenerationPin pin(bind.frontend->generation, index());
  sessions_.Delete(session);
  if (client == nullptr || client->fd() < 0) return OnClientGone(bind);
  // It has not taken everything yet, or is still sending.
  if (outlived_ >= process_.outlived_max) {
    if (bind.frontend->generation != nullptr) bind.frontend->generation->pins(index()).Add();
    return client->TellWhenClosed(&bind);
  }
  ++outlived_;
  client->TellWhenClosed(&kPlaceIsFree);
  OnClientGone(bind);
}

void Worker::OnOutlivedClosed(const void* note) noexcept {
  if (note == &kPlaceIsFree) {
    --outlived_;
    return;
  }
  const BindConfig& bind = *static_cast<const BindConfig*>(note);
  OnClientGone(bind);
  if (bind.frontend->generation != nullptr) bind.frontend->generation->pins(index()).Sub();
}

void Worker::OnClientGone(const BindConfig& bind) {
  ReleaseReserved(bind);
  shard_->OnClientGone();
}

void Worker::HandleResume(shard::Shard& shard, const shard::Message&) noexcept {
  shard.ResumeListeners();
}

void Worker::HandleRecall(shard::Shard& shard, const shard::Message&) noexcept {
  static_cast<Worker*>(shard.app())->ReturnLeases();
}

void Worker::ReturnLeases() {
  const auto give_back = [this](const auto& share) {
    if (share != nullptr) resume_shards_ |= share->ReturnLease();
  };
  give_back(global_share_);
  for (const auto& [frontend, share] : frontend_shares_) give_back(share);
  for (const auto& [bind, share] : bind_shares_) give_back(share);
  shard::LimitShare* const tls = tls_counts_ == nullptr ? nullptr : tls_counts_->share();
  if (tls != nullptr) resume_shards_ |= tls->ReturnLease();
}

void Worker::OnLimitsChanged() {
  ReturnLeases();
  shard_->ResumeListeners();
}

InvalidMessage& Worker::NoteInvalid(const ProxyConfig& proxy, bool is_response,
                                    const InvalidHead& head) {
  const uint64_t number = shared().invalid_messages.fetch_add(1, std::memory_order_relaxed);
  return invalid_messages_.Note(proxy, is_response, head, number, base::WallMicros());
}

void Worker::RecallLeases() {
  const uint64_t holding = recall_shards_;
  recall_shards_ = 0;
  for (uint32_t shard = 0; shard < shard_->board().shards(); ++shard) {
    const uint64_t bit = uint64_t(1) << (shard % 64);
    if ((holding & bit) == 0 || shard == index()) continue;
    if (!shard_->loop().TryPost(shard, {&HandleRecall, {}})) recall_shards_ |= bit;
  }
}

void Worker::WakeWaiting(uint64_t shards_waiting) {
  for (uint32_t shard = 0; shard < shard_->board().shards(); ++shard) {
    if ((shards_waiting & (uint64_t(1) << (shard % 64))) == 0) continue;
    if (shard == index()) {
      shard_->ResumeListeners();
    } else if (!shard_->loop().TryPost(shard, {&HandleResume, {}})) {
      resume_shards_ |= uint64_t(1)
                        << (shard % 64);  // its mailbox is full: again after the next turn
    }
  }
}

// `auto` (manual 3.2): from a mean of 1000 microseconds a turn on, until it is below 990.
void Worker::SetProfiling() {
  bool on = configuration_->global.profiling_tasks == TaskProfiling::kOn;
  if (configuration_->global.profiling_tasks == TaskProfiling::kAuto) {
    on = shard_->loop().mean_turn_us() >= (profiles_tasks_ ? 990 : 1000);
  }
  if (on == profiles_tasks_) return;
  profiles_tasks_ = on;
  profiles_since_ns_ = base::MonotonicNanos();
}

void Worker::OnTurnEnd() noexcept {
  SetProfiling();
  idle_pool_.OnTurnEnd();
  FlushLog();
  if (ring_senders_ != nullptr) ring_senders_->OnTurnEnd();
  if (tls_counts_ != nullptr) resume_shards_ |= tls_counts_->TakeWaiting();
  if (resume_shards_ != 0) {
    const uint64_t waiting = resume_shards_;
    resume_shards_ = 0;
    WakeWaiting(waiting);
  }
  if (recall_shards_ != 0) RecallLeases();
  // Whom a full mailbox kept us from telling is told after the next turn, which must come.
  if ((resume_shards_ | recall_shards_) != 0) shard_->loop().run_queue().Add(&next_turn_);
  if (on_drained_ != nullptr && IsDrained()) {
    void (*done)(void*) = on_drained_;
    on_drained_ = nullptr;
    done(on_drained_context_);
  }
}

void Worker::WhenDrained(Drained what, void (*done)(void*), void* context) {
  draining_ = what;
  on_drained_ = done;
  on_drained_context_ = context;
}

bool Worker::IsDrained() const {
  switch (draining_) {
    case Drained::kAccepts:
      return shard_->accepts_none();
    case Drained::kWaiting:
      return shard_->accepts_none() && shard_->keeps_none();
    case Drained::kSessions:
      break;
  }
  return sessions_.live() == 0 && !shard_->connections().any_closing();
}

void Worker::CloseIdleClients(uint32_t count_max, uint64_t rest_ms) {
  const uint64_t now_us = context().loop->clock().now_us();
  for (MuxH1Front* mux = all_fronts_.front(); mux != nullptr && count_max > 0;) {
    MuxH1Front* next = all_fronts_.Next(mux);
    if (mux->idle() && now_us - mux->request_times().idle_since_us >= rest_ms * 1000) {
      --count_max;
      mux->CloseIfIdle();  // frees it
    }
    mux = next;
  }
}

uint32_t Worker::IdleClients() {
  uint32_t count = 0;
  for (MuxH1Front* mux = all_fronts_.front(); mux != nullptr; mux = all_fronts_.Next(mux)) {
    if (mux->idle()) ++count;
  }
  return count;
}

void Worker::OnStop() noexcept {
  checks_->Stop();
  if (ring_senders_ != nullptr) ring_senders_->Stop();
  idle_pool_.CloseAll();
  while (Session* session = handshaking_.front()) session->EndHandshake(CloseReason::kShutdown);
  for (MuxH1Front* mux = all_fronts_.front(); mux != nullptr;) {
    MuxH1Front* next = all_fronts_.Next(mux);
    mux->CloseIfNoStream();
    mux = next;
  }
  for (Stream* stream = all_streams_.front(); stream != nullptr;
       stream = all_streams_.Next(stream)) {
    stream->Kill(CloseReason::kShutdown);
  }
}

MuxH1Back* Worker::NewMuxH1Back(shard::Connection& connection, const ServerConfig& server) {
  IdleKeeper& keeper = idle_pool_;
  MuxH1Back* mux =
      h1_backs_.New(h1_backs_, h1_pools_, connection, keeper, *server.backend->http_profile);
  if (mux == nullptr) return nullptr;
  mux->server = &server;
  mux->config_key = server.state->dial(index()).pool_key;
  return mux;
}

uint64_t Worker::Random() {
  // xorshift64*: spread, not secrecy.
  random_state_ ^= random_state_ >> 12;
  random_state_ ^= random_state_ << 25;
  random_state_ ^= random_state_ >> 27;
  return random_state_ * 2685821657736338717u;
}

shard::Applet* Worker::NewApplet(const shard::AppletType& type) {
  return applets_.New(
      context(), type,
      [](shard::Applet* applet, void* slab) {
        static_cast<base::Slab<shard::Applet>*>(slab)->Delete(applet);
      },
      &applets_);
}

}  // namespace engine
