#include "engine/session/stream.h"

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/generation.h"
#include "engine/session/balance_hash.h"
#include "engine/session/body_wait.h"
#include "engine/session/dialer.h"
#include "engine/session/worker.h"
#include "shard/loop/deadline.h"

namespace engine {

using shard::AssignResult;
using shard::CloseReason;
using shard::ConnectResult;
using shard::StreamSide;

// A stream's memory budget (DESIGN 4): the object and its first arena chunk.
static_assert(sizeof(Stream) <= 3072);

namespace {

// Bytes a direction may hold between its sides, over and above what the ring is sending.
constexpr size_t kChannelLimitBytes = 65536;
// How often the sides of one stream may take turns within one pass.
constexpr int kRoundsMax = 3;

}  // namespace

Stream::Stream(Worker& worker, Session& session, shard::Endpoint* client, bool http)
    : worker_(worker),
      session_(session),
      request_(*worker.context().slices, kChannelLimitBytes),
      response_(*worker.context().slices, kChannelLimitBytes),
      client_side_(*this, request_, response_, trace_, 0),
      server_side_(*this, response_, request_, trace_, 1),
      timer_(this),
      copy_(*worker.context().slices),
      id_(worker.NextStreamId()),
      request_number_(worker.NextRequestNumber()),
      http_(http) {
  worker.Enlist(this);
  SetTimeouts();
  if (http_) response_.Hold();  // until its head has gone
  client_side_.AttachEstablished(client);
}

Stream::~Stream() {
  for (VariableList& list : variables_) list.Clear(worker_.variable_pool());
  all_hook.Unlink();
}

void Stream::SetBackend(const ProxyConfig& backend) {
  backend_ = &backend;
  CountInBackend();
  if (&backend == &frontend()) return;
  // Another backend has its own (manual 4.4, set-timeout).
  for (const TimeoutKind kind :
       {TimeoutKind::kConnect, TimeoutKind::kQueue, TimeoutKind::kServer, TimeoutKind::kTunnel}) {
    own_timeouts_ms_[size_t(kind)] = 0;
  }
  own_retries_ = -1;
}

const shard::Address& Stream::Source() {
  if (source_.family != AF_UNSPEC) return source_;
  shard::Endpoint* client = client_side_.endpoint();
  shard::Connection* connection = client == nullptr ? nullptr : client->connection();
  return connection == nullptr ? session_.client_address() : connection->PeerAddress();
}

const shard::Address& Stream::Destination() {
  if (destination_.family != AF_UNSPEC) return destination_;
  shard::Endpoint* client = client_side_.endpoint();
  shard::Connection* connection = client == nullptr ? nullptr : client->connection();
  if (connection != nullptr) return connection->LocalAddress();
  const shard::Address& logged = log_.frontend_address();
  return logged.family != AF_UNSPEC ? logged : session_.client_destination();
}

void Stream::TellAddresses(const shard::Address& local, LogRecord& record) const {
  if (source_.family != AF_UNSPEC) record.client = source_;
  record.frontend_address = destination_.family != AF_UNSPEC ? destination_ : local;
}

void Stream::SetPriorityClass(int32_t priority_class) {
  priority_class_ = priority_class;
  SlotWaiter::SetPriority(priority_class_, priority_offset_ms_);
}

void Stream::SetPriorityOffset(int32_t offset_ms) {
  priority_offset_ms_ = offset_ms;
  SlotWaiter::SetPriority(priority_class_, priority_offset_ms_);
}

void Stream::SetTimeout(TimeoutKind kind, uint32_t value_ms) {
  own_timeouts_ms_[size_t(kind)] = value_ms;
  SetTimeouts();
}

VariablePool& Stream::worker_variables() { return worker_.variable_pool(); }

const ProxyConfig& Stream::frontend() const { return session_.frontend(); }

// What it began with, which may not be the one in use.
const Configuration& Stream::configuration() const {
  const Generation* generation = frontend().generation;
  return generation != nullptr ? generation->configuration() : worker_.configuration();
}

void Stream::Start() {
  log_.Begin(*this);
  WakeStream();
}

void Stream::WakeStream() noexcept {
  if (worker_.profiles_tasks() && !run_hook.linked()) [[unlikely]]
    costs_.OnQueued();
  worker_.context().loop->run_queue().Add(this);
}

uint64_t Stream::NowMs() const { return worker_.context().now_ms(); }

uint64_t Stream::WaitFromMs() const { return shard::WaitFromMs(worker_.context().loop->clock()); }

uint64_t Stream::NowMicros() const { return worker_.context().loop->clock().now_us(); }

void Stream::SetTimeouts() {
  const Timeouts& front = frontend().timeouts;
  const Timeouts& back = backend_ != nullptr ? backend_->timeouts : front;
  // Once bytes are only forwarded, a tunnel timeout takes the place of both (manual 4.2, timeout
  // tunnel).
  const uint32_t tunnel_ms = TimeoutOf(TimeoutKind::kTunnel, back.tunnel_ms);
  const bool tunnel = backend_ != nullptr && tunnel_ms != 0 && (!http_ || tunnel_);
  const uint32_t client_ms = TimeoutOf(TimeoutKind::kClient, front.client_ms);
  const uint32_t queue_ms = back.queue_ms != 0 ? back.queue_ms : back.connect_ms;
  client_side_.SetTimeouts({.idle_ms = tunnel ? tunnel_ms : client_ms,
                            .fin_ms = front.client_fin_ms,
                            .idle_reason = CloseReason::kClientTimeout});
  server_side_.SetTimeouts(
      {.connect_ms = TimeoutOf(TimeoutKind::kConnect, back.connect_ms),
       .queue_ms = TimeoutOf(TimeoutKind::kQueue, queue_ms),
       .idle_ms = tunnel ? tunnel_ms : TimeoutOf(TimeoutKind::kServer, back.server_ms),
       .fin_ms = back.server_fin_ms,
       .idle_reason = CloseReason::kServerTimeout});
}

FrontEndpoint* Stream::front() {
  return http_ ? static_cast<FrontEndpoint*>(client_side_.endpoint()) : nullptr;
}

BackEndpoint* Stream::back() {
  return http_ && !served_by_applet() ? static_cast<BackEndpoint*>(server_side_.endpoint())
                                      : nullptr;
}

BackEndpoint* Stream::http_back() {
  const bool has_server = target_.kind() == shard::Target::Kind::kServer;
  return has_server && server_side_.state() != shard::SideState::kConnecting ? back() : nullptr;
}

const ProxyConfig* Stream::ChooseBackend() {
  const ProxyConfig& from = session_.frontend();
  // The first use_backend that applies, else default_backend, else a listen section's own servers.
  const ProxyConfig* backend = from.default_backend;
  if (from.rules != nullptr && !from.rules->use_backend.empty()) {
    if (const ProxyConfig* chosen = ChooseByRules(from.rules->use_backend)) backend = chosen;
  }
  return backend == nullptr && from.is_backend ? &from : backend;
}

const ProxyConfig* Stream::ChooseByRules(const std::vector<BackendRule>& rules) {
  RuleContext context(*this, rules_);
  // A disabled backend is passed over, as if its rule were not there (manual 4.2, use_backend).
  const auto may_use = [&](const ProxyConfig& backend) {
    const std::vector<AclCondition>& forces = frontend().rules->force_switch;
    return !backend.disabled || std::any_of(forces.begin(), forces.end(), [&](const auto& one) {
      return one.Run(context) == Outcome::kYes;
    });
  };
  for (const BackendRule& rule : rules) {
    if (rule.condition && rule.condition->Run(context) != Outcome::kYes) continue;
    if (rule.backend != nullptr) {
      if (may_use(*rule.backend)) return rule.backend;
      continue;
    }
    std::string_view name;
    const ProxyConfig* found =
        rule.name.Write(context, &name) ? configuration().FindBackend(name) : nullptr;
    // Whatever it gives, no other rule is asked (manual 4.2, use_backend).
    const bool usable = found != nullptr && frontend().MayLeadTo(*found) && may_use(*found);
    return usable ? found : nullptr;
  }
  return nullptr;
}

Stream::PersistRules Stream::RunPersistRules() {
  PersistRules result;
  if (backend_->rules == nullptr) return result;
  RuleContext context(*this, rules_);
  for (const ProxyRules::PersistRule& rule : backend_->rules->persist) {
    bool& flag = rule.force ? result.forces : result.ignores;
    flag = flag || rule.condition.Run(context) == Outcome::kYes;
  }
  return result;
}

void Stream::ChooseServer() {
  if (backend_->rules != nullptr && !backend_->rules->use_server.empty()) ChooseByUseServer();
  if (chosen_server_ < 0 && backend_->rdp_cookie != nullptr) ChooseByRdpCookie();
}

void Stream::ChooseByUseServer() {
  const bool forced = backend_->persist || RunPersistRules().forces;
  Backend& backend = *backend_->state->backend();
  RuleContext context(*this, rules_);
  for (const ServerRule& rule : backend_->rules->use_server) {
    if (rule.condition && rule.condition->Run(context) != Outcome::kYes) continue;
    uint32_t server = rule.server;
    if (rule.has_name) {
      std::string_view name;
      if (!rule.name.Write(context, &name)) return;
      const auto found =
          std::find_if(backend_->servers.begin(), backend_->servers.end(),
                       [name](const auto& one) { return std::string_view(one->name) == name; });
      // No other rule is asked: it is balanced (manual 4.2, use-server).
      if (found == backend_->servers.end()) return;
      server = (*found)->index;
    }
    if (!forced && !backend.IsUsable(worker_.index(), server)) continue;
    chosen_server_ = int(server);
    return;
  }
}

Verdict Stream::RunStage(const ProxyConfig& proxy, RuleStage stage) {
  if (proxy.rules == nullptr) return Verdict::kContinue;
  const RuleSet& set = proxy.rules->set(stage);
  if (set.empty()) return Verdict::kContinue;
  RuleContext context(*this, rules_);
  context.in_response = stage >= RuleStage::kTcpResponse;
  return RunRules(set, context);
}

Verdict Stream::RunContent(const ProxyConfig& proxy, RuleStage stage) {
  if (proxy.rules == nullptr) return Verdict::kContinue;
  const RuleSet& set = proxy.rules->set(stage);
  if (set.empty()) return Verdict::kContinue;
  const uint64_t now_ms = NowMs();
  if (rules_.until_ms == 0) {
    rules_.until_ms = shard::DeadlineIn(worker_.context().loop->clock(), set.inspect_delay_ms);
  }
  RuleContext context(*this, rules_);
  context.in_response = stage == RuleStage::kTcpResponse;
  const shard::Channel& channel = context.in_response ? response_ : request_;
  const bool grows = http_ ? IsBodyAwaited(*this, channel)
                           : !channel.ended() && !channel.shut() && channel.room() > 0;
  context.SetMayWait(grows && now_ms < rules_.until_ms);
  return RunRules(set, context);
}

void Stream::BeginTunnel() {
  tunnel_ = true;
  SetTimeouts();
}

void Stream::CopyBytes(const shard::ByteQueue& from, shard::ByteQueue& to) {
  for (const shard::SliceNode* node = from.head(); node != nullptr; node = node->next) {
    to.PushShared(node->slice);
  }
}

bool Stream::RunFlow() { return http_ ? http_flow_.Run(*this) : tcp_.Run(*this); }

void Stream::Run() noexcept {
  if (worker_.profiles_tasks()) [[unlikely]]
    costs_.OnBegin(worker_.profiles_since_ns());
  ++runs_;
  // What one side or the flow produced, took or ended may be what another waits for, until nothing
  // moves.
  bool owed = true;  // the flow did something that the server's side has not seen
  for (int round = 0;; ++round) {
    // timeout client is for a client that is expected to send (manual 4.2): one that has sent its
    // request waits for a server, and the timeouts of queue and connect are for that.
    client_side_.HoldIdleClock(client_waits_ ||
                               (!http_ && !request_.bytes().empty() && IsLookingForServer()));
    client_side_.Run();
    const bool flowed = RunFlow();
    if (!flowed && !owed && !client_side_.moved()) break;
    server_side_.Run();
    owed = RunFlow();
    // A delay that is over may release bytes to the client, whose side ran before the flow.
    if (!server_side_.moved() && !owed && !flowed) break;
    if (round == kRoundsMax) {
      WakeStream();  // others first
      break;
    }
  }
  if (http_) {
    if (FrontEndpoint* endpoint = front()) endpoint->Flush();
    if (BackEndpoint* endpoint = back()) endpoint->Flush();
  }
  AbortOneSided();
  if (client_side_.closed() && server_side_.closed()) return Finish();
  uint64_t deadline_ms = client_side_.deadline_ms();
  for (const uint64_t other_ms : {server_side_.deadline_ms(), rules_.until_ms}) {
    if (deadline_ms == 0 || (other_ms != 0 && other_ms < deadline_ms)) deadline_ms = other_ms;
  }
  timer_.Set(worker_.context().loop->timers(), deadline_ms);
  if (costs_.running()) [[unlikely]]
    costs_.OnEnd();
}

// option splice-auto, splice-request, splice-response (manual 4.2): of the frontend or the backend.
void Stream::SetSplice() {
  shard::PipePool* pipes = worker_.shard().pipes();
  if (pipes == nullptr) return;
  const ProxyConfig& front = frontend();
  const ProxyConfig& back = *backend_;
  const bool both = front.splice_auto || back.splice_auto;
  client_side_.SetSplice(both || front.splice_request || back.splice_request ? pipes : nullptr);
  server_side_.SetSplice(both || front.splice_response || back.splice_response ? pipes : nullptr);
}

bool Stream::IsLookingForServer() const {
  const shard::SideState server = server_side_.state();
  return server != shard::SideState::kEstablished && server != shard::SideState::kClosed &&
         server != shard::SideState::kIdle;
}

// What one side's end means for the other.
void Stream::AbortOneSided() {
  const shard::SideState server = server_side_.state();
  // A client that is gone is not worth a connection, whatever it has sent. One that has closed its
  // half may want to hear what the server says, unless told otherwise. In mode http its mux tells
  // (manual 4.2, option abortonclose).
  const CloseReason why = client_side_.reason();
  const bool deaf = why == CloseReason::kClientReset || why == CloseReason::kClientAbort;
  const bool gone = client_side_.closed() && (deaf || request_.drained());
  const bool given_up = backend_ != nullptr && backend_->http.abort_on_close && request_.ended();
  if (!http_ && IsLookingForServer() && (gone || given_up)) {
    server_side_.Abort(CloseReason::kClientAbort);
    WakeStream();
  }
  if (client_side_.closed() && server == shard::SideState::kIdle) {
    server_side_.Abort(client_side_.reason());
    WakeStream();
  }
  // A side that timed out or was killed ends the exchange: what is left of it has nowhere to go.
  // After another ending the other side has run already and seen it; what it still has to deliver
  // waits for its peer. To wake it here would keep the shard spinning until that peer reads.
  if (http_) {
    // How the server's end concerns the client is the flow's business, and without a client the
    // server's side was aborted when that closed.
    return;
  }
  for (StreamSide* side : {&client_side_, &server_side_}) {
    StreamSide& other = side == &client_side_ ? server_side_ : client_side_;
    if (!side->closed() || other.closed()) continue;
    const CloseReason reason = side->reason();
    const bool deliver_rest =
        reason == CloseReason::kNormal || reason == CloseReason::kServerAbort ||
        reason == CloseReason::kServerReset || reason == CloseReason::kClientAbort ||
        reason == CloseReason::kClientReset || reason == CloseReason::kTlsTruncated ||
        reason == CloseReason::kTlsServerTruncated;
    if (deliver_rest) continue;
    other.Abort(reason);
    WakeStream();
  }
}

void Stream::Kill(CloseReason reason) {
  client_side_.Abort(reason);
  server_side_.Abort(reason);
  WakeStream();
}

void Stream::Break(CloseReason reason) {
  FrontEndpoint* client = front();
  if (client == nullptr || client->response_sent()) return Kill(reason);
  server_side_.Abort(reason);
  WakeStream();
}

void Stream::Reject(CloseReason reason) { Kill(reason); }

AssignResult Stream::AssignTarget(CloseReason* reason) {
  if (target_.kind() == shard::Target::Kind::kApplet) return AssignResult::kAssigned;
  SetTimeouts();
  if (chosen_server_ >= 0) {
    const AssignResult chosen = AssignServer(uint32_t(chosen_server_), true);
    if (chosen != AssignResult::kFailed) return chosen;
    chosen_server_ = -1;
  } else if (persistence_.server() >= 0) {
    const AssignResult persistent = AssignPersistent();
    if (persistent != AssignResult::kFailed) return persistent;
  }
  if (http_ && !last_tried_) {
    last_tried_ = true;
    const AssignResult last = AssignLast();
    if (last != AssignResult::kFailed) return last;
  }
  PickRequest pick{.avoid = avoid_server_, .random = worker_.Random()};
  if (backend_->balance == BalanceAlgorithm::kHash) AddHash(pick);
  uint32_t server = 0;
  Backend::Choice choice = backend_->state->backend()->Choose(worker_.index(), pick, &server);
  WaitQueue* queue = backend_->state->queue();
  if (choice == Backend::Choice::kServerFull) {
    if (EnterLineOf(server)) return AssignResult::kQueued;
    // Its line is full, too: any other server (manual 5.2, maxqueue).
    pick.has_hash = false;
    pick.avoid = int(server);
    choice = backend_->state->backend()->Choose(worker_.index(), pick, &server);
  }
  switch (choice) {
    case Backend::Choice::kTaken:
      SlotWaiter::Leave();  // a place in the line that it kept while it asked again
      TakeSlot(server);
      return AssignResult::kAssigned;
    case Backend::Choice::kFull:
    case Backend::Choice::kServerFull: {
      const int64_t ahead = backend_->state->Queued();
      if (queue->Enter(worker_.index(), WaitQueue::kBackendLine, this)) {
        log_.OnQueued(StreamLog::Line::kBackend, ahead);
        return AssignResult::kQueued;
      }
      break;
    }
    case Backend::Choice::kNoServer:
      break;
  }
  *reason = CloseReason::kNoServer;
  return AssignResult::kFailed;
}

// Once for the stream: a further attempt is to find the same server.
// balance hash, balance rdp-cookie (manual 4.2).
std::optional<uint32_t> Stream::HashOfExpression() {
  StreamContext context(*this);
  Sample sample;
  if (!backend_->hash.expression->Run(context, sample) ||
      !Cast(sample, SampleKind::kBinary, context.scratch())) {
    return std::nullopt;
  }
  return HashOfKey(backend_->hash, sample.text);
}

void Stream::AddHash(PickRequest& pick) {
  if (!hash_known_) {
    hash_known_ = true;
    shard::Address address;
    if (client_side_.endpoint() != nullptr && backend_->hash.input == HashInput::kSource) {
      address = Source().Unmapped();
    }
    const std::optional<uint32_t> hash =
        backend_->hash.expression != nullptr
            ? HashOfExpression()
            : BalanceHashOf(backend_->hash, address,
                            front() == nullptr ? nullptr : &front()->request());
    has_hash_ = hash.has_value();
    hash_ = hash.value_or(0);
  }
  pick.has_hash = has_hash_;
  pick.hash = hash_;
}

// The server that the request's cookie names (manual 4.2, cookie). kFailed: that one cannot be had,
// so any other will do.
AssignResult Stream::AssignPersistent() {
  const AssignResult result =
      AssignServer(uint32_t(persistence_.server()), persistence_.is_forced());
  if (result == AssignResult::kFailed) persistence_.Break();
  return result;
}

// One that is asked for by name. `forced`: also when it is down.
AssignResult Stream::AssignServer(uint32_t server, bool forced) {
  const uint32_t shard = worker_.index();
  Backend& backend = *backend_->state->backend();
  const bool is_usable = backend.IsUsable(shard, server);
  const bool is_forced = forced && backend_->servers[server]->state->has_address();
  if ((is_usable || is_forced) && backend.TryTakePersistent(shard, server)) {
    SlotWaiter::Leave();
    TakeSlot(server);
    return AssignResult::kAssigned;
  }
  const bool may_wait = is_usable || (is_forced && backend.MayForce());
  return may_wait && EnterLineOf(server) ? AssignResult::kQueued : AssignResult::kFailed;
}

// False: it is full.
bool Stream::EnterLineOf(uint32_t server) {
  const int64_t ahead = backend_->state->ServerQueued(server);
  WaitQueue* queue = backend_->state->queue();
  if (!queue->Enter(worker_.index(), WaitQueue::LineOf(server), this)) return false;
  waited_for_ = int(server);
  log_.OnQueued(StreamLog::Line::kServer, ahead, backend_->servers[server].get());
  return true;
}

// The server that has a connection of this session already (option prefer-last-server), or that
// asked it to authenticate. kFailed: any other will do.
AssignResult Stream::AssignLast() {
  const ServerConfig* last = session_.last_server();
  if (last == nullptr || last->backend != backend_) return AssignResult::kFailed;
  const bool sticks = session_.sticks();
  const HttpConfig& http = backend_->http;
  if (!sticks && !(http.prefer_last_server && worker_.idle_pool().HasOwn(*last, session_))) {
    return AssignResult::kFailed;
  }
  Backend& backend = *backend_->state->backend();
  if (backend.TryTake(worker_.index(), last->index)) {
    TakeSlot(last->index);
    return AssignResult::kAssigned;
  }
  if (!last->limited() || !backend.IsEligible(worker_.index(), last->index)) {
    return AssignResult::kFailed;
  }
  const int64_t waiting = backend_->state->ServerQueued(last->index);
  const bool may_wait =
      sticks || http.max_keep_alive_queue < 0 || waiting < http.max_keep_alive_queue;
  return may_wait && EnterLineOf(last->index) ? AssignResult::kQueued : AssignResult::kFailed;
}

void Stream::TakeSlot(uint32_t server) {
  if (waited_for_ >= 0 && waited_for_ != int(server)) {
    CountRedispatch(backend_->servers[uint32_t(waited_for_)]->state->part(worker_.index()));
  }
  waited_for_ = -1;
  slot_ = ServerSlot(*backend_->servers[server], worker_.index());
  slot_.server()->state->rates().Count(worker_.index(), NowMicros());
  target_ = shard::Target::Of(slot_.server());
}

void Stream::OnSlotGranted(uint32_t server) noexcept {
  TakeSlot(server);
  server_side_.SlotGranted();
  WakeStream();
}

void Stream::OnAskAgain() noexcept {
  server_side_.AskAgain();
  WakeStream();
}

ConnectResult Stream::StartConnect(CloseReason* reason) {
  if (target_.kind() == shard::Target::Kind::kApplet) return StartApplet(reason);
  if (http_ && HttpFlow::MustRedirect(*this)) {
    *reason = CloseReason::kLocal;
    return ConnectResult::kFailed;
  }
  ServerConfig& server = *slot_.server();
  if (is_repeat_) CountRepeat();
  DialPlan plan;
  char client_facts[kClientFactsBytesMax];  // the plan's
  if (NeedsClient(server, slot_.dial())) {
    if (client_side_.endpoint() == nullptr) {
      *reason = CloseReason::kClientAbort;  // nobody to connect on behalf of
      return ConnectResult::kFailed;
    }
    *reason = PlanDial(server, slot_.dial(), {Source(), Destination()},
                       front() == nullptr ? nullptr : &front()->request(), &plan);
    if (*reason != CloseReason::kNone) return ConnectResult::kFailed;
  }
  if (server.announce.enabled()) {
    // What the session has kept: the client may have gone.
    PlanHeader(source_.family != AF_UNSPEC ? source_ : session_.client_address(),
               destination_.family != AF_UNSPEC ? destination_ : session_.client_destination(),
               &plan);
    shard::Endpoint* client = client_side_.endpoint();
    if (!PlanClientFacts(server, client == nullptr ? nullptr : client->connection(), *this,
                         client_facts, &plan)) {
      *reason = CloseReason::kClientAbort;
      return ConnectResult::kFailed;
    }
  }
  if (marks_.any()) PlanMarks(marks_, &plan);
  if (server.tls_context != nullptr && !slot_.dial().plain) {
    PlanServerName(server, front() == nullptr ? nullptr : &front()->request(), &plan);
  }
  if (http_ && !fresh_only_) {
    if (TryReuse(server, plan.key)) return ConnectResult::kEstablished;
    IdleWaiter& waiter = *this;
    if (plan.key.empty() && worker_.idle_pool().AskOthers(waiter, server, session_)) {
      return ConnectResult::kWaiting;
    }
  }
  return Dial(server, plan, reason);
}

ConnectResult Stream::StartApplet(CloseReason* reason) {
  shard::Applet* applet = worker_.NewApplet(*target_.applet());
  if (applet == nullptr) {
    *reason = CloseReason::kNoMemory;
    return ConnectResult::kFailed;
  }
  applet->owner = this;
  server_side_.AttachConnecting(applet);
  return ConnectResult::kEstablished;
}

ConnectResult Stream::Dial(ServerConfig& server, const DialPlan& plan, CloseReason* reason) {
  shard::Endpoint* endpoint =
      DialServer(worker_, {server, *backend_, plan, http_, session_}, reason);
  if (endpoint == nullptr && *reason != CloseReason::kNone) return ConnectResult::kFailed;
  if (endpoint == nullptr) {
    WakeStream();  // a descriptor is free for it in the next turn
    return ConnectResult::kWaiting;
  }
  reused_ = false;
  server_side_.AttachConnecting(endpoint);
  return ConnectResult::kConnecting;
}

bool Stream::TryReuse(ServerConfig& server, const PoolKey& key) {
  MuxH1Back* mux = worker_.idle_pool().Take(server, session_, key);
  if (mux == nullptr) return false;
  IdleWaiter::LeavePool();
  reused_ = true;
  server_side_.AttachConnecting(mux->OpenStream());
  return true;
}

// The head of a response that rules wait with is in the server's endpoint.
// The trailers of the request are in the client's endpoint until the server's side has taken them:
// it may have answered early and still be reading.
bool Stream::MayLeave(StreamSide& side) {
  if (!http_) return true;
  if (&side == &server_side_) return front() == nullptr || !http_flow_.HoldsResponse();
  return server_side_.write_shut() || front()->request_trailers().empty();
}

void Stream::OnEstablished(StreamSide&) {
  log_.OnEstablished(*this);
  if (slot_.server() != nullptr) SetSplice();
  if (http_) http_flow_.OnConnected(*this);
  if (slot_.server() == nullptr) return;
  slot_.part().established.Add();
  if (slot_.server()->check.observe == Observe::kLayer4) {
    worker_.server_events().OnSuccess(*slot_.server());
  }
  session_.SetLastServer(*slot_.server());
}

void Stream::OnDetaching(StreamSide& side) noexcept {
  if (&side != &client_side_) return log_.OnServerGone(*this);
  if (http_) HttpFlow::OnClientLeaving(*this);
  log_.OnClientGone(*this);
}

void Stream::OnClosed(StreamSide& side) {
  if (reason_ == CloseReason::kNone || reason_ == CloseReason::kNormal) {
    reason_ = side.reason();
    if (reason_ != CloseReason::kNormal) log_.OnEnd(*this, reason_, &side == &client_side_);
  }
  if (&side != &server_side_) {
    // At once, before the server's side runs again: a request that was cut must not look whole.
    if (http_ && !server_side_.closed() && side.reason() != CloseReason::kNormal) {
      server_side_.Abort(side.reason());
    }
    return;
  }
  if (http_) http_flow_.OnServerClosed(*this, side.reason(), response_whole_ || local_);
  SlotWaiter::Leave();
  IdleWaiter::LeavePool();
  if (slot_.server() != nullptr) slot_.Release();
  LeaveBackend();
}

// From the choice on, whatever its rules say (management 9.1, stot of a backend).
void Stream::CountInBackend() {
  if (counted_in_backend_) return;
  counted_in_backend_ = true;
  backend_->state->RaiseBack(worker_.index());
  backend_->state->part(worker_.index()).back_total.Add();
  backend_->state->back_rates().Count(worker_.index(), NowMicros());
}

void Stream::LeaveBackend() {
  if (counted_in_backend_) backend_->state->part(worker_.index()).back_current.Sub();
  counted_in_backend_ = false;
}

void Stream::OnMove(const shard::TraceEntry& entry) noexcept {
  if (entry.side == 1) log_.OnServerMove(*this, entry);
  if (!worker_.debug_moves()) return;
  std::printf("%08llx:%s.%s[%u] %s -> %s%s%s\n", static_cast<unsigned long long>(id_),
              frontend().name.c_str(), entry.side == 0 ? "cli" : "srv", worker_.index(),
              SideStateName(entry.from), SideStateName(entry.to),
              entry.reason == CloseReason::kNone ? "" : " ",
              entry.reason == CloseReason::kNone ? "" : Info(entry.reason).counter);
  std::fflush(stdout);
}

void Stream::Finish() {
  ProxyShardPart& part = frontend().state->part(worker_.index());
  part.by_reason[size_t(reason_)].Add();
  log_.Finish(*this);
  LeaveBackend();  // chosen after the server's side was closed
  Session& session = session_;
  worker_.FreeStream(this);
  session.OnStreamGone();
}

}  // namespace engine
