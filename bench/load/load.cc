// load.cc - a load client for benches: one thread, closed loop or fixed rate, one line of JSON.
//
// Owns:    its connections.
// Threads: one.
// Units:   durations in seconds on the command line, nanoseconds inside, microseconds in the
//          report.
// Errors:  a request that fails counts once in `errors`; one still open a second after the end in
//          `unfinished`.
// States:  Phase below: closed -> sending -> head/body -> (draining ->) idle or closed.
//
//   bench_load --target PORT [--address A] [--protocol raw|http] [--close] [--connections N]
//              [--rate R] [--duration S] [--warmup S] [--request-bytes N] [--response-bytes N]
//              [--path /P] [--source-addresses N] [--cpu N] [--marks] [--tls full|resume]
//              [--group NAME] [--slices MS]
//   bench_load --target PORT --idle N
//       one request on each of N connections, then hold them until stdin or --duration ends
//
// Closed loop (no --rate): every connection sends its next request when it has the last answer.
// With --rate the schedule is fixed beforehand, and a latency counts from the moment its request
// was due, not from the moment a connection was free to send it: else a stall would hide the
// requests that it kept waiting. --marks prints "measuring" and "measured" around the measured
// window, for whoever samples the proxy's CPU time. --slices tells of each so many milliseconds the
// requests that were answered in it, and the median, p99 and maximum of their latencies.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/arguments.h"
#include "bench/load/histogram.h"
#include "bench/load/tls_client.h"

namespace {

constexpr char kUsage[] =
    "usage: bench_load --target PORT [--address A] [--protocol raw|http] [--close]\n"
    "         [--connections N] [--rate R] [--duration S] [--warmup S] [--request-bytes N]\n"
    "         [--response-bytes N] [--path /P] [--source-addresses N] [--cpu N] [--marks]\n"
    "         [--tls full|resume] [--group NAME] [--slices MS]\n"
    "       bench_load --target PORT --idle N [--duration S] ...   (--duration: hold no longer)";
constexpr uint64_t kSecond = 1000000000;
constexpr uint64_t kRetryAfter = kSecond / 100;
constexpr uint64_t kDrainFor = kSecond;
constexpr size_t kReadBytes = 262144;
constexpr size_t kHeadBytesMax = 16384;
constexpr size_t kBacklogMax = 1 << 20;
constexpr unsigned kIdleOpeningMax = 64;
constexpr int kEventsMax = 256;

struct Options {
  std::string address = "127.0.0.1";
  uint16_t port = 0;
  bool http = false;
  bool close = false;
  bool marks = false;
  bool tls = false;
  bool resumes = false;   // the last session of TLS
  std::string group;      // of its key exchange
  uint64_t slice_ns = 0;  // 0: the latencies are not told by time
  unsigned connections = 64;
  unsigned idle = 0;
  unsigned source_addresses = 0;
  double rate = 0;
  uint64_t duration_ns = 0;
  uint64_t warmup_ns = 0;
  uint64_t response_bytes = 512;
  std::string request;
};

// What a connection waits for.
enum class Phase : uint8_t {
  kClosed,    // no socket
  kIdle,      // a request
  kSending,   // the connect, or room for the rest of the request
  kHead,      // the end of the response's head
  kBody,      // `left_bytes` more
  kDraining,  // the peer's close, after a whole answer
};

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;  // null: plain
  Phase phase = Phase::kClosed;
  bool peer_closes = false;
  uint64_t intended_ns = 0;
  size_t sent_bytes = 0;
  uint64_t left_bytes = 0;
  std::string head;
};

// Of the requests that were answered in one slice of the time.
struct Slice {
  uint64_t requests = 0;
  uint64_t p50_ns = 0;
  uint64_t p99_ns = 0;
  uint64_t max_ns = 0;
};

struct Totals {
  uint64_t requests = 0;
  uint64_t errors = 0;
  uint64_t bytes = 0;
  uint64_t unfinished = 0;
};

uint64_t Now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * kSecond + uint64_t(t.tv_nsec);
}

double Seconds(const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; }

