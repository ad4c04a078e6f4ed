// stream.h - one exchange: two sides, two channels, the target it goes to and the account it keeps.
//
// Owns:    its channels, sides, trace and server slot. Lives in the worker's slab.
// Threads: shard-local.
// Units:   milliseconds of the shard's clock.
// Errors:  every ending has one reason: of the side that ended first out of order, else kNormal.
// States:  (of mode tcp -> without an endpoint, SwitchToHttp() -> of mode http) ->
//          deciding where to go -> requested -> forwarding -> both sides Closed -> freed, in Run()
//          alone.
//
// The order of one pass: the client's side, then the flow (which may set the server's side going),
// then the server's side, then the client's again for what the server's side produced.

#pragma once

#include <cstdint>

#include "base/intrusive_list.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "engine/session/dialer.h"
#include "engine/session/http_flow.h"
#include "engine/session/idle_pool.h"
#include "engine/session/persistence.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream_log.h"
#include "engine/session/task_costs.h"
#include "engine/session/tcp_flow.h"
#include "shard/loop/run_queue.h"
#include "shard/loop/timer_wheel.h"
#include "shard/stream/stream_side.h"

namespace engine {

class BackEndpoint;
class PoolKey;
class FrontEndpoint;
class Session;
class Worker;
struct DialPlan;
struct RetryChoice;

// Those that `set-timeout` may change (manual 4.4).
enum class TimeoutKind : uint8_t { kClient, kConnect, kQueue, kServer, kTarpit, kTunnel, kCount };

class Stream final : shard::Task, shard::TimerClient, shard::SidePolicy, SlotWaiter, IdleWaiter {
 public:
  // `http`: the client's endpoint carries HTTP messages. Else it is a MuxRaw.
  Stream(Worker& worker, Session& session, shard::Endpoint* client, bool http);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void Start();
  // Of mode tcp, before a server is looked for: its client's bytes are to be read as HTTP. Until a
  // request is understood nothing happens here; its session goes on with it then, or drops it
  // without a word, because it has said itself what became of the connection.
  void SwitchToHttp();
  void GoOnAsHttp(shard::Endpoint* client);
  void DropSwitched();
  // Ends both sides at the next pass.
  void Kill(shard::CloseReason reason);
  // The same for who has a client to answer: one of HTTP that has heard nothing yet is told.
  void Break(shard::CloseReason reason);

