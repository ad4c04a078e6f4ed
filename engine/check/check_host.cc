#include "engine/check/check_host.h"

#include "engine/server/server_state.h"

namespace engine {

CheckView& ViewOf(const ServerConfig& server, CheckOf of) {
  return of == CheckOf::kAgent ? server.state->agent : server.state->check;
}

void Conclude(CheckHost& host, const ServerConfig& server, CheckOf of, const CheckReport& report,
              HealthEvent event) {
  ServerState& state = *server.state;
  CheckView& view = ViewOf(server, of);
  const CheckReport before = view.report.Get();
  view.report.Set(report);
  const HealthChange change = state.health.Apply(event);
  const bool has_failed =
      of == CheckOf::kServer && Info(report.status).result == CheckResult::kFailed;
  if (has_failed && change.value_before.count >= state.health.rules().rise) {
    state.counters.failed.fetch_add(1, std::memory_order_relaxed);
  }
  host.OnChecked(server, of, before, report, change);
}

}  // namespace engine
