// server_state.h - what changes about a server and a backend while they are used: found by name,
// older than any reload.
//
// Owns:    counters, and the Backend that chooses. Never points into a Configuration.
// Threads: created at start-up or reload by the main thread; each shard writes its own ShardPart,
//          any-thread reads all. The administrative state is written by whoever administers.
// Units:   streams, bytes, microseconds of the monotonic clock.
// Errors:  none.
// States:  of a server, AdminState and its ServerHealth, or those of the server that it tracks.

#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "base/published.h"
#include "engine/mux/mux_h1_back.h"
#include "engine/server/backend.h"
#include "engine/server/check_status.h"
#include "engine/server/cookie_table.h"
#include "engine/server/exchange_counts.h"
#include "engine/server/proxy_config.h"
#include "engine/server/rates.h"
#include "engine/server/server_health.h"
#include "shard/conn/close_reason.h"
#include "shard/net/rate_limit.h"

namespace engine {

// The highest value of a gauge summed over all shards, noticed without writing to a shared line:
// the shard whose own share stands at its highest looks at the others'. Never above the truth,
// exact while numbers are small, and close to it when they are not.
class GaugePeak {
 public:
  template <typename Total>
  void Note(int64_t own, Total total) {
    if (own < own_max_) return;
    own_max_ = own;
    seen_.RaiseTo(total());
  }
  void Clear(int64_t own) {
    own_max_ = own;
    seen_.Set(own);
  }
  int64_t seen() const { return seen_.Get(); }

 private:
  int64_t own_max_ = 0;  // the shard's
  base::Gauge seen_;
};

// The most that were in use at once lately: now, or in the interval before. Of one shard, which
// alone calls Note() and Get(); Seen() is what Get() would give, for anybody.
class RecentPeak {
 public:
  void Note(int64_t value) { now_.RaiseTo(value); }
  int64_t Get(int64_t value, uint64_t now_ms, uint64_t interval_ms) {
    if (const uint64_t end_ms = end_ms_.Get(); now_ms >= end_ms) {
      before_.Set(now_ms - end_ms < interval_ms ? now_.Get() : value);
      now_.Set(value);
      end_ms_.Set(now_ms + interval_ms);
    }
    return std::max(now_.Get(), before_.Get());
  }
  int64_t Seen(int64_t value, uint64_t now_ms, uint64_t interval_ms) const {
    const uint64_t end_ms = end_ms_.Get();
    if (now_ms < end_ms) return std::max({value, now_.Get(), before_.Get()});
    return now_ms - end_ms < interval_ms ? std::max(value, now_.Get()) : value;
  }

 private:
  base::Gauge now_;
  base::Gauge before_;
  base::Counter end_ms_;
};

// Where connections to a server go. Each shard has its own, and changes it between two turns.
struct alignas(64) ServerDial {
  shard::Address address;
  sockaddr_storage socket{};
  socklen_t socket_bytes = 0;
  bool follows_address = false;  // as in ServerConfig
  bool follows_port = false;
  int32_t port_offset = 0;
  bool plain = false;  // an operator has switched TLS off
  // What must be equal for a kept connection to be used: an operator may have moved the server.
  uint64_t pool_key = 0;

