#include "engine/server/backend.h"

#include <algorithm>

#include "engine/server/server_state.h"

namespace engine {
namespace {

// Manual 4.2, fullconn: where it is not given.
constexpr uint64_t kFullconnDivisor = 10;
// The finest steps of a slow start, as long as the sum of all weights stays a small table.
constexpr uint32_t kScaleMax = 100;
constexpr uint64_t kScaledWeights = 8192;

}  // namespace

// The servers as one shard sees them. A server without a limit always has room.
class Backend::View final : public ServerView {
 public:
  View(Backend& backend, uint32_t shard) : backend_(backend), shard_(shard) {}
  bool HasRoom(uint32_t server) const override {
    return !IsLimited(server) || backend_.queue_->HasRoom(server);
  }
  bool TryTake(uint32_t server) const override {
    return !IsLimited(server) || backend_.queue_->TryTake(shard_, server);
  }
  uint32_t Load(uint32_t server) const override {
    return uint32_t(backend_.rules_.servers[server].state->part(shard_).current.Get());
  }
  bool IsQueueFull(uint32_t server) const override {
    const uint32_t maxqueue = backend_.rules_.servers[server].limit.maxqueue;
    return maxqueue != 0 && IsLimited(server) && Waiting(server) >= int64_t(maxqueue);
  }
  int64_t TotalLoad(uint32_t server) const override {
    const int64_t waiting = IsLimited(server) ? Waiting(server) : 0;
    return backend_.loads_[server].streams.load(std::memory_order_relaxed) + waiting;
  }
  int64_t BackendLoad() const override { return backend_.state_.BackCurrent(); }
  uint64_t LastUse(uint32_t server) const override {
    return backend_.loads_[server].use.load(std::memory_order_relaxed);
  }
  void NoteUse(uint32_t server, uint64_t ticket) const override {
    backend_.loads_[server].use.store(ticket, std::memory_order_relaxed);
  }

 private:
  int64_t Waiting(uint32_t server) const {
    return backend_.queue_->Waiting(WaitQueue::LineOf(server));
  }
  bool IsLimited(uint32_t server) const { return backend_.rules_.servers[server].limit.limited(); }

