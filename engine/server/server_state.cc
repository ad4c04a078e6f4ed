#include "engine/server/server_state.h"

#include <algorithm>

namespace engine {
namespace {

class ShardView final : public ServerView {
 public:
  ShardView(const ProxyConfig& backend, uint32_t shard, bool backups)
      : backend_(backend), shard_(shard), backups_(backups) {}
  bool Usable(uint32_t server) const override {
    const ServerConfig& config = *backend_.servers[server];
    return config.backup == backups_ && !config.state->disabled();
  }
  uint32_t Load(uint32_t server) const override {
    return uint32_t(backend_.servers[server]->state->part(shard_).current.Get());
  }

 private:
  const ProxyConfig& backend_;
  const uint32_t shard_;
  const bool backups_;
};

std::unique_ptr<Balancer> MakeBalancer(const ProxyConfig& backend) {
  std::vector<uint32_t> weights;
  for (const auto& server : backend.servers) weights.push_back(server->backup ? 0 : server->weight);
  switch (backend.balance) {
    case BalanceAlgorithm::kRoundRobin:
    case BalanceAlgorithm::kStaticRoundRobin:
      return MakeRoundRobin(weights);
    case BalanceAlgorithm::kFirst:
      return MakeFirst(uint32_t(weights.size()));
    case BalanceAlgorithm::kRandom:
      break;
  }
  return MakeRandom(weights, backend.balance_random_draws);
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
      }
      server->state = server_state.get();
      state->servers().push_back(server_state.get());
    }
    // Without `option allbackups` the first usable backup takes everything (manual 4.2, option
    // allbackups).
    if (proxy->is_backend) {
      state->SetBalancers(MakeBalancer(*proxy), MakeFirst(uint32_t(proxy->servers.size())));
    }
  }
}

ServerConfig* PickServer(const ProxyConfig& backend, uint32_t shard, int avoid, uint64_t random) {
  const PickRequest request{avoid, random};
  int index = backend.state->active()->Pick(ShardView(backend, shard, false), request);
  if (index < 0) index = backend.state->backup()->Pick(ShardView(backend, shard, true), request);
  return index < 0 ? nullptr : backend.servers[size_t(index)].get();
}

}  // namespace engine
