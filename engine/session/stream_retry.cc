// What a stream does when its server has failed it: again there, elsewhere, or not at all (manual
// 4.2, retries, option redispatch, retry-on).

#include <algorithm>

#include "engine/mux/http_endpoint.h"
#include "engine/session/retry.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {

using shard::CloseReason;
using shard::RetryDecision;
using shard::StreamSide;

namespace {

// Ports of a source range that one stream tries, each of which is a socket and a connect.
constexpr uint32_t kPortTriesMax = 64;

}  // namespace

// Only the stream knows whose request the answer was for.
void Stream::NoteInvalidResponse() {
  InvalidMessage* message = worker_.invalid_messages().Find(*backend_, true);
  if (message == nullptr || message->frontend.known()) return;
  if (message->session != session_.id()) return;
  message->frontend.Set(frontend());
  shard::Endpoint* client = client_side_.endpoint();
  if (client != nullptr) message->client = client->connection()->PeerAddress();
}

bool Stream::OnDisconnected(StreamSide& side) {
  if (!http_ || &side != &server_side_) return false;
  if (side.reason() == CloseReason::kServerProtocol) NoteInvalidResponse();
  // Its reading was over before the connection went: the response is whole.
  response_whole_ = side.read_shut();
  if (response_whole_ || !http_flow_.MayRetry(*this, side.reason()) || !RetriesLeft()) return false;
  ++retries_;
  if (IsRedispatch(*backend_, ChoiceOfRetry(), retries_)) {
    LeaveServer();
  } else {
    CountRetry();
  }
  fresh_only_ = fresh_only_ || side.reason() != CloseReason::kNormal;
  slot_.Release();
  return true;
}

RetryDecision Stream::DecideRetry(CloseReason reason, uint32_t* pause_ms) {
  if (target_.kind() != shard::Target::Kind::kServer || reason == CloseReason::kLocal) {
    return RetryDecision::kGiveUp;
  }
  // Somebody else's connection holds that port of the range: the next one, at once. That is no
  // failure of the server.
  if (reason == CloseReason::kLocalPorts &&
      ++port_tries_ < std::min(slot_.server()->source.ports(), kPortTriesMax)) {
    *pause_ms = 0;
    return RetryDecision::kSameServer;
  }
  slot_.part().connect_errors.Add();
  if (slot_.server()->check.observe != Observe::kNothing) {
    worker_.server_events().OnFailure(*slot_.server(), "L4 unsuccessful connection");
  }
  // retry-on that leaves conn-failure out makes the first failure the last.
  const bool final = http_ && (backend_->http.retry_on & kRetryConnFailure) == 0;
  const RetryDecision decision =
      final ? RetryDecision::kGiveUp
            : DecideRetryOf(*backend_, ChoiceOfRetry(reason), retries_ + 1, pause_ms);
  if (decision == RetryDecision::kGiveUp) return decision;
  ++retries_;
  if (decision == RetryDecision::kAnotherServer) {
    LeaveServer();
  } else {
    CountRetry();
    is_repeat_ = true;
  }
  return decision;
}

// A server has been given as many streams as have tried it, each time that they did.
void Stream::CountRepeat() {
  is_repeat_ = false;
  slot_.part().repeats.Add();
  slot_.server()->state->rates().Count(worker_.index(), NowMicros());
}

void Stream::CountRetry() {
  backend_->state->part(worker_.index()).retries.Add();
  slot_.part().retries.Add();
}

RetryChoice Stream::ChoiceOfRetry(CloseReason reason) {
  const ServerConfig* server = slot_.server();
  if (server == nullptr) return {.is_bound = true, .retries_max = retries_max()};
  return {.is_bound = persistence_.server() >= 0 || backend_->balance == BalanceAlgorithm::kHash,
          .has_other = !persistence_.stays() &&
                       backend_->state->backend()->HasOther(worker_.index(), server->index),
          .has_waited =
              reason == CloseReason::kConnectTimeout || reason == CloseReason::kTlsServerTimeout,
          .retries_max = retries_max()};
}

void Stream::CountRedispatch(ServerShardPart& from) {
  backend_->state->part(worker_.index()).redispatches.Add();
  from.redispatches.Add();
  log_.OnRedispatch();
}

// For another one.
void Stream::LeaveServer() {
  CountRedispatch(slot_.part());
  avoid_server_ = int(slot_.server()->index);
  persistence_.Break();
  chosen_server_ = -1;
  slot_.Release();
}

}  // namespace engine
