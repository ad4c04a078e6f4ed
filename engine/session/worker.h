// worker.h - the engine's part of one shard: pools of sessions and streams, limits, and what a
// connection becomes.
//
// Owns:    every Session, Stream, mux and applet of its shard.
// Threads: shard-local.
// Units:   capacities in streams.
// Errors:  a full pool closes the new connection and counts it (CloseReason::kNoMemory).
// States:  serving -> draining (no new connections, what is open ends by itself) -> stopped.

#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/slab.h"
#include "engine/check/check_runner.h"
#include "engine/expr/sample.h"
#include "engine/log/log_hub.h"
#include "engine/mux/mux_h1_back.h"
#include "engine/mux/mux_raw.h"
#include "engine/server/generation.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "engine/session/accept_rates.h"
#include "engine/session/client_renewal.h"
#include "engine/session/idle_pool.h"
#include "engine/session/invalid_messages.h"
#include "engine/session/kept_values.h"
#include "engine/session/question.h"
#include "engine/session/ring_sender.h"
#include "engine/session/server_events.h"
#include "engine/session/session.h"
#include "engine/session/spread_close.h"
#include "engine/session/stream.h"
#include "engine/session/tls_counts.h"
#include "engine/session/variables.h"
#include "shard/conn/proxy_send.h"
#include "shard/net/burst_guard.h"
#include "shard/net/limit.h"
#include "shard/shard.h"
#include "shard/stream/applet.h"
#include "tls/link.h"

namespace engine {

// The steps that read and write PROXY headers, and those of TLS.
shard::HandshakeTable AllHandshakes();

// What all workers write to.
struct ProcessShared {
  explicit ProcessShared(const GlobalConfig& global, uint32_t shards)
      : connection_limit(global.connections_per_second),
        session_limit(global.sessions_per_second),
        rates(shards),
        tls(global.tls.connections_max, global.tls.sessions_per_second, shards),
        loops(shards) {}
  shard::RateLimit connection_limit;  // maxconnrate
  shard::RateLimit session_limit;     // maxsessrate
  Rates rates;                        // of clients
  TlsCounts tls;
  std::atomic<uint64_t> invalid_messages{0};  // ever met
  std::atomic<bool> stopping{false};  // a soft stop was asked for; its grace may still go on
  // Of each shard, from its start on; its counters may be read by all.
  std::vector<std::atomic<const shard::LoopCounters*>> loops;
};

// Numbers of requests (manual 8.2.6, %rt): each shard takes a block of them at a time, so that the
// line is shared once in so many requests.
struct alignas(64) RequestNumbers {
  static constexpr uint64_t kBlock = 64;
  std::atomic<uint64_t> next{0};
};

// Limits of the whole process, one object each, and what all workers share read-only.
struct ProcessContext {
  const Configuration* configuration = nullptr;  // the first one; each shard knows what came since
  std::unique_ptr<shard::SharedLimit> global_maxconn;
  std::unique_ptr<ProcessShared> shared;
  RequestNumbers request_numbers;
  FrontendLimits limits;  // of the first configuration
  // Over all listeners of clients; null: whoever comes fits.
  std::unique_ptr<shard::BurstGuard> burst_guard;
  // Of each shard: how many clients whose session is over may have a descriptor, for their last
  // bytes, and no place. Others keep their place until they are closed.
  uint32_t outlived_max = UINT32_MAX;
  ExternalChecks* external_checks = nullptr;  // where checks are programs; null: none is
  LogHub* logs = nullptr;                     // where proxies log to; null: none does
  shard::HandshakeTable handshakes = AllHandshakes();
  // What all shards make their keys of session tickets from.
  const tls::TicketSecret ticket_secret = tls::TicketSecret::Draw(base::WallMicros() / 1000000);
  bool debug_moves = false;            // -d: every move of every stream goes to standard output
  std::string version;                 // what `show version` says
  std::string startup_logs;            // what the start has said, for `show startup-logs`
  uint64_t sockets_max = 0;            // descriptors needed at maxconn
  uint64_t fds_max = 0;                // descriptors this process may have; 0: not known
  uint64_t hard_maxconn = 0;           // global_maxconn as it was at the start
  uint32_t memory_max_mb = 0;          // -m; 0: no limit
  mutable ProcessVariables variables;  // those of `proc`
  ProcessControl* control = nullptr;   // null where there is no main thread to ask
  const uint64_t started_us = base::MonotonicMicros();
};

class Worker final : public shard::ShardApp {
 public:
  Worker(ProcessContext& process, uint32_t streams_max);
  ~Worker() override;

