#include "shard/net/socket_options.h"

#include <linux/filter.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>

#include "base/errno_name.h"
#include "base/start_rights.h"

namespace shard {
namespace {

int SetInt(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value));
}

int Fail(int fd, const char* what, const ListenOptions& options, std::string* why) {
  const int error = errno;
  *why = std::string(what) + " " + options.address.ToString() + ": " + base::ErrnoText(error) +
         " (" + base::ErrnoName(error) + ")";
  if (fd >= 0) close(fd);
  errno = error;
  return -1;
}

int BacklogOf(const ListenOptions& options) {
  return options.backlog == 0 ? SOMAXCONN : int(options.backlog);
}

int GetInt(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, level, option, &value, &length) == 0 ? value : 0;
}

// Options of a TCP socket, before bind. Null, or what could not be set.
const char* SetTcpOptions(int fd, const ListenOptions& options) {
  // Accepted sockets inherit it, so no connection pays for the call.
  if (SetInt(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0) return "cannot set TCP_NODELAY on";
  if (SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0) return "cannot set SO_REUSEADDR on";
  if (options.reuse_port && SetInt(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0)
    return "cannot set SO_REUSEPORT on";
  if (options.address.family == AF_INET6 && (options.v6only || options.v4v6) &&
      SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6only ? 1 : 0) != 0) {
    return "cannot set IPV6_V6ONLY on";
  }
  const bool v6 = options.address.family == AF_INET6;
  if (options.transparent &&
      SetInt(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1) != 0) {
    return "cannot make transparent (which needs CAP_NET_ADMIN or CAP_NET_RAW)";
  }
  if (options.user_timeout_ms != 0 &&
      SetInt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, int(options.user_timeout_ms)) != 0) {
    return "cannot set TCP_USER_TIMEOUT on";
  }
  if (options.save_syn != 0 && SetInt(fd, IPPROTO_TCP, TCP_SAVE_SYN, int(options.save_syn)) != 0) {
    return "cannot set TCP_SAVE_SYN on";
  }
  if (options.mss != 0 && SetInt(fd, IPPROTO_TCP, TCP_MAXSEG, int(options.mss)) != 0)
    return "cannot set MSS on";
  if (options.defer_accept && SetInt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1) != 0) {
    return "cannot set TCP_DEFER_ACCEPT on";
  }
  if (options.tcp_fast_open && SetInt(fd, IPPROTO_TCP, TCP_FASTOPEN, BacklogOf(options)) != 0) {
    return "cannot set TCP_FASTOPEN on";
  }
  if (!options.interface.empty() &&
      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.interface.data(),
                 socklen_t(options.interface.size())) != 0) {
    return "cannot bind to the interface on";
  }
  return nullptr;
}

// ".PID.tmp": of the name that a unix socket has until it is put in place.
std::string TemporaryEnding() { return "." + std::to_string(getpid()) + ".tmp"; }

// Where bind(2) of this process would not be let.
int BindByRights(int fd, const sockaddr_storage& storage, socklen_t length) {
  const int result = base::StartRights::Current().Bind(fd, storage, length);
  errno = result < 0 ? -result : 0;
  return result;
}

// Beside the path: who listens there now goes on until BeginListening() puts the new one in place,
// so that the path is never without a listener.
int BindUnix(int fd, const ListenOptions& options, std::string* why) {
  const std::string path(options.address.local.path, options.address.local.length);
  const int result = base::StartRights::Current().BindPath(
      fd, path, TemporaryEnding(), options.unix_mode, options.unix_uid, options.unix_gid);
  if (result == 0) return fd;
  if (result == -ENAMETOOLONG) {
    *why = "the path of unix socket " + path + " is too long";
    close(fd);
    return -1;
  }
  errno = -result;
  return Fail(fd, "cannot bind, or set mode or owner of,", options, why);
}

// Where a unix socket with a path was bound; empty for any other.
std::string BoundPath(int fd) {
  sockaddr_un bound = {};
  socklen_t length = sizeof(bound) - 1;  // so that a longest path ends with zero
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0 ||
      bound.sun_family != AF_UNIX) {
    return {};
  }
  return bound.sun_path;
}

