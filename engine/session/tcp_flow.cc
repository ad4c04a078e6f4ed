#include "engine/session/tcp_flow.h"

#include "engine/session/stream.h"

namespace engine {

void TcpFlow::Run(Stream& stream) {
  if (phase_ == Phase::kForward) return;
  phase_ = Phase::kForward;
  const ProxyConfig& frontend = stream.frontend();
  // tcp-request content use-service NAME (manual 4.3, use-service): an applet answers in the
  // server's place.
  if (frontend.service != nullptr) {
    stream.SetTarget(shard::Target::Of(frontend.service));
    return stream.RequestServerSide();
  }
  const ProxyConfig* backend = stream.ChooseBackend();
  if (backend == nullptr) return stream.Reject(shard::CloseReason::kNoBackend);
  stream.SetBackend(*backend);
  stream.RequestServerSide();
}

}  // namespace engine
