// notify.h - telling the service manager how the process does (sd_notify), without its library.
//
// Owns:    the address of its socket.
// Threads: main thread.
// Units:   none.
// Errors:  a manager that does not listen is none of ours: nothing is said.
// States:  none.
//
//   ServiceNotifier notifier = ServiceNotifier::FromEnvironment();   // NOTIFY_SOCKET
//   notifier.Send("READY=1\nSTATUS=Ready.\n");
//
// systemd.service(5), Type=notify and notify-reload; sd_notify(3) has the words.

#pragma once

#include <string>
#include <string_view>

namespace engine {

class ServiceNotifier {
 public:
  ServiceNotifier() = default;  // says nothing
  static ServiceNotifier FromEnvironment();
  void Send(std::string_view state) const;
  // RELOADING=1 with the time that systemd wants to see beside it.
  void SendReloading() const;

 private:
  std::string address_;  // a path, or `@` and an abstract name
};

}  // namespace engine