[[noreturn]] void Die(const char* what) {
  perror(what);
  exit(1);
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), connections_(options.connections) {
    if (options_.tls)
      tls_ = std::make_unique<bench::TlsClient>(options_.resumes, options_.group.c_str());
  }
  void Start();
  void Run();
  void Hold();

 private:
  // Which requests may start.
  enum class Supply : uint8_t { kClosedLoop, kSchedule, kOnce, kNone };

  void Turn(uint64_t until_ns);
  void RunUntil(uint64_t until_ns);
  void Dispatch(uint64_t now_ns);
  void Begin(Connection& c, uint64_t intended_ns);
  bool Open(Connection& c);
  void SendRequest(Connection& c);
  // What is dropped where it lies costs this core no copy.
  ssize_t Receive(Connection& c);
  ssize_t ReceiveAndDrop(Connection& c, size_t bytes);
  void OnEvent(Connection& c, uint32_t events);
  void ReadHead(Connection& c);
  void ReadBody(Connection& c);
  void ReadEnd(Connection& c);
  bool ParseHead(Connection& c, size_t head_bytes);
  void Complete(Connection& c);
  void AddToSlice(uint64_t now_ns, uint64_t latency_ns);
  void EndSlice();
  void Finish(Connection& c);
  void Fail(Connection& c, const char* why);
  void Close(Connection& c);
  void Report(const rusage& before, const rusage& after, double seconds) const;

  const Options options_;
  std::unique_ptr<bench::TlsClient> tls_;
  Supply supply_ = Supply::kNone;
  int epoll_ = -1;
  sockaddr_in target_{};
  unsigned next_source_ = 0;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;     // without a request; the oldest is next, so that all are used
  std::deque<Connection*> retry_;    // failed; they come back at retry_at_ns_
  std::deque<uint64_t> backlog_ns_;  // due, and no connection was free
  uint64_t retry_at_ns_ = 0;
  double due_ns_ = 0;  // of the next request; a double keeps the schedule exact at odd rates
  bool counting_ = false;
  uint64_t completed_ = 0;
  Totals totals_;
  bench::Histogram latency_;
  bench::Histogram slice_;
  uint64_t slice_max_ns_ = 0;
  uint64_t slice_end_ns_ = 0;
  std::vector<Slice> slices_;
  const char* first_error_ = nullptr;
  char read_[kReadBytes];
};

void Load::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  target_.sin_family = AF_INET;
  target_.sin_port = htons(options_.port);
  if (inet_pton(AF_INET, options_.address.c_str(), &target_.sin_addr) != 1) Die("--address");
  for (Connection& c : connections_) free_.push_back(&c);
}

bool Load::Open(Connection& c) {
  c.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c.fd < 0) return false;
  const int one = 1;
  setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (options_.source_addresses > 0) {
    // The port is chosen at connect, when the whole four-tuple is known: ports in TIME_WAIT towards
    // the same target last longer that way, and each further address brings its own.
    setsockopt(c.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(0x7f000002 + next_source_++ % options_.source_addresses);
    if (bind(c.fd, reinterpret_cast<sockaddr*>(&source), sizeof source) < 0) return false;
  }
  const int result = connect(c.fd, reinterpret_cast<sockaddr*>(&target_), sizeof target_);
  if (result < 0 && errno != EINPROGRESS) return false;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &c;
  if (tls_ != nullptr) c.ssl = tls_->Open(c.fd);
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event) == 0;
}

void Load::Begin(Connection& c, uint64_t intended_ns) {
  c.intended_ns = intended_ns;
  if (c.fd < 0 && !Open(c)) return Fail(c, "connect");
  c.phase = Phase::kSending;
  c.sent_bytes = 0;
  c.peer_closes = false;
  // On loopback a connect is usually done already; if not, this says EAGAIN and the event comes.
  SendRequest(c);
}

