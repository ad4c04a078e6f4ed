#include "base/start_rights.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/xxh64.h"

namespace base {
namespace {

StartRights* in_use = nullptr;

int Result(int result) { return result < 0 ? -errno : result; }

void TakeAddress(const void* address, size_t length, ResolvedName* into) {
  into->length = socklen_t(std::min(length, sizeof(into->address)));
  std::memcpy(&into->address, address, into->length);
}

ResolvedName ResolveTheOldWay(const std::string& host, int family) {
  ResolvedName resolved;
  const bool v6 = family == AF_INET6;
  const hostent* found = gethostbyname2(host.c_str(), v6 ? AF_INET6 : AF_INET);
  if (found == nullptr || found->h_addr_list[0] == nullptr) {
    resolved.code = found == nullptr ? h_errno : NO_DATA;
    return resolved;
  }
  if (v6) {
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, found->h_addr_list[0], sizeof(address.sin6_addr));
    TakeAddress(&address, sizeof(address), &resolved);
  } else {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, found->h_addr_list[0], sizeof(address.sin_addr));
    TakeAddress(&address, sizeof(address), &resolved);
  }
  return resolved;
}

}  // namespace

bool StopIsPending() {
  sigset_t pending;
  return sigpending(&pending) == 0 &&
         (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

StartRights& StartRights::Current() {
  static StartRights own;
  return in_use != nullptr ? *in_use : own;
}

void StartRights::Use(StartRights* rights) { in_use = rights; }

bool StartRights::AreOwn() { return in_use == nullptr; }

int StartRights::Open(const std::string& path) {
  return Result(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

int StartRights::Stat(const std::string& path, struct stat* what) {
  return Result(stat(path.c_str(), what));
}

int StartRights::CanEnter(const std::string& path) {
  struct stat what = {};
  if (stat(path.c_str(), &what) != 0) return -errno;
  if (!S_ISDIR(what.st_mode)) return -ENOTDIR;
  return Result(access(path.c_str(), X_OK));
}

int StartRights::List(const std::string& path, std::vector<std::string>* names) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return -errno;
  while (const dirent* entry = readdir(directory)) names->emplace_back(entry->d_name);
  closedir(directory);
  return 0;
}

int64_t StartRights::FindUser(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  return entry == nullptr ? -ENOENT : int64_t{entry->pw_uid};
}

int64_t StartRights::FindGroup(const std::string& name) {
  const group* entry = getgrnam(name.c_str());
  return entry == nullptr ? -ENOENT : int64_t{entry->gr_gid};
}

ResolvedName StartRights::Resolve(const std::string& host, int family, bool old_way) {
  ResolvedName resolved;
  if (StopIsPending()) {
    resolved.code = old_way ? TRY_AGAIN : EAI_AGAIN;
    return resolved;
  }
  if (old_way) return ResolveTheOldWay(host, family);
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  resolved.code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (resolved.code != 0) return resolved;
  for (const addrinfo* at = list; at != nullptr && resolved.length == 0; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    TakeAddress(at->ai_addr, at->ai_addrlen, &resolved);
  }
  freeaddrinfo(list);
  return resolved;
}

int StartRights::Socket(int family) {
  return Result(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int StartRights::Bind(int socket, const sockaddr_storage& address, socklen_t length) {
  return Result(bind(socket, reinterpret_cast<const sockaddr*>(&address), length));
}

int StartRights::BindPath(int socket, const std::string& path, const std::string& suffix, int mode,
                          int64_t uid, int64_t gid) {
  const std::string name = path + suffix;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  unlink(name.c_str());
  const socklen_t length = socklen_t(offsetof(sockaddr_un, sun_path) + name.size() + 1);
  // A new socket has mode 0777, and its file what the umask leaves of that: so it never has any
  // other, and no name needs to be followed to change it. Threads share the umask: what they made
  // in this moment would get this mode at the most.
  const mode_t before = mode >= 0 ? umask(~mode_t(mode) & 0777) : 0;
  const int result = Result(bind(socket, reinterpret_cast<const sockaddr*>(&address), length));
  if (mode >= 0) umask(before);
  if (result < 0) return result;
  BoundFile made;
  const int error = TakeOver(name, uid, gid, &made);
  if (error == 0) bound_[name] = made;
  return error;
}

// `name` may have been exchanged since: only a socket that we own, and that has no other name, is
// given away.
int StartRights::TakeOver(const std::string& name, int64_t uid, int64_t gid, BoundFile* made) {
  const int fd = open(name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  struct stat what = {};
  int result = Result(fstat(fd, &what));
  if (result == 0 && (!S_ISSOCK(what.st_mode) || what.st_uid != geteuid() || what.st_nlink != 1)) {
    result = -EPERM;
  } else if (result == 0 && (uid >= 0 || gid >= 0)) {
    result = Result(fchownat(fd, "", uid_t(uid), gid_t(gid), AT_EMPTY_PATH));
    if (result < 0) unlink(name.c_str());
  }
  close(fd);
  *made = {what.st_dev, what.st_ino};
  return result;
}

int StartRights::FindBound(const std::string& bound) const {
  const auto found = bound_.find(bound);
  struct stat what = {};
  if (found == bound_.end()) return -EPERM;
  if (lstat(bound.c_str(), &what) != 0) return -errno;
  const bool is_it = S_ISSOCK(what.st_mode) && what.st_dev == found->second.device &&
                     what.st_ino == found->second.inode;
  return is_it ? 0 : -EPERM;
}

int StartRights::PlacePath(const std::string& bound, const std::string& path) {
  const int error = FindBound(bound);
  if (error < 0) return error;
  struct stat there = {};
  if (lstat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode)) return -EEXIST;
  const int result = Result(rename(bound.c_str(), path.c_str()));
  if (result == 0) bound_.erase(bound);
  return result;
}

int StartRights::RemovePath(const std::string& bound) {
  const int error = FindBound(bound);
  bound_.erase(bound);
  return error < 0 ? error : Result(unlink(bound.c_str()));
}

void StartRights::RemoveBound() {
  while (!bound_.empty()) (void)RemovePath(std::string(bound_.begin()->first));
}

int StartRights::ReadFile(const std::string& path, std::string* text, size_t bytes_max) {
  const int fd = Open(path);
  if (fd < 0) return fd;
  std::vector<char> chunk(size_t{64} << 10);
  int result = 0;
  const size_t before = text->size();
  while (result == 0) {
    // A plain file is always ready, and a pipe whose writers have gone is at its end; one that
    // never had a writer is neither.
    pollfd ready = {fd, POLLIN, 0};
    const int polled = poll(&ready, 1, kPipeSilenceMsMax);
    if (polled == 0) result = -ETIMEDOUT;
    if (polled <= 0) continue;  // a signal: again
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got == 0) break;
    if (got > 0) {
      text->append(chunk.data(), size_t(got));
      if (text->size() - before > bytes_max) result = -EFBIG;
    } else if (errno != EINTR && errno != EAGAIN) {
      result = -errno;
    }
  }
  close(fd);
  if (notes_ != nullptr && result == 0) {
    (*notes_)[path] = Xxh64(std::string_view(*text).substr(before));
  }
  return result;
}

bool StartRights::Exists(const std::string& path) {
  struct stat what = {};
  return Stat(path, &what) == 0;
}

bool StartRights::IsFolder(const std::string& path) {
  struct stat what = {};
  return Stat(path, &what) == 0 && S_ISDIR(what.st_mode);
}

}  // namespace base
