// Frontends that do not listen for a while, or never again: the Supervisor's part of signals and
// commands about them.
#include <sys/socket.h>

#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "engine/run/supervisor.h"

namespace engine {
namespace {

std::string StoppedText(const ProxyConfig& proxy) {
  return base::Format(
      "Proxy %s stopped (cumulated conns: FE: %llu, BE: %llu).", proxy.name.c_str(),
      static_cast<unsigned long long>(proxy.state->Sum(&ProxyShardPart::front_total)),
      static_cast<unsigned long long>(proxy.state->Sum(&ProxyShardPart::back_total)));
}

}  // namespace

void Supervisor::LogHalt(const ProxyConfig& proxy, const char* what) {
  LogProxy(proxy,
           std::string(what) + (proxy.is_backend ? " proxy " : " frontend ") + proxy.name + ".");
}

void Supervisor::Tell(const ProxyConfig& proxy, const std::string& text) {
  if (settings_.console != nullptr) settings_.console->Warning(text);
  LogProxy(proxy, text);
}

void Supervisor::NoteAllStopped(void (Supervisor::*note)(const ProxyConfig&, const std::string&)) {
  if (stop_is_noted_) return;
  stop_is_noted_ = true;
  for (const auto& proxy : configuration().proxies) {
    // One that was shut down before has had its line.
    const auto halt = halts_.find(proxy.get());
    const bool before = halt != halts_.end() && halt->second.for_ever;
    if (!proxy->disabled && !before) (this->*note)(*proxy, StoppedText(*proxy));
  }
}

void Supervisor::TellHardStop() {
  const std::string text = "soft-stop running for too long, performing a hard-stop.";
  if (settings_.console != nullptr) settings_.console->Warning(text);
  LogProcess(LogLevel::kWarning, text);
  for (const auto& proxy : configuration().proxies) {
    const int64_t current = proxy->is_frontend ? proxy->state->FrontCurrent() : 0;
    if (current <= 0) continue;
    Tell(*proxy, base::Format("Proxy %s hard-stopped (%lld remaining conns will be closed).",
                              proxy->name.c_str(), static_cast<long long>(current)));
  }
}

std::vector<const ProxyConfig*> Supervisor::ListeningFrontends() const {
  std::vector<const ProxyConfig*> frontends;
  for (const auto& proxy : configuration().proxies) {
    if (proxy->is_frontend && !proxy->disabled && !proxy->binds.empty()) {
      frontends.push_back(proxy.get());
    }
  }
  return frontends;
}

void Supervisor::ShutDownSockets(std::span<const size_t> places) {
  if (places.empty()) return;
  EndAccepting(places);
  for (const size_t place : places) {
    sockets_[place].is_open = false;
    sockets_[place].is_closing = true;
  }
  (void)TellMaster();  // what it does not let go of is shared
  for (const size_t place : places) CloseSocket(sockets_[place]);
}

void Supervisor::PauseSockets(std::span<const size_t> places) {
  if (places.empty()) return;
  TellListeners(places, &Supervisor::Hold);
  for (const size_t place : places) sockets_[place].is_open = false;
  (void)TellMaster();
  for (const size_t place : places) {
    const Socket& socket = sockets_[place];
    // A TCP socket stops listening and keeps its address, which others may then use. What others
    // share with us is theirs, and a unix socket could not listen again: who comes waits there.
    const bool is_ip = !socket.inherited && socket.address->address.is_ip();
    if (is_ip && !sharing_.IsShared(socket.fd)) (void)shutdown(socket.fd, SHUT_RD);
  }
}

Supervisor::Problems Supervisor::ResumeSockets(std::span<const size_t> places) {
  Problems problems;
  std::vector<size_t> resumed;
  for (const size_t place : places) {
    std::string why;
    if (Reopen(sockets_[place], &why)) {
      sockets_[place].is_open = true;
      resumed.push_back(place);
    } else {
      problems[sockets_[place].bind->frontend] = why;
    }
  }
  if (resumed.empty()) return problems;
  (void)TellMaster();
  TellListeners(resumed, &Supervisor::Release);
  return problems;
}

Supervisor::Problems Supervisor::ApplyHalts(std::span<const ProxyConfig* const> frontends) {
  std::vector<size_t> ending;
  std::vector<size_t> pausing;
  std::vector<size_t> resuming;
  const std::set<const ProxyConfig*> asked(frontends.begin(), frontends.end());
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const Socket& socket = sockets_[i];
    if (socket.bind == nullptr || socket.fd < 0) continue;
    const ProxyConfig* frontend = socket.bind->frontend;
    if (asked.count(frontend) == 0) continue;
    const Halt& halt = halts_[frontend];
    // Who has paused us asks how we are, and nobody else could use the name of a unix socket.
    if (frontend->is_internal && !halt.for_ever && !socket.address->address.is_ip()) continue;
    if (halt.for_ever) {
      ending.push_back(i);
    } else if (halt.any() == socket.is_open) {
      (halt.any() ? pausing : resuming).push_back(i);
    }
  }
  ShutDownSockets(ending);
  PauseSockets(pausing);
  Problems problems = ResumeSockets(resuming);
  for (const ProxyConfig* frontend : frontends) {
    const Halt& halt = halts_[frontend];
    const bool is_open = !halt.any() && problems.count(frontend) == 0;
    frontend->state->SetListening(halt.for_ever ? Listening::kShutDown
                                  : is_open     ? Listening::kOpen
                                                : Listening::kPaused);
  }
  return problems;
}

