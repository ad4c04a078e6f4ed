// origin.cc - a light origin server for benches: one thread, answers made of one repeated byte.
//
// Owns:    its listener and connections.
// Threads: one; start several with --reuseport for more.
// Units:   sizes in bytes.
// Errors:  a request it does not understand, or a socket error, closes that connection.
// States:  Client: reading <-> blocked (the peer does not take the answer; nothing is read
//          meanwhile) -> closed.
//
//   bench_origin --port P [--size N]
//       HTTP/1.1: N bytes for GET /N, --size for any other path. GET /accepted says in X-Accepted
//       how many connections there have been, its own included.
//   bench_origin --port P --raw SIZE [--request-bytes N]
//       SIZE bytes for every N bytes received
//
// Answers of 16 kB and more leave by sendfile from a memfd, which spares the origin's core the
// copy.

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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "bench/load/arguments.h"

namespace {

constexpr char kUsage[] =
    "usage: bench_origin --port PORT [--address A] [--cpu N] [--reuseport] [--size N]\n"
    "       bench_origin --port PORT --raw SIZE [--request-bytes N]";
constexpr size_t kReadBytes = 65536;
constexpr size_t kFileBytes = 1 << 20;
constexpr size_t kSendfileMinBytes = 16384;
constexpr size_t kHeadBytesMax = 16384;
constexpr int kEventsMax = 256;

struct Client {
  int fd = -1;
  bool blocked = false;
  bool watches_writable = false;  // what epoll was last told
  bool close_after = false;
  uint64_t partial_bytes = 0;  // raw: of a request not yet complete
  uint64_t owed_bytes = 0;     // of the answer, all body
  std::string input;           // http: not yet parsed
  std::string head;            // http: not yet sent
};

struct Options {
  bool raw = false;
  uint64_t size_bytes = 512;
  uint64_t request_bytes = 64;
};

[[noreturn]] void Die(const char* what) {
  perror(what);
  exit(1);
}

class Origin {
 public:
  explicit Origin(const Options& options) : options_(options) {}
  void Start(const char* address, uint16_t port, bool reuseport);
  [[noreturn]] void Run();

 private:
  void OnAccept();
  void OnReadable(Client& client);
  void OnWritable(Client& client);
  // False: the connection is gone.
  bool Serve(Client& client);
  bool ServeHead(Client& client, std::string_view head);
  bool Flush(Client& client);
  bool FlushSmall(Client& client);
  void WatchFor(Client& client);
  void Close(Client& client);

  const Options options_;
  int epoll_ = -1;
  int listener_ = -1;
  int file_ = -1;
  uint64_t accepted_ = 0;
  char read_[kReadBytes];
  char out_[kHeadBytesMax + kSendfileMinBytes];
};

void Origin::Start(const char* address, uint16_t port, bool reuseport) {
  file_ = memfd_create("answer", MFD_CLOEXEC);
  if (file_ < 0 || ftruncate(file_, kFileBytes) < 0) Die("memfd");
  memset(read_, 'x', sizeof read_);
  for (size_t at = 0; at < kFileBytes; at += sizeof read_) {
    if (pwrite(file_, read_, sizeof read_, off_t(at)) != ssize_t(sizeof read_)) Die("pwrite");
  }
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (reuseport) setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // accepted sockets inherit it
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  if (inet_pton(AF_INET, address, &name.sin_addr) != 1) Die("address");
  if (bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) < 0) Die("bind");
  if (listen(listener_, 4096) < 0) Die("listen");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
}

void Origin::OnAccept() {
  for (int i = 0; i < 64; ++i) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    ++accepted_;
    Client* client = new Client;
    client->fd = fd;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = client;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
}

void Origin::Close(Client& client) {
  close(client.fd);
  delete &client;
}

void Origin::WatchFor(Client& client) {
  if (client.blocked == client.watches_writable) return;
  client.watches_writable = client.blocked;
  epoll_event event{};
  event.events = client.blocked ? EPOLLOUT : EPOLLIN;
  event.data.ptr = &client;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
}

