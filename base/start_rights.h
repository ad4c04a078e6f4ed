// start_rights.h - what reading a configuration and opening its listeners asks of the system:
// files, folders, names, addresses to bind. All of it passes through here, at a start and a reload.
//
// Owns:    the files of unix sockets until they are in place.
// Threads: main thread, or the one that it waits for while a configuration is read.
// Units:   results are those of the system: >= 0, or -errno.
// Errors:  -errno; those of Resolve() are getaddrinfo's, or h_errno's if it is asked the old way.
// States:  none. The one in use is replaced once, when user or root directory have been given up,
//          by one that asks a process that keeps both (engine/run/start_helper.h).
//
// It is one for the process, because rights are: so what reads a file deep inside a keyword need
// not be handed it.
//
//   const int fd = base::StartRights::Current().Open(path);
//   const int result = base::StartRights::Current().ReadFile(path, &text, bytes_max);

#pragma once

#include <sys/socket.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace base {

// SIGTERM or SIGINT has come and is blocked: what takes long is given up.
bool StopIsPending();

struct ResolvedName {
  int code = 0;  // 0: `address` is good
  sockaddr_storage address = {};
  socklen_t length = 0;
};

class StartRights {
 public:
  StartRights() = default;
  virtual ~StartRights() = default;
  StartRights(const StartRights&) = delete;
  StartRights& operator=(const StartRights&) = delete;

  static StartRights& Current();
  // Null: this process by itself.
  static void Use(StartRights* rights);
  // Current() may do no more than this process by itself.
  static bool AreOwn();

  // To read, without waiting for whoever writes a pipe; close-on-exec.
  virtual int Open(const std::string& path);
  virtual int Stat(const std::string& path, struct stat* what);
  // 0: a directory that may be entered.
  virtual int CanEnter(const std::string& path);
  // Names, in no order, "." and ".." with them.
  virtual int List(const std::string& path, std::vector<std::string>* names);
  // Of a name in /etc/passwd or /etc/group and their kin; -ENOENT.
  virtual int64_t FindUser(const std::string& name);
  virtual int64_t FindGroup(const std::string& name);
  // The first address of `host`. The old way is gethostbyname2().
  virtual ResolvedName Resolve(const std::string& host, int family, bool old_way);
  // A stream socket to listen on: close-on-exec, non-blocking. Those that share a port must have
  // been made by the same user (socket(7), SO_REUSEPORT).
  virtual int Socket(int family);
  // An address of IP or an abstract name.
  virtual int Bind(int socket, const sockaddr_storage& address, socklen_t length);
  // A unix socket at `path` + `suffix`, in place of what has that name; -1: as they are. Its mode
  // is right from the first moment on, and its owner is set by descriptor: who may write the folder
  // cannot have another file changed by exchanging names.
  virtual int BindPath(int socket, const std::string& path, const std::string& suffix, int mode,
                       int64_t uid, int64_t gid);
  // What was bound so gets its name, or goes. -EPERM: it was not, or is another file by now.
  // -EEXIST: what has that name is no socket, and nothing that a listener may replace.
  virtual int PlacePath(const std::string& bound, const std::string& path);
  virtual int RemovePath(const std::string& bound);

  // The whole file, a pipe's as well, appended. -EFBIG: more than `bytes_max`; -ETIMEDOUT: a pipe
  // to which nobody has written for kPipeSilenceMsMax; -EISDIR.
  static constexpr int kPipeSilenceMsMax = 5000;
  int ReadFile(const std::string& path, std::string* text, size_t bytes_max = SIZE_MAX);
  // From now on each file that is read is noted with a hash of what is in it; null: no more.
  using FileHashes = std::map<std::string, uint64_t>;
  void NoteFiles(FileHashes* notes) { notes_ = notes; }
  bool Exists(const std::string& path);
  bool IsFolder(const std::string& path);
  // Takes away what was bound by this one and never put in place.
  void RemoveBound();

 private:
  struct BoundFile {
    dev_t device = 0;
    ino_t inode = 0;
  };
  // 0: `bound` is what BindPath() has made, and not in place yet.
  int FindBound(const std::string& bound) const;
  static int TakeOver(const std::string& name, int64_t uid, int64_t gid, BoundFile* made);

  std::map<std::string, BoundFile> bound_;  // not in place yet
  FileHashes* notes_ = nullptr;
};

}  // namespace base
