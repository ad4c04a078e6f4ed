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
  // The first use_backend that applies, else default_backend, else a listen section's own servers.
  const ProxyConfig* backend =
      frontend.use_backend != nullptr ? frontend.use_backend : frontend.default_backend;
  if (backend == nullptr && frontend.is_backend) backend = &frontend;
  if (backend == nullptr) return stream.Reject(shard::CloseReason::kNoBackend);
  stream.SetBackend(*backend);
  stream.RequestServerSide();
}

}  // namespace engine
