#include "engine/run/start_helper.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <set>

#include "base/background_thread.h"
#include "base/errno_name.h"
#include "base/text.h"
#include "engine/run/daemon.h"
#include "shard/net/pass_fds.h"

namespace engine {

enum class HelperRequest : uint32_t {
  kBegin,
  kEnd,
  kOpen,
  kStat,
  kCanEnter,
  kList,
  kUser,
  kGroup,
  kResolve,
  kSocket,
  kBind,
  kBindPath,
  kPlacePath,
  kRemovePath,
};

namespace {

using Kind = HelperRequest;

// Both ends are the same program, so messages are these, then the bytes of the texts.
struct RequestHead {
  Kind kind;
  int32_t number;  // family, mode
  int64_t uid;
  int64_t gid;
  uint32_t first_bytes;
  uint32_t second_bytes;
};
struct ReplyHead {
  int64_t result;
  uint32_t more;  // another message follows
  uint32_t bytes;
};

constexpr size_t kTextBytesMax = PATH_MAX;
constexpr size_t kRequestBytesMax = sizeof(RequestHead) + 2 * kTextBytesMax;
constexpr size_t kReplyBytesMax = 16384;
constexpr int kStillThereMs = 1000;
constexpr int kEndTurns = 100;  // of a millisecond
constexpr int kStopLookMs = 100;
constexpr size_t kRecordBytesMax = size_t{64} << 20;  // a million paths

struct Request {
  RequestHead head;
  std::string first;
  std::string second;
};

template <typename Value>
std::string_view BytesOf(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// The one place where lengths are looked at. A path or a name with a zero in it would mean less to
// the system than to us; an address may have some.
bool Parse(std::string_view message, size_t fds, Request* request) {
  RequestHead& head = request->head;
  if (message.size() < sizeof(head)) return false;
  std::memcpy(&head, message.data(), sizeof(head));
  message.remove_prefix(sizeof(head));
  if (head.first_bytes > kTextBytesMax || head.second_bytes > kTextBytesMax ||
      message.size() != size_t{head.first_bytes} + head.second_bytes) {
    return false;
  }
  request->first = message.substr(0, head.first_bytes);
  request->second = message.substr(head.first_bytes);
  const bool binds = head.kind == Kind::kBind || head.kind == Kind::kBindPath;
  if (fds != (binds ? 1 : 0)) return false;
  if (head.kind == Kind::kBind) {
    return request->first.size() >= sizeof(sa_family_t) &&
           request->first.size() <= sizeof(sockaddr_storage);
  }
  return request->first.find('\0') == std::string::npos &&
         request->second.find('\0') == std::string::npos;
}

bool Reply(int fd, int64_t result, std::string_view bytes = {}, int passed = -1,
           bool more = false) {
  const ReplyHead head = {result, more ? 1U : 0U, uint32_t(bytes.size())};
  std::string message(reinterpret_cast<const char*>(&head), sizeof(head));
  message += bytes;
  const std::span<const int> fds(&passed, passed >= 0 ? 1 : 0);
  return shard::SendWithFds(fd, message, fds) > 0;
}

}  // namespace

struct HelperQuestion {
  Kind kind;
  std::string_view first = {};
  std::string_view second = {};
  int32_t number = 0;
  int64_t uid = 0;
  int64_t gid = 0;
  int socket = -1;
};

namespace {

std::string MessageOf(const HelperQuestion& question) {
  const RequestHead head = {question.kind,
                            question.number,
                            question.uid,
                            question.gid,
                            uint32_t(question.first.size()),
                            uint32_t(question.second.size())};
  std::string message(BytesOf(head));
  message += question.first;
  message += question.second;
  return message;
}

// What a rehearsal asks for, as the messages that would ask for it. Nothing is bound.
class Recorder final : public base::StartRights {
 public:
  explicit Recorder(const std::string& ending) : ending_(ending) {}

