#include "engine/check/check_runner.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

namespace engine {
namespace {

// Calls visit(server, of) for each check there is, in the order of the file.
template <typename Visit>
void ForEachCheck(const Configuration& configuration, Visit visit) {
  for (const auto& proxy : configuration.proxies) {
    if (proxy->disabled) continue;
    for (const auto& server : proxy->servers) {
      if (server->check.enabled) visit(*server, CheckOf::kServer);
      if (server->check.agent_enabled) visit(*server, CheckOf::kAgent);
    }
  }
}

std::string NodeOf(const GlobalConfig& global) {
  if (!global.node.empty()) return global.node;
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

}  // namespace

CheckRunner::CheckRunner(CheckHost& host, const Configuration& configuration, uint32_t shard,
                         uint32_t shards)
    : host_(host) {
  const GlobalConfig& global = configuration.global;
  settings_.spread_percent = global.spread_checks_percent;
  settings_.answer_bytes_max = global.bufsize;
  settings_.node = NodeOf(global);
  if (global.external_checks_keep_environment) {
    settings_.kept_environment = configuration.environment;
  }
  ForEachCheck(configuration, [&](ServerConfig& server, CheckOf of) {
    const CheckConfig& check = server.check;
    spread_ms_ = std::min<uint64_t>(spread_ms_,
                                    of == CheckOf::kAgent ? check.agent_inter_ms : check.inter_ms);
    const uint32_t position = checks_of_all_++;
    if (HomeOf(server, shards) != shard) return;
    own_.push_back({std::make_unique<ServerCheck>(host, settings_, server, of), position});
  });
  if (global.max_spread_checks_ms != 0) {
    spread_ms_ = std::min<uint64_t>(spread_ms_, global.max_spread_checks_ms);
  }
}

void CheckRunner::Start(const CheckRunner* before) {
  const uint64_t now_ms = host_.context().now_ms();
  // Its numbers stand for a server: they are the same where its definition has changed.
  const auto key_of = [](const ServerCheck& check) {
    return std::pair(check.server().state->numbers().get(), check.of());
  };
  std::map<std::pair<const ServerNumbers*, CheckOf>, const ServerCheck*> stopped;
  if (before != nullptr) {
    for (const Own& own : before->own_) stopped[key_of(*own.check)] = own.check.get();
  }
  for (const Own& own : own_) {
    const auto found = stopped.find(key_of(*own.check));
    if (found != stopped.end() && found->second->server().state == own.check->server().state) {
      own.check->GoOn(*found->second);
    } else {
      own.check->Begin(now_ms + spread_ms_ * own.position / checks_of_all_);
    }
  }
}

void CheckRunner::Stop() {
  for (const Own& own : own_) own.check->Stop();
}

ServerCheck* CheckRunner::Find(const ServerConfig& server, CheckOf of) {
  for (const Own& own : own_) {
    if (&own.check->server() == &server && own.check->of() == of) return own.check.get();
  }
  return nullptr;
}

uint32_t CountChecks(const Configuration& configuration) {
  uint32_t count = 0;
  ForEachCheck(configuration, [&](ServerConfig&, CheckOf) { ++count; });
  return count;
}

}  // namespace engine