// What one that is not to listen on is, behind a comma; empty: not open, or nothing known.
std::string KindOf(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return {};
  switch (status.st_mode & S_IFMT) {
    case S_IFCHR:
      return isatty(fd) != 0 ? ", but a terminal" : ", but a device";
    case S_IFIFO:
      return ", but a pipe";
    case S_IFREG:
      return ", but a file";
    case S_IFDIR:
      return ", but a folder";
    case S_IFSOCK:
      break;
    default:
      return {};
  }
  sockaddr_storage peer;
  socklen_t length = sizeof(peer);
  if (GetInt(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM) return ", it is a datagram socket";
  const bool connected = getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
  return connected ? ", it is a connection" : "";
}

int CheckInherited(const ListenOptions& options, std::string* why) {
  const int fd = options.inherited_fd;
  int listening = 0;
  socklen_t length = sizeof(listening);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) {
    const int error = errno;
    *why = "inherited descriptor " + std::to_string(fd) + " is no socket" + KindOf(fd) + ": " +
           base::ErrnoText(error);
    return -1;
  }
  if (listening == 0 && listen(fd, BacklogOf(options)) != 0) {
    const int error = errno;
    *why = "inherited descriptor " + std::to_string(fd) + " does not listen" + KindOf(fd) + ": " +
           base::ErrnoText(error);
    return -1;
  }
  return fd;
}

}  // namespace

int BindListenSocket(const ListenOptions& options, std::string* why) {
  if (options.inherited_fd >= 0) return CheckInherited(options, why);
  const int fd = base::StartRights::Current().Socket(options.address.family);
  if (fd < 0) {
    errno = -fd;
    return Fail(-1, "cannot create a socket for", options, why);
  }
  if (options.address.family == AF_UNIX && !options.address.local.abstract)
    return BindUnix(fd, options, why);
  if (options.address.is_ip()) {
    if (const char* what = SetTcpOptions(fd, options)) return Fail(fd, what, options, why);
  }
  sockaddr_storage storage;
  const socklen_t length = options.address.ToSockaddr(&storage);
  if (BindByRights(fd, storage, length) != 0) return Fail(fd, "cannot bind", options, why);
  return fd;
}

int Listen(int fd, const ListenOptions& options) {
  if (listen(fd, BacklogOf(options)) != 0) return -1;
  // Forgotten by a socket that begins to listen, so it comes after. Without it all works as well.
  if (options.address.is_ip()) {
    (void)SetInt(fd, IPPROTO_TCP, TCP_QUICKACK, options.delays_first_ack ? 0 : 1);
  }
  return 0;
}

bool BeginListening(int fd, const ListenOptions& options, std::string* why) {
  if (Listen(fd, options) != 0) {
    (void)Fail(-1, "cannot listen on", options, why);
    return false;
  }
  const std::string bound = BoundPath(fd);
  if (bound.empty()) return true;
  const std::string path(options.address.local.path, options.address.local.length);
  const int result = base::StartRights::Current().PlacePath(bound, path);
  if (result == 0) return true;
  errno = -result;
  (void)Fail(-1, "cannot put in place", options, why);
  if (result == -EEXIST) *why += ": what lies there is no socket, and is left as it is";
  return false;
}

void RemoveBoundPath(int fd) {
  if (const std::string bound = BoundPath(fd); !bound.empty()) {
    (void)base::StartRights::Current().RemovePath(bound);
  }
}

