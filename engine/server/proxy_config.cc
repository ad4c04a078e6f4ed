#include "engine/server/proxy_config.h"

namespace engine {

ProxyConfig* Configuration::FindBackend(const std::string& name) const {
  for (const auto& proxy : proxies) {
    if (proxy->is_backend && proxy->name == name) return proxy.get();
  }
  return nullptr;
}

ProxyConfig* Configuration::FindFrontend(const std::string& name) const {
  for (const auto& proxy : proxies) {
    if (proxy->is_frontend && proxy->name == name) return proxy.get();
  }
  return nullptr;
}

}  // namespace engine
