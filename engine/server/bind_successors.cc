#include "engine/server/bind_successors.h"

#include "base/background_thread.h"
#include "engine/server/rule_config.h"
#include "engine/server/server_state.h"

namespace engine {
namespace {

std::string AddressKey(const BindAddress& address) {
  return address.inherited_fd >= 0 ? "fd@" + std::to_string(address.inherited_fd) : address.Name();
}

std::string AllAddressesKey(uint16_t family, uint16_t port) {
  BindAddress all;
  all.address.family = family;
  all.address.port = port;
  return all.Name();
}

// States of one name share what is counted.
bool HaveOneName(const ProxyConfig& one, const ProxyConfig& other) {
  return &one.state->part(0) == &other.state->part(0);
}

bool SpeakTheSame(const BindConfig& before, const BindConfig& now) {
  const ProxyConfig& from = *before.frontend;
  const ProxyConfig& to = *now.frontend;
  return from.mode == to.mode && from.is_internal == to.is_internal &&
         (from.service == nullptr) == (to.service == nullptr) &&
         (before.tls_context == nullptr) == (now.tls_context == nullptr);
}

// Who has come in by the one line would have come in by the other, and been taken for the same.
bool AdmitTheSame(const BindConfig& before, const BindConfig& now) {
  if (before.accept_proxy != now.accept_proxy || before.accept_cip != now.accept_cip) return false;
  if (!now.interface.empty() && now.interface != before.interface) return false;
  if (before.tls.words.verify != now.tls.words.verify || before.tls.ca_files != now.tls.ca_files ||
      before.tls.ca_verify_files != now.tls.ca_verify_files ||
      before.tls.crl_files != now.tls.crl_files) {
    return false;
  }
  if (HaveOneName(*before.frontend, *now.frontend)) return true;
  const ProxyRules* rules = now.frontend->rules.get();
  return rules == nullptr || (rules->set(RuleStage::kTcpConnection).empty() &&
                              rules->set(RuleStage::kTcpSession).empty());
}

}  // namespace

BindSuccessors::BindSuccessors(std::span<const Configuration* const> before,
                               const Configuration& next) {
  Lines lines;
  for (const auto& proxy : next.proxies) {
    if (!proxy->is_frontend || proxy->disabled) continue;
    base::GiveWay();
    for (const auto& bind : proxy->binds) {
      for (const BindAddress& address : bind->addresses) {
        lines[AddressKey(address)].push_back(bind.get());
      }
    }
  }
  for (const Configuration* configuration : before) {
    for (const auto& proxy : configuration->proxies) {
      base::GiveWay();
      for (const auto& bind : proxy->binds) {
        const BindConfig* now = InSameFrontend(lines, *bind);
        if (now == nullptr) now = WhoeverListens(lines, *bind);
        if (now != nullptr) successors_[bind.get()] = now;
      }
    }
  }
}

const BindConfig* BindSuccessors::InSameFrontend(const Lines& lines, const BindConfig& bind) {
  for (const BindAddress& address : bind.addresses) {
    const auto found = lines.find(AddressKey(address));
    if (found == lines.end()) continue;
    for (const BindConfig* line : found->second) {
      if (HaveOneName(*bind.frontend, *line->frontend) && SpeakTheSame(bind, *line)) return line;
    }
  }
  return nullptr;
}

// Those that name the address come first, as they do for the kernel. Where they would treat a
// client of `bind` in another way, nobody else does it.
const BindConfig* BindSuccessors::LineAt(const Lines& lines, const BindConfig& bind,
                                         const BindAddress& at) {
  enum Width : uint8_t { kThat, kAll, kAllOfBothFamilies };
  std::vector<std::string> keys = {AddressKey(at)};
  if (at.inherited_fd < 0 && at.address.is_ip()) {
    keys.push_back(AllAddressesKey(at.address.family, at.address.port));
    if (at.address.family == AF_INET) keys.push_back(AllAddressesKey(AF_INET6, at.address.port));
  }
  for (size_t width = 0; width < keys.size(); ++width) {
    const auto found = lines.find(keys[width]);
    if (found == lines.end()) continue;
    bool any = false;
    for (const BindConfig* line : found->second) {
      if (width == kAllOfBothFamilies && !line->v4v6) continue;
      any = true;
      if (SpeakTheSame(bind, *line) && AdmitTheSame(bind, *line)) return line;
    }
    if (any) return nullptr;
  }
  return nullptr;
}

// A session does not know by which address of its line it has come: all must lead to one.
const BindConfig* BindSuccessors::WhoeverListens(const Lines& lines, const BindConfig& bind) {
  const BindConfig* common = nullptr;
  for (const BindAddress& at : bind.addresses) {
    const BindConfig* line = LineAt(lines, bind, at);
    if (line == nullptr || (common != nullptr && line != common)) return nullptr;
    common = line;
  }
  return common;
}

}  // namespace engine