std::vector<std::string> Supervisor::Pause() {
  std::vector<std::string> names;
  const std::vector<const ProxyConfig*> frontends = ListeningFrontends();
  for (const ProxyConfig* frontend : frontends) {
    Halt& halt = halts_[frontend];
    if (!halt.any()) {
      names.push_back(frontend->kind + " " + frontend->name);
      LogHalt(*frontend, "Paused");
    }
    halt.by_signal = true;
  }
  (void)ApplyHalts(frontends);
  return names;
}

std::vector<std::string> Supervisor::Resume(std::vector<std::string>* problems) {
  std::vector<const ProxyConfig*> frontends = ListeningFrontends();
  // One that could not listen again stays paused, and is tried again by the next signal.
  std::erase_if(frontends, [this](const ProxyConfig* frontend) {
    return frontend->state->listening() != Listening::kPaused || halts_[frontend].by_operator;
  });
  for (const ProxyConfig* frontend : frontends) halts_[frontend].by_signal = false;
  const Problems found = ApplyHalts(frontends);
  std::vector<std::string> names;
  for (const ProxyConfig* frontend : frontends) {
    if (const auto problem = found.find(frontend); problem != found.end()) {
      problems->push_back(problem->second);
      continue;
    }
    names.push_back(frontend->kind + " " + frontend->name);
    LogHalt(*frontend, "Resumed");
  }
  return names;
}

std::string Supervisor::DisableFrontend(const ProxyConfig& asked) {
  const ProxyConfig* now = configuration().FindSame(asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was previously shut down, cannot disable.";
  if (halt.by_operator) return "Frontend is already disabled.";
  halt.by_operator = true;
  (void)ApplyHalts({{&frontend}});
  LogHalt(frontend, "Paused");
  return {};
}

std::string Supervisor::EnableFrontend(const ProxyConfig& asked) {
  const ProxyConfig* now = configuration().FindSame(asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was previously shut down, cannot enable.";
  if (frontend.state->listening() == Listening::kOpen) return "Frontend is already enabled.";
  halt = Halt{};
  const Problems problems = ApplyHalts({{&frontend}});
  if (!problems.empty()) return "Failed to resume frontend: " + problems.begin()->second;
  LogHalt(frontend, "Resumed");
  return {};
}

std::string Supervisor::ShutDownFrontend(const ProxyConfig& asked) {
  const ProxyConfig* now = configuration().FindSame(asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was already shut down.";
  halt.for_ever = true;
  (void)ApplyHalts({{&frontend}});
  Tell(frontend, StoppedText(frontend));
  return {};
}

}  // namespace engine