bool IsListenSocketFor(int fd, const ListenOptions& options) {
  sockaddr_storage wanted;
  const socklen_t wanted_length = options.address.ToSockaddr(&wanted);
  sockaddr_storage bound = {};
  socklen_t length = sizeof(bound);
  if (wanted_length == 0 || getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0 ||
      length != wanted_length || std::memcmp(&wanted, &bound, length) != 0) {
    return false;
  }
  if (GetInt(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
      GetInt(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0) {
    return false;
  }
  if (!options.address.is_ip()) return true;
  char interface[IF_NAMESIZE + 1] = {};
  socklen_t interface_length = IF_NAMESIZE;
  if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &interface_length) != 0 ||
      options.interface != interface) {
    return false;
  }
  if (options.address.family != AF_INET6 || !options.address.is_wildcard()) return true;
  bool only_v6 = options.v6only;
  if (!options.v6only && !options.v4v6) {  // as the system says
    const int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    only_v6 = GetInt(probe, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
    if (probe >= 0) close(probe);
  }
  return (GetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) == only_v6;
}

bool SharesItsPort(int fd) { return GetInt(fd, SOL_SOCKET, SO_REUSEPORT) != 0; }

bool AdjustListenSocket(int fd, const ListenOptions& options, std::string* why) {
  const char* what = nullptr;
  if (options.address.is_ip()) {
    const bool v6 = options.address.family == AF_INET6;
    const int level = v6 ? SOL_IPV6 : SOL_IP;
    const int transparent = v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT;
    const int backlog = options.tcp_fast_open ? BacklogOf(options) : 0;
    if ((GetInt(fd, level, transparent) != 0) != options.transparent &&
        SetInt(fd, level, transparent, options.transparent ? 1 : 0) != 0) {
      what = "cannot make transparent (which needs CAP_NET_ADMIN or CAP_NET_RAW)";
    } else if (SetInt(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0) {
      what = "cannot set TCP_NODELAY on";
    } else if (SetInt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, int(options.user_timeout_ms)) != 0) {
      what = "cannot set TCP_USER_TIMEOUT on";
    } else if (GetInt(fd, IPPROTO_TCP, TCP_SAVE_SYN) != int(options.save_syn) &&
               SetInt(fd, IPPROTO_TCP, TCP_SAVE_SYN, int(options.save_syn)) != 0) {
      what = "cannot set TCP_SAVE_SYN on";
    } else if (SetInt(fd, IPPROTO_TCP, TCP_MAXSEG, int(options.mss)) != 0) {
      what = "cannot set MSS on";
    } else if (SetInt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, options.defer_accept ? 1 : 0) != 0) {
      what = "cannot set TCP_DEFER_ACCEPT on";
    } else if (options.tcp_fast_open && SetInt(fd, IPPROTO_TCP, TCP_FASTOPEN, backlog) != 0) {
      what = "cannot set TCP_FASTOPEN on";
    } else if (!options.tcp_fast_open && GetInt(fd, IPPROTO_TCP, TCP_FASTOPEN) != 0 &&
               SetInt(fd, IPPROTO_TCP, TCP_FASTOPEN, 0) != 0) {
      what = "cannot clear TCP_FASTOPEN on";
    }
  }
  if (what == nullptr && Listen(fd, options) != 0) what = "cannot listen on";
  if (what == nullptr) return true;
  (void)Fail(-1, what, options, why);
  return false;
}

void IgnoreNewClients(int fd) {
  // A socket's filter sees the TCP header first (socket(7), SO_ATTACH_FILTER): the flags are byte
  // 13 (RFC 9293 section 3.1). Connections that are accepted later have it as well, which does them
  // no harm.
  constexpr uint32_t kFlagsAt = 13;
  constexpr uint32_t kSyn = 0x02;
  constexpr uint32_t kSynAndAck = 0x12;
  sock_filter drop_first_segments[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsAt),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAndAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog program = {std::size(drop_first_segments), drop_first_segments};
  (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

bool IsListenedOn(const ListenOptions& options) {
  const int fd = socket(options.address.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_storage storage;
  const socklen_t length = options.address.ToSockaddr(&storage);
  // With SO_REUSEADDR what was accepted earlier is in nobody's way: only a listener is.
  const bool taken = SetTcpOptions(fd, options) == nullptr &&
                     BindByRights(fd, storage, length) != 0 && errno == EADDRINUSE;
  close(fd);
  return taken;
}

}  // namespace shard