  bool follows_client() const { return follows_address || follows_port; }
};

// Which port connections to a server go to: this one, or the client's moved by so much.
struct ServerPort {
  bool follows = false;
  int32_t value = 0;
};

// One shard's numbers about one server. A cache line of their own, because other shards' are beside
// them.
struct alignas(64) ServerShardPart {
  base::Gauge current;  // streams holding a slot
  GaugePeak current_peak;
  RecentPeak recent_peak;  // of `current`
  base::Counter total;     // slots ever taken
  base::Counter repeats;   // attempts in a slot after the first one
  base::Counter established;
  base::Counter connect_errors;  // attempts that failed
  base::Counter retries;         // on this server
  base::Counter redispatches;    // away from it
  base::Counter bytes_in;
  base::Counter bytes_out;
  base::Counter reused;      // exchanges on a kept connection
  base::Counter taken_over;  // idle connections that came from another shard
  StatusCounts statuses;
  FailureCounts failures;
  RuleCounts rules;
  ExchangeTimes times;
  base::Counter last_used_us;  // of the monotonic clock; 0: never
  base::Gauge idle_count;      // of `idle`, for other shards
  // The server in the configuration that the shard uses now; null: not in it. The shard's.
  const ServerConfig* config = nullptr;
  // Kept connections, shard-local; the longest kept first.
  base::IntrusiveList<MuxH1Back, &MuxH1Back::idle_hook> idle;
};

// What an operator said about a server. Draining: takes nothing new by load balancing, but is still
// checked and serves those whose cookie names it. The higher one holds where two are said.
enum class AdminState : uint8_t { kReady, kDrain, kMaint };

// What an agent can say beside up and down.
enum class AgentWord : uint8_t { kAdmin = 1, kWeight = 2, kMaxconn = 4 };

// What checks of a server came to, beside its health. Written by whoever makes a change, which is
// rare; read by anybody.
struct CheckCounters {
  std::atomic<uint64_t> failed{0};    // of a server that was up
  std::atomic<uint64_t> downs{0};     // times it went down
  std::atomic<uint64_t> down_us{0};   // in the times that are over
  std::atomic<uint64_t> observed{0};  // times that traffic has shown error-limit failures
};

// One kind of check of a server.
struct CheckView {
  std::atomic<bool> is_running{false};
  base::Published<CheckReport> report;  // of the last one that ended; its home shard's
  base::Published<CheckTarget> target;  // where it goes to; its home shard's
};

// What is counted of a server goes on when its definition changes.
struct ServerNumbers {
  explicit ServerNumbers(uint32_t shards) : parts(new ServerShardPart[shards]), rates(shards) {}
  const std::unique_ptr<ServerShardPart[]> parts;
  Rates rates;  // of streams it is given
  CheckCounters counters;
  uint32_t states = 0;  // that count here; the main thread's
  // What a backend shows of a server that is gone, out of `from`, which counts no more. Nobody else
  // knows this one yet.
  void AddGone(const ServerNumbers& from, uint32_t shards);
};

class ServerState {
 public:
  ServerState(std::string name, uint32_t shards)
      : ServerState(std::move(name), shards, std::make_shared<ServerNumbers>(shards)) {}
  // Of a server that was reloaded with another definition: counts on, and knows what `before` knew
  // as far as it still applies.
  ServerState(ServerState& before, const ServerConfig& server);
  ~ServerState() { --numbers_->states; }
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;
  const std::shared_ptr<ServerNumbers>& numbers() const { return numbers_; }
  const std::string& name() const { return name_; }
  ServerShardPart& part(uint32_t shard) { return parts_[shard]; }
  // How often it is given a stream.
  Rates& rates() { return numbers_->rates; }
  uint32_t shards() const { return shards_; }
  // Read over all shards; exact only when nothing moves.
  uint64_t Total() const;
  // Streams it was given, and each further attempt of theirs to reach it.
  uint64_t Attempts() const;
  uint64_t Sum(base::Counter ServerShardPart::*counter) const;
  int64_t Current() const;
  int64_t CurrentPeak() const;
  // How many connections are needed: what the shards have used at once lately.
  int64_t NeedEstimate(uint64_t now_us, uint32_t interval_ms) const;
  void NoteRise(uint32_t shard) {
    parts_[shard].current_peak.Note(parts_[shard].current.Get(), [this] { return Current(); });
  }
  // Not to be chosen for anything new.
  bool disabled() const {
    return effective_admin() != AdminState::kReady || operational() != Operational::kRunning;
  }
  // May be used by those who must have this one.
  bool usable() const { return operational() != Operational::kStopped; }
  // With what the tracked server passes on (manual 5.2, track).
  AdminState effective_admin() const {
    const AdminState own = admin_state();
    return tracked_ == nullptr ? own : std::max(own, tracked_->effective_admin());
  }
  // What checks say, its own or those of the tracked server, and its own agent; stopped in
  // maintenance and without an address.
  Operational operational() const {
    return effective_admin() == AdminState::kMaint || !has_address() ? Operational::kStopped
                                                                     : checked_health();
  }
  Operational checked_health() const {
    return tracked_ == nullptr ? own_health() : Worse(own_health(), tracked_->checked_health());
  }
  // What is found out about this server itself: one that tracks is not checked, but may have an
  // agent.
  Operational own_health() const {
    return tracked_ == nullptr || health.rules().has_agent ? health.operational()
                                                           : Operational::kRunning;
  }
  ServerState* tracked() const { return tracked_; }
  // Start-up: follows `tracked` from now on; null: nobody.
  void Track(ServerState* tracked) {
    tracked_ = tracked;
    if (tracked != nullptr) tracked->trackers_.push_back(this);
  }
  ServerHealth health;
  CheckCounters& counters;
  CheckView check;
  CheckView agent;
  // Failures in a row that traffic has shown (manual 5.2, observe).
  std::atomic<uint32_t> errors_in_row{0};
  // It has moved, by whatever: whoever balances is to see it, and how long it was down is counted.
  void NoteMove(Operational before, Operational after);
  // Start-up: what its line says.
  void Configure(const ServerConfig& server);
  // False: its name has none yet (manual 5.2, init-addr).
  bool has_address() const { return has_address_.load(std::memory_order_relaxed); }
  void SetHasAddress(bool has_address) {
    if (has_address_.exchange(has_address, std::memory_order_relaxed) != has_address) NoteChange();
  }
  // Where connections of that shard go. The shard's; at start-up the main thread's.
  const ServerDial& dial(uint32_t shard) const { return dials_[shard]; }
  // Where they go from now on, on that shard's thread: to the IP of `address`, and where no port is
  // given to the one they went to.
  void MoveTo(const ServerConfig& server, uint32_t shard, shard::Address address,
              const std::optional<ServerPort>& port);
  // Whether they speak TLS from now on, to a server of TLS, on that shard's thread.
  void SetTls(const ServerConfig& server, uint32_t shard, bool speaks_tls);
  bool speaks_tls(const ServerConfig& server, uint32_t shard) const {
    return server.tls_context != nullptr && !dials_[shard].plain;
  }
  // An operator may have moved the server that this one, `server`, takes the place of, or switched
  // its TLS off: what the configuration still says the same of has changed here, too. On that
  // shard's thread.
  void FollowDial(const ServerState& before, const ServerConfig& server, uint32_t shard);
  void SetDisabled(bool disabled) {
    SetAdminState(disabled ? AdminState::kMaint : AdminState::kReady);
  }
  AdminState admin_state() const { return admin_state_.load(std::memory_order_relaxed); }
  // What its agent is asked with, where an operator has said that. Its home shard's; any thread.
  AgentSend agent_send() const { return agent_send_ == nullptr ? AgentSend() : agent_send_->Get(); }
  // Of a server that has an agent, on its home shard.
  void SetAgentSend(const AgentSend& send) {
    if (agent_send_ != nullptr) agent_send_->Set(send);
  }
  // Returns what was before.
  AdminState SetAdminState(AdminState state) {
    const AdminState before = admin_state_.exchange(state, std::memory_order_acq_rel);
    if (before != state) NoteChange();
    return before;
  }
  // 0: takes nothing by load balancing (manual 5.2, weight).
  uint32_t weight() const { return weight_.load(std::memory_order_relaxed); }
  void SetWeight(uint32_t weight) {
    if (weight_.exchange(weight, std::memory_order_relaxed) != weight) NoteChange();
  }
  // Which of these its agent has said last, not an operator: they go with the agent. Any thread.
  void NoteSpeaker(AgentWord word, bool is_agent) {
    if (is_agent) {
      agent_words_.fetch_or(uint8_t(word), std::memory_order_relaxed);
    } else {
      agent_words_.fetch_and(uint8_t(~uint8_t(word)), std::memory_order_relaxed);
    }
  }
  bool IsAgents(AgentWord word) const {
    return (agent_words_.load(std::memory_order_relaxed) & uint8_t(word)) != 0;
  }
  // Start-up: what `before`, whose place this one takes, was told of it holds here. What an
  // operator has said holds until the configuration says something new; what an agent has, as long
  // as there is one.
  bool KeepsWord(const ServerState& before, AgentWord word) const {
    return health.rules().has_agent || !before.IsAgents(word);
  }
  // Start-up: what is raised by every change, so that shards choose by what holds now.
  void SetVersion(std::atomic<uint64_t>* version) { version_ = version; }
  // What part of its weight and limit it takes, in percent (manual 5.2, slowstart).
  uint32_t throttle() const { return throttle_.load(std::memory_order_relaxed); }
  void SetThrottle(uint32_t percent) { throttle_.store(percent, std::memory_order_relaxed); }
  void BeginSlowStart(uint64_t now_us) {
    slow_start_us_.store(now_us, std::memory_order_relaxed);
    SetThrottle(0);
  }
  uint64_t slow_start_us() const { return slow_start_us_.load(std::memory_order_relaxed); }
  // A counter through the range of `source ADDR:PORT-PORT`, shared by all shards: one port is not
  // given twice while others are left.
  uint32_t NextSourcePort() { return source_port_.fetch_add(1, std::memory_order_relaxed); }
  // True the first time.
  bool NoteSourceFailure() { return !source_failed_.exchange(true, std::memory_order_relaxed); }
  // Start-up: where the streams on the server are counted over all shards; null: nowhere.
  void SetSharedLoad(SharedLoad* load) { shared_load_ = load; }
  SharedLoad* shared_load() const { return shared_load_; }
  // When its state last changed, for better or worse.
  uint64_t changed_us() const { return changed_us_.load(std::memory_order_relaxed); }
  // Start-up: as it was in an earlier process.
  void RestoreChange(uint64_t changed_us) {
    changed_us_.store(changed_us, std::memory_order_relaxed);
    NoteChange();
  }
  // With the time it is down now.
  uint64_t DownMicros(uint64_t now_us) const;

