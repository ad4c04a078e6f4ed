#include "engine/server/server_state.h"

#include <algorithm>

namespace engine {
namespace {

// The clients that may come to `backend`, for its default fullconn (manual 4.2, fullconn).
void CountFrontends(const Configuration& configuration, const ProxyConfig& backend,
                    BackendRules* rules) {
  for (const auto& frontend : configuration.proxies) {
    if (!frontend->is_frontend || frontend->disabled) continue;
    const bool branches = frontend.get() == &backend || frontend->default_backend == &backend ||
                          frontend->use_backend == &backend;
    if (!branches) continue;
    rules->frontend_maxconn_sum += frontend->maxconn;
    if (frontend->maxconn == 0) ++rules->frontends_without_maxconn;
  }
}

BackendRules RulesOf(const Configuration& configuration, const ProxyConfig& backend) {
  BackendRules rules;
  rules.algorithm = backend.balance;
  rules.random_draws = backend.balance_random_draws;
  rules.fullconn = backend.fullconn;
  for (const auto& server : backend.servers) {
    rules.servers.push_back({server->state,
                             server->id,
                             server->weight,
                             server->backup,
                             {server->maxconn, server->minconn, server->maxqueue}});
  }
  CountFrontends(configuration, backend, &rules);
  return rules;
}

}  // namespace

uint64_t ServerState::Total() const { return Sum(&ServerShardPart::total); }

uint64_t ServerState::Sum(base::Counter ServerShardPart::*counter) const {
  uint64_t sum = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) sum += (parts_[shard].*counter).Get();
  return sum;
}

int64_t ServerState::CurrentPeak() const {
  int64_t peak = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    peak = std::max(peak, parts_[shard].current_peak.seen());
  }
  return peak;
}

int64_t ServerState::Current() const {
  int64_t current = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) current += parts_[shard].current.Get();
  return current;
}

uint64_t BackendState::Sum(base::Counter ProxyShardPart::*counter) const {
  uint64_t sum = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) sum += (parts_[shard].*counter).Get();
  return sum;
}

int64_t BackendState::FrontCurrent() const {
  int64_t current = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) current += parts_[shard].front_current.Get();
  return current;
}

int64_t BackendState::BackCurrent() const {
  int64_t current = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) current += parts_[shard].back_current.Get();
  return current;
}

int64_t BackendState::FrontPeak() const {
  int64_t peak = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    peak = std::max(peak, parts_[shard].front_peak.seen());
  }
  return peak;
}

int64_t BackendState::BackPeak() const {
  int64_t peak = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    peak = std::max(peak, parts_[shard].back_peak.seen());
  }
  return peak;
}

void StateTable::Attach(Configuration& configuration) {
  for (const auto& proxy : configuration.proxies) {
    // A frontend and a backend may share a name; their states do not.
    auto& state = proxies_[(proxy->is_internal   ? "internal "
                            : proxy->is_frontend ? "front "
                                                 : "back ") +
                           proxy->name];
    if (state == nullptr) state = std::make_unique<BackendState>(proxy->name, shards_);
    proxy->state = state.get();
    state->servers().clear();
    for (const auto& server : proxy->servers) {
      auto& server_state = servers_[proxy->name + "/" + server->name];
      if (server_state == nullptr) {
        server_state = std::make_unique<ServerState>(server->name, shards_);
        server_state->SetDisabled(server->disabled);
        server_state->SetWeight(server->weight);
      }
      server->state = server_state.get();
      state->servers().push_back(server_state.get());
    }
    if (proxy->is_backend) {
      state->SetBackend(RulesOf(configuration, *proxy));
      for (ServerState* server : state->servers()) server->SetVersion(state->backend()->version());
    }
  }
}

}  // namespace engine
