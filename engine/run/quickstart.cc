#include "engine/run/quickstart.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>

#include "base/text.h"
#include "engine/run/quickstart_text.h"
#include "engine/server/server_state.h"

namespace engine {
namespace {

constexpr int kRequests = 100;
constexpr int kConnections = 4;
constexpr uint16_t kPorts[] = {8080, 8081, 8082};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// Nobody listens there. Asked without SO_REUSEPORT, or a second instance would share the port and
// the connections.
bool IsFree(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const sockaddr_in address = Loopback(port);
  const bool free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                    bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                    listen(fd, 1) == 0;
  if (fd >= 0) close(fd);
  return free;
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The status and body of an answer that is whole; false: more must come.
bool ReadAnswer(const std::string& text, std::string* status, std::string* body) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string head = base::Lower(text.substr(0, end));
  const size_t field = head.find("\r\ncontent-length: ");
  if (field == std::string::npos) return false;
  const size_t length = std::strtoul(head.c_str() + field + 18, nullptr, 10);
  if (text.size() < end + 4 + length) return false;
  *status = text.substr(0, text.find("\r\n"));
  *body = text.substr(end + 4, length);
  return true;
}

// One client's connection, kept over its requests.
class Client {
 public:
  ~Client() {
    if (fd_ >= 0) close(fd_);
  }
  // Null, or what went wrong.
  const char* Open(uint16_t port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return "cannot create a socket";
    const timeval limit = {5, 0};
    (void)setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    const sockaddr_in address = Loopback(port);
    // A ring that is being taken down elsewhere may interrupt calls of this thread.
    const int connected = TEMP_FAILURE_RETRY(
        connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
    return connected != 0 && errno != EISCONN ? "cannot connect" : nullptr;
  }
  const char* Ask() {
    constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: quickstart\r\n\r\n";
    const ssize_t sent =
        TEMP_FAILURE_RETRY(send(fd_, kRequest.data(), kRequest.size(), MSG_NOSIGNAL));
    if (sent != ssize_t(kRequest.size())) return "cannot send";
    std::string text, status, body;
    while (!ReadAnswer(text, &status, &body)) {
      char bytes[1024];
      const ssize_t more = TEMP_FAILURE_RETRY(recv(fd_, bytes, sizeof(bytes), 0));
      if (more <= 0) return "the answer did not come";
      text.append(bytes, size_t(more));
    }
    if (status != "HTTP/1.1 200 OK") return "the answer is not 200";
    return body == "first\n" || body == "second\n" ? nullptr : "the answer is no origin's";
  }

 private:
  int fd_ = -1;
};

// Null, or what went wrong first.
const char* AskAll(uint16_t port, int* failed) {
  const char* first_wrong = nullptr;
  for (int connection = 0; connection < kConnections; ++connection) {
    Client client;
    const char* wrong = client.Open(port);
    for (int i = 0; i < kRequests / kConnections; ++i) {
      if (wrong == nullptr) wrong = client.Ask();
      if (wrong != nullptr) ++*failed;
    }
    if (first_wrong == nullptr) first_wrong = wrong;
  }
  return first_wrong;
}

}  // namespace

std::string QuickstartText(std::vector<std::string>* notes) {
  std::string text = kQuickstartFile;
  std::set<uint16_t> taken(std::begin(kPorts), std::end(kPorts));
  for (uint16_t port : kPorts) {
    if (IsFree(port)) continue;
    uint16_t next = port;
    do {
      ++next;
    } while (next != 0 && (taken.contains(next) || !IsFree(next)));
    taken.insert(next);
    notes->push_back("port " + std::to_string(port) + " is taken: using " + std::to_string(next) +
                     " instead");
    ReplaceAll(text, "127.0.0.1:" + std::to_string(port), "127.0.0.1:" + std::to_string(next));
  }
  return text;
}

bool RunQuickstart(const Configuration& configuration, const char* driver, uint32_t shards) {
  const ProxyConfig* entrance = configuration.FindFrontend("entrance");
  const ProxyConfig* origins = configuration.FindBackend("origins");
  if (entrance == nullptr || origins == nullptr) return false;
  const uint16_t port = entrance->binds[0]->addresses[0].address.port;
  int failed = 0;
  if (const char* wrong = AskAll(port, &failed))
    std::fprintf(stderr, "request failed: %s\n", wrong);
  std::printf("Ringway %s on 127.0.0.1:%u: %u shard%s, ring driver %s\n", RINGWAY_VERSION,
              unsigned(port), shards, shards == 1 ? "" : "s", driver);
  std::printf("%d HTTP requests sent through it over %d kept connections, %d failed\n", kRequests,
              kConnections, failed);
  bool all_served = failed == 0;
  for (const auto& server : origins->servers) {
    const uint64_t total = server->state->Total();
    std::printf("  origin %-8s %llu\n", server->name.c_str(),
                static_cast<unsigned long long>(total));
    all_served = all_served && total > 0;
  }
  std::printf("Try:\n");
  std::printf("  curl http://127.0.0.1:%u/ http://127.0.0.1:%u/    # both origins\n",
              unsigned(port), unsigned(port));
  std::printf("  curl -v http://127.0.0.1:%u/alive                   # the proxy itself\n",
              unsigned(port));
  std::printf(
      "  build/ringway -d -f examples/quickstart.cfg         # every move of every stream\n");
  std::fflush(stdout);
  return all_served;
}

}  // namespace engine
