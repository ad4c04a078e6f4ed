#include "engine/run/notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/text.h"
#include "shard/net/address.h"

namespace engine {

ServiceNotifier ServiceNotifier::FromEnvironment() {
  ServiceNotifier notifier;
  if (const char* address = std::getenv("NOTIFY_SOCKET")) notifier.address_ = address;
  return notifier;
}

void ServiceNotifier::Send(std::string_view state) const {
  if (address_.empty()) return;
  const bool abstract = address_[0] == '@';
  if (!abstract && address_[0] != '/') return;
  shard::Address address;
  address.family = AF_UNIX;
  address.local = {address_.data() + (abstract ? 1 : 0),
                   uint32_t(address_.size() - (abstract ? 1 : 0)), abstract};
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(&storage);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  // A manager that is busy is waited for, one that hangs is not.
  const timeval patience = {1, 0};
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (length != 0) {
    (void)sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&storage), length);
  }
  close(fd);
}

void ServiceNotifier::SendReloading() const {
  Send(base::Format("RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reloading.\n",
                    static_cast<unsigned long long>(base::MonotonicMicros())));
}

}  // namespace engine