  void OnStart(shard::Shard& shard) noexcept override;
  bool Reserve(shard::Shard& shard, shard::Listener& listener) noexcept override;
  void OnOutlivedClosed(const void* note) noexcept override;
  bool MayTakeMany(shard::Listener& listener) noexcept override;
  void Serve(shard::Shard& shard, const void* bind, int fd) noexcept override;
  bool FreeDescriptors() noexcept override { return idle_pool_.FreeDescriptors(kPerClient); }
  void OnTurnEnd() noexcept override;
  void OnStop() noexcept override;

  // A soft stop, in this order. `done` is called once, at the end of a turn in which that is so.
  enum class Drained : uint8_t {
    kAccepts,   // no accept is under way: the listening descriptors are named no more
    kWaiting,   // whoever was accepted has been given to a session
    kSessions,  // no session is left, and all that was written for one has been sent
  };
  void WhenDrained(Drained what, void (*done)(void*), void* context);

  // A reload, in this order, each step on all shards before the next one (generation_switch.cc).
  // Who is served for another shard may have `next` from now on; checks pause.
  void Prepare(Generation& next);
  // New sessions have `next`, and so have those that are between two requests.
  void SwitchTo(Generation& next);
  // It is old, and nothing but its pins may name it.
  bool IsQuiet(Generation& old);
  // Nothing names it.
  void Forget(Generation& old);
  const Configuration& configuration() const { return *configuration_; }
  // `proxy` is of a configuration before the one in use.
  bool IsOld(const ProxyConfig& proxy) const {
    return generation_ != nullptr && proxy.generation != nullptr &&
           proxy.generation->number() < generation_->number();
  }
  GenerationPin PinCurrent() { return GenerationPin(generation_, index()); }
  // The line of the configuration in use where a client of `bind` would come in now. Null: none
  // that goes on in the same way.
  const BindConfig* SuccessorOf(const BindConfig& bind) const {
    return generation_ == nullptr ? nullptr : generation_->successors().Find(bind);
  }
  // How many clients the frontend may have. Null: none of a configuration that is known here.
  shard::SharedLimit* FrontendLimit(const ProxyConfig& frontend) const {
    const shard::LimitShare* share = FindShare(frontend_shares_, &frontend);
    return share == nullptr ? nullptr : &share->limit();
  }
  // A session's places under limits.
  void MoveReserved(const BindConfig& from, const BindConfig& to);

  shard::Shard& shard() { return *shard_; }
  shard::ShardContext& context() { return shard_->context(); }
  uint32_t index() const { return shard_->index(); }
  uint64_t Random();
  bool debug_moves() const { return process_.debug_moves; }
  // What the turns of streams cost is measured (profiling.tasks), since that moment.
  bool profiles_tasks() const { return profiles_tasks_; }
  uint64_t profiles_since_ns() const { return profiles_since_ns_; }
  // For what evaluations make. Whoever takes from it gives it back before control returns to the
  // loop: see StreamContext.
  Scratch& scratch() { return scratch_; }
  VariablePool& variable_pool() { return variable_pool_; }
  // Only where a frontend keeps something.
  KeepPool& keep_pool() { return *keep_pools_.back(); }