void Load::SendRequest(Connection& c) {
  const std::string& request = options_.request;
  while (c.sent_bytes < request.size()) {
    const size_t left_bytes = request.size() - c.sent_bytes;
    const char* const from = request.data() + c.sent_bytes;
    const ssize_t sent = c.ssl != nullptr ? bench::TlsClient::Write(c.ssl, from, left_bytes)
                                          : send(c.fd, from, left_bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return Fail(c, "send");
    c.sent_bytes += size_t(sent);
  }
  c.phase = options_.http ? Phase::kHead : Phase::kBody;
  c.left_bytes = options_.response_bytes;
  c.head.clear();
}

ssize_t Load::Receive(Connection& c) {
  return c.ssl != nullptr ? bench::TlsClient::Read(c.ssl, read_, sizeof read_)
                          : recv(c.fd, read_, sizeof read_, 0);
}

ssize_t Load::ReceiveAndDrop(Connection& c, size_t bytes) {
  if (c.ssl == nullptr) return recv(c.fd, nullptr, bytes, MSG_TRUNC);
  return bench::TlsClient::Read(c.ssl, read_, bytes < sizeof read_ ? bytes : sizeof read_);
}

void Load::OnEvent(Connection& c, uint32_t events) {
  // A handshake stands before the request, and what comes moves it.
  const uint32_t moves = c.ssl != nullptr ? EPOLLOUT | EPOLLIN : EPOLLOUT;
  if (c.phase == Phase::kSending && (events & moves)) SendRequest(c);
  switch (c.phase) {
    case Phase::kHead:
      return ReadHead(c);
    case Phase::kBody:
      return ReadBody(c);
    case Phase::kDraining:
      return ReadEnd(c);
    case Phase::kSending:
      if (events & (EPOLLERR | EPOLLHUP)) Fail(c, "connect refused or reset");
      return;
    case Phase::kIdle:
      // A peer may close an idle connection: no request is lost, the next one opens a new socket.
      if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) Close(c);
      return;
    case Phase::kClosed:
      return;
  }
}

void Load::ReadHead(Connection& c) {
  while (c.phase == Phase::kHead) {
    const ssize_t got = Receive(c);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return Fail(c, got == 0 ? "closed before the answer" : "receive");
    if (counting_) totals_.bytes += uint64_t(got);
    c.head.append(read_, size_t(got));
    const size_t end = c.head.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (c.head.size() > kHeadBytesMax) return Fail(c, "response head too long");
      continue;
    }
    if (!ParseHead(c, end + 4)) return;
    const uint64_t body_bytes = c.head.size() - (end + 4);
    if (body_bytes > c.left_bytes) return Fail(c, "more bytes than the answer has");
    c.left_bytes -= body_bytes;
    if (c.left_bytes == 0) return Complete(c);
    c.phase = Phase::kBody;
  }
  ReadBody(c);
}

// Knows just enough: the status, Content-Length, and whether the peer will close. False: the
// request failed.
bool Load::ParseHead(Connection& c, size_t head_bytes) {
  const std::string_view head(c.head.data(), head_bytes);
  if (head.size() < 12 || head.substr(0, 7) != "HTTP/1." || head.substr(8, 4) != " 200") {
    Fail(c, "status is not 200");
    return false;
  }
  bool length_known = false;
  for (size_t line = head.find("\r\n") + 2; line + 2 < head.size();) {
    const size_t end = head.find("\r\n", line);
    const char* text = head.data() + line;
    if (strncasecmp(text, "content-length:", 15) == 0) {
      c.left_bytes = strtoull(text + 15, nullptr, 10);
      length_known = true;
    } else if (strncasecmp(text, "connection:", 11) == 0) {
      const std::string value(text + 11, head.data() + end);
      c.peer_closes = strcasestr(value.c_str(), "close") != nullptr;
    }
    line = end + 2;
  }
  if (!length_known) Fail(c, "no Content-Length");
  return length_known;
}

