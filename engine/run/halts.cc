// Frontends that do not listen for a while, or never again: the Supervisor's part of signals and
// commands about them.
#include <sys/socket.h>

#include <string>

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

bool Supervisor::ApplyHalt(const ProxyConfig& frontend, std::string* why) {
  const Halt& halt = halts_[&frontend];
  bool good = true;
  std::vector<size_t> changing;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const Socket& socket = sockets_[i];
    if (socket.bind == nullptr || socket.bind->frontend != &frontend || socket.fd < 0) continue;
    // Who has paused us asks how we are, and nobody else could use the name of a unix socket.
    if (frontend.is_internal && !halt.for_ever && !socket.address->address.is_ip()) continue;
    if (halt.for_ever || halt.any() == socket.is_open) changing.push_back(i);
  }
  if (halt.for_ever) {
    EndAccepting(changing);
    for (const size_t place : changing) {
      sockets_[place].is_open = false;
      sockets_[place].is_closing = true;
      CloseSocket(sockets_[place]);
    }
  } else if (halt.any()) {
    TellListeners(changing, &Supervisor::Hold);
    for (const size_t place : changing) {
      Socket& socket = sockets_[place];
      socket.is_open = false;
      // A TCP socket stops listening and keeps its address, which others may then use. What others
      // share with us is theirs, and a unix socket could not listen again: who comes waits there.
      const bool is_ip = !socket.inherited && socket.address->address.is_ip();
      if (is_ip && !sharing_.IsShared(socket.fd)) {
        (void)shutdown(socket.fd, SHUT_RD);
      }
    }
  } else {
    good =
        std::erase_if(changing, [&](size_t place) { return !Reopen(sockets_[place], why); }) == 0;
    for (const size_t place : changing) sockets_[place].is_open = true;
    TellListeners(changing, &Supervisor::Release);
  }
  frontend.state->SetListening(halt.for_ever         ? Listening::kShutDown
                               : halt.any() || !good ? Listening::kPaused
                                                     : Listening::kOpen);
  return good;
}

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
  const ProxyConfig* now = configuration().FindSame(asked);
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
  const ProxyConfig* now = configuration().FindSame(asked);
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
  const ProxyConfig* now = configuration().FindSame(asked);
  if (now == nullptr) return "No such frontend.";
  const ProxyConfig& frontend = *now;
  Halt& halt = halts_[&frontend];
  if (halt.for_ever) return "Frontend was already shut down.";
  halt.for_ever = true;
  std::string why;
  (void)ApplyHalt(frontend, &why);
  Tell(frontend, StoppedText(frontend));
  return {};
}

}  // namespace engine