  // For sessions and streams.
  Session* NewSession(const BindConfig& bind) { return sessions_.New(*this, bind); }
  void FreeSession(Session* session);
  Stream* NewStream(Session& session, shard::Endpoint* client, bool http) {
    ++streams_begun_;
    return streams_.New(*this, session, client, http);
  }
  // Null: there is no room.
  H1Request* NewRequest(const HttpProfile& profile) { return h1_requests_.New(profile.request); }
  void FreeRequest(H1Request* request) { h1_requests_.Delete(request); }
  MuxH1Front* NewMuxH1Front(shard::Connection& connection, RequestAcceptor& acceptor,
                            const HttpProfile& profile) {
    MuxH1Front* mux = h1_fronts_.New(h1_fronts_, h1_pools_, connection, acceptor, profile);
    if (mux != nullptr) all_fronts_.PushBack(mux);
    return mux;
  }
  // Closes up to `count_max` clients that are between two requests, and have been for `rest_ms`: a
  // stopping process does not wait for them.
  void CloseIdleClients(uint32_t count_max, uint64_t rest_ms);
  uint32_t IdleClients();
  SpreadClose& spread_close() { return spread_close_; }
  ClientRenewal& client_renewal() { return client_renewal_; }
  // HTTP connections of clients. The order means nothing.
  using Fronts = base::IntrusiveList<MuxH1Front, &MuxH1Front::all_hook>;
  Fronts& fronts() { return all_fronts_; }
  uint32_t live_fronts() const { return h1_fronts_.live(); }
  // On a connection to `server`; null when there is no room.
  MuxH1Back* NewMuxH1Back(shard::Connection& connection, const ServerConfig& server);
  IdlePool& idle_pool() { return idle_pool_; }
  // TLS of this shard. Only where a bind or a server speaks it.
  tls::ShardTls& tls() { return *tls_; }
  ShardTlsCounts& tls_counts() { return *tls_counts_; }
  // What others have leased of maxsslconn and do not use is asked back.
  void RecallTlsPlaces() { recall_shards_ |= tls_counts_->share()->Holders(); }
  void FreeStream(Stream* stream) { streams_.Delete(stream); }
  MuxRaw* NewMuxRaw(shard::Connection& connection) {
    return raw_muxes_.New(raw_muxes_, connection);
  }
  shard::Applet* NewApplet(const shard::AppletType& type);
  uint32_t live_sessions() const { return sessions_.live(); }
  uint32_t live_streams() const { return streams_.live(); }
  uint64_t NextStreamId() { return ++stream_ids_; }
  // Unique in the process, from 0 on; rising on each shard, one by one where there is only one.
  uint64_t NextRequestNumber() {
    if (request_number_ % RequestNumbers::kBlock == 0) {
      request_number_ = process_.request_numbers.next.fetch_add(RequestNumbers::kBlock,
                                                                std::memory_order_relaxed);
    }
    return request_number_++;
  }
  // Requests, and connections that carry none.
  uint64_t streams_begun() const { return streams_begun_; }
  template <typename F>
  void ForEachStream(F visit) {
    for (Stream* stream = all_streams_.front(); stream != nullptr;
         stream = all_streams_.Next(stream))
      visit(*stream);
  }
  const ProcessContext& process() const { return process_; }
  ProcessShared& shared() { return *process_.shared; }
  // A limit has been changed: what this shard has leased goes back, and who waits is asked again.
  void OnLimitsChanged();
  InvalidMessages& invalid_messages() { return invalid_messages_; }
  InvalidMessage& NoteInvalid(const ProxyConfig& proxy, bool is_response, const InvalidHead& head);
  // This shard's way to the log targets. Only where process().logs is set.
  ShardLog& log() { return *log_; }
  void FlushLog() {
    if (log_ != nullptr) log_->Flush();
  }
  // A line about traffic of `frontend` is written (%lc).
  void CountLine(const ProxyConfig& frontend) { frontend.state->part(index()).lines.Add(); }
  ServerEvents& server_events() { return server_events_; }
  CheckRunner& checks() { return *checks_; }
  // What this shard's applets ask other shards.
  Questions& questions() { return questions_; }
  void Enlist(Stream* stream) { all_streams_.PushBack(stream); }
  void EnlistHandshake(Session* session) { handshaking_.PushBack(session); }
  // A server of the configuration is told who the client is (send-proxy).
  bool tells_servers() const { return tells_servers_; }