void Load::ReadBody(Connection& c) {
  // MSG_TRUNC drops the bytes in the kernel, so a large answer costs this core no copy. One byte
  // more is asked for, so that an answer too long is noticed.
  while (c.phase == Phase::kBody) {
    const ssize_t got = ReceiveAndDrop(c, c.left_bytes + 1);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return Fail(c, got == 0 ? "closed inside the answer" : "receive");
    if (counting_) totals_.bytes += uint64_t(got);
    if (uint64_t(got) > c.left_bytes) return Fail(c, "more bytes than the answer has");
    c.left_bytes -= uint64_t(got);
    if (c.left_bytes == 0) return Complete(c);
  }
}

void Load::Complete(Connection& c) {
  const uint64_t now_ns = Now();
  ++completed_;
  if (counting_ && now_ns >= c.intended_ns) {
    ++totals_.requests;
    latency_.Add(now_ns - c.intended_ns);
    if (options_.slice_ns != 0) AddToSlice(now_ns, now_ns - c.intended_ns);
  }
  if (options_.close && options_.http) {
    c.phase = Phase::kDraining;  // the server closes, as it was asked to
    return ReadEnd(c);
  }
  if (options_.close || c.peer_closes) Close(c);
  Finish(c);
}

void Load::AddToSlice(uint64_t now_ns, uint64_t latency_ns) {
  while (now_ns >= slice_end_ns_) EndSlice();
  slice_.Add(latency_ns);
  slice_max_ns_ = std::max(slice_max_ns_, latency_ns);
}

void Load::EndSlice() {
  slices_.push_back({slice_.total(), slice_.Quantile(0.5), slice_.Quantile(0.99), slice_max_ns_});
  slice_ = bench::Histogram();
  slice_max_ns_ = 0;
  slice_end_ns_ += options_.slice_ns;
}

void Load::ReadEnd(Connection& c) {
  const ssize_t got = Receive(c);
  if (got < 0 && errno == EAGAIN) return;
  if (got > 0) return Fail(c, "more bytes than the answer has");
  Close(c);
  Finish(c);
}

// The connection is free for the next request, if there is one.
void Load::Finish(Connection& c) {
  c.phase = c.fd < 0 ? Phase::kClosed : Phase::kIdle;
  if (supply_ == Supply::kClosedLoop) {
    // Queued, not begun: a proxy that answers at once would keep the caller in a recursion.
    free_.push_back(&c);
  } else if (supply_ == Supply::kSchedule) {
    if (backlog_ns_.empty()) {
      free_.push_back(&c);
    } else {
      const uint64_t intended_ns = backlog_ns_.front();
      backlog_ns_.pop_front();
      Begin(c, intended_ns);
    }
  }
}

void Load::Fail(Connection& c, const char* why) {
  if (counting_ || options_.idle > 0) {
    ++totals_.errors;
    if (first_error_ == nullptr) first_error_ = why;
  }
  Close(c);
  c.phase = Phase::kClosed;
  if (retry_.empty()) retry_at_ns_ = Now() + kRetryAfter;
  retry_.push_back(&c);
}

void Load::Close(Connection& c) {
  if (c.ssl != nullptr) bench::TlsClient::Close(c.ssl);
  c.ssl = nullptr;
  if (c.fd >= 0) close(c.fd);
  c.fd = -1;
  if (c.phase == Phase::kIdle) c.phase = Phase::kClosed;
}

// Starts every request that may start now.
void Load::Dispatch(uint64_t now_ns) {
  if (!retry_.empty() && now_ns >= retry_at_ns_) {
    std::deque<Connection*> back;
    back.swap(retry_);
    for (Connection* c : back) Finish(*c);
    if (supply_ == Supply::kOnce) free_.insert(free_.end(), back.begin(), back.end());
  }
  if (supply_ == Supply::kClosedLoop) {
    for (size_t count = free_.size(); count > 0; --count) {
      Connection& c = *free_.front();
      free_.pop_front();
      Begin(c, Now());
    }
  } else if (supply_ == Supply::kSchedule) {
    const double interval_ns = double(kSecond) / options_.rate;
    for (; uint64_t(due_ns_) <= now_ns; due_ns_ += interval_ns) {
      if (!free_.empty()) {
        Connection& c = *free_.front();
        free_.pop_front();
        Begin(c, uint64_t(due_ns_));
      } else if (backlog_ns_.size() < kBacklogMax) {
        backlog_ns_.push_back(uint64_t(due_ns_));
      } else if (counting_) {
        ++totals_.errors;
      }
    }
  }
}

