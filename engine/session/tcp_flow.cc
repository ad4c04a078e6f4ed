#include "engine/session/tcp_flow.h"

#include "engine/session/stream.h"

namespace engine {

bool TcpFlow::Run(Stream& stream) {
  const Phase before = phase_;
  switch (phase_) {
    case Phase::kFront:
    case Phase::kBack:
      // A client that is gone needs no verdict.
      if (!stream.client_side().closed()) RunRequest(stream);
      break;
    case Phase::kResponse:
      // Nothing is asked of an answer that has not begun.
      if (stream.response().empty() && !stream.response().ended()) break;
      if (!Passes(stream, stream.RunContent(*stream.backend(), RuleStage::kTcpResponse))) break;
      phase_ = Phase::kForward;
      stream.response().Release();
      break;
    case Phase::kForward:
    case Phase::kSwitched:
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
    const Verdict verdict = stream.RunContent(frontend, RuleStage::kTcpContent);
    if (verdict == Verdict::kSwitch) return Switch(stream);
    if (!Passes(stream, verdict)) return;
    const ProxyConfig* backend = stream.ChooseBackend();
    if (backend == nullptr) {
      phase_ = Phase::kForward;
      return stream.Reject(shard::CloseReason::kNoBackend);
    }
    stream.SetBackend(*backend);
    if (backend->mode == Mode::kHttp) return Switch(stream);
    phase_ = Phase::kBack;
  }
  // A listen section is its own backend: its rules have been run.
  const ProxyConfig& backend = *stream.backend();
  if (&backend != &frontend &&
      !Passes(stream, stream.RunContent(backend, RuleStage::kTcpContent))) {
    return;
  }
  const bool looks_at_response =
      backend.rules != nullptr && !backend.rules->set(RuleStage::kTcpResponse).empty();
  phase_ = looks_at_response ? Phase::kResponse : Phase::kForward;
  if (looks_at_response) stream.response().Hold();
  stream.ChooseServer();
  stream.RequestServerSide();
}

void TcpFlow::Switch(Stream& stream) {
  phase_ = Phase::kSwitched;
  stream.SwitchToHttp();
}

bool TcpFlow::Passes(Stream& stream, Verdict verdict) {
  switch (verdict) {
    case Verdict::kContinue:
    case Verdict::kStop:
    case Verdict::kSwitch:
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
