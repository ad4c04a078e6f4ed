#include "engine/session/session.h"

#include <sys/socket.h>

#include "engine/session/worker.h"

namespace engine {

using shard::CloseReason;
using shard::Connection;

Session::Session(Worker& worker, const BindConfig& bind) : worker_(worker), bind_(bind) {}

void Session::Begin(int fd) {
  accepted_us_ = worker_.context().loop->clock().now_us();
  connection_ = worker_.shard().connections().Adopt(fd, shard::Role::kAccepted);
  if (connection_ == nullptr) {
    worker_.context().ring().Close(fd);
    return End();
  }
  ProxyShardPart& part = frontend().state->part(worker_.index());
  part.front_total.Add();
  if (frontend().tcpka_client) {
    const int on = 1;
    (void)worker_.context().ring().SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  }
  connection_->SetEvents(this);
  if (connection_->Start()) OnConnected();
}

void Session::OnConnected() noexcept {
  MuxRaw* mux = worker_.NewMuxRaw(*connection_);
  if (mux == nullptr) return OnClosed(CloseReason::kNoMemory);
  mux->SetNoLinger(frontend().nolinger);
  connection_ = nullptr;
  OnNewStream(mux);
}

void Session::OnClosed(CloseReason reason) noexcept {
  frontend().state->part(worker_.index()).by_reason[size_t(reason)].Add();
  connection_->Abort(frontend().nolinger);
  End();
}

void Session::OnNewStream(shard::Endpoint* endpoint) noexcept {
  Stream* stream = worker_.NewStream(*this, endpoint);
  if (stream != nullptr) return stream->Start();
  frontend().state->part(worker_.index()).by_reason[size_t(CloseReason::kNoMemory)].Add();
  endpoint->Detach(CloseReason::kNoMemory, 0);
  End();
}

void Session::OnMuxGone(CloseReason) noexcept { End(); }

void Session::OnStreamGone() { End(); }

void Session::End() { worker_.FreeSession(this); }

}  // namespace engine
