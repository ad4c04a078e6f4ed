#include "engine/applet/stat_walk.h"

#include "base/clock.h"
#include "engine/server/server_state.h"
#include "engine/server/stats_config.h"
#include "engine/session/worker.h"

namespace engine {

bool StatWalk::Shows(const ProxyConfig& proxy) const {
  if (proxy.is_internal || proxy.disabled) return false;
  if (filter_.proxy_id >= 0 && filter_.proxy_id != int64_t(proxy.id)) return false;
  return filter_.page == nullptr || filter_.page->stats->Shows(proxy.name, filter_.page->name);
}

bool StatWalk::Shows(const ServerConfig& server) const {
  if (filter_.server_id >= 0 && filter_.server_id != int64_t(server.id)) return false;
  const ServerState& state = *server.state;
  if (filter_.without_maintenance && state.effective_admin() == AdminState::kMaint) return false;
  return !filter_.only_up || state.operational() != Operational::kStopped;
}

bool StatWalk::Next(const Configuration& configuration, StatItem* item) {
  const auto& proxies = configuration.proxies;
  const bool is_one_server = filter_.server_id > 0;
  for (; proxy_ < proxies.size(); ++proxy_, server_ = 0, part_ = Part::kFrontend) {
    const ProxyConfig& proxy = *proxies[proxy_];
    if (!Shows(proxy)) continue;
    *item = {.proxy = &proxy};
    if (part_ == Part::kFrontend) {
      part_ = Part::kServers;
      const bool is_gone = proxy.state->listening() == Listening::kShutDown;
      if (proxy.is_frontend && !is_gone && Wants(kStatFrontends) && !is_one_server) {
        item->is_frontend = true;
        return true;
      }
    }
    if (!proxy.is_backend) continue;
    if (part_ == Part::kServers) {
      while (Wants(kStatServers) && server_ < proxy.servers.size()) {
        const ServerConfig& server = *proxy.servers[server_++];
        if (!Shows(server)) continue;
        item->server = &server;
        return true;
      }
      part_ = Part::kBackend;
      if (Wants(kStatBackends) && !is_one_server) {
        ++proxy_;
        server_ = 0;
        part_ = Part::kFrontend;
        return true;
      }
    }
  }
  return false;
}

StatFacts StatFactsOf(Worker& worker) {
  return {base::MonotonicMicros(), uint32_t(worker.process().global_maxconn->max()),
          worker.shard().draining(), worker.index()};
}

StatRow RowOf(const StatItem& item, const StatFacts& facts) {
  if (item.server != nullptr) return ServerRow(*item.server, facts);
  return item.is_frontend ? FrontendRow(*item.proxy, facts) : BackendRow(*item.proxy, facts);
}

}  // namespace engine