  // For the flow.
  void SetBackend(const ProxyConfig& backend);
  void SetTarget(shard::Target target) { target_ = target; }
  void RequestServerSide() { server_side_.Request(); }
  void Reject(shard::CloseReason reason);
  // The backend that the frontend's rules lead to; null when there is none.
  const ProxyConfig* ChooseBackend();
  // Where the run of rules that is under way stands.
  RuleCursor& rules() { return rules_; }
  // Runs a set of `proxy`, from where it stands. `response`: the rules are about it.
  Verdict RunStage(const ProxyConfig& proxy, RuleStage stage);
  // For rules on the content of mode tcp, kTcpContent or kTcpResponse, which may wait for more.
  Verdict RunContent(const ProxyConfig& proxy, RuleStage stage);
  void AnswerByRule(const HttpReply& reply, const ReplyExtras& extras, shard::CloseReason reason) {
    http_flow_.AnswerByRule(*this, reply, extras, reason);
  }
  // use-server of the backend: AssignTarget() tries the one it names first.
  void ChooseServer();
  struct PersistRules {
    bool forces = false;
    bool ignores = false;
  };
  // force-persist and ignore-persist of the backend.
  PersistRules RunPersistRules();
  // The client's addresses: as a rule has set them for this stream, else of its connection, or what
  // the session has kept of them.
  const shard::Address& Source();
  const shard::Address& Destination();
  void SetSource(const shard::Address& address) { source_ = address; }
  void SetDestination(const shard::Address& address) { destination_ = address; }
  // For a line: `local` is where the client came in.
  void TellAddresses(const shard::Address& local, LogRecord& record) const;
  // Of the connection to the server, if that is still to be made (manual 4.4, set-bc-mark).
  void SetMark(uint32_t mark) { marks_.mark = mark; }
  void SetTos(uint8_t tos) { marks_.tos = tos; }
  void SetRetries(uint32_t retries) { own_retries_ = int32_t(retries); }
  // The place of the stream in lines of servers (manual 4.4, set-priority-class, -offset).
  void SetPriorityClass(int32_t priority_class);
  void SetPriorityOffset(int32_t offset_ms);
  int32_t priority_class() const { return priority_class_; }
  int32_t priority_offset_ms() const { return priority_offset_ms_; }
  // The rule that ended a set for good, and the one that is waiting; null: none.
  const Rule* last_rule() const { return last_rule_; }
  void SetLastRule(const Rule* rule) { last_rule_ = rule; }
  const Rule* waiting_rule() const { return waiting_rule_; }
  void SetWaitingRule(const Rule* rule) { waiting_rule_ = rule; }
  // How often it has been run.
  uint32_t runs() const { return runs_; }
  const TaskCosts& costs() const { return costs_; }
  // Of the side that ended first out of order; kNone while none has ended.
  shard::CloseReason reason() const { return reason_; }
  HttpFlow& http_flow() { return http_flow_; }
  // For this stream alone, from now on.
  void SetTimeout(TimeoutKind kind, uint32_t value_ms);
  // The one of a rule, else `otherwise_ms`.
  uint32_t TimeoutOf(TimeoutKind kind, uint32_t otherwise_ms) const {
    const uint32_t value_ms = own_timeouts_ms_[size_t(kind)];
    return value_ms != 0 ? value_ms : otherwise_ms;
  }
  // Of scope `txn`, `req` or `res`.
  VariableList& variables(VariableScope scope) {
    return variables_[size_t(scope) - size_t(VariableScope::kTransaction)];
  }
  // Those of `req` end where the response begins (manual 2.8).
  void DropRequestVariables() { variables(VariableScope::kRequest).Clear(worker_variables()); }
  const shard::AppletType* applet() const {
    return target_.kind() == shard::Target::Kind::kApplet ? target_.applet() : nullptr;
  }
  // The endpoints of mode http, while there are any.
  FrontEndpoint* front();
  BackEndpoint* back();
  // The same where a server answers; null for an applet, which has no head.
  BackEndpoint* http_back();
  bool reused() const { return reused_; }
  // Keeps what the request channel holds for another try, and puts it back.
  void CopyRequest() { CopyBytes(request_.bytes(), copy_); }
  void RestoreRequest() {
    request_.bytes().Clear();
    CopyBytes(copy_, request_.bytes());
  }
  bool RetriesLeft() const { return retries_ < retries_max(); }
  uint32_t retries_max() const {
    return own_retries_ >= 0 ? uint32_t(own_retries_) : backend_->retries;
  }
  // From now on bytes only: the tunnel timeout takes over.
  void BeginTunnel();
  // The proxy answered by itself: that is no failure.
  void SetLocal() { local_ = true; }

  Session& session() { return session_; }
  Worker& worker() { return worker_; }
  const ProxyConfig& frontend() const;
  const Configuration& configuration() const;
  const ProxyConfig* backend() const { return backend_; }
  // From its choice to the end of the server's side.
  bool is_in_backend() const { return counted_in_backend_; }
  shard::Channel& request() { return request_; }
  shard::Channel& response() { return response_; }
  shard::StreamSide& client_side() { return client_side_; }
  // Of an applet that takes its time: the client has asked and has nothing to say until it is
  // answered, so `timeout client` is not for it.
  void SetClientWaits(bool waits) { client_waits_ = waits; }
  shard::StreamSide& server_side() { return server_side_; }
  const shard::Trace& trace() const { return trace_; }
  const ServerSlot& slot() const { return slot_; }
  Persistence& persistence() { return persistence_; }
  bool follows_use_server() const { return chosen_server_ >= 0; }
  bool queued() const { return SlotWaiter::waiting(); }
  uint64_t id() const { return id_; }
  // %rt of its line.
  uint64_t request_number() const { return request_number_; }
  bool is_http() const { return http_; }
  uint32_t retries() const { return retries_; }
  bool served_by_applet() const { return target_.kind() == shard::Target::Kind::kApplet; }
  StreamLog& log() { return log_; }

  base::ListHook all_hook;  // in the worker's list

