// A stream's way from mode tcp to mode http (manual 4; 4.4, switch-mode).

#include "engine/session/session.h"
#include "engine/session/stream.h"

namespace engine {

using shard::CloseReason;

void Stream::SwitchToHttp() {
  if (!client_side_.open()) return;  // the client has gone: its side ends the stream
  if (!session_.SwitchToHttp(*this)) Reject(CloseReason::kNoMemory);
}

void Stream::GoOnAsHttp(shard::Endpoint* client) {
  http_ = true;
  response_.Hold();
  SetTimeouts();
  client_side_.AttachEstablished(client);
  http_flow_.SkipContent();
  log_.OnSwitched(*this);
  WakeStream();
}

void Stream::DropSwitched() {
  log_.Silence();
  Kill(CloseReason::kNormal);
}

}  // namespace engine