void Load::Turn(uint64_t until_ns) {
  const uint64_t now_ns = Now();
  uint64_t wake_ns = until_ns;
  if (supply_ == Supply::kSchedule && uint64_t(due_ns_) < wake_ns) wake_ns = uint64_t(due_ns_);
  if (supply_ == Supply::kClosedLoop && !free_.empty()) wake_ns = now_ns;
  if (!retry_.empty() && retry_at_ns_ < wake_ns) wake_ns = retry_at_ns_;
  const uint64_t wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
  const timespec timeout{time_t(wait_ns / kSecond), long(wait_ns % kSecond)};
  epoll_event events[kEventsMax];
  const int count = epoll_pwait2(epoll_, events, kEventsMax, &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    OnEvent(*static_cast<Connection*>(events[i].data.ptr), events[i].events);
  }
  Dispatch(Now());
}

void Load::RunUntil(uint64_t until_ns) {
  while (Now() < until_ns) Turn(until_ns);
}

void Load::Run() {
  const uint64_t start_ns = Now();
  supply_ = options_.rate > 0 ? Supply::kSchedule : Supply::kClosedLoop;
  due_ns_ = double(start_ns);
  Dispatch(start_ns);
  RunUntil(start_ns + options_.warmup_ns);

  rusage before;
  getrusage(RUSAGE_SELF, &before);
  if (options_.marks) (void)!write(STDOUT_FILENO, "measuring\n", 10);
  const uint64_t window_start_ns = Now();
  slice_end_ns_ = window_start_ns + options_.slice_ns;
  counting_ = true;
  RunUntil(window_start_ns + options_.duration_ns);
  const double seconds = double(Now() - window_start_ns) / double(kSecond);
  if (options_.marks) (void)!write(STDOUT_FILENO, "measured\n", 9);
  rusage after;
  getrusage(RUSAGE_SELF, &after);

  // What was due inside the window still counts in the latencies, not in the totals.
  const Totals window = totals_;
  supply_ = options_.rate > 0 ? Supply::kSchedule : Supply::kNone;
  due_ns_ = 1e19;
  const uint64_t drain_end_ns = Now() + kDrainFor;
  auto unfinished = [this] {
    uint64_t count = backlog_ns_.size();
    for (const Connection& c : connections_) {
      count += c.phase != Phase::kIdle && c.phase != Phase::kClosed;
    }
    return count;
  };
  while (Now() < drain_end_ns && unfinished() > 0) Turn(Now() + kSecond / 1000);
  totals_.requests = window.requests;
  totals_.bytes = window.bytes;
  totals_.unfinished = unfinished();
  Report(before, after, seconds);
}

