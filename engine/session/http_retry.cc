// Which request of mode http may be sent again, and after what (manual 4.2, retry-on).

#include "engine/mux/http_endpoint.h"
#include "engine/session/http_flow.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"

namespace engine {

using proto::BodyKind;
using shard::CloseReason;

namespace {

// The bit of retry-on that a status stands for, 0 for none.
uint32_t RetryBitOf(uint16_t status) {
  switch (status) {
    case 401:
      return kRetry401;
    case 403:
      return kRetry403;
    case 404:
      return kRetry404;
    case 408:
      return kRetry408;
    case 421:
      return kRetry421;
    case 425:
      return kRetry425;
    case 429:
      return kRetry429;
    case 500:
      return kRetry500;
    case 501:
      return kRetry501;
    case 502:
      return kRetry502;
    case 503:
      return kRetry503;
    case 504:
      return kRetry504;
    default:
      return 0;
  }
}

}  // namespace

uint32_t HttpFlow::RetryOn(const Stream& stream) const {
  const uint32_t retry_on = stream.backend()->http.retry_on;
  return retries_answers_ ? retry_on : retry_on & kRetryConnFailure;
}

// Nothing of the request is gone for good: it has no body, or a copy of it is kept.
bool HttpFlow::RequestCanRepeat(Stream& stream) const {
  FrontEndpoint* front = stream.front();
  return front != nullptr && (has_copy_ || (stream.request().bytes_consumed() == 0 &&
                                            front->request_framing().kind == BodyKind::kNone));
}

bool HttpFlow::IsToRepeat(Stream& stream, uint16_t status) const {
  return (RetryOn(stream) & RetryBitOf(status)) != 0 && RequestCanRepeat(stream) &&
         stream.RetriesLeft();
}

// A server may end a kept connection in the very moment in which the next request is sent over it.
// Most likely it has not read that, as where no connection came about; but nobody knows, so that it
// must do no harm twice (RFC 9110 section 9.2.2).
bool HttpFlow::CountsAsUnsent(Stream& stream) const {
  return stream.reused() && retries_answers_ && (RetryOn(stream) & kRetryConnFailure) != 0 &&
         proto::IsIdempotent(stream.front()->request().method);
}

bool HttpFlow::MayRetry(Stream& stream, CloseReason reason) {
  if (retry_wanted_) {
    retry_wanted_ = false;
    return true;
  }
  // What has come of an answer that rules wait for cannot be taken back.
  if (phase_ != Phase::kServer || trailers_ != nullptr || !RequestCanRepeat(stream)) return false;
  const uint32_t retry_on = RetryOn(stream);
  switch (reason) {
    case CloseReason::kServerNoAnswer:
      return (retry_on & kRetryEmptyResponse) != 0 || CountsAsUnsent(stream);
    case CloseReason::kServerProtocol:
    case CloseReason::kServerAbort:
    case CloseReason::kServerReset:
    case CloseReason::kTlsServerFatal:
    case CloseReason::kTlsServerTruncated:
      return (retry_on & kRetryJunkResponse) != 0;
    case CloseReason::kServerTimeout:
      return (retry_on & kRetryResponseTimeout) != 0;
    default:
      return false;
  }
}

// Its connection was kept, so that the client takes an end of it without a word for what may happen
// at any time, and sends the request again over a new one (RFC 9112 section 9.3.1), where an error
// would be told to the user. To a new one the failure is told. What HAProxy does.
bool HttpFlow::LeavesRepeatingToClient(Stream& stream, CloseReason reason) const {
  // Rules may be waiting for the rest of an answer: then it had begun.
  if (stream.session().requests() <= 1 || trailers_ != nullptr) return false;
  return reason == CloseReason::kServerNoAnswer || reason == CloseReason::kServerAbort ||
         reason == CloseReason::kServerReset || reason == CloseReason::kTlsServerTruncated;
}

}  // namespace engine
