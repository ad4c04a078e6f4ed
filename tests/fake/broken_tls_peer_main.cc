// broken_tls_peer list | client PORT WAIT_MS | server PORT WAIT_MS: the broken peer as a program.
//
// `list` prints a line for each way: name, side, version, when it acts, what becomes of it, alert.
// Else each line of stdin names a way, and one connection is made, or accepted, and broken so. The
// answer is a line: the name, the alert that came (-1: none), and how it ended: closed or reset by
// the other end, or still open after WAIT_MS of silence.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/fake/broken_tls_peer.h"

namespace {

using tests::BrokenTlsPeer;
using tests::WireEnd;

constexpr int kAcceptMs = 10'000;
constexpr int kProgressMs = 5'000;  // until the protocol is broken
constexpr timeval kSendLimit = {3, 0};

int Fail(const char* what) {
  std::perror(what);
  return 1;
}

void ResetNow(int fd) {
  const linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

// What it ends with.
const char* Converse(BrokenTlsPeer& peer, int fd, int wait_ms) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kSendLimit, sizeof(kSendLimit));
  std::string came;
  bool ended = false;
  while (true) {
    const std::string to_send = peer.Step(came);
    for (size_t sent = 0; sent < to_send.size();) {
      const ssize_t n = send(fd, to_send.data() + sent, to_send.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;  // it has gone: what it said is still to be read
      sent += size_t(n);
    }
    if (peer.acted() && !ended) {
      ended = true;
      if (peer.end() == WireEnd::kFin) shutdown(fd, SHUT_WR);
      if (peer.end() == WireEnd::kReset) {
        ResetNow(fd);
        return "left";
      }
    }
    pollfd asked = {fd, POLLIN, 0};
    const int ready = poll(&asked, 1, peer.acted() ? wait_ms : kProgressMs);
    if (ready == 0) return "open";
    char buffer[65536];
    const ssize_t got = ready < 0 ? -1 : recv(fd, buffer, sizeof(buffer), 0);
    if (got == 0) return "closed";
    if (got < 0) return "reset";
    came.assign(buffer, size_t(got));
  }
}

}  // namespace

int main(int count, char** words) {
  const std::string role = count > 1 ? words[1] : "";
  if (role == "list") {
    for (const tests::BrokenWay& way : tests::BrokenWays()) {
      const char* const fates[] = {"refused", "served", "cut", "ended", "waits"};
      const char* const moments[] = {"hello", "answer", "data"};
      std::printf("%s %s %04x %s %s %d %d\n", way.name,
                  way.side == tests::TlsSide::kClient ? "client" : "server", way.version,
                  moments[int(way.at)], fates[int(way.fate)], way.alert,
                  int(way.shows_certificate));
    }
    return 0;
  }
  if (count != 4 || (role != "client" && role != "server")) {
    std::fprintf(stderr, "usage: %s list | client PORT WAIT_MS | server PORT WAIT_MS\n", words[0]);
    return 2;
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(uint16_t(std::atoi(words[2])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  const int wait_ms = std::atoi(words[3]);
  int listener = -1;
  if (role == "server") {
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, raw, sizeof(address)) != 0) return Fail("bind");
    if (listen(listener, 100) != 0) return Fail("listen");
  }
  for (std::string name; std::getline(std::cin, name);) {
    const tests::BrokenWay* way = tests::FindBrokenWay(name);
    if (way == nullptr) {
      std::fprintf(stderr, "no way '%s'\n", name.c_str());
      return 2;
    }
    int fd = -1;
    if (listener < 0) {
      fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, raw, sizeof(address)) != 0) return Fail("connect");
    } else {
      pollfd asked = {listener, POLLIN, 0};
      if (poll(&asked, 1, kAcceptMs) == 1) fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return Fail("accept");
    }
    BrokenTlsPeer peer(*way);
    const char* end = Converse(peer, fd, wait_ms);
    close(fd);
    std::printf("%s %d %s\n", name.c_str(), peer.alert(), peer.acted() ? end : "unbroken");
    std::fflush(stdout);
  }
  return 0;
}