  int Open(const std::string& path) override {
    Note({.kind = Kind::kOpen, .first = path});
    return StartRights::Open(path);
  }
  int Stat(const std::string& path, struct stat* what) override {
    Note({.kind = Kind::kStat, .first = path});
    return StartRights::Stat(path, what);
  }
  int CanEnter(const std::string& path) override {
    Note({.kind = Kind::kCanEnter, .first = path});
    return StartRights::CanEnter(path);
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    Note({.kind = Kind::kList, .first = path});
    return StartRights::List(path, names);
  }
  int64_t FindUser(const std::string& name) override {
    Note({.kind = Kind::kUser, .first = name});
    return StartRights::FindUser(name);
  }
  int64_t FindGroup(const std::string& name) override {
    Note({.kind = Kind::kGroup, .first = name});
    return StartRights::FindGroup(name);
  }
  base::ResolvedName Resolve(const std::string& host, int family, bool old_way) override {
    Note({.kind = Kind::kResolve, .first = host, .number = family, .uid = old_way ? 1 : 0});
    return StartRights::Resolve(host, family, old_way);
  }
  int Socket(int family) override {
    Note({.kind = Kind::kSocket, .number = family});
    return StartRights::Socket(family);
  }
  int Bind(int, const sockaddr_storage& address, socklen_t length) override {
    const std::string_view bytes(reinterpret_cast<const char*>(&address), length);
    Note({.kind = Kind::kBind, .first = bytes});
    return -EPERM;
  }
  // The ending that is asked for names this process, not the one that will ask.
  int BindPath(int, const std::string& path, const std::string&, int mode, int64_t uid,
               int64_t gid) override {
    Note({.kind = Kind::kBindPath,
          .first = path,
          .second = ending_,
          .number = mode,
          .uid = uid,
          .gid = gid});
    return -EPERM;
  }
  int PlacePath(const std::string&, const std::string&) override { return -EPERM; }
  int RemovePath(const std::string&) override { return -EPERM; }

  // What ReadRecord() takes.
  [[nodiscard]] bool Write(int fd) const {
    std::string text;
    for (const std::string& message : asked_) {
      const uint32_t bytes = uint32_t(message.size());
      text += BytesOf(bytes);
      text += message;
    }
    for (std::string_view left = text; !left.empty();) {
      const ssize_t sent = write(fd, left.data(), left.size());
      if (sent < 0 && errno != EINTR) return false;
      left.remove_prefix(size_t(std::max<ssize_t>(sent, 0)));
    }
    return true;
  }

 private:
  void Note(const HelperQuestion& question) { asked_.insert(MessageOf(question)); }