  Backend& backend_;
  const uint32_t shard_;
};

Backend::Backend(BackendState& state, BackendRules rules, uint32_t shards)
    : state_(state), rules_(std::move(rules)), plans_(new Plan[shards]) {
  std::vector<SlotLimit> limits;
  bool any_limited = false;
  for (const BackendRules::Server& server : rules_.servers) {
    limits.push_back(server.limit);
    any_limited |= server.limit.limited();
  }
  SlotServers& servers = *this;
  if (rules_.algorithm == BalanceAlgorithm::kLeastConn || rules_.hash.balance_factor != 0) {
    loads_ = std::make_unique<SharedLoad[]>(rules_.servers.size());
  }
  std::vector<SlowStarts::Server> starts;
  bool any_slow = false;
  for (const BackendRules::Server& server : rules_.servers) {
    starts.push_back({server.state, server.slowstart_ms});
    any_slow |= server.slowstart_ms != 0;
  }
  ThrottleListener& listener = *this;
  for (uint32_t shard = 0; any_slow && shard < shards; ++shard) {
    slow_starts_.push_back(std::make_unique<SlowStarts>(listener, starts, shard));
  }
  if (any_limited) queue_ = std::make_unique<WaitQueue>(servers, limits, shards);
}

Backend::~Backend() = default;

void Backend::AttachShard(uint32_t shard, shard::EventLoop* loop, uint32_t process_maxconn) {
  if (!slow_starts_.empty()) slow_starts_[shard]->Attach(loop);
  if (queue_ != nullptr) queue_->AttachShard(shard, loop, FullconnOf(process_maxconn));
}

uint32_t Backend::FullconnOf(uint32_t process_maxconn) const {
  if (rules_.fullconn != 0) return rules_.fullconn;
  const uint64_t clients =
      rules_.frontends.maxconn + uint64_t(rules_.frontends.without) * process_maxconn;
  return uint32_t(std::clamp<uint64_t>(clients / kFullconnDivisor, 1, UINT32_MAX));
}

void Backend::DetachShard(uint32_t shard) {
  if (!slow_starts_.empty()) slow_starts_[shard]->Detach();
  if (queue_ != nullptr) queue_->DetachShard(shard);
}

uint32_t Backend::ThrottlePercent(uint32_t server) {
  return rules_.servers[server].state->throttle();
}

void Backend::OnThrottleChanged(uint32_t shard) noexcept {
  ServersChanged();
  if (queue_ != nullptr) queue_->AnnounceChange(shard);
}

Backend::Choice Backend::Choose(uint32_t shard, const PickRequest& request, uint32_t* server) {
  const Plan& plan = PlanOf(shard);
  if (!plan.any_eligible) return Choice::kNoServer;
  const Picked picked = plan.balancer->Pick(View(*this, shard), request);
  if (picked.server < 0) return Choice::kFull;
  *server = uint32_t(picked.server);
  return picked.taken ? Choice::kTaken : Choice::kServerFull;
}

bool Backend::TryTake(uint32_t shard, uint32_t server) {
  return IsEligible(shard, server) && View(*this, shard).TryTake(server);
}

bool Backend::TryTakePersistent(uint32_t shard, uint32_t server) {
  return View(*this, shard).TryTake(server);
}

// A static algorithm keeps what was configured, unless an operator took the server out.
uint32_t Backend::WeightNow(uint32_t server) const {
  const uint32_t weight = rules_.servers[server].state->weight();
  return rules_.has_static_weights && weight != 0 ? rules_.servers[server].weight : weight;
}

uint32_t Backend::Throttled(uint32_t server, uint32_t weight) const {
  const uint32_t throttle = rules_.servers[server].state->throttle();
  if (weight == 0 || throttle >= 100 || rules_.has_static_weights) return weight;
  return std::max(1u, weight * throttle / 100);
}

uint32_t Backend::EffectiveWeight(uint32_t server) const {
  return Throttled(server, WeightNow(server));
}

void Backend::Rebuild(Plan& plan) {
  // Read first: a change from here on makes a further plan, at worst for nothing.
  plan.version = version_.load(std::memory_order_acquire);
  plan.eligible.assign(rules_.servers.size(), false);
  plan.any_eligible = plan.any_unlimited = false;
  const auto admit = [&](uint32_t server) {
    plan.eligible[server] = plan.any_eligible = true;
    if (!rules_.servers[server].limit.limited()) plan.any_unlimited = true;
  };
  bool has_active = false;
  for (const bool backup : {false, true}) {
    for (uint32_t server = 0; server < rules_.servers.size(); ++server) {
      const BackendRules::Server& rules = rules_.servers[server];
      if (rules.backup != backup || rules.state->disabled() || WeightNow(server) == 0) continue;
      // Without `option allbackups` the first usable backup takes everything, and only when no
      // other server can be used (manual 4.2, option allbackups).
      if (!backup || !plan.any_eligible || (rules_.all_backups && !has_active)) admit(server);
    }
    has_active |= !backup && plan.any_eligible;
  }
  plan.balancer = MakeBalancer(plan.eligible);
}

// What weights are multiplied with while a server starts slowly: between 0 and 1 there is nothing
// to grow in steps. 1: none does, or weights are static.
uint32_t Backend::WeightScale(const std::vector<bool>& eligible) const {
  uint64_t sum = 0;
  bool any = false;
  for (uint32_t server = 0; server < eligible.size(); ++server) {
    if (!eligible[server]) continue;
    sum += WeightNow(server);
    any |= rules_.servers[server].state->throttle() < 100;
  }
  if (!any || rules_.has_static_weights) return 1;
  return uint32_t(std::clamp<uint64_t>(kScaledWeights / std::max<uint64_t>(sum, 1), 1, kScaleMax));
}

std::unique_ptr<Balancer> Backend::MakeBalancer(const std::vector<bool>& eligible) {
  std::vector<uint32_t> weights;
  std::vector<uint32_t> order;
  const uint32_t scale = WeightScale(eligible);
  for (uint32_t server = 0; server < eligible.size(); ++server) {
    weights.push_back(eligible[server] ? Throttled(server, WeightNow(server) * scale) : 0);
    if (eligible[server]) order.push_back(server);
  }
  switch (rules_.algorithm) {
    case BalanceAlgorithm::kRoundRobin:
    case BalanceAlgorithm::kStaticRoundRobin:
      return MakeRoundRobin(weights, ticket_);
    case BalanceAlgorithm::kFirst:
      std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        return rules_.servers[a].id < rules_.servers[b].id;
      });
      return MakeFirst(std::move(order));
    case BalanceAlgorithm::kLeastConn:
      return MakeLeastConn(weights, ticket_);
    case BalanceAlgorithm::kHash: {
      std::vector<uint32_t> keys;
      for (const BackendRules::Server& server : rules_.servers) keys.push_back(server.node_key);
      HashRules rules = rules_.hash;
      rules.weight_scale = scale;
      return MakeHash(weights, keys, rules, ticket_);
    }
    case BalanceAlgorithm::kRandom:
      break;
  }
  return MakeRandom(weights, rules_.random_draws, rules_.hash.balance_factor);
}

bool Backend::HasOther(uint32_t shard, uint32_t server) {
  const std::vector<bool>& eligible = PlanOf(shard).eligible;
  for (uint32_t other = 0; other < eligible.size(); ++other) {
    if (eligible[other] && other != server) return true;
  }
  return false;
}

bool Backend::IsUsable(uint32_t, uint32_t server) { return rules_.servers[server].state->usable(); }

int64_t Backend::BackendLoad() { return state_.BackCurrent(); }

}  // namespace engine