 private:
  // shard::Task, TimerClient
  void Run() noexcept override;
  void OnTimer() noexcept override { WakeStream(); }
  // shard::SidePolicy, for the server's side unless said otherwise
  shard::AssignResult AssignTarget(shard::CloseReason* reason) override;
  shard::ConnectResult StartConnect(shard::CloseReason* reason) override;
  shard::RetryDecision DecideRetry(shard::CloseReason reason, uint32_t* pause_ms) override;
  void OnEstablished(shard::StreamSide& side) override;
  bool MayLeave(shard::StreamSide& side) override;
  bool OnDisconnected(shard::StreamSide& side) override;
  void OnDetaching(shard::StreamSide& side) noexcept override;
  void OnClosed(shard::StreamSide& side) override;
  void WakeStream() noexcept override;
  uint64_t NowMs() const override;
  uint64_t WaitFromMs() const override;
  void OnMove(const shard::TraceEntry& entry) noexcept override;

  // SlotWaiter: for a server of the backend.
  void OnSlotGranted(uint32_t server) noexcept override;
  void OnAskAgain() noexcept override;

  void AddHash(PickRequest& pick);
  std::optional<uint32_t> HashOfExpression();
  void ChooseByUseServer();
  void ChooseByRdpCookie();
  VariablePool& worker_variables();
  const ProxyConfig* ChooseByRules(const std::vector<BackendRule>& rules);
  // IdleWaiter
  void OnIdleAnswer() noexcept override { WakeStream(); }

  shard::AssignResult AssignServer(uint32_t server, bool forced);
  shard::AssignResult AssignPersistent();
  shard::AssignResult AssignLast();
  bool EnterLineOf(uint32_t server);
  void TakeSlot(uint32_t server);
  RetryChoice ChoiceOfRetry(shard::CloseReason reason = shard::CloseReason::kNone);
  void LeaveServer();
  void CountRetry();
  void CountRepeat();
  void CountRedispatch(ServerShardPart& from);
  shard::ConnectResult StartApplet(shard::CloseReason* reason);
  shard::ConnectResult Dial(ServerConfig& server, const DialPlan& plan, shard::CloseReason* reason);
  uint64_t NowMicros() const;
  void SetTimeouts();
  void SetSplice();
  bool IsLookingForServer() const;
  void AbortOneSided();
  void NoteInvalidResponse();
  static void CopyBytes(const shard::ByteQueue& from, shard::ByteQueue& to);
  bool RunFlow();
  void CountInBackend();
  void LeaveBackend();
  bool TryReuse(ServerConfig& server, const PoolKey& key);
  void Finish();

  Worker& worker_;
  Session& session_;
  const ProxyConfig* backend_ = nullptr;
  shard::Channel request_;
  shard::Channel response_;
  shard::StreamSide client_side_;
  shard::StreamSide server_side_;
  shard::Timer timer_;
  shard::ByteQueue copy_;  // of the request body, sharing its chunks (retry-on)
  shard::Target target_;
  ServerSlot slot_;
  TcpFlow tcp_;
  HttpFlow http_flow_;
  RuleCursor rules_;
  const Rule* last_rule_ = nullptr;
  const Rule* waiting_rule_ = nullptr;
  VariableList variables_[3];                                   // txn, req, res
  uint32_t own_timeouts_ms_[size_t(TimeoutKind::kCount)] = {};  // 0: none
  Persistence persistence_;
  shard::Address source_;  // by a rule; else empty
  shard::Address destination_;
  ServerMarks marks_;
  int32_t own_retries_ = -1;  // by a rule; -1: none
  int32_t priority_class_ = 0;
  int32_t priority_offset_ms_ = 0;
  const uint64_t id_;
  const uint64_t request_number_;
  uint32_t retries_ = 0;
  uint32_t runs_ = 0;
  uint32_t port_tries_ = 0;  // of the server's range of source ports
  int avoid_server_ = -1;
  int waited_for_ = -1;     // the server of whose line it is or was last
  int chosen_server_ = -1;  // by use-server
  uint32_t hash_ = 0;       // for a balancing algorithm that places streams by one
  shard::CloseReason reason_ = shard::CloseReason::kNone;
  bool http_;
  bool client_waits_ = false;
  bool hash_known_ = false;
  bool has_hash_ = false;
  bool counted_in_backend_ = false;
  bool is_repeat_ = false;   // the next attempt is one more in the same slot
  bool reused_ = false;      // the server's side rides on a kept connection
  bool last_tried_ = false;  // the server of the session's last request
  bool fresh_only_ = false;  // a kept connection has failed this request already
  bool response_whole_ = false;
  bool tunnel_ = false;
  bool local_ = false;
  TaskCosts costs_;
  StreamLog log_;
  shard::Trace trace_;
};

}  // namespace engine
