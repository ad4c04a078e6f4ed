// A reload as one shard sees it: what points into a configuration is led over to the next one, or
// keeps the old one pinned until it ends.
#include <algorithm>
#include <set>

#include "base/check.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

template <typename Limit>
std::shared_ptr<shard::LimitShare> ShareOf(
    const std::map<const shard::SharedLimit*, std::shared_ptr<shard::LimitShare>>& known,
    const Limit& limit, uint32_t shard) {
  const auto found = known.find(limit.get());
  return found != known.end() ? found->second : std::make_shared<shard::LimitShare>(*limit, shard);
}

}  // namespace

void Worker::Know(const Configuration& configuration) {
  for (const auto& proxy : configuration.proxies) {
    proxy->state->part(index()).config = proxy.get();
    for (const auto& server : proxy->servers) server->state->part(index()).config = server.get();
  }
}

void Worker::AddLimits(const FrontendLimits& limits) {
  std::map<const shard::SharedLimit*, std::shared_ptr<shard::LimitShare>> known;
  for (const auto& [frontend, share] : frontend_shares_) known[&share->limit()] = share;
  for (const auto& [bind, share] : bind_shares_) known[&share->limit()] = share;
  for (const auto& [frontend, limit] : limits.frontends) {
    frontend_shares_[frontend] = ShareOf(known, limit, index());
  }
  for (const auto& [bind, limit] : limits.binds)
    bind_shares_[bind] = ShareOf(known, limit, index());
}

void Worker::AttachBackends(const Configuration& configuration) {
  const uint32_t process_maxconn =
      process_.global_maxconn == nullptr ? 0 : uint32_t(process_.global_maxconn->max());
  known_.push_back(&configuration);
  for (const auto& proxy : configuration.proxies) {
    for (const auto& server : proxy->servers) {
      tells_servers_ = tells_servers_ || server->announce.enabled();
    }
    if (proxy->state->backend() == nullptr) continue;
    proxy->state->backend()->AttachShard(index(), &shard_->loop(), process_maxconn);
  }
}

void Worker::OpenTls(const Configuration& configuration) {
  if (tls_ != nullptr || !configuration.speaks_tls()) return;
  tls_counts_ = std::make_unique<ShardTlsCounts>(shared().tls, index(), shard_->loop().clock());
  tls_ = std::make_unique<tls::ShardTls>(shard_->connections().capacity(), process_.ticket_secret,
                                         tls_counts_.get());
}

// Streams give back what they took from a smaller one.
void Worker::OpenKeepPool(const Configuration& configuration) {
  size_t bytes = keep_pools_.empty() ? 0 : keep_pools_.back()->block_bytes();
  bool has_room = true;
  for (const auto& proxy : configuration.proxies) {
    const size_t wanted = proxy->keep == nullptr ? 0 : KeepPool::BytesOf(*proxy->keep);
    has_room = has_room && wanted <= bytes;
    bytes = std::max(bytes, wanted);
  }
  if (!has_room) keep_pools_.push_back(std::make_unique<KeepPool>(bytes, streams_.capacity()));
}

void Worker::DetachBackends(const Configuration& configuration) {
  std::set<const BackendState*> used;
  for (const Configuration* other : known_) {
    if (other == &configuration) continue;
    for (const auto& proxy : other->proxies) used.insert(proxy->state);
  }
  for (const auto& proxy : configuration.proxies) {
    if (proxy->state->backend() == nullptr || used.contains(proxy->state)) continue;
    proxy->state->backend()->DetachShard(index());
  }
}

// Where an operator has moved servers to.
void Worker::FollowDials(const Configuration& next) {
  for (const auto& proxy : next.proxies) {
    for (const auto& server : proxy->servers) {
      const ServerConfig* now = server->state->part(index()).config;
      if (now == nullptr || now->state == server->state) continue;
      server->state->FollowDial(*now->state, *server, index());
      FollowCookie(*server, index());
    }
  }
}

void Worker::Prepare(Generation& next) {
  OpenTls(next.configuration());
  OpenKeepPool(next.configuration());
  AttachBackends(next.configuration());
  FollowDials(next.configuration());
  AddLimits(next.limits());
  // A server may get another home, and must not have two.
  checks_->Stop();
}

void Worker::SwitchTo(Generation& next) {
  FollowDials(next.configuration());  // again: they may have been moved meanwhile
  for (const auto& proxy : configuration_->proxies) {
    proxy->state->part(index()).config = nullptr;
    for (const auto& server : proxy->servers) server->state->part(index()).config = nullptr;
  }
  const Configuration& before = *configuration_;
  configuration_ = &next.configuration();
  generation_ = &next;
  Know(*configuration_);
  for (const auto& proxy : before.proxies) {
    if (proxy->state->part(index()).config == nullptr) invalid_messages_.Forget(*proxy);
  }
  idle_pool_.Reconfigure();
  CheckHost& host = server_events_;
  auto checks =
      std::make_unique<CheckRunner>(host, *configuration_, index(), shard_->board().shards());
  checks->Start(checks_.get());
  checks_ = std::move(checks);
  client_renewal_.Begin();
}

bool Worker::IsQuiet(Generation& old) {
  if (old.pins(index()).Get() != 0) return false;
  const auto& proxies = old.configuration().proxies;
  return std::all_of(proxies.begin(), proxies.end(), [this](const auto& proxy) {
    return proxy->state->queue() == nullptr || proxy->state->queue()->sends_nothing(index());
  });
}

void Worker::Forget(Generation& old) {
  for (const auto& [frontend, limit] : old.limits().frontends) frontend_shares_.erase(frontend);
  for (const auto& [bind, limit] : old.limits().binds) bind_shares_.erase(bind);
  DetachBackends(old.configuration());
  std::erase(known_, &old.configuration());
  const KeepPool* in_use = keep_pools_.empty() ? nullptr : keep_pools_.back().get();
  std::erase_if(keep_pools_,
                [in_use](const auto& pool) { return pool.get() != in_use && pool->in_use() == 0; });
  if (tls_ == nullptr) return;
  for (const auto& proxy : old.configuration().proxies) {
    for (const auto& bind : proxy->binds) {
      if (bind->tls_context != nullptr) tls_->Forget(*bind->tls_context);
    }
    for (const auto& server : proxy->servers) {
      for (const auto& context : {server->tls_context, server->check_tls_context}) {
        if (context != nullptr) tls_->Forget(*context);
      }
    }
  }
}

void Worker::MoveReserved(const BindConfig& from, const BindConfig& to) {
  const auto move = [this](shard::LimitShare* before, shard::LimitShare* now) {
    if (before == now) return;
    if (now != nullptr) now->Force();
    if (before != nullptr) resume_shards_ |= before->Release();
  };
  if (from.parts != to.parts && from.parts != nullptr && to.parts != nullptr) {
    from.parts[index()].current.Sub();
    to.parts[index()].current.Add();
  }
  BackendState& state_from = *from.frontend->state;
  BackendState& state_to = *to.frontend->state;
  if (&state_from.part(index()) != &state_to.part(index())) {
    state_from.part(index()).front_current.Sub();
    state_to.RaiseFront(index());
  }
  move(FindShare(bind_shares_, &from), FindShare(bind_shares_, &to));
  move(FindShare(frontend_shares_, from.frontend), FindShare(frontend_shares_, to.frontend));
}

}  // namespace engine
