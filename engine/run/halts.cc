// Frontends that do not listen for a while, or never again: the Supervisor's part of signals and
// commands about them.
#include "engine/run/supervisor.h"

namespace engine {

std::vector<std::string> Supervisor::Pause() {
  std::vector<std::string> names;
  for (const auto& proxy : configuration().proxies) {
    if (!proxy->is_frontend || proxy->disabled || proxy->binds.empty()) continue;
    Halt& halt = halts_[proxy.get()];
    if (!halt.any()) {
      names.push_back(proxy->kind + " " + proxy->name);
      LogHalt(*proxy, "Paused");
    }
    halt.by_signal = true;
    std::string why;
    (void)ApplyHalt(*proxy, &why);
  }
  return names;
}

std::vector<std::string> Supervisor::Resume(std::vector<std::string>* problems) {
  std::vector<std::string> names;
  for (const auto& proxy : configuration().proxies) {
    if (!proxy->is_frontend || proxy->disabled || proxy->binds.empty()) continue;
    Halt& halt = halts_[proxy.get()];
    // One that could not listen again stays paused, and is tried again by the next signal.
    if (proxy->state->listening() != Listening::kPaused || halt.by_operator) continue;
    halt.by_signal = false;
    std::string why;
    if (ApplyHalt(*proxy, &why)) {
      names.push_back(proxy->kind + " " + proxy->name);
      LogHalt(*proxy, "Resumed");
    } else {
      problems->push_back(why);
    }
  }
  return names;
}

std::string Supervisor::DisableFrontend(const ProxyConfig& asked) {
  const ProxyConfig* now = FindSame(*generation_, asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was previously shut down, cannot disable.";
  if (halt.by_operator) return "Frontend is already disabled.";
  halt.by_operator = true;
  std::string why;
  (void)ApplyHalt(frontend, &why);
  LogHalt(frontend, "Paused");
  return {};
}

std::string Supervisor::EnableFrontend(const ProxyConfig& asked) {
  const ProxyConfig* now = FindSame(*generation_, asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was previously shut down, cannot enable.";
  if (frontend.state->listening() == Listening::kOpen) return "Frontend is already enabled.";
  halt = Halt{};
  std::string why;
  if (!ApplyHalt(frontend, &why)) return "Failed to resume frontend: " + why;
  LogHalt(frontend, "Resumed");
  return {};
}

std::string Supervisor::ShutDownFrontend(const ProxyConfig& asked) {
  const ProxyConfig* now = FindSame(*generation_, asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was already shut down.";
  halt.for_ever = true;
  std::string why;
  (void)ApplyHalt(frontend, &why);
  LogStopped(frontend);
  return {};
}

}  // namespace engine