 private:
  void NoteChange() {
    if (version_ != nullptr) version_->fetch_add(1, std::memory_order_release);
    for (ServerState* tracker : trackers_) tracker->NoteChange();
  }

  ServerState(std::string name, uint32_t shards, std::shared_ptr<ServerNumbers> numbers)
      : counters(numbers->counters),
        name_(std::move(name)),
        numbers_(std::move(numbers)),
        parts_(numbers_->parts.get()),
        shards_(shards),
        dials_(new ServerDial[shards]) {
    ++numbers_->states;
  }

  const std::string name_;
  const std::shared_ptr<ServerNumbers> numbers_;
  ServerShardPart* const parts_;  // by shard
  const uint32_t shards_;
  // As configured, to tell what was changed since.
  uint32_t configured_weight_ = 1;
  bool configured_disabled_ = false;
  bool configured_tls_ = false;
  ServerDial configured_dial_;
  CheckTarget configured_check_;
  CheckTarget configured_agent_;
  std::string configured_agent_send_;
  const std::unique_ptr<ServerDial[]> dials_;               // by shard
  std::unique_ptr<base::Published<AgentSend>> agent_send_;  // null: there is no agent
  std::atomic<AdminState> admin_state_{AdminState::kReady};
  std::atomic<uint64_t> changed_us_{base::MonotonicMicros()};
  std::atomic<uint8_t> agent_words_{0};  // of AgentWord
  std::atomic<uint32_t> weight_{1};
  std::atomic<bool> has_address_{true};
  std::atomic<uint32_t> throttle_{100};
  std::atomic<uint64_t> slow_start_us_{0};
  std::atomic<uint32_t> source_port_{0};
  std::atomic<bool> source_failed_{false};
  std::atomic<uint64_t>* version_ = nullptr;
  SharedLoad* shared_load_ = nullptr;
  ServerState* tracked_ = nullptr;
  std::vector<ServerState*> trackers_;
};

// One shard's numbers about one proxy, front and back half.
struct alignas(64) ProxyShardPart {
  base::Gauge front_current;
  GaugePeak front_peak;
  base::Counter front_total;
  base::Gauge back_current;
  GaugePeak back_peak;
  base::Counter back_total;
  base::Counter bytes_in;
  base::Counter bytes_out;
  base::Counter retries;
  base::Counter redispatches;
  base::Counter sessions;            // of its frontend half, whose handshakes are over
  base::Counter requests;            // that its frontend half has read, in mode http
  base::Counter request_errors;      // what of them went wrong before they were whole
  base::Counter intercepted;         // answered here: for a monitor, or as the rules have it
  base::Counter denied_connections;  // by tcp-request connection
  base::Counter denied_sessions;     // by tcp-request session
  StatusCounts front_statuses;
  RuleCounts front_rules;
  base::Counter back_bytes_in;
  base::Counter back_bytes_out;
  base::Counter back_requests;  // those that came to its backend half
  StatusCounts back_statuses;
  FailureCounts back_failures;
  RuleCounts back_rules;
  CarriedCounts carried;
  base::Counter lines;  // about its traffic, in the log
  // The proxy in the configuration that the shard uses now; null: not in it. The shard's.
  const ProxyConfig* config = nullptr;
  base::Counter by_reason[size_t(shard::CloseReason::kCount)];
};

// One shard's numbers about one bind line.
struct alignas(64) BindShardPart {
  base::Gauge current;  // sessions
};

// What is counted of a proxy, and its limits, go on when its definition changes.
struct ProxyNumbers {
  explicit ProxyNumbers(uint32_t shards)
      : parts(new ProxyShardPart[shards]),
        front_rates(shards),
        request_rates(shards),
        back_rates(shards) {}
  const std::unique_ptr<ProxyShardPart[]> parts;
  // By the addresses of the line: one that is there after a reload goes on. Start-up.
  std::map<std::string, std::unique_ptr<BindShardPart[]>> bind_parts;
  Rates front_rates;
  Rates request_rates;  // of the frontend half, in mode http
  Rates back_rates;
  shard::RateLimit session_limit;  // rate-limit sessions
  uint32_t configured_maxconn = 0;
  // Of the frontend half, as an operator may have changed it; -1: none but the process's.
  std::atomic<int64_t> maxconn{-1};
};

// Whether a frontend takes new connections.
enum class Listening : uint8_t {
  kOpen,
  kPaused,    // SIGTTOU, `disable frontend`: its ports are free for another process
  kShutDown,  // until a reload
};

class BackendState {
 public:
  BackendState(std::string name, uint32_t shards)
      : BackendState(std::move(name), shards, std::make_shared<ProxyNumbers>(shards)) {}
  // Of a proxy that was reloaded with other servers or rules: counts on.
  explicit BackendState(BackendState& before);
  const std::string& name() const { return name_; }
  // Start-up: limits of the frontend half, as the configuration has them. What an operator said
  // holds until it says something new.
  void ConfigureFront(const ProxyConfig& proxy);
  ProxyShardPart& part(uint32_t shard) { return parts_[shard]; }
  uint32_t shards() const { return shards_; }
  // Sums over all shards, exact only when nothing moves.
  int64_t FrontCurrent() const;
  int64_t FrontPeak() const;
  int64_t BackCurrent() const;
  int64_t BackPeak() const;
  uint64_t Sum(base::Counter ProxyShardPart::*counter) const;
  void RaiseFront(uint32_t shard) {
    ProxyShardPart& one = parts_[shard];
    one.front_current.Add();
    one.front_peak.Note(one.front_current.Get(), [this] { return FrontCurrent(); });
  }
  void RaiseBack(uint32_t shard) {
    ProxyShardPart& one = parts_[shard];
    one.back_current.Add();
    one.back_peak.Note(one.back_current.Get(), [this] { return BackCurrent(); });
  }
  // How often: sessions of the frontend half, requests (or connections) of the backend half.
  Rates& front_rates() { return numbers_->front_rates; }
  Rates& request_rates() { return numbers_->request_rates; }  // of the frontend half, in mode http
  Rates& back_rates() { return numbers_->back_rates; }
  // rate-limit sessions.
  shard::RateLimit& session_limit() { return numbers_->session_limit; }
  // Of the frontend half, as an operator may have changed it; -1: none but the process's.
  int64_t maxconn() const { return numbers_->maxconn.load(std::memory_order_relaxed); }
  void SetMaxconn(int64_t maxconn) { numbers_->maxconn.store(maxconn, std::memory_order_relaxed); }
  // Written by the main thread.
  Listening listening() const { return listening_.load(std::memory_order_relaxed); }
  void SetListening(Listening listening) { listening_.store(listening, std::memory_order_relaxed); }
  // Start-up. A pure frontend has none.
  void SetBackend(BackendRules rules) {
    backend_ = std::make_unique<Backend>(*this, std::move(rules), shards_);
  }
  Backend* backend() { return backend_.get(); }
  // Null when no server has a limit.
  WaitQueue* queue() { return backend_ == nullptr ? nullptr : backend_->queue(); }
  std::vector<std::unique_ptr<ServerState>>& servers() { return servers_; }
  // Null: none of that name.
  ServerState* FindServer(const std::string& name);
  // What servers have counted that reloads have taken out, and what the streams still count that
  // they left there: the sums of the backend go on.
  const std::vector<std::shared_ptr<ServerNumbers>>& gone() const { return gone_; }
  uint64_t SumOfGone(base::Counter ServerShardPart::*counter) const;
  // Start-up, with the servers in place: `before` has had some that this one has not.
  void KeepGone(const BackendState& before);
  // Everything about the back half that a change of makes a new state necessary.
  const std::string& definition() const { return definition_; }
  void SetDefinition(std::string definition) { definition_ = std::move(definition); }
  // What stands for the servers in persistence cookies, as that shard sees it; each shard changes
  // its own. Only where the configuration has `cookie`.
  CookieTable& cookies(uint32_t shard) { return cookies_[shard]; }
  void SetCookies(std::vector<std::string> values) {
    cookies_.assign(shards_, CookieTable(std::move(values)));
  }
  // What an operator or a check changes at run time, from the thread of `shard`: also what streams
  // do that wait in the queue now.
  void SetServerAdmin(uint32_t shard, uint32_t server, AdminState state) {
    const AdminState before = servers_[server]->admin_state();
    servers_[server]->SetAdminState(state);
    if (before == AdminState::kMaint && state == AdminState::kReady) OnServerUp(shard, server);
    TellWaiters(shard);
  }
  // It has been down, and may be used from now on. On the thread of `shard`.
  void OnServerUp(uint32_t shard, uint32_t server) { backend_->OnServerUp(shard, server); }
  void SetServerWeight(uint32_t shard, uint32_t server, uint32_t weight) {
    servers_[server]->SetWeight(weight);
    TellWaiters(shard);
  }
  void TellWaiters(uint32_t shard) {
    if (queue() != nullptr) queue()->AnnounceChange(shard);
  }
  // The backend as a whole, which is down without a server that takes traffic. After each change
  // of a server; true for the one that was told of a change of this.
  bool NoteServers();
  // Start-up: what it is then is no change. What a reload makes of it is one: NoteServers().
  void BeginServers() { is_up_.store(HasServer(), std::memory_order_relaxed); }
  bool is_up() const { return is_up_.load(std::memory_order_relaxed); }
  uint64_t changed_us() const { return changed_us_.load(std::memory_order_relaxed); }
  uint64_t downs() const { return downs_.load(std::memory_order_relaxed); }
  // Start-up: those of an earlier process.
  void AddDowns(uint64_t downs, uint64_t down_us) {
    downs_.fetch_add(downs, std::memory_order_relaxed);
    down_us_.fetch_add(down_us, std::memory_order_relaxed);
  }
  uint64_t DownMicros(uint64_t now_us) const;
  // Streams that wait for any server, now and at most; for one server likewise (by its index).
  int64_t Queued() { return QueuedIn(WaitQueue::kBackendLine); }
  int64_t QueuedMax() { return QueuedMaxIn(WaitQueue::kBackendLine); }
  int64_t ServerQueued(uint32_t server) { return QueuedIn(WaitQueue::LineOf(server)); }
  int64_t ServerQueuedMax(uint32_t server) { return QueuedMaxIn(WaitQueue::LineOf(server)); }

