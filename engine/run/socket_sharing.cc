#include "engine/run/socket_sharing.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/errno_name.h"
#include "base/text.h"
#include "engine/run/handover.h"
#include "shard/net/address.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

constexpr int kMasterWaitMs = 1000;

std::string Because(const char* what, int error) {
  return base::Format("%s: %s (%s)", what, base::ErrnoText(error), base::ErrnoName(error));
}

void MakeNonBlocking(int fd) { (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

// Process ids are unique in their namespace; containers may share the network, and with it the
// abstract names.
std::string SocketSharing::OfferName(pid_t pid) {
  struct stat space {};
  if (stat("/proc/self/ns/pid", &space) != 0) space.st_ino = 0;
  return base::Format("ringway/%llu/%d/listeners", static_cast<unsigned long long>(space.st_ino),
                      int(pid));
}

bool SocketSharing::Open(std::string* why) {
  start_uid_ = geteuid();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) {
    *why = Because("cannot watch for a successor", errno);
    return false;
  }
  const std::string name = OfferName(getpid());
  shard::Address address;
  address.family = AF_UNIX;
  address.local = {name.data(), uint32_t(name.size()), true};
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(&storage);
  offer_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = offer_;
  if (offer_ < 0 || bind(offer_, reinterpret_cast<sockaddr*>(&storage), length) != 0 ||
      listen(offer_, int(kSessionsMax)) != 0 ||
      epoll_ctl(epoll_, EPOLL_CTL_ADD, offer_, &event) != 0) {
    *why = Because("cannot offer the listening sockets to a successor", errno);
    if (offer_ >= 0) close(offer_);
    offer_ = -1;
    return false;
  }
  return true;
}

bool SocketSharing::MayAsk(int session) const {
  ucred peer = {};
  socklen_t length = sizeof(peer);
  if (getsockopt(session, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == start_uid_ || peer.uid == 0;
}

void SocketSharing::Accept() {
  const int session = accept4(offer_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (session < 0) return;
  if (MayAsk(session)) {
    (void)Give(session);
  } else {
    close(session);
  }
}

void SocketSharing::Add(Session session) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = session.fd;
  // Unwatched it would count as shared for ever, which is the safe side.
  if (epoll_ >= 0) (void)epoll_ctl(epoll_, EPOLL_CTL_ADD, session.fd, &event);
  sessions_.push_back(std::move(session));
}

bool SocketSharing::Give(int session) {
  std::vector<int> sockets = offered_();
  if (sessions_.size() >= kSessionsMax || !SendSockets(session, sockets)) {
    // Whatever did arrive goes with the session: a taker that does not get all uses none.
    close(session);
    return false;
  }
  Add({session, 0, std::move(sockets)});
  return true;
}

bool SocketSharing::GiveToMaster(int session) {
  const int before = masters_;
  if (session < 0 || !Give(session)) return false;
  masters_ = session;
  if (before < 0) return true;
  pollfd ends[] = {{before, POLLIN, 0}, {session, 0, 0}};
  while (poll(ends, 2, kMasterWaitMs) < 0 && errno == EINTR) continue;
  if ((ends[1].revents & POLLHUP) != 0) {
    End(session);
    masters_ = before;
    return false;
  }
  // An order that it has given meanwhile is read in its turn.
  char byte;
  const bool is_order = recv(before, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  if (is_order || (ends[0].revents & POLLHUP) == 0) return false;
  End(before);
  return true;
}

void SocketSharing::End(int session) {
  close(session);
  if (session == masters_) masters_ = -1;
  std::erase_if(sessions_, [session](const Session& one) { return one.fd == session; });
}

void SocketSharing::Watch(int session, pid_t pid, std::vector<int> sockets) {
  MakeNonBlocking(session);
  Add({session, pid, std::move(sockets)});
}

// Of what was sent, by position; the others were closed there.
void SocketSharing::KeepOnly(Session& session, std::string_view numbers) {
  std::vector<int> kept;
  for (const std::string_view word : base::Split(numbers, ' ')) {
    const auto number = base::ParseUnsigned(word);
    if (number && *number < session.sockets.size()) kept.push_back(session.sockets[*number]);
  }
  session.sockets = std::move(kept);
}

SocketSharing::Order SocketSharing::Read(size_t index) {
  constexpr std::string_view kKeeps = "keeps";
  constexpr size_t kTextMax = 65536;  // a few bytes for each socket
  Session& session = sessions_[index];
  std::string text;
  std::vector<int> strays;
  const int length = shard::ReceiveWithFds(session.fd, &text, &strays, kTextMax);
  for (const int stray : strays) close(stray);
  if (length == -EAGAIN || length == -EINTR) return Order::kNone;
  if (length <= 0) {
    End(session.fd);
    return Order::kNone;
  }
  if (session.giver != 0) return Order::kNone;  // it has nothing to say
  const std::string_view said = base::Trim(text);
  if (said == "stop soft") return Order::kSoftStop;
  if (said == "stop now") return Order::kStop;
  if (said.starts_with(kKeeps)) KeepOnly(session, said.substr(kKeeps.size()));
  return Order::kNone;
}

SocketSharing::Order SocketSharing::Turn() {
  Order order = Order::kNone;
  epoll_event events[kSessionsMax + 1];
  const int count = epoll_wait(epoll_, events, int(std::size(events)), 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events[i].data.fd;
    if (fd == offer_) {
      Accept();
      continue;
    }
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [fd](const Session& session) { return session.fd == fd; });
    if (found == sessions_.end()) continue;
    order = std::max(order, Read(size_t(found - sessions_.begin())));
  }
  return order;
}

bool SocketSharing::IsShared(int socket) const {
  if (shares_all_) return true;
  return std::any_of(sessions_.begin(), sessions_.end(), [socket](const Session& session) {
    return std::find(session.sockets.begin(), session.sockets.end(), socket) !=
           session.sockets.end();
  });
}

void SocketSharing::Forget(int socket) {
  // The position of the others stays what `keeps` counts by.
  for (Session& session : sessions_) {
    std::replace(session.sockets.begin(), session.sockets.end(), socket, -1);
  }
}

bool SocketSharing::Send(pid_t pid, std::string_view order) const {
  for (const Session& session : sessions_) {
    if (session.giver == pid) return shard::SendWithFds(session.fd, order, {}) >= 0;
  }
  return false;
}

void SocketSharing::Close() {
  for (const Session& session : sessions_) close(session.fd);
  sessions_.clear();
  masters_ = -1;
  for (int* fd : {&offer_, &epoll_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
}

}  // namespace engine
