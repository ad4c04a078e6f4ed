#include "engine/server/proxy_config.h"

#include <algorithm>

#include "base/background_thread.h"
#include "engine/server/log_config.h"
#include "engine/server/userlist.h"

namespace engine {

std::string BindAddress::Name() const {
  if (inherited_fd >= 0) return {};
  if (address.is_ip()) {
    return (address.family == AF_INET ? "ipv4@" : "ipv6@") + address.ToString();
  }
  // An abstract name is padded with NUL.
  return (address.local.abstract ? "abns@" : "unix@") + std::string(unix_path.c_str());
}

Configuration::Configuration() = default;
// In the order of members, with pauses between: what a reload has replaced may be large.
Configuration::~Configuration() {
  for (auto& state : states) {
    state.reset();
    base::GiveWay();
  }
  for (auto& proxy : proxies) {
    proxy.reset();
    base::GiveWay();
  }
}

void Configuration::Free(std::unique_ptr<Configuration> configuration) {
  if (configuration == nullptr) return;
  std::shared_ptr<base::OwnHeap> heap = configuration->heap;
  base::OwnHeap::Finish(std::move(heap), [&] { configuration.reset(); });
}

void Configuration::AddProxy(std::unique_ptr<ProxyConfig> proxy) {
  if (proxy->is_backend) backends_.emplace(proxy->name, proxy.get());
  if (proxy->is_frontend) frontends_.emplace(proxy->name, proxy.get());
  proxies.push_back(std::move(proxy));
}

const Userlist* Configuration::FindUserlist(std::string_view name) const {
  for (const auto& list : userlists) {
    if (list->name == name) return list.get();
  }
  return nullptr;
}

ProxyConfig* Configuration::FindBackend(std::string_view name) const {
  const auto found = backends_.find(name);
  return found == backends_.end() ? nullptr : found->second;
}

ProxyConfig* Configuration::FindFrontend(std::string_view name) const {
  const auto found = frontends_.find(name);
  return found == frontends_.end() ? nullptr : found->second;
}

const ProxyConfig* Configuration::FindSame(const ProxyConfig& proxy) const {
  if (proxy.is_internal) {
    const auto found = std::find_if(proxies.begin(), proxies.end(),
                                    [](const auto& other) { return other->is_internal; });
    return found == proxies.end() ? nullptr : found->get();
  }
  const ProxyConfig* other = proxy.is_frontend ? FindFrontend(proxy.name) : FindBackend(proxy.name);
  return other != nullptr && other->is_frontend == proxy.is_frontend ? other : nullptr;
}

bool Configuration::speaks_tls() const {
  for (const auto& proxy : proxies) {
    for (const auto& bind : proxy->binds) {
      if (bind->tls_context != nullptr) return true;
    }
    for (const auto& server : proxy->servers) {
      if (server->tls_context != nullptr || server->check_tls_context != nullptr) return true;
    }
  }
  return false;
}

bool Configuration::splices() const {
  return global.splice && std::any_of(proxies.begin(), proxies.end(),
                                      [](const auto& proxy) { return proxy->splices(); });
}

}  // namespace engine
