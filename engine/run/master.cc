#include "engine/run/master.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/errno_name.h"
#include "base/text.h"
#include "engine/run/handover.h"
#include "engine/run/options.h"
#include "engine/run/version.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

constexpr size_t kMessagesBytesMax = 65536;
// A worker that cannot start is tried again soon, then less often.
constexpr uint64_t kRetryFirstMs = 20;
constexpr uint64_t kRetryLongestMs = 2000;
// Workers that serve and die at once, one after the other, must not eat the machine; nobody waits
// longer for it than this.
constexpr uint64_t kShortLifeUs = 1000000;
constexpr uint32_t kShortLivesFree = 5;
constexpr uint64_t kShortLifeWaitMs = 100;

std::string PathOfProgram() {
  char path[PATH_MAX] = {};
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  return length > 0 ? std::string(path, size_t(length)) : std::string();
}

std::string EndText(int status) {
  if (WIFSIGNALED(status)) {
    return base::Format("killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return base::Format("ended with exit status %d", WEXITSTATUS(status));
}

// As a shell gives it.
int ExitStatusOf(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string Uptime(uint64_t since_us) {
  const uint64_t seconds = (base::MonotonicMicros() - since_us) / 1000000;
  return base::Format("%llud%02uh%02um%02us", static_cast<unsigned long long>(seconds / 86400),
                      unsigned(seconds / 3600 % 24), unsigned(seconds / 60 % 60),
                      unsigned(seconds % 60));
}

std::string ProcessLine(pid_t pid, const char* type, const std::string& reloads,
                        uint64_t started_us, const std::string& version, const std::string& line) {
  return base::Format("%-15d %-15s %-15s %-15s %-15s", int(pid), type, reloads.c_str(),
                      Uptime(started_us).c_str(), version.c_str()) +
         line + "\n";
}

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Master::Master(MasterSettings settings, Console& console)
    : settings_(std::move(settings)),
      console_(console),
      program_(PathOfProgram()),
      sharing_([this] { return sockets_; }),
      cli_(*this),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      started_us_(base::MonotonicMicros()),
      reloads_max_(settings_.reloads_max) {
  if (settings_.notifies) notifier_ = ServiceNotifier::FromEnvironment();
}

Master::~Master() {
  for (const Worker& worker : workers_) {
    CloseFds({worker.link, worker.session, worker.messages_fd});
    if (worker.state == WorkerState::kStarting) CloseFds(worker.sockets);
  }
  CloseFds(sockets_);
  if (epoll_ >= 0) close(epoll_);
}

uint64_t Master::NowMs() { return base::MonotonicMicros() / 1000; }

bool Master::Listen(const std::vector<std::unique_ptr<BindConfig>>& binds, std::string* why) {
  return std::all_of(binds.begin(), binds.end(),
                     [&](const auto& bind) { return cli_.Listen(*bind, why); });
}

void Master::Watch(int fd) const {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  (void)epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

// In the child, between fork and exec.
void Master::BecomeWorker(int link, int page, int messages, WorkerTask task) const {
  RestoreSignals();
  (void)setrlimit(RLIMIT_NOFILE, &files_);
  const int terminal = dup(STDERR_FILENO);
  if (messages >= 0) dup2(messages, STDERR_FILENO);
  for (const int fd : {link, page}) {
    if (fd >= 0) (void)fcntl(fd, F_SETFD, 0);
  }
  std::vector<std::string> environment;
  for (const std::string& one : settings_.environment) {
    // The worker is not who the service manager listens to.
    if (!one.starts_with("NOTIFY_SOCKET=")) environment.push_back(one);
  }
  environment.push_back(std::string(kMasterVariable) + "=" +
                        WorkerLink::Describe(link, page, terminal, task));
  const std::vector<const char*> arguments = Pointers(settings_.arguments);
  execve(program_.c_str(), const_cast<char* const*>(arguments.data()),
         const_cast<char* const*>(Pointers(environment).data()));
  Console().Alert("cannot start " + program_ + ": " + base::ErrnoText(errno));
  _exit(kExitRefused);
}

bool Master::StartWorker() {
  startup_logs_.clear();
  console_.RecordTo(&startup_logs_);
  int links[2] = {-1, -1};
  int pipes[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, links) != 0 ||
      pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0) {
    CloseFds({links[0], links[1]});
    console_.Alert(std::string("cannot start a worker: ") + base::ErrnoText(errno));
    return false;
  }
  // What a worker writes must not get lost because the master is busy.
  (void)fcntl(pipes[1], F_SETFL, 0);
  Worker worker;
  worker.crash_page = CrashPage::Create();
  const WorkerTask task = !was_started_ ? WorkerTask::kFirst
                          : reloading_  ? WorkerTask::kReload
                                        : WorkerTask::kReplace;
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) BecomeWorker(links[1], worker.crash_page.fd(), pipes[1], task);
  CloseFds({links[1], pipes[1]});
  if (pid < 0) {
    CloseFds({links[0], pipes[0]});
    console_.Alert(std::string("cannot fork a worker: ") + base::ErrnoText(errno));
    return false;
  }
  was_started_ = true;
  worker.pid = pid;
  worker.link = links[0];
  worker.messages_fd = pipes[0];
  worker.started_us = base::MonotonicMicros();
  worker.version = CompatibleVersion();
  // Room enough: a worker that does not read them yet has all of the socket's buffer before it.
  if (!SendSockets(worker.link, sockets_)) {
    console_.Warning(base::Format("worker %d gets no sockets of its predecessor", int(pid)));
  }
  Watch(worker.link);
  Watch(worker.messages_fd);
  workers_.push_back(std::move(worker));
  console_.Notice(base::Format("New worker (%d) forked", int(pid)));
  return true;
}

Master::Worker* Master::Find(WorkerState state) {
  for (Worker& worker : workers_) {
    if (worker.state == state) return &worker;
  }
  return nullptr;
}

// In-place reload, when there is one, takes the place of this: the serving worker is asked, and
// EndReload() is called with what it answers.
void Master::BeginReload() {
  if (phase_ == Phase::kStopping) return;
  if (reloading_ || Find(WorkerState::kStarting) != nullptr) {
    reload_is_asked_ = true;
    return;
  }
  ++reload_number_;
  reload_is_hard_ = std::exchange(next_reload_is_hard_, false);
  notifier_.SendReloading();
  console_.Notice("Reloading");
  retry_at_ms_ = UINT64_MAX;
  reloading_ = Find(WorkerState::kServing) != nullptr;
  if (!StartWorker()) EndReload(false);
}

void Master::TellStarted(bool good) {
  console_.RecordTo(nullptr);
  cli_.Reloaded(reload_number_, good, startup_logs_);
}

void Master::EndReload(bool good, const char* failure) {
  reloading_ = false;
  last_reload_failed_ = !good;
  if (!good) ++failed_reloads_;
  if (good) {
    ++reloads_;
    console_.Notice("Loading success.");
  } else {
    console_.Warning(failure);
  }
  notifier_.Send(good ? "READY=1\nSTATUS=Ready.\n"
                      : "READY=1\nSTATUS=Reload failed! The configuration before is in use.\n");
  TellStarted(good);
  TakePendingReload();
}

void Master::FinishReload(bool good) {
  predecessor_ = 0;
  let_go_by_ms_ = UINT64_MAX;
  if (phase_ != Phase::kStopping) EndReload(good, "Loading failure! The new worker has died.");
}

// It holds none of the sockets any more: whoever comes from here on comes to the new one.
void Master::OnSessionEnd(Worker& worker) {
  char byte;
  const ssize_t got = recv(worker.session, &byte, sizeof(byte), MSG_DONTWAIT);
  if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return;
  close(std::exchange(worker.session, -1));
  if (worker.pid == predecessor_) FinishReload(true);
}

// What was asked for while a worker was starting.
void Master::TakePendingReload() {
  if (!reload_is_asked_) return;
  reload_is_asked_ = false;
  BeginReload();
}

uint64_t Master::AskReload(bool hard) {
  next_reload_is_hard_ |= hard;
  const uint64_t next = reload_number_ + 1;
  BeginReload();
  return next;
}

void Master::LeaveSoftly(Worker& worker, const std::vector<int>& kept) {
  std::vector<uint64_t> cookies;
  for (const int socket : kept) cookies.push_back(CookieOf(socket));
  std::string keeps = "keeps";
  for (size_t i = 0; i < sockets_.size(); ++i) {
    if (std::find(cookies.begin(), cookies.end(), CookieOf(sockets_[i])) == cookies.end()) continue;
    keeps += ' ' + std::to_string(i);
  }
  worker.state = WorkerState::kLeaving;
  // In one line of messages, so that it knows what is kept when it stops.
  const bool told = worker.session >= 0 &&
                    shard::SendWithFds(worker.session, keeps + '\n', {}) > 0 &&
                    shard::SendWithFds(worker.session, "stop soft\n", {}) > 0;
  if (!told) kill(worker.pid, SIGUSR1);
}

void Master::OnReady(Worker& worker, std::string_view text) {
  unsigned reloads_max = 0;
  char version[64] = {};
  if (worker.state != WorkerState::kStarting ||
      std::sscanf(std::string(text).c_str(), "ready %u %63s", &reloads_max, version) != 2) {
    return;
  }
  if (phase_ == Phase::kStopping) return;  // it is told already
  ReadMessages(worker);
  worker.version = version;
  reloads_max_ = reloads_max;
  failed_starts_ = 0;
  Worker* before = Find(WorkerState::kServing);
  worker.state = WorkerState::kServing;
  if (before != nullptr && reload_is_hard_) {
    before->state = WorkerState::kLeaving;
    before->was_killed = true;
    kill(before->pid, SIGTERM);
  } else if (before != nullptr) {
    LeaveSoftly(*before, worker.sockets);
  }
  Keep(std::exchange(worker.sockets, {}));
  if (reloading_) {
    for (Worker& old : workers_) {
      if (old.state != WorkerState::kLeaving || ++old.reloads <= reloads_max_) continue;
      console_.Warning(
          base::Format("worker %d has survived %u reloads ('mworker-max-reloads'): "
                       "it is ended",
                       int(old.pid), old.reloads));
      old.was_killed = true;
      kill(old.pid, SIGTERM);
    }
    if (before == nullptr) return EndReload(true);
    predecessor_ = before->pid;
    let_go_by_ms_ = NowMs() + kLetGoMs;
    if (before->session >= 0) Watch(before->session);
    return;
  }
  if (phase_ == Phase::kStarting) {
    phase_ = Phase::kServing;
    if (!ready_()) return Stop(SIGTERM, kExitRefused);
    std::string why;
    if (!sharing_.Open(&why)) console_.Detail(why);
    Watch(sharing_.fd());
    notifier_.Send(base::Format("READY=1\nMAINPID=%d\nSTATUS=Ready.\n", int(getpid())));
  } else {
    notifier_.Send("STATUS=Ready.\n");
  }
  console_.Notice("Loading success.");
  TellStarted(true);
  TakePendingReload();
}

void Master::ReadMessages(Worker& worker) {
  char bytes[4096];
  while (worker.messages_fd >= 0) {
    const ssize_t got = read(worker.messages_fd, bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) {
      close(worker.messages_fd);
      worker.messages_fd = -1;
      return;
    }
    (void)!write(STDERR_FILENO, bytes, size_t(got));
    const bool is_kept =
        worker.state == WorkerState::kStarting && startup_logs_.size() < kMessagesBytesMax;
    if (is_kept) startup_logs_.append(bytes, size_t(got));
  }
}

void Master::Keep(std::vector<int> sockets) {
  std::map<uint64_t, int> known;
  for (const int socket : sockets_) known[CookieOf(socket)] = socket;
  for (int& socket : sockets) {
    const auto same = known.find(CookieOf(socket));
    if (same == known.end() || same->first == 0) continue;
    close(std::exchange(socket, same->second));
    known.erase(same);
  }
  const std::set<int> kept(sockets.begin(), sockets.end());
  for (const int socket : sockets_) {
    if (kept.count(socket) != 0) continue;
    sharing_.Forget(socket);
    close(socket);
  }
  sockets_ = std::move(sockets);
}

// A worker that starts on them, or a successor: for these they go on, whatever the one that serves
// stops to listen on.
bool Master::HoldsForOthers() const {
  return sharing_.has_sessions() ||
         std::any_of(workers_.begin(), workers_.end(),
                     [](const Worker& worker) { return worker.state == WorkerState::kStarting; });
}

// What a worker listens on changes with a reload in place, and with frontends that are paused or
// shut down. It waits for the end of one of the sessions: of the one before when all is done, of
// the new one when nothing will be.
void Master::TakeSockets(Worker& worker, int session) {
  const bool is_starting = worker.state == WorkerState::kStarting;
  if (!is_starting &&
      (worker.state == WorkerState::kLeaving || phase_ == Phase::kStopping || HoldsForOthers())) {
    close(session);
    return;
  }
  // They are on their way: the worker does nothing else until all are sent.
  std::vector<int> sockets;
  std::string why;
  if (!ReceiveSockets(session, &sockets, &why)) {
    console_.Warning(base::Format("worker %d gives no sockets: ", int(worker.pid)) + why);
    close(session);
    return;
  }
  if (is_starting) {
    CloseFds(worker.sockets);
    worker.sockets = std::move(sockets);
  } else {
    Keep(std::move(sockets));
  }
  CloseFds({std::exchange(worker.session, session)});
}

void Master::OnWorkerSays(Worker& worker) {
  for (;;) {
    std::string text;
    std::vector<int> fds;
    const int length = shard::ReceiveWithFds(worker.link, &text, &fds);
    if (length <= 0) {
      CloseFds(fds);
      if (length == -EAGAIN || length == -EINTR) return;
      close(worker.link);  // it dies: SIGCHLD says how
      worker.link = -1;
      return;
    }
    if (text.starts_with("session") && fds.size() == 1) {
      TakeSockets(worker, fds[0]);
    } else {
      CloseFds(fds);
      OnReady(worker, text);
    }
  }
}

void Master::RetryLater() {
  uint64_t wait_ms = short_lives_ > kShortLivesFree ? kShortLifeWaitMs : 0;
  if (failed_starts_ != 0) {
    wait_ms = std::min(kRetryFirstMs << std::min(failed_starts_, 16u), kRetryLongestMs);
  }
  retry_at_ms_ = NowMs() + wait_ms;
}

void Master::OnStartFailed(int status) {
  if (reloading_) return EndReload(false);
  if (phase_ == Phase::kStarting) {
    over_ = true;
    // It has said why. By a signal it could not.
    exit_status_ = WIFSIGNALED(status) ? ExitStatusOf(status) : kExitRefused;
    return;
  }
  console_.Warning("Loading failure!");
  TellStarted(false);
  RetryLater();
}

void Master::OnDeath(WorkerPlace place, int status) {
  ReadMessages(*place);
  if (place->link >= 0) OnWorkerSays(*place);  // what it said last
  const WorkerState state = place->state;
  const pid_t pid = place->pid;
  const std::string report = place->crash_page.Read();
  if (state == WorkerState::kStarting) {
    CloseFds(place->sockets);
  }
  CloseFds({place->link, place->session, place->messages_fd});
  const bool asked = place->was_killed;
  if (state == WorkerState::kServing) {
    const bool was_short = base::MonotonicMicros() - place->started_us < kShortLifeUs;
    short_lives_ = was_short ? short_lives_ + 1 : 0;
  }
  workers_.erase(place);
  const bool bad = WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
  const std::string name = state == WorkerState::kServing    ? "Current worker"
                           : state == WorkerState::kStarting ? "Starting worker"
                                                             : "Former worker";
  const std::string text =
      base::Format("%s (%d) %s", name.c_str(), int(pid), EndText(status).c_str());
  if (bad && !asked) {
    console_.Alert(text);
    if (!report.empty())
      console_.Alert(base::Format("crash report of worker %d: ", int(pid)) + report);
  } else {
    console_.Notice(text);
  }
  if (predecessor_ != 0 && (pid == predecessor_ || state == WorkerState::kServing)) {
    FinishReload(pid == predecessor_);
  }
  if (phase_ == Phase::kStopping || state == WorkerState::kLeaving) return;
  if (state == WorkerState::kStarting) {
    ++failed_starts_;
    OnStartFailed(status);
  }
  if (phase_ == Phase::kStarting || Find(WorkerState::kServing) != nullptr) return;
  if (failed_starts_ > kFailedStartsMax && !settings_.stays) {
    console_.Alert(base::Format("%u workers could not start: giving up", failed_starts_));
    return Stop(SIGTERM, bad ? ExitStatusOf(status) : kExitRefused);
  }
  if (Find(WorkerState::kStarting) == nullptr) RetryLater();
}

void Master::Reap() {
  int status = 0;
  // Any child: where the master is the first process of a container, those of others come to it.
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto place = std::find_if(workers_.begin(), workers_.end(),
                                    [pid](const Worker& worker) { return worker.pid == pid; });
    if (place != workers_.end()) OnDeath(place, status);
  }
}

void Master::Stop(int signal, int exit_status) {
  if (phase_ != Phase::kStopping) notifier_.Send("STOPPING=1\nSTATUS=Stopping.\n");
  phase_ = Phase::kStopping;
  exit_status_ = exit_status;
  retry_at_ms_ = UINT64_MAX;
  std::vector<int> kept;  // by a successor
  for (const int socket : sockets_) {
    if (sharing_.IsShared(socket)) kept.push_back(socket);
  }
  for (Worker& worker : workers_) {
    worker.was_killed = true;
    if (worker.state == WorkerState::kStarting) CloseFds(worker.sockets), worker.sockets.clear();
    if (signal == SIGUSR1 && worker.state == WorkerState::kServing) {
      LeaveSoftly(worker, kept);
    } else {
      kill(worker.pid, signal);
    }
  }
  CloseFds(sockets_);
  sockets_.clear();
  sharing_.Close();
  kill_at_ms_ = signal == SIGUSR1 ? UINT64_MAX : NowMs() + kStopPatienceMs;
}

void Master::ForwardToServing(int signal) {
  if (const Worker* worker = Find(WorkerState::kServing)) kill(worker->pid, signal);
}

void Master::OnSignal(const SignalEvent& event) {
  switch (event.request) {
    case SignalRequest::kStop:
      return Stop(SIGTERM, event.signal == SIGINT ? 128 + SIGINT : kExitGood);
    case SignalRequest::kSoftStop:
      return Stop(SIGUSR1, kExitGood);
    case SignalRequest::kReload:
      return BeginReload();
    case SignalRequest::kDump:
    case SignalRequest::kPause:
    case SignalRequest::kResume:
      return ForwardToServing(event.signal);
    case SignalRequest::kChild:
    case SignalRequest::kTimeout:
    case SignalRequest::kWake:
    case SignalRequest::kCount:
      break;
  }
}

void Master::OnEvents() {
  epoll_event events[32];
  const int count = epoll_wait(epoll_, events, int(std::size(events)), 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events[i].data.fd;
    if (fd == sharing_.fd()) {
      const SocketSharing::Order order = sharing_.Turn();
      if (order == SocketSharing::Order::kSoftStop) Stop(SIGUSR1, kExitGood);
      if (order == SocketSharing::Order::kStop) Stop(SIGTERM, kExitGood);
    }
    for (Worker& worker : workers_) {
      if (worker.messages_fd == fd) {
        ReadMessages(worker);
        break;
      }
      if (worker.link == fd) {
        OnWorkerSays(worker);
        break;
      }
      if (worker.session == fd) {
        OnSessionEnd(worker);
        break;
      }
    }
  }
}

int Master::WaitMs() const {
  const uint64_t until_ms = std::min({retry_at_ms_, kill_at_ms_, let_go_by_ms_});
  if (until_ms == UINT64_MAX) return -1;
  const uint64_t now_ms = NowMs();
  return until_ms > now_ms ? int(std::min<uint64_t>(until_ms - now_ms, INT_MAX)) : 0;
}

void Master::Tick() {
  const uint64_t now_ms = NowMs();
  if (now_ms >= retry_at_ms_) {
    retry_at_ms_ = UINT64_MAX;
    if (!StartWorker()) RetryLater();
  }
  if (now_ms >= let_go_by_ms_) FinishReload(true);
  if (now_ms < kill_at_ms_) return;
  kill_at_ms_ = UINT64_MAX;
  for (const Worker& worker : workers_) kill(worker.pid, SIGKILL);
}

int Master::Run(const std::function<bool()>& ready) {
  ready_ = ready;
  BlockSignals();
  std::string error;
  signals_ = SignalWaiter::Create(&error);
  if (signals_ == nullptr) {
    console_.Alert(error);
    return kExitRefused;
  }
  // It holds every listening socket, possibly twice.
  rlimit files = {};
  (void)getrlimit(RLIMIT_NOFILE, &files);
  files_ = files;
  files.rlim_cur = files.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &files);
  if (!StartWorker()) return kExitRefused;
  const int wake_fds[] = {epoll_, cli_.fd()};
  while (!over_) {
    const SignalEvent event = signals_->Wait(WaitMs(), wake_fds);
    // First what a successor has said: a stop must know what it keeps.
    OnEvents();
    OnSignal(event);
    Reap();
    Tick();
    cli_.Turn();
    if (phase_ == Phase::kStopping && workers_.empty()) over_ = true;
  }
  return exit_status_;
}

