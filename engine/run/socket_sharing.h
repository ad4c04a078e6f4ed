// socket_sharing.h - listening sockets that two processes hold at once while one takes over from
// the other: who offers them, who asks for them, and how long it lasts.
//
// Owns:    the offer (an abstract unix socket named after the process) and the sessions: one with
//          each process that has got our sockets, or given us its own. Not the listening sockets.
// Threads: main thread, which may wait here for up to a second while sockets are sent.
// Units:   descriptors are named by their number in this process.
// Errors:  an offer that cannot be opened costs the next takeover its sockets: a message. Whoever
//          may not ask is hung up on.
// States:  a session is open as long as both processes hold the sockets, and no longer: each end
//          closes it after it has closed them, or by dying. So whoever finds it closed holds them
//          alone.
//
//   SocketSharing sharing([&] { return OfferedSockets(); });
//   sharing.Open(&why);                        // before privileges are dropped
//   if (sharing.fd() is readable) switch (sharing.Turn()) { ... }
//   if (!sharing.IsShared(fd)) shutdown(fd, SHUT_RD);   // would stop the other process, too
//
// Who may ask by the offer: the user this process was started as, and root. What is said in a
// session, one message each, is in docs/cli.md.

#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class SocketSharing {
 public:
  // What the other process asks of this one, where it may not send the signal itself.
  enum class Order : uint8_t { kNone, kSoftStop, kStop };

  explicit SocketSharing(std::function<std::vector<int>()> offered)
      : offered_(std::move(offered)) {}
  ~SocketSharing() { Close(); }
  SocketSharing(const SocketSharing&) = delete;
  SocketSharing& operator=(const SocketSharing&) = delete;

  // The name under which process `pid` of this machine (and pid namespace) offers its sockets.
  static std::string OfferName(pid_t pid);
  [[nodiscard]] bool Open(std::string* why);
  // Readable when Turn() has something to do.
  int fd() const { return epoll_; }
  Order Turn();

  // Sends what is offered to the other end of `session`, which it takes.
  bool Give(int session);
  // To our master, by `session`, which it takes, or -1. The master has this in place of what it was
  // given before: it closes that and hangs up, for which this waits. False: it would not, or has
  // not within a second, and what it had counts as shared as long as it holds it.
  bool GiveToMaster(int session);
  // It has what it was given, and lives.
  bool has_master() const { return masters_ >= 0; }
  bool has_sessions() const { return !sessions_.empty(); }
  // `session` is with process `pid`, which has given us `sockets`. Takes it.
  void Watch(int session, pid_t pid, std::vector<int> sockets);
  bool IsShared(int socket) const;
  // As long as it is set, all are held by a master, which has no session yet.
  void set_shares_all(bool shares_all) { shares_all_ = shares_all; }
  // `socket` is closed here; its number may come again.
  void Forget(int socket);
  // To the process that has given us sockets. False: there is none.
  bool Send(pid_t pid, std::string_view order) const;
  // The sockets are closed: hangs up on everybody and offers nothing any more.
  void Close();

 private:
  struct Session {
    int fd;
    pid_t giver;               // 0: it was given ours
    std::vector<int> sockets;  // shared over it; in the order of sending, where they are ours
  };
  static constexpr size_t kSessionsMax = 16;

  bool MayAsk(int session) const;
  void Accept();
  void Add(Session session);
  Order Read(size_t index);
  static void KeepOnly(Session& session, std::string_view numbers);
  void End(int session);

  const std::function<std::vector<int>()> offered_;
  int masters_ = -1;  // the session with our master
  uid_t start_uid_ = 0;
  bool shares_all_ = false;
  int epoll_ = -1;
  int offer_ = -1;
  std::vector<Session> sessions_;
};

}  // namespace engine
