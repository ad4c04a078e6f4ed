#include "engine/run/quickstart.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>

#include "engine/run/quickstart_text.h"
#include "engine/server/server_state.h"

namespace engine {
namespace {

constexpr int kExchanges = 100;
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

// One connection, one line there and the same line back. Null, or what went wrong.
const char* Exchange(uint16_t port, int number) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "cannot create a socket";
  const timeval limit = {5, 0};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  const sockaddr_in address = Loopback(port);
  char line[64];
  const ssize_t length =
      std::snprintf(line, sizeof(line), "exchange %d of %d\n", number + 1, kExchanges);
  const char* wrong = nullptr;
  // A ring that is being taken down elsewhere may interrupt calls of this thread.
  const int connected =
      TEMP_FAILURE_RETRY(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
  if (connected != 0 && errno != EISCONN) {
    wrong = "cannot connect";
  } else if (TEMP_FAILURE_RETRY(send(fd, line, size_t(length), MSG_NOSIGNAL)) != length) {
    wrong = "cannot send";
  }
  char answer[64];
  ssize_t got = 0;
  while (wrong == nullptr && got < length) {
    const ssize_t more =
        TEMP_FAILURE_RETRY(recv(fd, answer + got, sizeof(answer) - size_t(got), 0));
    if (more <= 0) {
      wrong = "the answer did not come";
    } else {
      got += more;
    }
  }
  if (wrong == nullptr && std::string(answer, size_t(got)) != std::string(line, size_t(length))) {
    wrong = "the answer is not what was sent";
  }
  close(fd);
  return wrong;
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
  for (int i = 0; i < kExchanges; ++i) {
    if (const char* wrong = Exchange(port, i)) {
      std::fprintf(stderr, "exchange %d failed: %s\n", i + 1, wrong);
      ++failed;
    }
  }
  std::printf("Ringway %s on 127.0.0.1:%u: %u shard%s, ring driver %s\n", RINGWAY_VERSION,
              unsigned(port), shards, shards == 1 ? "" : "s", driver);
  std::printf("%d exchanges sent through it, %d failed\n", kExchanges, failed);
  bool all_served = failed == 0;
  for (const auto& server : origins->servers) {
    const uint64_t total = server->state->Total();
    std::printf("  origin %-8s %llu\n", server->name.c_str(),
                static_cast<unsigned long long>(total));
    all_served = all_served && total > 0;
  }
  std::printf("Try:\n");
  std::printf("  bash -c 'exec 3<>/dev/tcp/127.0.0.1/%u; echo hello >&3; head -n 1 <&3'\n",
              unsigned(port));
  std::printf("  build/ringway -c -V -f examples/quickstart.cfg\n");
  std::printf("  build/ringway -d -f examples/quickstart.cfg    # every move of every stream\n");
  std::fflush(stdout);
  return all_served;
}

}  // namespace engine