std::string Master::ProcessTable(bool with_lines) const {
  std::string text = base::Format("%-15s %-15s %-15s %-15s %-15s", "#<PID>", "<type>", "<reloads>",
                                  "<uptime>", "<version>") +
                     (with_lines ? " <line fd>\n" : "\n");
  const auto column = [&](int fd) { return with_lines ? " " + std::to_string(fd) : std::string(); };
  text +=
      ProcessLine(getpid(), "master", base::Format("%u [failed: %u]", reloads_, failed_reloads_),
                  started_us_, CompatibleVersion(), column(-1));
  std::string old;
  text += "# workers\n";
  for (const Worker& worker : workers_) {
    const std::string line = ProcessLine(worker.pid, "worker", std::to_string(worker.reloads),
                                         worker.started_us, worker.version, column(worker.link));
    (worker.state == WorkerState::kLeaving ? old : text) += line;
  }
  if (!old.empty()) text += "# old workers\n" + old;
  return text;
}

pid_t Master::FindWorker(std::string_view name) const {
  const bool by_pid = name.starts_with('!');
  const auto number = base::ParseUnsigned(by_pid ? name.substr(1) : name);
  if (!number) return 0;
  for (const Worker& worker : workers_) {
    if (worker.link < 0 || worker.state == WorkerState::kStarting) continue;
    const bool is_it = by_pid ? uint64_t(worker.pid) == *number
                              : *number == 1 && worker.state == WorkerState::kServing;
    if (is_it) return worker.pid;
  }
  return 0;
}

int Master::ConnectWorker(pid_t pid, CliLevel level) {
  for (const Worker& worker : workers_) {
    if (worker.pid != pid || worker.link < 0) continue;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return -1;
    const int theirs[] = {ends[1]};
    const bool sent =
        shard::SendWithFds(worker.link, base::Format("cli %u\n", unsigned(level)), theirs) > 0;
    close(ends[1]);
    if (sent) return ends[0];
    close(ends[0]);
  }
  return -1;
}

}  // namespace engine
