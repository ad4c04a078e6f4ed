#include "shard/net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace shard {
namespace {

int BindSource(Ring& ring, int fd, const OutgoingOptions& options) {
  const int on = 1;
  if (!options.interface.empty()) {
    (void)ring.SetOption(fd, SOL_SOCKET, SO_BINDTODEVICE, options.interface.data(),
                         socklen_t(options.interface.size()));
  }
  sockaddr_storage source;
  const socklen_t length = options.source.ToSockaddr(&source);
  if (length == 0) return 0;
  if (options.source.port == 0) {
    // The port is chosen at connect time, so that the whole range serves each destination.
    (void)ring.SetOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  } else {
    (void)ring.SetOption(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  return ring.Bind(fd, reinterpret_cast<sockaddr*>(&source), length);
}

}  // namespace

int OpenOutgoingSocket(Ring& ring, const OutgoingOptions& options) {
  const int fd = ring.Socket(options.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const int on = 1;
  const bool is_ip = options.family == AF_INET || options.family == AF_INET6;
  if (is_ip) (void)ring.SetOption(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (options.keep_alive) (void)ring.SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  const int result = BindSource(ring, fd, options);
  if (result == 0) return fd;
  ring.Close(fd);
  return result;
}

}  // namespace shard