 private:
  int64_t QueuedIn(uint32_t line) { return queue() == nullptr ? 0 : queue()->Waiting(line); }
  int64_t QueuedMaxIn(uint32_t line) { return queue() == nullptr ? 0 : queue()->WaitingMax(line); }

  bool HasServer() const;

  BackendState(std::string name, uint32_t shards, std::shared_ptr<ProxyNumbers> numbers)
      : name_(std::move(name)),
        numbers_(std::move(numbers)),
        parts_(numbers_->parts.get()),
        shards_(shards) {}

  const std::string name_;
  const std::shared_ptr<ProxyNumbers> numbers_;
  std::atomic<bool> is_up_{true};
  std::atomic<uint64_t> changed_us_{base::MonotonicMicros()};
  std::atomic<uint64_t> downs_{0};
  std::atomic<uint64_t> down_us_{0};
  std::atomic<Listening> listening_{Listening::kOpen};
  ProxyShardPart* const parts_;  // by shard
  const uint32_t shards_;
  std::string definition_;
  // Before the servers, whose streams it counts, and after them: neither uses the other at the end.
  std::vector<std::unique_ptr<ServerState>> servers_;
  std::vector<std::shared_ptr<ServerNumbers>> gone_;
  std::unique_ptr<Backend> backend_;
  std::vector<CookieTable> cookies_;  // by shard
};

// What stands for the server in persistence cookies, where it is now. On that shard's thread.
void FollowCookie(const ServerConfig& server, uint32_t shard);

// The states of the configuration in use, by kind and name of the proxy.
//
// A proxy of the next configuration has the same state, and with it its servers, its queue and what
// was set at run time, if its back half says the same. Else it gets a new one, which shares what is
// counted: so streams of the old configuration go on with the servers and the queue they know.
class StateTable {
 public:
  explicit StateTable(uint32_t shards) : shards_(shards) {}
  // Gives every proxy and server of `configuration` its state, and makes it one of its owners.
  void Attach(Configuration& configuration);