void Origin::OnReadable(Client& client) {
  const ssize_t got = recv(client.fd, read_, sizeof read_, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Close(client);
  if (options_.raw) {
    const uint64_t bytes = client.partial_bytes + uint64_t(got);
    client.partial_bytes = bytes % options_.request_bytes;
    client.owed_bytes += bytes / options_.request_bytes * options_.size_bytes;
    Flush(client);
    return;
  }
  client.input.append(read_, size_t(got));
  Serve(client);
}

void Origin::OnWritable(Client& client) {
  if (!Flush(client) || client.blocked) return;
  if (!options_.raw) Serve(client);
}

bool Origin::Serve(Client& client) {
  size_t parsed = 0;
  bool alive = true;
  while (alive && !client.blocked) {
    const size_t end = client.input.find("\r\n\r\n", parsed);
    if (end == std::string::npos) break;
    const std::string_view head(client.input.data() + parsed, end + 4 - parsed);
    parsed = end + 4;
    alive = ServeHead(client, head);
  }
  if (!alive) return false;
  client.input.erase(0, parsed);
  if (client.input.size() > kHeadBytesMax && !client.blocked) {
    Close(client);
    return false;
  }
  return true;
}

bool Origin::ServeHead(Client& client, std::string_view head) {
  uint64_t size_bytes = options_.size_bytes;
  const bool get = head.substr(0, 5) == "GET /";
  if (get && head.size() > 5 && head[5] >= '0' && head[5] <= '9') {
    size_bytes = strtoull(head.data() + 5, nullptr, 10);
  }
  const size_t version = head.find(" HTTP/1.0\r\n");
  bool keep_alive = get && (version == std::string_view::npos || version > head.find("\r\n"));
  for (size_t line = head.find("\r\n") + 2; line + 2 < head.size();) {
    const size_t end = head.find("\r\n", line);
    if (end - line > 11 && strncasecmp(head.data() + line, "connection:", 11) == 0) {
      const std::string value(head.substr(line + 11, end - line - 11));
      if (strcasestr(value.c_str(), "close") != nullptr) keep_alive = false;
      if (get && strcasestr(value.c_str(), "keep-alive") != nullptr) keep_alive = true;
    }
    line = end + 2;
  }
  char count[48] = "";
  if (head.substr(0, 14) == "GET /accepted ") {
    snprintf(count, sizeof count, "X-Accepted: %llu\r\n",
             static_cast<unsigned long long>(accepted_));
  }
  char text[208];
  const int length =
      snprintf(text, sizeof text,
               "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %llu\r\n%s%s\r\n",
               get ? "200 OK" : "405 Method Not Allowed",
               static_cast<unsigned long long>(get ? size_bytes : 0),
               keep_alive ? "" : "Connection: close\r\n", count);
  client.head.append(text, size_t(length));
  client.owed_bytes += get ? size_bytes : 0;
  client.close_after = !keep_alive;
  return Flush(client);
}

// A head with a small body goes out in one call. False: the connection is gone.
bool Origin::FlushSmall(Client& client) {
  while (!client.blocked && (!client.head.empty() ||
                             (client.owed_bytes > 0 && client.owed_bytes < kSendfileMinBytes))) {
    size_t bytes = client.head.size() < kHeadBytesMax ? client.head.size() : kHeadBytesMax;
    memcpy(out_, client.head.data(), bytes);
    const size_t head_bytes = bytes;
    const bool with_body = bytes == client.head.size() && client.owed_bytes < kSendfileMinBytes;
    if (with_body) {
      memset(out_ + bytes, 'x', client.owed_bytes);
      bytes += client.owed_bytes;
    }
    const bool more = !with_body && client.owed_bytes > 0;
    const ssize_t sent = send(client.fd, out_, bytes, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        client.blocked = true;
        return true;
      }
      Close(client);
      return false;
    }
    const size_t sent_head = size_t(sent) < head_bytes ? size_t(sent) : head_bytes;
    client.head.erase(0, sent_head);
    client.owed_bytes -= uint64_t(sent) - sent_head;
  }
  return true;
}

bool Origin::Flush(Client& client) {
  client.blocked = false;
  if (!FlushSmall(client)) return false;
  while (client.owed_bytes > 0 && !client.blocked) {
    if (client.owed_bytes < kSendfileMinBytes) {
      if (!FlushSmall(client)) return false;
      continue;
    }
    off_t offset = 0;
    const size_t bytes = client.owed_bytes < kFileBytes ? client.owed_bytes : kFileBytes;
    const ssize_t sent = sendfile(client.fd, file_, &offset, bytes);
    if (sent > 0) {
      client.owed_bytes -= uint64_t(sent);
    } else if (sent < 0 && errno == EAGAIN) {
      client.blocked = true;
    } else if (sent == 0 || errno != EINTR) {
      Close(client);
      return false;
    }
  }
  WatchFor(client);
  if (client.blocked || !client.close_after) return true;
  Close(client);
  return false;
}

void Origin::Run() {
  epoll_event events[kEventsMax];
  for (;;) {
    const int count = epoll_wait(epoll_, events, kEventsMax, -1);
    for (int i = 0; i < count; ++i) {
      Client* client = static_cast<Client*>(events[i].data.ptr);
      if (client == nullptr) {
        OnAccept();
      } else if (client->watches_writable) {
        OnWritable(*client);
      } else {
        OnReadable(*client);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv, kUsage);
  Options options;
  const long port = arguments.Number("--port", 0);
  const char* address = arguments.Text("--address", "127.0.0.1");
  const long cpu = arguments.Number("--cpu", 1000000);
  const bool reuseport = arguments.Flag("--reuseport");
  options.size_bytes = uint64_t(arguments.Number("--size", 512));
  const long raw_bytes = arguments.Number("--raw", 0);
  options.request_bytes = uint64_t(arguments.Number("--request-bytes", 64));
  arguments.Finish();
  if (port == 0 || options.request_bytes == 0) arguments.Fail("--port or --request-bytes");
  if (raw_bytes > 0) {
    options.raw = true;
    options.size_bytes = uint64_t(raw_bytes);
  }
  if (cpu < CPU_SETSIZE && !bench::PinTo(int(cpu))) Die("--cpu");
  signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  static Origin origin(options);
  origin.Start(address, uint16_t(port), reuseport);
  origin.Run();
}
