#include "shard/net/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace shard {

void SetKeepAlive(Ring& ring, int fd, const KeepAliveProbes& probes) {
  const auto set = [&](int level, int option, int value) {
    (void)ring.SetOption(fd, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  if (probes.idle_s != 0) set(IPPROTO_TCP, TCP_KEEPIDLE, probes.idle_s);
  if (probes.interval_s != 0) set(IPPROTO_TCP, TCP_KEEPINTVL, probes.interval_s);
  if (probes.probes != 0) set(IPPROTO_TCP, TCP_KEEPCNT, probes.probes);
}

}  // namespace shard