 private:
  struct Entry {
    ProxyConfig* proxy = nullptr;
    BackendState* before = nullptr;  // of that name; null: none
    std::string key;
    FrontendSum frontends;
    std::string definition;
    bool is_new = true;  // gets a state of its own
  };
  std::vector<Entry> EntriesOf(Configuration& configuration) const;
  std::shared_ptr<BackendState> StateOf(const Entry& entry);

  const uint32_t shards_;
  std::map<std::string, std::shared_ptr<BackendState>> proxies_;
};

// The count of one stream on one server, released by its destructor: no timeout, retry or abort can
// leak or double it. Made when the place on the server is taken or granted (Backend::Choose(),
// SlotWaiter::OnSlotGranted()); releasing it gives that place to who waits first.
class ServerSlot {
 public:
  ServerSlot() = default;
  ServerSlot(ServerConfig& server, uint32_t shard) : server_(&server), shard_(shard) {
    ServerShardPart& own = part();
    own.current.Add();
    own.recent_peak.Note(own.current.Get());
    own.total.Add();
    server.state->NoteRise(shard);
    CountShared(1);
  }
  ~ServerSlot() { Release(); }
  ServerSlot(ServerSlot&& other) noexcept : server_(other.server_), shard_(other.shard_) {
    other.server_ = nullptr;
  }
  ServerSlot& operator=(ServerSlot&& other) noexcept {
    if (this != &other) {
      Release();
      server_ = other.server_;
      shard_ = other.shard_;
      other.server_ = nullptr;
    }
    return *this;
  }
  void Release() {
    if (server_ == nullptr) return;
    part().current.Sub();
    CountShared(-1);
    ServerConfig* server = server_;
    server_ = nullptr;
    if (server->limited()) server->backend->state->queue()->Release(shard_, server->index);
  }
  ServerConfig* server() const { return server_; }
  ServerShardPart& part() const { return server_->state->part(shard_); }
  const ServerDial& dial() const { return server_->state->dial(shard_); }

 private:
  void CountShared(int64_t change) {
    if (SharedLoad* load = server_->state->shared_load()) {
      load->streams.fetch_add(change, std::memory_order_relaxed);
    }
  }

  ServerConfig* server_ = nullptr;
  uint32_t shard_ = 0;
};

}  // namespace engine