  const std::string& ending_;
  std::set<std::string> asked_;
};

// False: it ends amid a message.
bool ReadRecord(std::string_view text, std::set<std::string>* messages) {
  while (!text.empty()) {
    uint32_t bytes = 0;
    if (text.size() < sizeof(bytes)) return false;
    std::memcpy(&bytes, text.data(), sizeof(bytes));
    text.remove_prefix(sizeof(bytes));
    if (text.size() < bytes) return false;
    messages->emplace(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return true;
}

// The helper's side of one socket pair.
class Answerer {
 public:
  Answerer(int fd, const std::string& ending, const StartHelper::Rehearsal& rehearsal)
      : fd_(fd), ending_(ending), rehearsal_(rehearsal) {}
  ~Answerer() { own_.RemoveBound(); }

  // False: nobody is there any more.
  bool Answer(const std::string& message, const Request& request, int socket) {
    const RequestHead& head = request.head;
    const std::string& path = request.first;
    switch (head.kind) {
      case Kind::kBegin:
        return Reply(fd_, Begin());
      case Kind::kEnd:
        Forget();
        return Reply(fd_, 0);
      case Kind::kPlacePath:
        return Reply(fd_, PlacePath(path, request.second));
      case Kind::kRemovePath:
        return Reply(fd_, own_.RemovePath(path));
      default:
        break;
    }
    if (head.kind > Kind::kRemovePath) return Reply(fd_, -EINVAL);
    if (!asked_.contains(message)) return Reply(fd_, -EPERM);
    switch (head.kind) {
      case Kind::kOpen:
        return Pass(own_.Open(path));
      case Kind::kStat: {
        struct stat what = {};
        const int result = own_.Stat(path, &what);
        return Reply(fd_, result, BytesOf(what));
      }
      case Kind::kCanEnter:
        return Reply(fd_, own_.CanEnter(path));
      case Kind::kList:
        return AnswerList(path);
      case Kind::kUser:
        return Reply(fd_, own_.FindUser(path));
      case Kind::kGroup:
        return Reply(fd_, own_.FindGroup(path));
      case Kind::kResolve:
        return Reply(fd_, 0, BytesOf(own_.Resolve(path, head.number, head.uid != 0)));
      case Kind::kSocket:
        return Pass(own_.Socket(head.number));
      case Kind::kBind:
        return Reply(fd_, Bind(path, socket));
      case Kind::kBindPath:
        return Reply(fd_, BindPath(request, socket));
      default:
        return Reply(fd_, -EINVAL);
    }
  }

 private:
  void Forget() {
    asked_.clear();
    own_.RemoveBound();
  }

  // The configuration is read in a child, so that nothing of it stays.
  int Begin() {
    Forget();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      close(fd_);
      Recorder recorder(ending_);
      base::StartRights::Use(&recorder);
      rehearsal_();
      _exit(recorder.Write(ends[1]) ? 0 : 1);
    }
    const int error = errno;
    close(ends[1]);
    std::string record;
    const int read = child < 0 ? -error : ReadUntilGone(ends[0], &record);
    close(ends[0]);
    if (child < 0) return read;
    if (read < 0) kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (read < 0) return read;
    const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && ReadRecord(record, &asked_);
    if (!good) asked_.clear();
    return good ? 0 : -ECHILD;
  }

  // All that the child writes; less only where whoever asked has gone. It may take long, for names
  // that nobody answers for, so whoever asked is told that it is not over.
  int ReadUntilGone(int fd, std::string* text) const {
    char chunk[16384];
    for (;;) {
      pollfd ready[2] = {{fd, POLLIN, 0}, {fd_, 0, 0}};
      const int polled = poll(ready, 2, kStillThereMs);
      if (polled < 0) {
        if (errno == EINTR) continue;
        return -errno;
      }
      if (polled == 0) {
        if (!Reply(fd_, 0, {}, -1, true)) return -ECONNRESET;
        continue;
      }
      if (ready[1].revents != 0) return -ECONNRESET;
      const ssize_t got = read(fd, chunk, sizeof(chunk));
      if (got == 0) return 0;
      if (got < 0 && errno != EINTR) return -errno;
      text->append(chunk, size_t(std::max<ssize_t>(got, 0)));
      if (text->size() > kRecordBytesMax) return -EFBIG;
    }
  }

  // Takes `made`, a descriptor or -errno.
  bool Pass(int made) {
    const bool sent = Reply(fd_, std::min(made, 0), {}, made);
    if (made >= 0) close(made);
    return sent;
  }

  bool AnswerList(const std::string& path) {
    std::vector<std::string> names;
    const int result = own_.List(path, &names);
    std::string bytes;
    for (const std::string& name : names) {
      if (bytes.size() + name.size() + 1 > kReplyBytesMax - sizeof(ReplyHead)) {
        if (!Reply(fd_, result, bytes, -1, true)) return false;
        bytes.clear();
      }
      bytes.append(name.c_str(), name.size() + 1);
    }
    return Reply(fd_, result, bytes);
  }

  // An address of one kind is no licence for another: of datagrams, say.
  static bool IsStream(int socket, int family) {
    const auto get = [socket](int option) {
      int value = -1;
      socklen_t length = sizeof(value);
      return getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
    };
    const int protocol = get(SO_PROTOCOL);
    return get(SO_TYPE) == SOCK_STREAM && get(SO_DOMAIN) == family &&
           (protocol == 0 || protocol == IPPROTO_TCP);
  }

  int Bind(const std::string& bytes, int socket) {
    sockaddr_storage address = {};
    std::memcpy(&address, bytes.data(), bytes.size());
    // A name in the file system is BindPath()'s.
    const bool abstract = address.ss_family == AF_UNIX && bytes.size() > sizeof(sa_family_t) &&
                          bytes[sizeof(sa_family_t)] == '\0';
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6 && !abstract) return -EINVAL;
    if (!IsStream(socket, address.ss_family)) return -EINVAL;
    return own_.Bind(socket, address, socklen_t(bytes.size()));
  }

  int BindPath(const Request& request, int socket) {
    if (request.first.empty() || request.second != ending_) return -EINVAL;
    if (!IsStream(socket, AF_UNIX)) return -EINVAL;
    const RequestHead& head = request.head;
    return own_.BindPath(socket, request.first, ending_, head.number, head.uid, head.gid);
  }

  int PlacePath(const std::string& bound, const std::string& path) {
    return bound == path + ending_ ? own_.PlacePath(bound, path) : -EPERM;
  }

  const int fd_;
  const std::string& ending_;
  const StartHelper::Rehearsal& rehearsal_;
  base::StartRights own_;
  std::set<std::string> asked_;  // by the rehearsal: what may be asked until the end
};

// What is left of us besides the answers: no terminal, no descriptor of the worker's, no signal
// that was meant for it.
void BecomeHelper(int fd) {
  for (const int signal_number :
       {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU}) {
    signal(signal_number, SIG_IGN);
  }
  for (const int signal_number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    signal(signal_number, SIG_DFL);  // a crash report would tell of the worker
  }
  std::string error;
  NullDevice null;
  if (!null.TakeStandardStreams(&error) || (fd != 3 && dup2(fd, 3) < 0) ||
      close_range(4, UINT_MAX, 0) != 0) {
    _exit(1);
  }
  prctl(PR_SET_NAME, "ringway-helper");
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

}  // namespace

std::unique_ptr<StartHelper> StartHelper::Fork(Rehearsal rehearsal, std::string* why) {
  const std::string ending = base::Format(".%d.tmp", int(getpid()));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    *why = std::string("cannot make the helper's sockets: ") + base::ErrnoText(errno);
    return nullptr;
  }
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    BecomeHelper(ends[1]);
    base::BecomeBackgroundThread();
    Serve(3, ending, rehearsal);
    _exit(0);
  }
  const int error = errno;
  close(ends[1]);
  if (pid > 0) return std::make_unique<StartHelper>(ends[0], pid);
  close(ends[0]);
  *why = std::string("cannot fork the helper: ") + base::ErrnoText(error);
  return nullptr;
}

void StartHelper::Serve(int fd, const std::string& ending, const Rehearsal& rehearsal) {
  Answerer answerer(fd, ending, rehearsal);
  for (;;) {
    std::string message;
    std::vector<int> fds;
    const int length = shard::ReceiveWithFds(fd, &message, &fds, kRequestBytesMax + 1);
    if (length == -EINTR) continue;
    if (length == 0 || (length < 0 && length != -EMFILE)) return;
    Request request;
    const bool good = length > 0 && Parse(message, fds.size(), &request);
    const bool sent =
        good ? answerer.Answer(message, request, fds.empty() ? -1 : fds[0]) : Reply(fd, -EINVAL);
    for (const int one : fds) close(one);
    if (!sent) return;
  }
}

StartHelper::~StartHelper() {
  base::StartRights::Use(nullptr);
  if (fd_ < 0) return;
  close(fd_);  // it reads the end of the file, and ends
  (void)AwaitEnd(nullptr);
}

// One that somebody has stopped ends when it goes on, and is not waited for.
bool StartHelper::AwaitEnd(int* status) const {
  for (int turn = 0; pid_ > 0 && turn < kEndTurns; ++turn) {
    const pid_t ended = waitpid(pid_, status, WNOHANG);
    if (ended != 0) return ended == pid_;
    usleep(1000);
  }
  return false;
}

int StartHelper::Lose(std::string why) {
  int status = 0;
  close(fd_);
  fd_ = -1;
  lost_why_ = std::move(why);
  if (AwaitEnd(&status) && WIFSIGNALED(status)) {
    lost_why_ = base::Format("was killed by signal %d", WTERMSIG(status));
  }
  return -ENOTCONN;
}

std::string StartHelper::LossText() const {
  return base::Format(
      "the helper process %d, which reads files and binds addresses with the rights of the start, "
      "%s: restart to be able to reload",
      int(pid_), lost_why_.c_str());
}

bool StartHelper::Begin(std::string* why) {
  was_refused_ = false;
  const int64_t result = Ask({.kind = Kind::kBegin});
  if (result == 0) return true;
  *why = fd_ < 0 ? LossText()
                 : base::Format("the helper process %d cannot read the configuration: %s",
                                int(pid_), base::ErrnoText(int(-result)));
  return false;
}

bool StartHelper::End(std::string* why) {
  if (Ask({.kind = Kind::kEnd}) == 0) return true;
  *why = LossText();
  return false;
}

bool StartHelper::Receive(int64_t* result, bool* more, std::string* bytes, int* fd) {
  pollfd ready = {fd_, POLLIN, 0};
  for (int waited_ms = 0; poll(&ready, 1, kStopLookMs) <= 0; waited_ms += kStopLookMs) {
    const bool ends = base::StopIsPending();
    if (!ends && waited_ms < kSilenceMsMax) continue;
    (void)Lose(ends ? "was not waited for, because this process is to stop" : "does not answer");
    return false;
  }
  std::string message;
  std::vector<int> fds;
  const int length = shard::ReceiveWithFds(fd_, &message, &fds, kReplyBytesMax);
  ReplyHead head = {};
  const bool good = length >= int(sizeof(head)) && fds.size() <= 1;
  if (good) std::memcpy(&head, message.data(), sizeof(head));
  if (!good || head.bytes != message.size() - sizeof(head)) {
    for (const int one : fds) close(one);
    (void)Lose(length == -EMFILE ? "passed a file for which there was no descriptor" : "is gone");
    return false;
  }
  *result = head.result;
  *more = head.more != 0;
  if (bytes != nullptr) bytes->append(message, sizeof(head));
  for (const int one : fds) {
    if (fd != nullptr) {
      *fd = one;
    } else {
      close(one);
    }
  }
  return true;
}

int64_t StartHelper::Ask(const HelperQuestion& question, std::string* bytes, int* fd) {
  if (fd_ < 0) return -ENOTCONN;
  if (question.first.size() > kTextBytesMax || question.second.size() > kTextBytesMax) {
    return -ENAMETOOLONG;
  }
  const std::string message = MessageOf(question);
  const std::span<const int> fds(&question.socket, question.socket >= 0 ? 1 : 0);
  if (shard::SendWithFds(fd_, message, fds) < 0) return Lose("is gone");
  int64_t result = 0;
  bool more = true;
  while (more) {
    if (!Receive(&result, &more, bytes, fd)) return -ENOTCONN;
  }
  was_refused_ = was_refused_ || result == -EPERM;
  return result;
}

int StartHelper::AskForFd(const HelperQuestion& question) {
  int fd = -1;
  const int64_t result = Ask(question, nullptr, &fd);
  return result < 0 ? int(result) : fd >= 0 ? fd : -EBADF;
}

int StartHelper::Open(const std::string& path) {
  return AskForFd({.kind = Kind::kOpen, .first = path});
}

int StartHelper::Stat(const std::string& path, struct stat* what) {
  std::string bytes;
  const int64_t result = Ask({.kind = Kind::kStat, .first = path}, &bytes);
  if (result < 0) return int(result);
  if (bytes.size() != sizeof(*what)) return -EPROTO;
  std::memcpy(what, bytes.data(), sizeof(*what));
  return 0;
}

int StartHelper::CanEnter(const std::string& path) {
  return int(Ask({.kind = Kind::kCanEnter, .first = path}));
}

int StartHelper::List(const std::string& path, std::vector<std::string>* names) {
  std::string bytes;
  const int64_t result = Ask({.kind = Kind::kList, .first = path}, &bytes);
  for (size_t at = 0; at < bytes.size();) {
    names->emplace_back(bytes.c_str() + at);
    at += names->back().size() + 1;
  }
  return int(result);
}

int64_t StartHelper::FindUser(const std::string& name) {
  return Ask({.kind = Kind::kUser, .first = name});
}

int64_t StartHelper::FindGroup(const std::string& name) {
  return Ask({.kind = Kind::kGroup, .first = name});
}

base::ResolvedName StartHelper::Resolve(const std::string& host, int family, bool old_way) {
  constexpr int kAgain = -3;    // EAI_AGAIN
  constexpr int kTryAgain = 2;  // of h_errno
  std::string bytes;
  base::ResolvedName found;
  const int64_t result = Ask(
      {.kind = Kind::kResolve, .first = host, .number = family, .uid = old_way ? 1 : 0}, &bytes);
  if (result < 0 || bytes.size() != sizeof(found)) {
    found.code = old_way ? kTryAgain : kAgain;
  } else {
    std::memcpy(&found, bytes.data(), sizeof(found));
  }
  return found;
}

int StartHelper::Socket(int family) { return AskForFd({.kind = Kind::kSocket, .number = family}); }

int StartHelper::Bind(int socket, const sockaddr_storage& address, socklen_t length) {
  const std::string_view bytes(reinterpret_cast<const char*>(&address), length);
  return int(Ask({.kind = Kind::kBind, .first = bytes, .socket = socket}));
}

int StartHelper::BindPath(int socket, const std::string& path, const std::string& suffix, int mode,
                          int64_t uid, int64_t gid) {
  return int(Ask({.kind = Kind::kBindPath,
                  .first = path,
                  .second = suffix,
                  .number = mode,
                  .uid = uid,
                  .gid = gid,
                  .socket = socket}));
}

int StartHelper::PlacePath(const std::string& bound, const std::string& path) {
  return int(Ask({.kind = Kind::kPlacePath, .first = bound, .second = path}));
}

int StartHelper::RemovePath(const std::string& bound) {
  return int(Ask({.kind = Kind::kRemovePath, .first = bound}));
}

}  // namespace engine
