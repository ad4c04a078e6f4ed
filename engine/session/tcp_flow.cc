#include "engine/session/tcp_flow.h"

#include "engine/session/stream.h"

namespace engine {

bool TcpFlow::Run(Stream& stream) {
  const Phase before = phase_;
  switch (phase_) {
    case Phase::kFront:
    case Phase::kBack:
      RunRequest(stream);
      break;
    case Phase::kResponse:
      // Nothing is asked of an answer that has not begun.
      if (stream.response().empty() && !stream.response().ended()) break;
      if (!Passes(stream, *stream.backend(), RuleStage::kTcpResponse)) break;
      phase_ = Phase::kForward;
      stream.response().Release();
      break;
    case Phase::kForward:
      break;
  }
  return phase_ != before;
}

void TcpFlow::RunRequest(Stream& stream) {
  const ProxyConfig& frontend = stream.frontend();
  if (phase_ == Phase::kFront) {
    // The sockets of the process itself: an applet answers in the server's place.
    if (frontend.service != nullptr) {
      phase_ = Phase::kForward;
      stream.SetTarget(shard::Target::Of(frontend.service));
      return stream.RequestServerSide();
    }
    if (!Passes(stream, frontend, RuleStage::kTcpContent)) return;
    const ProxyConfig* backend = stream.ChooseBackend();
    if (backend == nullptr) {
      phase_ = Phase::kForward;
      return stream.Reject(shard::CloseReason::kNoBackend);
    }
    stream.SetBackend(*backend);
    phase_ = Phase::kBack;
  }
  // A listen section is its own backend: its rules have been run.
  const ProxyConfig& backend = *stream.backend();
  if (&backend != &frontend && !Passes(stream, backend, RuleStage::kTcpContent)) return;
  const bool looks_at_response =
      backend.rules != nullptr && !backend.rules->set(RuleStage::kTcpResponse).empty();
  phase_ = looks_at_response ? Phase::kResponse : Phase::kForward;
  if (looks_at_response) stream.response().Hold();
  stream.ChooseServer();
  stream.RequestServerSide();
}

bool TcpFlow::Passes(Stream& stream, const ProxyConfig& proxy, RuleStage stage) {
  switch (stream.RunContent(proxy, stage)) {
    case Verdict::kContinue:
    case Verdict::kStop:
      return true;
    case Verdict::kYield:
      return false;
    case Verdict::kEnd:
      phase_ = Phase::kForward;
      stream.response().Release();
      return false;
  }
  return false;
}

}  // namespace engine
