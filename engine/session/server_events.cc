#include "engine/session/server_events.h"

#include <algorithm>

#include "engine/session/check_context.h"
#include "engine/session/worker.h"

namespace engine {

using shard::CloseReason;

namespace {

// What a tracked server passes on to those that track it, and they have from it.
AdminState InheritedBy(const ServerConfig& server) {
  return server.tracked == nullptr ? AdminState::kReady : server.tracked->state->effective_admin();
}

// Of `state`, which has from the tracked server what is `inherited`.
Standing With(const ServerState& state, const Standing& inherited) {
  return {std::max(state.admin_state(), inherited.admin),
          Worse(state.own_health(), inherited.health)};
}

// kCount: checks hurry up, and that is all.
HealthEvent EventOf(OnError on_error) {
  switch (on_error) {
    case OnError::kFastInter:
      break;
    case OnError::kFailCheck:
      return HealthEvent::kFailed;
    case OnError::kSuddenDeath:
      return HealthEvent::kSuddenDeath;
    case OnError::kMarkDown:
      return HealthEvent::kMarkDown;
  }
  return HealthEvent::kCount;
}

}  // namespace

shard::ShardContext& ServerEvents::context() { return worker_.context(); }

uint64_t ServerEvents::Random() { return worker_.Random(); }

std::unique_ptr<CheckSamples> ServerEvents::MakeSamples() {
  return std::make_unique<WorkerCheckSamples>(worker_);
}

ExternalChecks* ServerEvents::external() { return worker_.process().external_checks; }

tls::ShardTls& ServerEvents::tls() { return worker_.tls(); }

void ServerEvents::MakeRoom() { worker_.idle_pool().MakeRoom(); }

void ServerEvents::ChangeAdmin(const ServerConfig& server, AdminState admin) {
  ServerState& state = *server.state;
  const AdminState inherited = InheritedBy(server);
  ServerMove move;
  move.before.health = state.checked_health();
  const AdminState before = state.SetAdminState(admin);
  if (before == admin) return;
  // A server that comes back is what `init-state` says.
  if (before == AdminState::kMaint) (void)state.health.Apply(HealthEvent::kRestart);
  move.before.admin = std::max(before, inherited);
  move.after = {std::max(admin, inherited), state.checked_health()};
  Spread(server, move);
}

void ServerEvents::ChangeWeight(const ServerConfig& server, uint32_t weight) {
  server.backend->state->SetServerWeight(worker_.index(), server.index, weight);
  TellBackend(*server.backend);
}

void ServerEvents::ChangeHealth(const ServerConfig& server, HealthEvent event, std::string cause) {
  OnHealthChanged(server, server.state->health.Apply(event), std::move(cause));
}

void ServerEvents::OnHealthChanged(const ServerConfig& server, const HealthChange& change,
                                   std::string cause) {
  if (!change.changed()) return;
  const AdminState admin = server.state->effective_admin();
  const Operational tracked =
      server.tracked == nullptr ? Operational::kRunning : server.tracked->state->checked_health();
  Spread(server, {{admin, Worse(change.before, tracked)},
                  {admin, Worse(change.after, tracked)},
                  nullptr,
                  std::move(cause)});
}

void ServerEvents::OnChecked(const ServerConfig& server, CheckOf of, const CheckReport& before,
                             const CheckReport& report, const HealthChange& change) {
  const bool logs_checks = server.backend->log_health_checks;
  if (logs_checks &&
      (before.status != report.status || !(change.value_before == change.value_after))) {
    LogCheck(worker_, server, of, report, change.value_after);
  }
  // What that line has said is not said again.
  OnHealthChanged(server, change, logs_checks ? std::string() : ReasonText(report));
}

void ServerEvents::OnAgentSaid(const ServerConfig& server, const AgentAnswer& answer) {
  if (answer.weight) {
    const uint32_t weight = WeightOf(answer, server.weight);
    const bool is_allowed =
        !server.backend->has_static_weights() || weight == 0 || weight == server.weight;
    if (is_allowed && weight != server.state->weight()) {
      server.state->NoteSpeaker(AgentWord::kWeight, true);
      ChangeWeight(server, weight);
    }
  }
  if (answer.maxconn) {
    WaitQueue& queue = *server.backend->state->queue();
    if (*answer.maxconn != queue.maxconn(server.index)) {
      server.state->NoteSpeaker(AgentWord::kMaxconn, true);
      queue.SetMaxconn(server.index, *answer.maxconn);
      queue.AnnounceChange(worker_.index());
    }
  }
  if (answer.admin && *answer.admin != server.state->admin_state()) {
    server.state->NoteSpeaker(AgentWord::kAdmin, true);
    ChangeAdmin(server, *answer.admin);
  }
}

void ServerEvents::OnFailure(const ServerConfig& server, const char* what) {
  ServerState& state = *server.state;
  const CheckConfig& check = server.check;
  if (state.errors_in_row.fetch_add(1, std::memory_order_relaxed) + 1 < check.error_limit) return;
  state.errors_in_row.store(0, std::memory_order_relaxed);
  state.counters.observed.fetch_add(1, std::memory_order_relaxed);
  // The checks are those of the configuration in use, whatever the stream has.
  const ServerConfig* now = state.part(worker_.index()).config;
  if (now == nullptr) return;
  const uint32_t home = CheckRunner::HomeOf(*now, worker_.shard().board().shards());
  PostOrRun(home, {&HandleObserved,
                   {reinterpret_cast<uintptr_t>(now), uintptr_t(EventOf(check.on_error)),
                    reinterpret_cast<uintptr_t>(what)}});
}

// On the server's home shard, which alone reports on it.
void ServerEvents::HandleObserved(shard::Shard& shard, const shard::Message& message) noexcept {
  const auto& server = *reinterpret_cast<const ServerConfig*>(message.words[0]);
  Worker& worker = *static_cast<Worker*>(shard.app());
  if (const auto event = HealthEvent(message.words[1]); event != HealthEvent::kCount) {
    worker.server_events().Observe(server, event, reinterpret_cast<const char*>(message.words[2]));
  }
  if (ServerCheck* check = worker.checks().Find(server, CheckOf::kServer)) check->HurryUp();
}

// As a check that has failed.
void ServerEvents::Observe(const ServerConfig& server, HealthEvent event, const char* what) {
  CheckReport report;
  report.status = CheckStatus::kObserved;
  report.SetText("Detected " + std::to_string(server.check.error_limit) +
                 " consecutive errors, last one was: " + what);
  Conclude(*this, server, CheckOf::kServer, report, event);
}

void ServerEvents::OnNoAnswer(const ServerConfig& server, CloseReason reason) {
  if (server.check.observe != Observe::kLayer7) return;
  switch (reason) {
    case CloseReason::kServerProtocol:
      return OnFailure(server, "Headers invalid");
    case CloseReason::kServerTimeout:
      return OnFailure(server, "Http response timed out");
    case CloseReason::kServerAbort:
    case CloseReason::kServerReset:
    case CloseReason::kServerNoAnswer:
      return OnFailure(server, "Broken pipe");
    default:
      return;  // not the server's doing, or told already
  }
}

void ServerEvents::Spread(const ServerConfig& server, const ServerMove& move) {
  std::vector<const ProxyConfig*> touched;
  SpreadOver(server, move, &touched);
  // What this does to whole backends is told behind what it did to servers.
  for (const ProxyConfig* backend : touched) TellBackend(*backend);
}

void ServerEvents::SpreadOver(const ServerConfig& server, const ServerMove& move,
                              std::vector<const ProxyConfig*>* touched) {
  if (!(move.before == move.after)) {
    Tell(server, move);
    touched->push_back(server.backend);
  }
  for (const ServerConfig* tracker : server.trackers) {
    const ServerState& state = *tracker->state;
    SpreadOver(*tracker, {With(state, move.before), With(state, move.after), &server, {}}, touched);
  }
}

void ServerEvents::Tell(const ServerConfig& server, const ServerMove& move) {
  const Operational before = move.before.operational();
  const Operational after = move.after.operational();
  server.state->NoteMove(before, after);
  if (before == Operational::kStopped && after != before) {
    server.backend->state->OnServerUp(worker_.index(), server.index);
  }
  server.backend->state->TellWaiters(worker_.index());
  LogServerMove(worker_, server, move);
  if (before == after) return;
  if (after == Operational::kStopped && server.check.shuts_sessions_down) {
    KillStreams(server, CloseReason::kServerDown);
  }
  const bool takes_traffic = !server.state->disabled() && server.state->weight() > 0;
  if (before == Operational::kStopped && server.check.shuts_backup_sessions_down &&
      !server.backup && takes_traffic) {
    for (const auto& other : server.backend->servers) {
      if (other->backup) KillStreams(*other, CloseReason::kServerUp);
    }
  }
}

void ServerEvents::TellBackend(const ProxyConfig& backend) {
  if (backend.state->NoteServers() && !backend.state->is_up()) LogNoServer(worker_, backend);
}

void ServerEvents::KillStreams(const ServerConfig& server, CloseReason reason) {
  // Its numbers stand for it: they are the same in all configurations.
  const shard::Message message{
      &HandleKill, {reinterpret_cast<uintptr_t>(&server.state->part(0)), uint64_t(reason)}};
  for (uint32_t shard = 0; shard < worker_.shard().board().shards(); ++shard) {
    PostOrRun(shard, message);
  }
}

void ServerEvents::PostOrRun(uint32_t shard, const shard::Message& message) {
  if (shard == worker_.index()) {
    message.handler(worker_.shard(), message);
  } else {
    Post(shard, message);
  }
}

void ServerEvents::HandleKill(shard::Shard& shard, const shard::Message& message) noexcept {
  const auto* numbers = reinterpret_cast<const ServerShardPart*>(message.words[0]);
  const auto reason = CloseReason(message.words[1]);
  static_cast<Worker*>(shard.app())->ForEachStream([&](Stream& stream) {
    const ServerConfig* server = stream.slot().server();
    if (server != nullptr && &server->state->part(0) == numbers) stream.Break(reason);
  });
}

void ServerEvents::Post(uint32_t shard, const shard::Message& message) {
  if (worker_.shard().loop().TryPost(shard, message)) return;
  unsent_.push_back({shard, message});
  worker_.shard().loop().run_queue().Add(this);
}

void ServerEvents::Run() noexcept {
  std::vector<Unsent> again;
  again.swap(unsent_);
  for (const Unsent& one : again) Post(one.shard, one.message);
}

}  // namespace engine