// Opens the connections a few at a time, so that no listen queue overflows.
void Load::Hold() {
  const uint64_t give_up_ns = Now() + 30 * kSecond;
  supply_ = Supply::kOnce;
  uint64_t started = 0;
  while (completed_ < options_.idle && Now() < give_up_ns) {
    while (!free_.empty() && started - completed_ - retry_.size() < kIdleOpeningMax) {
      Connection& c = *free_.front();
      free_.pop_front();
      ++started;
      Begin(c, Now());
    }
    const size_t free_before = free_.size();
    Turn(Now() + kSecond / 100);
    started -= free_.size() - free_before;  // those that failed start again
  }
  unsigned open = 0;
  for (const Connection& c : connections_) open += c.phase == Phase::kIdle;
  printf("{\"holding\": %u, \"errors\": %llu}\n", open,
         static_cast<unsigned long long>(totals_.errors));
  fflush(stdout);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLHUP;
  const int waiter = epoll_create1(EPOLL_CLOEXEC);
  epoll_ctl(waiter, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  epoll_wait(waiter, &event, 1, int(options_.duration_ns / 1000000));
}

void Load::Report(const rusage& before, const rusage& after, double seconds) const {
  const double user = Seconds(after.ru_utime) - Seconds(before.ru_utime);
  const double system = Seconds(after.ru_stime) - Seconds(before.ru_stime);
  auto micros = [this](double fraction) { return double(latency_.Quantile(fraction)) / 1000; };
  using Count = unsigned long long;
  printf("{\"requests\": %llu, \"errors\": %llu, \"unfinished\": %llu, \"first_error\": \"%s\", ",
         Count(totals_.requests), Count(totals_.errors), Count(totals_.unfinished),
         first_error_ == nullptr ? "" : first_error_);
  printf("\"seconds\": %.6f, \"rps\": %.1f, \"offered_rps\": %.1f, ", seconds,
         double(totals_.requests) / seconds, options_.rate);
  printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, ", micros(0.5),
         micros(0.9), micros(0.99), micros(0.999));
  if (options_.slice_ns != 0) {
    printf("\"slices\": [");
    for (const Slice& slice : slices_) {
      printf("%s[%llu, %.1f, %.1f, %.1f]", &slice == &slices_[0] ? "" : ", ", Count(slice.requests),
             double(slice.p50_ns) / 1000, double(slice.p99_ns) / 1000, double(slice.max_ns) / 1000);
    }
    printf("], ");
  }
  printf("\"bytes\": %llu, \"user_s\": %.4f, \"system_s\": %.4f, \"busy\": %.4f}\n",
         Count(totals_.bytes), user, system, (user + system) / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv, kUsage);
  Options options;
  options.address = arguments.Text("--address", "127.0.0.1");
  options.port = uint16_t(arguments.Number("--target", 0));
  const std::string_view protocol = arguments.Text("--protocol", "raw");
  options.http = protocol == "http";
  options.close = arguments.Flag("--close");
  options.marks = arguments.Flag("--marks");
  options.idle = unsigned(arguments.Number("--idle", 0));
  options.connections = unsigned(arguments.Number("--connections", 64));
  if (options.idle > 0) options.connections = options.idle;
  options.rate = arguments.Real("--rate", 0);
  options.slice_ns = uint64_t(arguments.Real("--slices", 0) * double(kSecond) / 1000);
  options.duration_ns = uint64_t(arguments.Real("--duration", 2) * double(kSecond));
  options.warmup_ns = uint64_t(arguments.Real("--warmup", 0.2) * double(kSecond));
  const long request_bytes = arguments.Number("--request-bytes", 64);
  options.response_bytes = uint64_t(arguments.Number("--response-bytes", 512));
  const std::string path = arguments.Text("--path", "/512");
  const long sources = arguments.Number("--source-addresses", options.close ? 8 : 0);
  options.source_addresses = unsigned(sources);
  const std::string_view tls = arguments.Text("--tls", "");
  options.tls = !tls.empty();
  options.resumes = tls == "resume";
  options.group = arguments.Text("--group", "X25519");
  const long cpu = arguments.Number("--cpu", 1000000);
  arguments.Finish();
  if (options.port == 0) arguments.Fail("--target");
  if (!options.http && protocol != "raw") arguments.Fail("--protocol");
  if (options.tls && !options.resumes && tls != "full") arguments.Fail("--tls");
  if (options.connections == 0 || request_bytes == 0 || options.response_bytes == 0) {
    arguments.Fail("a count must not be 0");
  }
  if (options.http) {
    options.request = "GET " + path + " HTTP/1.1\r\nHost: bench\r\n" +
                      "User-Agent: bench_load\r\nAccept: */*\r\n" +
                      (options.close ? "Connection: close\r\n" : "") + "\r\n";
  } else {
    options.request.assign(size_t(request_bytes), 'r');
  }
  if (cpu < CPU_SETSIZE && !bench::PinTo(int(cpu))) Die("--cpu");
  prctl(PR_SET_TIMERSLACK, 1);  // else a due request waits up to 50 us for company
  signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  static Load load(options);
  load.Start();
  if (options.idle > 0) {
    load.Hold();
  } else {
    load.Run();
  }
}