 private:
  static constexpr int kPerClient = 2;  // descriptors: its own, and its server's
  // Null for a bind that the global maxconn does not hold.
  shard::LimitShare* GlobalShare(const BindConfig& bind) const;
  bool HasOwnLimit(const BindConfig& bind) const;
  void NoteTaken();
  shard::LimitShare* TlsShare(const BindConfig& bind) const;
  // Of whatever holds a client of this bind; some may be null.
  using Shares = std::array<shard::LimitShare*, 4>;
  Shares SharesOf(const BindConfig& bind) const;
  void Know(const Configuration& configuration);
  void AddLimits(const FrontendLimits& limits);
  template <typename Map, typename Key>
  static shard::LimitShare* FindShare(const Map& map, Key key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : found->second.get();
  }
  void AttachBackends(const Configuration& configuration);
  void DetachBackends(const Configuration& configuration);
  void FollowDials(const Configuration& next);
  void OpenKeepPool(const Configuration& configuration);
  void OpenTls(const Configuration& configuration);
  void ReleaseReserved(const BindConfig& bind);
  void OnClientGone(const BindConfig& bind);
  void SetProfiling();
  bool IsDrained() const;
  void WakeWaiting(uint64_t shards_waiting);
  void RecallLeases();
  void ReturnLeases();
  static void HandleRecall(shard::Shard& shard, const shard::Message& message) noexcept;
  static void HandleResume(shard::Shard& shard, const shard::Message& message) noexcept;

  ProcessContext& process_;
  const Configuration* configuration_;
  std::vector<const Configuration*> known_;  // that one, the next one, and those before it
  Generation* generation_ = nullptr;  // of `configuration_`; null where nothing is ever reloaded
  shard::Shard* shard_ = nullptr;
  AcceptRates accept_rates_{*this};
  Questions questions_{*this};
  SpreadClose spread_close_{*this};
  ClientRenewal client_renewal_{*this};
  IdlePool idle_pool_{*this};
  InvalidMessages invalid_messages_;
  std::unique_ptr<ShardLog> log_;
  ServerEvents server_events_{*this};
  std::unique_ptr<CheckRunner> checks_;
  std::unique_ptr<RingSenders> ring_senders_;   // null where nothing is logged
  std::unique_ptr<ShardTlsCounts> tls_counts_;  // outlives tls_
  std::unique_ptr<tls::ShardTls> tls_;
  VariablePool variable_pool_;  // outlives those who give back to it
  base::Slab<Session> sessions_;
  base::Slab<Stream> streams_;
  base::Slab<MuxRaw> raw_muxes_;
  base::Slab<MuxH1Front> h1_fronts_;
  base::Slab<MuxH1Back> h1_backs_;
  base::Slab<H1Request> h1_requests_;
  base::Slab<H1Response> h1_responses_;
  H1Pools h1_pools_;
  base::Slab<shard::Applet> applets_;
  base::IntrusiveList<Stream, &Stream::all_hook> all_streams_;
  Fronts all_fronts_;
  base::IntrusiveList<Session, &Session::handshake_hook> handshaking_;
  std::unique_ptr<shard::LimitShare> global_share_;
  // Of all configurations that are left; those that share a limit share what is leased of it.
  std::map<const ProxyConfig*, std::shared_ptr<shard::LimitShare>> frontend_shares_;
  std::map<const BindConfig*, std::shared_ptr<shard::LimitShare>> bind_shares_;
  bool tells_servers_ = false;
  bool profiles_tasks_ = false;
  uint64_t profiles_since_ns_ = 0;
  uint64_t random_state_ = 0;
  std::unique_ptr<char[]> scratch_memory_;
  Scratch scratch_;
  std::vector<std::unique_ptr<KeepPool>> keep_pools_;  // the last one is in use
  uint64_t stream_ids_ = 0;
  uint64_t streams_begun_ = 0;
  uint64_t request_number_ = 0;  // the next one; at the beginning of a block: none is left
  uint32_t outlived_ = 0;        // clients who are still open and have neither session nor place
  Drained draining_ = Drained::kAccepts;
  void (*on_drained_)(void*) = nullptr;
  void* on_drained_context_ = nullptr;
  uint64_t resume_shards_ = 0;  // shards to tell at the end of the turn that a limit has room again
  uint64_t recall_shards_ = 0;  // shards to ask at the end of the turn for what they have leased
  // Does nothing: with it in line the loop does not wait.
  struct NextTurn final : shard::Task {
    void Run() noexcept override {}
  };
  NextTurn next_turn_;
};

}  // namespace engine
