// start_helper.h - a process that keeps the user and the root directory of the start, so that a
// reload can read its files and bind its ports after this process has given both up.
//
// Owns:    one end of a socket pair; the process, which ends when that end closes, however we end.
// Threads: Fork() before any thread and ring; the rest: main thread, or the one that it waits for.
// Units:   none.
// Errors:  those of base::StartRights. A helper that was killed, or is silent for kSilenceMsMax, is
//          gone for good: whatever is asked of it is -ENOTCONN, and Begin() and End() say what has
//          happened. Serving goes on without it, reloads do not. Nobody waits for it who is to
//          stop.
// States:  silent <-> answering, between Begin() and End(); gone.
//
//   helper = StartHelper::Fork([this] { ... read the files, ask for their addresses ... }, &why);
//   ... user, root directory and system calls are given up ...
//   base::StartRights::Use(helper.get());
//   if (helper->Begin(&why)) ... a reload ...
//   helper->End();
//
// It trusts this process with nothing that the configuration on disk does not ask for: at Begin() a
// child of its own does what the reload is about to do, and what that asks of base::StartRights is
// noted. Until End() exactly these requests are answered, word for word, everything else is -EPERM.
// It opens to read only, runs nothing, binds only stream sockets, and of files it renames and
// removes only the unix sockets that it has bound itself. Who may write a folder that the
// configuration names can put a link there, which is followed as a restart would follow it.

#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/start_rights.h"

namespace engine {

struct HelperQuestion;  // a message, before it is one

class StartHelper final : public base::StartRights {
 public:
  static constexpr int kSilenceMsMax = 60000;

  // What a reload asks of base::StartRights::Current(). It runs in a child of the helper.
  using Rehearsal = std::function<void()>;

  // Null: `*why` says why not.
  static std::unique_ptr<StartHelper> Fork(Rehearsal rehearsal, std::string* why);
  // What the helper does: answers on `fd` until its other end closes. `ending` is what the names of
  // unix sockets have until they are put in place.
  static void Serve(int fd, const std::string& ending, const Rehearsal& rehearsal);

  // `fd` is the end of one who serves; `pid` 0: in this process.
  StartHelper(int fd, pid_t pid) : fd_(fd), pid_(pid) {}
  ~StartHelper() override;  // nobody uses it any more

  pid_t pid() const { return pid_; }
  // False: `*why` says why it cannot help.
  [[nodiscard]] bool Begin(std::string* why);
  // False: it was lost meanwhile, as `*why` says.
  bool End(std::string* why);
  // Since Begin() something was refused: that is not what the files on disk asked for then.
  bool was_refused() const { return was_refused_; }

  int Open(const std::string& path) override;
  int Stat(const std::string& path, struct stat* what) override;
  int CanEnter(const std::string& path) override;
  int List(const std::string& path, std::vector<std::string>* names) override;
  int64_t FindUser(const std::string& name) override;
  int64_t FindGroup(const std::string& name) override;
  base::ResolvedName Resolve(const std::string& host, int family, bool old_way) override;
  int Socket(int family) override;
  int Bind(int socket, const sockaddr_storage& address, socklen_t length) override;
  int BindPath(int socket, const std::string& path, const std::string& suffix, int mode,
               int64_t uid, int64_t gid) override;
  int PlacePath(const std::string& bound, const std::string& path) override;
  int RemovePath(const std::string& bound) override;

 private:
  int AskForFd(const HelperQuestion& question);
  int64_t Ask(const HelperQuestion& question, std::string* bytes = nullptr, int* fd = nullptr);
  bool Receive(int64_t* result, bool* more, std::string* bytes, int* fd);
  bool AwaitEnd(int* status) const;
  int Lose(std::string why);
  std::string LossText() const;

  int fd_;
  const pid_t pid_;
  bool was_refused_ = false;
  std::string lost_why_;
};

}  // namespace engine
