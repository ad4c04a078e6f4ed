#include "shard/net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace shard {
namespace {

int SetInt(Ring& ring, int fd, int level, int option, int value) {
  return ring.SetOption(fd, level, option, &value, sizeof(value));
}

int BindOnce(Ring& ring, int fd, const Address& source) {
  sockaddr_storage storage;
  const socklen_t length = source.ToSockaddr(&storage);
  return length == 0 ? -EINVAL : ring.Bind(fd, reinterpret_cast<sockaddr*>(&storage), length);
}

int BindSource(Ring& ring, int fd, const OutgoingOptions& options) {
  if (options.family != AF_INET && options.family != AF_INET6) return 0;
  if (!options.interface.empty()) {
    const int result = ring.SetOption(fd, SOL_SOCKET, SO_BINDTODEVICE, options.interface.data(),
                                      socklen_t(options.interface.size()));
    if (result != 0) return result;
  }
  Address source = options.source;
  if (!source.is_ip() || (source.is_wildcard() && source.port == 0)) return 0;
  if (source.family != options.family) return -EAFNOSUPPORT;
  if (options.transparent) {
    const bool v6 = source.family == AF_INET6;
    const int result =
        SetInt(ring, fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1);
    if (result != 0) return result;
  }
  if (source.port == 0) {
    // The port is chosen at connect time, so that the whole range serves each destination.
    (void)SetInt(ring, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    return BindOnce(ring, fd, source);
  }
  // One port may serve several servers; the kernel tells at connect when two connections would be
  // the same.
  (void)SetInt(ring, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  const uint32_t tries = std::clamp(options.ports, 1u, kSourcePortTriesMax);
  int result = 0;
  for (uint32_t i = 0; i < tries; ++i) {
    if (options.ports != 0) {
      source.port = uint16_t(options.source.port + (options.first_port + i) % options.ports);
    }
    result = BindOnce(ring, fd, source);
    if (result != -EADDRINUSE) break;
  }
  return result;
}

}  // namespace

int TransparentError() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;  // nothing is known
  const int on = 1;
  const int error = setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)) == 0 ? 0 : errno;
  close(fd);
  return error;
}

void SetMark(Ring& ring, int fd, uint32_t mark) {
  (void)SetInt(ring, fd, SOL_SOCKET, SO_MARK, int(mark));
}

void SetTos(Ring& ring, int fd, uint16_t family, uint8_t tos) {
  if (family == AF_INET6) (void)SetInt(ring, fd, IPPROTO_IPV6, IPV6_TCLASS, tos);
  // Packets to an IPv4 address over a socket of IPv6 take this one.
  if (family == AF_INET || family == AF_INET6) (void)SetInt(ring, fd, IPPROTO_IP, IP_TOS, tos);
}

void ReduceMss(Ring& ring, int fd, uint32_t bytes) {
  int mss = 0;
  if (ring.GetOption(fd, IPPROTO_TCP, TCP_MAXSEG, &mss) != 0 || mss <= int(bytes)) return;
  (void)SetInt(ring, fd, IPPROTO_TCP, TCP_MAXSEG, mss - int(bytes));
}

int OpenOutgoingSocket(Ring& ring, const OutgoingOptions& options) {
  const int fd = ring.Socket(options.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const bool is_ip = options.family == AF_INET || options.family == AF_INET6;
  if (is_ip) (void)SetInt(ring, fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.keep_alive) SetKeepAlive(ring, fd, options.keep_alive_probes);
  if (is_ip && options.user_timeout_ms != 0) {
    (void)SetInt(ring, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, int(options.user_timeout_ms));
  }
  if (is_ip && options.delays_first_ack) (void)SetInt(ring, fd, IPPROTO_TCP, TCP_QUICKACK, 0);
  if (options.mark) SetMark(ring, fd, *options.mark);
  if (options.tos) SetTos(ring, fd, options.family, *options.tos);
  const int result = BindSource(ring, fd, options);
  if (result == 0) return fd;
  ring.Close(fd);
  return result;
}

}  // namespace shard
