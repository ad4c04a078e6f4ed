#include "engine/run/master_cli.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>

#include "base/text.h"
#include "engine/applet/cli_line.h"
#include "engine/config/diagnostics.h"
#include "engine/config/environment.h"
#include "engine/run/version.h"
#include "shard/net/socket_options.h"

namespace engine {
namespace {

constexpr size_t kCommandBytesMax = 16384;
constexpr size_t kPayloadBytesMax = 128 * 1024;
// A user who does not read stops the worker's answer, not the master.
constexpr size_t kOutputBytesMax = 65536;

constexpr const char* kHelp =
    "The following commands are valid at this level:\n"
    "  @[<relative pid> | !<pid>] [<command>]  : send a command, or all that follow, to a process\n"
    "  @@<relative pid> | @@!<pid> [<line>]    : hand the line, or the connection, to a process\n"
    "  hard-reload                             : reload, and end the old worker at once\n"
    "  help                                    : list the commands\n"
    "  operator                                : lower the level of this connection to operator\n"
    "  prompt [n | i | p]                      : choose how commands are read\n"
    "  quit                                    : end this connection\n"
    "  reload                                  : start a worker with the configuration as it is "
    "now\n"
    "  show cli level                          : the level of this connection\n"
    "  show env [<name>]                       : the environment of the master\n"
    "  show proc [debug]                       : the processes and their ages\n"
    "  show startup-logs                       : what the last start or reload has said\n"
    "  show version                            : the version of the master\n"
    "  user                                    : lower the level of this connection to user\n";

// Pieces between semicolons that no backslash protects, as written.
std::deque<std::string> SplitCommands(std::string_view line) {
  std::deque<std::string> commands;
  std::string piece;
  for (size_t i = 0; i <= line.size(); ++i) {
    if (i == line.size() || line[i] == ';') {
      if (const std::string_view command = base::Trim(piece); !command.empty()) {
        commands.emplace_back(command);
      }
      piece.clear();
      continue;
    }
    piece += line[i];
    if (line[i] == '\\' && i + 1 < line.size()) piece += line[++i];
  }
  return commands;
}

}  // namespace

class MasterCli::Connection {
 public:
  Connection(MasterCli& cli, int fd, CliLevel level) : cli_(cli), fd_(fd), level_(level) {
    cli_.Watch(fd_, EPOLLIN, &watched_);
  }
  ~Connection() {
    CloseLine();
    close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Does all that can be done now. False: it is over.
  bool Turn();
  bool waits_for_user() const { return state_ == State::kLine; }
  bool WaitsForReload(uint64_t number) const {
    return state_ == State::kReload && reload_ <= number;
  }
  void Reloaded(bool good, std::string_view messages) {
    Say(good ? "Success=1\n--\n" : "Success=0\n--\n");
    Say(messages);
    Say("\n");
    // The last of its line and of its connection (management 9.4.1, reload).
    commands_.clear();
    state_ = State::kFinished;
  }

 private:
  enum class State : uint8_t {
    kLine,
    kPayload,
    kCommands,
    kWorker,  // a command runs there
    kShared,  // `@@`: the connection is the worker's
    kReload,
    kFinished
  };
  enum class Mode : uint8_t { kSilent, kInteractive, kPrompt };

  void Say(std::string_view text) { output_ += text; }
  bool ReadInput();
  bool WriteOutput();
  // True when something has changed, so that another step may help.
  bool Step();
  bool ReadLine();
  bool ReadPayload();
  void RunCommand(std::string command);
  void RunHere(const std::string& command);
  void RunThere(std::string_view name, const std::string& text, bool shared);
  void SetMode(const std::vector<std::string>& words);
  bool Pump();
  void CloseLine();
  void Watch();
  std::string Prompt() const;
  bool Needs(CliLevel level) {
    if (level_ >= level) return true;
    Say("Permission denied\n\n");
    return false;
  }

  MasterCli& cli_;
  const int fd_;
  CliLevel level_;
  State state_ = State::kLine;
  uint64_t reload_ = 0;  // that it waits for
  Mode mode_ = Mode::kSilent;
  bool input_ended_ = false;
  bool prompted_ = false;
  std::string input_;
  std::string output_;
  std::string context_;  // the process that commands go to, as in a prefix; empty: the master
  std::deque<std::string> commands_;
  std::string payload_end_;
  int line_ = -1;  // to a worker
  std::string to_worker_;
  bool worker_input_ended_ = false;
  std::optional<uint32_t> watched_, line_watched_;
};

bool MasterCli::Connection::ReadInput() {
  char bytes[4096];
  while (input_.size() < kPayloadBytesMax + kCommandBytesMax && !input_ended_) {
    const ssize_t got = recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) input_ended_ = true;
    input_.append(bytes, size_t(got));
  }
  return true;
}

bool MasterCli::Connection::WriteOutput() {
  while (!output_.empty()) {
    const ssize_t sent = send(fd_, output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    output_.erase(0, size_t(sent));
  }
  return true;
}

void MasterCli::Connection::CloseLine() {
  if (line_ >= 0) close(line_);
  line_ = -1;
  line_watched_.reset();
}

std::string MasterCli::Connection::Prompt() const {
  if (mode_ != Mode::kPrompt) return {};
  if (!context_.empty()) {
    return std::to_string(int(cli_.host_.FindWorker(context_))) + "> ";
  }
  return cli_.host_.HasFailedReload() ? "master[ReloadFailed]> " : "master> ";
}

bool MasterCli::Connection::ReadLine() {
  if (!prompted_) Say(Prompt());
  prompted_ = true;
  const size_t end = input_.find('\n');
  if (end == std::string::npos && (!input_ended_ || input_.empty())) {
    if (input_.size() > kCommandBytesMax) Say("The line is too long.\n\n");
    if (input_ended_ || input_.size() > kCommandBytesMax) state_ = State::kFinished;
    return state_ == State::kFinished;
  }
  std::string line = input_.substr(0, end);
  input_.erase(0, end == std::string::npos ? input_.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  prompted_ = false;
  const CliLine parsed = ParseCliLine(line);
  if (line.starts_with("@@")) {
    commands_ = {line};
  } else {
    commands_ = SplitCommands(line);
  }
  state_ = State::kCommands;
  if (commands_.empty()) {
    Say("\n");
  } else if (parsed.has_payload) {
    commands_.back() += '\n';
    payload_end_ = parsed.payload_end;
    state_ = State::kPayload;
  }
  return true;
}

// It travels with its command, its end included.
bool MasterCli::Connection::ReadPayload() {
  for (;;) {
    const size_t end = input_.find('\n');
    if (end == std::string::npos) break;
    const std::string line = input_.substr(0, end + 1);
    input_.erase(0, end + 1);
    commands_.back() += line;
    if (base::Trim(line) == payload_end_) {
      state_ = State::kCommands;
      return true;
    }
  }
  const bool too_large = commands_.back().size() + input_.size() > kPayloadBytesMax;
  if (!too_large && !input_ended_) return false;
  Say(too_large ? "The payload is too large.\n\n" : "The payload has no end.\n\n");
  state_ = State::kFinished;
  return true;
}

void MasterCli::Connection::SetMode(const std::vector<std::string>& words) {
  if (words.size() == 1) {
    mode_ = mode_ == Mode::kPrompt ? Mode::kSilent : Mode::kPrompt;
  }
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "n") mode_ = Mode::kSilent;
    if (words[i] == "i") mode_ = Mode::kInteractive;
    if (words[i] == "p" || words[i] == "timed") mode_ = Mode::kPrompt;
  }
}

void MasterCli::Connection::RunHere(const std::string& command) {
  const CliLine line = ParseCliLine(command);
  if (line.commands.empty()) return Say("\n");
  const std::vector<std::string>& words = line.commands[0];
  std::string name;
  for (const std::string& word : words) name += (name.empty() ? "" : " ") + word;
  if (name == "show proc" || name == "show proc debug") {
    return Say(cli_.host_.ProcessTable(words.size() > 2) + "\n");
  }
  if (words.size() > 1 && words[0] == "show" && words[1] == "env") {
    if (!Needs(CliLevel::kOperator)) return;
    return Say(Environment::FromProcess().Shown(words.size() > 2 ? words[2] : std::string()) +
               "\n");
  }
  if (name == "show version") return Say(CompatibleVersion() + "\n\n");
  if (name == "show startup-logs") return Say(cli_.host_.StartupLogs() + "\n");
  if (name == "show cli level") {
    constexpr const char* kNames[] = {"user", "operator", "admin"};
    return Say(std::string(kNames[size_t(level_)]) + "\n\n");
  }
  if (words[0] == "prompt") return SetMode(words);
  if (words[0] == "help") return Say(std::string(kHelp) + "\n");
  if (name == "user" || name == "operator") {
    const CliLevel level = name == "user" ? CliLevel::kUser : CliLevel::kOperator;
    if (!Needs(level)) return;
    level_ = level;
    return Say("\n");
  }
  if (name == "quit") {
    commands_.clear();
    state_ = State::kFinished;
    return;
  }
  if (name == "reload" || name == "hard-reload") {
    if (!Needs(CliLevel::kOperator)) return;
    state_ = State::kReload;
    reload_ = cli_.host_.AskReload(name == "hard-reload");
    return;
  }
  if (words[0] == "expert-mode" || words[0] == "experimental-mode" ||
      words[0] == "mcli-debug-mode") {
    return Say("'" + words[0] + "' is not supported yet.\n\n");
  }
  Say("Unknown command: '" + Printable(name) + "'. '@1 <command>' sends one to the worker.\n" +
      kHelp + "\n");
}

void MasterCli::Connection::RunThere(std::string_view name, const std::string& text, bool shared) {
  const pid_t pid = cli_.host_.FindWorker(name);
  const int line = pid == 0 ? -1 : cli_.host_.ConnectWorker(pid, level_);
  if (line < 0) {
    return Say("Can't find the target PID matching the prefix '@" + Printable(name) + "'\n\n");
  }
  line_ = line;
  to_worker_ = text;
  worker_input_ended_ = false;
  state_ = shared ? State::kShared : State::kWorker;
}

void MasterCli::Connection::RunCommand(std::string command) {
  if (command[0] != '@') {
    if (context_.empty()) return RunHere(command);
    if (command == "quit") return RunHere(command);
    return RunThere(context_, command + '\n', false);
  }
  const bool shared = command.starts_with("@@");
  const size_t start = shared ? 2 : 1;
  const size_t end = std::min(command.find_first_of(" \t", start), command.size());
  std::string name = command.substr(start, end - start);
  if (name == "master" || name == "0") name.clear();
  const std::string rest(base::Trim(std::string_view(command).substr(end)));
  if (shared) {
    if (name.empty()) return RunHere(rest);
    // Without a command the worker's own interactive mode takes over.
    if (rest.empty())
      return RunThere(name, mode_ == Mode::kSilent ? "prompt i\n" : "prompt p\n", true);
    return RunThere(name, rest + '\n', true);
  }
  if (rest.empty()) {
    if (!name.empty() && cli_.host_.FindWorker(name) == 0) {
      return Say("Can't find the target PID matching the prefix '@" + Printable(name) + "'\n\n");
    }
    context_ = name;
    return;
  }
  if (name.empty()) return RunHere(rest);
  // The payload is part of the command, and its lines are as they were.
  const size_t text = command.find_first_not_of(" \t", end);
  std::string whole = command.substr(text);
  if (whole.back() != '\n') whole += '\n';
  RunThere(name, whole, false);
}

// Both ways between the user and a worker. True when something has moved.
bool MasterCli::Connection::Pump() {
  bool moved = false;
  if (state_ == State::kShared && !input_.empty()) {
    to_worker_ += input_;
    input_.clear();
  }
  while (!to_worker_.empty()) {
    const ssize_t sent =
        send(line_, to_worker_.data(), to_worker_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) break;  // full, or gone: reading tells
    to_worker_.erase(0, size_t(sent));
    moved = true;
  }
  const bool no_more = state_ == State::kWorker || input_ended_;
  if (to_worker_.empty() && no_more && !worker_input_ended_) {
    (void)shutdown(line_, SHUT_WR);
    worker_input_ended_ = true;
  }
  char bytes[8192];
  while (output_.size() < kOutputBytesMax) {
    const ssize_t got = recv(line_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    moved = true;
    if (got > 0) {
      Say({bytes, size_t(got)});
      continue;
    }
    CloseLine();
    state_ = State::kCommands;
    break;
  }
  return moved;
}

bool MasterCli::Connection::Step() {
  switch (state_) {
    case State::kLine:
      return ReadLine();
    case State::kPayload:
      return ReadPayload();
    case State::kCommands: {
      if (commands_.empty()) {
        state_ = mode_ == Mode::kSilent ? State::kFinished : State::kLine;
        return true;
      }
      std::string command = std::move(commands_.front());
      commands_.pop_front();
      RunCommand(std::move(command));
      return true;
    }
    case State::kWorker:
    case State::kShared:
      return Pump();
    case State::kReload:
    case State::kFinished:
      break;
  }
  return false;
}

void MasterCli::Connection::Watch() {
  // While a command runs, what comes next waits in the socket; a user who hangs up is noticed.
  const bool reads = !input_ended_ && (state_ == State::kLine || state_ == State::kPayload ||
                                       state_ == State::kShared);
  const uint32_t wanted =
      (reads ? uint32_t(EPOLLIN) : 0) | (output_.empty() ? 0 : uint32_t(EPOLLOUT));
  cli_.Watch(fd_, wanted, &watched_);
  if (line_ < 0) return;
  const uint32_t line_wanted = (output_.size() < kOutputBytesMax ? uint32_t(EPOLLIN) : 0) |
                               (to_worker_.empty() ? 0 : uint32_t(EPOLLOUT));
  cli_.Watch(line_, line_wanted, &line_watched_);
}

bool MasterCli::Connection::Turn() {
  if (!ReadInput()) return false;
  while (Step()) {
    if (!WriteOutput()) return false;
    if (output_.size() >= kOutputBytesMax) break;
  }
  if (!WriteOutput()) return false;
  if (state_ == State::kFinished && output_.empty()) return false;
  Watch();
  return true;
}

std::span<const std::string_view> MasterCli::CommandWords() {
  static constexpr std::string_view kWords[] = {"@",      "@@",        "hard-reload",      "prompt",
                                                "reload", "show proc", "show startup-logs"};
  return kWords;
}

MasterCli::MasterCli(MasterCliHost& host) : host_(host), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

MasterCli::~MasterCli() {
  connections_.clear();
  for (const Listening& listening : listening_) close(listening.fd);
  if (epoll_ >= 0) close(epoll_);
}

void MasterCli::Watch(int fd, uint32_t events, std::optional<uint32_t>* now) const {
  const bool was_watched = now->has_value();
  if (was_watched ? **now == events : events == 0) return;
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  const int how = events == 0 ? EPOLL_CTL_DEL : was_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  (void)epoll_ctl(epoll_, how, fd, &event);
  *now = events == 0 ? std::nullopt : std::optional(events);
}

bool MasterCli::Listen(const BindConfig& bind, std::string* why) {
  for (const BindAddress& address : bind.addresses) {
    shard::ListenOptions options;
    options.address = address.address;
    options.inherited_fd = address.inherited_fd;
    options.reuse_port = false;
    options.v6only = bind.v6only;
    options.v4v6 = bind.v4v6;
    options.interface = bind.interface;
    options.unix_mode = bind.mode;
    options.unix_uid = bind.uid;
    options.unix_gid = bind.gid;
    const int fd = shard::BindListenSocket(options, why);
    if (fd < 0) return false;
    if (options.inherited_fd < 0 && !shard::BeginListening(fd, options, why)) {
      close(fd);
      return false;
    }
    listening_.push_back({fd, bind.level});
    std::optional<uint32_t> unwatched;
    Watch(fd, EPOLLIN, &unwatched);
  }
  return true;
}

void MasterCli::Accept(const Listening& listening) {
  if (connections_.size() >= kConnectionsMax) {
    // The oldest that only waits for its user makes room; else the oldest.
    const auto idle = std::find_if(connections_.begin(), connections_.end(),
                                   [](const auto& one) { return one->waits_for_user(); });
    connections_.erase(idle != connections_.end() ? idle : connections_.begin());
  }
  const int fd = accept4(listening.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) connections_.push_back(std::make_unique<Connection>(*this, fd, listening.level));
}

void MasterCli::Turn() {
  epoll_event events[16];
  const int count = epoll_wait(epoll_, events, int(std::size(events)), 0);
  for (int i = 0; i < count; ++i) {
    for (const Listening& listening : listening_) {
      if (listening.fd == events[i].data.fd) Accept(listening);
    }
  }
  // They are few, and a turn of one that has nothing to do costs a call.
  if (count <= 0 && !has_news_) return;
  has_news_ = false;
  connections_.remove_if([](const auto& connection) { return !connection->Turn(); });
}

void MasterCli::Reloaded(uint64_t number, bool good, std::string_view messages) {
  for (const auto& connection : connections_) {
    if (!connection->WaitsForReload(number)) continue;
    connection->Reloaded(good, messages);
    has_news_ = true;
  }
}

}  // namespace engine
