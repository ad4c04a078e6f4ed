#include "engine/session/session.h"

#include <sys/socket.h>

#include <utility>

#include "engine/server/http_replies.h"
#include "engine/server/log_config.h"
#include "engine/session/access_log.h"
#include "engine/session/http_reply.h"
#include "engine/session/rule_run.h"
#include "engine/session/worker.h"
#include "shard/conn/proxy_recv.h"
#include "shard/loop/deadline.h"
#include "shard/net/connector.h"
#include "shard/net/keep_alive.h"
#include "tls/info.h"

namespace engine {

using shard::CloseReason;
using shard::Connection;

namespace {

// Of mode tcp, before its stream begins: there are rules to look at what the client has sent.
bool ReadsAhead(const ProxyConfig& frontend) {
  const ProxyConfig* backend = frontend.default_backend;
  return (frontend.rules != nullptr && frontend.rules->reads_ahead) ||
         (backend != nullptr && backend->rules != nullptr && backend->rules->reads_ahead);
}

}  // namespace

Session::Session(Worker& worker, const BindConfig& bind)
    : worker_(worker),
      bind_(&bind),
      pin_(bind.frontend->generation, worker.index()),
      id_(worker.NextStreamId()) {}

bool Session::Renew() {
  if (!worker_.IsOld(frontend())) return true;
  const BindConfig* now = worker_.SuccessorOf(*bind_);
  if (now == nullptr) return false;
  // A stream that has begun keeps what it began with.
  if (switched_ != nullptr || streams_ != 0 || front_ == nullptr) return true;
  worker_.MoveReserved(*bind_, *now);
  // While the old configuration is still pinned.
  if (last_server_ != nullptr) last_server_ = last_server_->state->part(worker_.index()).config;
  sticks_ = sticks_ && last_server_ != nullptr;
  bind_ = now;
  pin_ = GenerationPin(frontend().generation, worker_.index());
  front_->SetProfile(*frontend().http_profile);
  return true;
}

void Session::Begin(int fd) {
  accepted_us_ = worker_.context().loop->clock().now_us();
  connection_ = worker_.shard().connections().Adopt(fd, shard::Role::kAccepted);
  if (connection_ == nullptr) {
    worker_.context().ring().Close(fd);
    frontend().state->part(worker_.index()).by_reason[size_t(CloseReason::kNoMemory)].Add();
    return End();
  }
  client_ = connection_->handle();
  ProxyShardPart& part = frontend().state->part(worker_.index());
  part.front_total.Add();
  if (frontend().tcpka_client) {
    shard::SetKeepAlive(worker_.context().ring(), fd, frontend().client_probes);
  }
  if (bind_->mss < 0) shard::ReduceMss(worker_.context().ring(), fd, uint32_t(-bind_->mss));
  connection_->SetEvents(this);
  // At once: a connection that was reset has no peer to ask for any more.
  NoteAddresses();
  if (!PassesRules(RuleStage::kTcpConnection)) return Refuse();
  if (!BeginHandshakes()) return OnClosed(CloseReason::kNoMemory);
  if (connection_->Start()) return OnConnected();
  worker_.EnlistHandshake(this);
  const Timeouts& timeouts = frontend().timeouts;
  const uint32_t wait_ms = timeouts.client_hs_ms != 0 ? timeouts.client_hs_ms : timeouts.client_ms;
  if (wait_ms != 0) {
    connection_->SetDeadline(shard::DeadlineIn(worker_.context().loop->clock(), wait_ms));
  }
}

void Session::NoteAddresses() {
  const ProxyLog* log = frontend().log.get();
  if (log == nullptr) return;
  client_address_ = connection_->PeerAddress();
  if ((log->needs & kNeedsFrontendAddress) != 0) client_destination_ = connection_->LocalAddress();
}

// tcp-request connection, tcp-request session (manual 4.2).
bool Session::PassesRules(RuleStage stage) {
  if (frontend().rules == nullptr) return true;
  const RuleSet& set = frontend().rules->set(stage);
  if (set.empty()) return true;
  RuleCursor cursor;
  RuleContext context(*this, connection_, cursor);
  if (RunRules(set, context) != Verdict::kEnd) return true;
  ProxyShardPart& part = frontend().state->part(worker_.index());
  (stage == RuleStage::kTcpConnection ? part.denied_connections : part.denied_sessions).Add();
  return false;
}

// Nothing is said of it, to nobody: that is what these rules are for.
void Session::Refuse() {
  frontend().state->part(worker_.index()).by_reason[size_t(CloseReason::kRejected)].Add();
  handshake_hook.Unlink();
  connection_->Abort(frontend().nolinger);
  End();
}

bool Session::BeginHandshakes() {
  if (bind_->accept_proxy) shard::ExpectProxyHeader(*connection_);
  if (bind_->accept_cip && !shard::ExpectNetscalerCip(*connection_, bind_->cip_magic)) return false;
  return bind_->tls_context == nullptr || worker_.tls().Accept(*connection_, bind_->tls_context);
}

void Session::OnDeadline() noexcept { OnClosed(connection_->TimeoutReason()); }

void Session::EndHandshake(CloseReason reason) { OnClosed(reason); }

void Session::OnConnected() noexcept {
  handshake_hook.Unlink();
  connection_->SetDeadline(0);
  frontend().state->part(worker_.index()).sessions.Add();
  tls_ = tls::InfoOf(*connection_);
  handshaken_us_ = worker_.context().loop->clock().now_us();
  NoteAddresses();  // a handshake may have brought others
  if (!PassesRules(RuleStage::kTcpSession)) return Refuse();
  NoteAddresses();  // and so may a rule
  if (worker_.tells_servers()) {
    client_address_ = connection_->PeerAddress();
    client_destination_ = connection_->LocalAddress();
  }
  if (frontend().mode == Mode::kHttp && frontend().service == nullptr) {
    RequestAcceptor& acceptor = *this;
    MuxH1Front* mux = worker_.NewMuxH1Front(*connection_, acceptor, *frontend().http_profile);
    if (mux == nullptr) return OnClosed(CloseReason::kNoMemory);
    connection_ = nullptr;
    front_ = mux;
    RenewIfIdle();  // a reload may have come into its handshakes
    return mux->Start();
  }
  if (ReadsAhead(frontend())) (void)connection_->TakeFirst();
  MuxRaw* mux = worker_.NewMuxRaw(*connection_);
  if (mux == nullptr) return OnClosed(CloseReason::kNoMemory);
  mux->SetNoLinger(frontend().nolinger);
  connection_ = nullptr;
  mux_gone_ = true;  // it is its stream's own and says nothing when it goes
  OnNewStream(mux);
}

bool Session::SwitchToHttp(Stream& stream) {
  auto& raw = static_cast<MuxRaw&>(*stream.client_side().endpoint());
  RequestAcceptor& acceptor = *this;
  MuxH1Front* mux = worker_.NewMuxH1Front(*raw.connection(), acceptor, *frontend().http_profile);
  if (mux == nullptr) return false;
  shard::ByteQueue received(*worker_.context().slices);
  stream.client_side().Release(received);
  raw.Leave();
  front_ = mux;
  mux_gone_ = false;
  switched_ = &stream;
  --requests_;  // it is still to come
  mux->StartWith(received);
  return true;
}

void Session::OnClosed(CloseReason reason) noexcept {
  connection_->NoteReason(reason);
  if (!frontend().dont_log_null || connection_->bytes_in() > 0) {
    NoteAddresses();  // those of a PROXY header in front of what failed
    LogHandshakeError(*this, reason);
  }
  frontend().state->part(worker_.index()).by_reason[size_t(reason)].Add();
  handshake_hook.Unlink();
  connection_->Abort(frontend().nolinger);
  End();
}

void Session::OnNewStream(shard::Endpoint* endpoint) noexcept {
  const bool http = !mux_gone_;
  if (http) (void)Renew();
  ++requests_;
  if (http) CountRequest();
  if (switched_ != nullptr) return std::exchange(switched_, nullptr)->GoOnAsHttp(endpoint);
  ++streams_;
  Stream* stream = worker_.NewStream(*this, endpoint, http);
  if (stream != nullptr) return stream->Start();
  frontend().state->part(worker_.index()).by_reason[size_t(CloseReason::kNoMemory)].Add();
  endpoint->Detach(CloseReason::kNoMemory, 0);
  OnStreamGone();
}

void Session::CountRequest() {
  const uint32_t shard = worker_.index();
  frontend().state->part(shard).requests.Add();
  frontend().state->request_rates().Count(shard, worker_.context().loop->clock().now_us());
}

void Session::CountBadRequest(uint16_t status) {
  ProxyShardPart& part = frontend().state->part(worker_.index());
  CountRequest();
  part.request_errors.Add();
  part.front_statuses.Add(status);
}

void Session::OnBadRequest(MuxH1Front& mux, uint16_t status, CloseReason reason) noexcept {
  refused_ = true;
  CountBadRequest(status);
  if (!frontend().dont_log_null || mux.connection()->bytes_in() > 0) {
    const uint64_t since_us =
        switched_ != nullptr ? handshaken_us_ : mux.request_times().idle_since_us;
    LogBadRequest(*this, mux.connection(), status, reason, since_us);
  }
  if (reason == CloseReason::kClientProtocol) {
    InvalidMessage& message = worker_.NoteInvalid(frontend(), false, mux.invalid());
    message.session = id_;
    message.client = mux.connection()->PeerAddress();
  }
  frontend().state->part(worker_.index()).by_reason[size_t(reason)].Add();
  mux.SendText(LastWords(frontend(), nullptr, status));
}

bool Session::Draining() const noexcept {
  if (worker_.IsOld(frontend()) && worker_.SuccessorOf(*bind_) == nullptr) return true;
  return worker_.shard().draining() && worker_.spread_close().EndsNow();
}

// It came, asked for nothing, and goes. One that has sent anything is no probe.
void Session::OnLeaving(MuxH1Front& mux) noexcept {
  if (requests_ != 0 || refused_ || Draining()) return;
  const bool is_probe = mux.connection()->bytes_in() == 0;
  if (is_probe && frontend().http.ignore_probes) return;
  CountBadRequest(400);
  if (is_probe && frontend().dont_log_null) return;
  LogBadRequest(*this, mux.connection(), 400, CloseReason::kClientAbort, handshaken_us_);
}

void Session::OnMuxGone(CloseReason) noexcept {
  mux_gone_ = true;
  front_ = nullptr;
  if (switched_ != nullptr) std::exchange(switched_, nullptr)->DropSwitched();
  EndWhenOver();
}

void Session::OnStreamGone() {
  --streams_;
  if (switched_ != nullptr) {  // killed before its request came, and its line says so
    switched_ = nullptr;
    refused_ = true;
    return front_->CloseIfNoStream();  // OnMuxGone() ends the session
  }
  // What a reload has changed meanwhile holds for the wait, too.
  RenewIfIdle();
  EndWhenOver();
}

void Session::RenewIfIdle() {
  if (front_ != nullptr && front_->idle() && !Renew()) worker_.client_renewal().NoteLeft();
}

void Session::EndWhenOver() {
  if (mux_gone_ && streams_ == 0) End();
}

void Session::End() {
  variables_.Clear(worker_.variable_pool());
  worker_.FreeSession(this);
}

}  // namespace engine
