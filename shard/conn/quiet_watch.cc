#include "shard/conn/quiet_watch.h"

#include <poll.h>

#include <span>

#include "shard/conn/conn_table.h"

namespace shard {
namespace {

constexpr size_t kAskedAtOnce = 256;

}  // namespace

void QuietWatch::Start() { timer_.Set(context_.loop->timers(), context_.now_ms() + kIntervalMs); }

void QuietWatch::OnTimer() noexcept {
  pollfd asked[kAskedAtOnce];
  Connection* connections[kAskedAtOnce];
  size_t count = 0;
  bool any_heard = false;
  const auto ask = [&] {
    if (context_.ring().PollNow({asked, count}) <= 0) return;
    for (size_t i = 0; i < count; ++i) {
      if ((asked[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0) continue;
      table_.counters().ends_missed.Add();
      connections[i]->RenewReceive();
    }
  };
  table_.ForEach([&](Connection& connection) {
    switch (connection.NextQuiet()) {
      case Connection::Quiet::kHeard:
        any_heard = true;
        return;
      case Connection::Quiet::kKnown:
        return;
      case Connection::Quiet::kToAsk:
        break;
    }
    asked[count] = {connection.fd(), POLLRDHUP, 0};
    connections[count++] = &connection;
    if (count < kAskedAtOnce) return;
    ask();
    count = 0;
  });
  if (count > 0) ask();
  if (any_heard) Start();
}

}  // namespace shard
