#include "engine/session/http_flow.h"

#include <algorithm>
#include <cstring>

#include "engine/mux/http_endpoint.h"
#include "engine/server/http_replies.h"
#include "engine/session/http_reply.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "proto/http/hop_by_hop.h"

namespace engine {

using proto::BodyKind;
using proto::FieldName;
using shard::CloseReason;

namespace {

bool IsIn(const shard::Address& address, const IpNetwork& network) {
  if (address.family != network.family) return false;
  const auto* bytes = address.family == AF_INET ? reinterpret_cast<const uint8_t*>(&address.v4)
                                                : reinterpret_cast<const uint8_t*>(&address.v6);
  const unsigned whole = network.bits / 8;
  if (std::memcmp(bytes, network.bytes, whole) != 0) return false;
  const unsigned rest = network.bits % 8;
  return rest == 0 || ((bytes[whole] ^ network.bytes[whole]) >> (8 - rest)) == 0;
}

// option forwardfor and originalto (manual 4.2): the frontend's setting, else the backend's.
void AddForwarded(const ForwardOption& option, const shard::Address& address,
                  proto::FieldList& fields) {
  if (!option.enabled || !address.is_ip()) return;
  if (option.if_none && fields.Find(std::string_view(option.header)) != nullptr) return;
  for (const IpNetwork& network : option.except) {
    if (IsIn(address, network)) return;
  }
  (void)fields.CopyAdd(option.header, address.Ip());
}

ConnectionMode ModeOf(const Stream& stream) {
  const ConnectionMode front = stream.frontend().http.connection_mode;
  const ProxyConfig* backend = stream.backend();
  return backend == nullptr ? front : std::max(front, backend->http.connection_mode);
}

}  // namespace

uint16_t StatusOf(CloseReason reason) {
  switch (reason) {
    case CloseReason::kNoServer:
    case CloseReason::kNoBackend:
    case CloseReason::kConnectRefused:
    case CloseReason::kConnectFailed:
    case CloseReason::kConnectTimeout:
    case CloseReason::kLocalPorts:
    case CloseReason::kQueueTimeout:
    case CloseReason::kServerDown:
      return 503;
    case CloseReason::kServerAbort:
    case CloseReason::kServerReset:
    case CloseReason::kServerNoAnswer:
    case CloseReason::kServerProtocol:
      return 502;
    case CloseReason::kServerTimeout:
      return 504;
    case CloseReason::kClientTimeout:
      return 408;
    case CloseReason::kClientProtocol:
      return 400;
    case CloseReason::kNoMemory:
    case CloseReason::kInternal:
      return 500;
    default:
      return 0;
  }
}

bool HttpFlow::Run(Stream& stream) {
  switch (phase_) {
    case Phase::kRequest:
      DoRequest(stream);
      return true;
    case Phase::kServer:
      return DoResponse(stream);
    case Phase::kBody:
    case Phase::kTunnel:
    case Phase::kReplied:
      break;
  }
  return false;
}

void HttpFlow::EditRequest(Stream& stream, FrontEndpoint& front) {
  proto::FieldList& fields = front.request().fields;
  const bool upgrade = proto::ReadConnection(fields).upgrade && fields.Has(FieldName::kUpgrade);
  proto::StripHopByHop(fields, upgrade ? proto::Keep::kUpgrade : proto::Keep::kNothing);
  if (upgrade) (void)fields.Add(FieldName::kConnection, "upgrade");
  const HttpConfig& own = stream.frontend().http;
  const HttpConfig& back = stream.backend()->http;
  const ForwardOption& forward = own.forward_for.enabled ? own.forward_for : back.forward_for;
  if (forward.enabled) AddForwarded(forward, front.connection()->PeerAddress(), fields);
  const ForwardOption& original = own.original_to.enabled ? own.original_to : back.original_to;
  if (original.enabled) AddForwarded(original, front.connection()->LocalAddress(), fields);
}

void HttpFlow::DoRequest(Stream& stream) {
  phase_ = Phase::kServer;
  FrontEndpoint* front = stream.front();
  if (front == nullptr) return;  // gone already; its side tells
  const ProxyConfig& frontend = stream.frontend();
  const HttpConfig& http = frontend.http;
  closes_client_ = http.connection_mode == ConnectionMode::kClose;
  const proto::RequestHead& request = front->request();
  if (!http.monitor_uri.empty() && request.target == http.monitor_uri) {
    return Reply(stream, FindReply(frontend, nullptr, 200), closes_client_);
  }
  if (http.return_reply != nullptr) return Reply(stream, *http.return_reply, closes_client_);
  const ProxyConfig* backend = stream.ChooseBackend();
  if (backend == nullptr) return Reply(stream, FindReply(frontend, nullptr, 503), closes_client_);
  stream.SetBackend(*backend);
  if (backend->http.return_reply != nullptr) {
    return Reply(stream, *backend->http.return_reply, closes_client_);
  }
  EditRequest(stream, *front);
  stream.RequestServerSide();
}

void HttpFlow::OnConnected(Stream& stream) {
  FrontEndpoint* front = stream.front();
  BackEndpoint* back = stream.back();
  if (front == nullptr || back == nullptr) return;
  back->SendRequest(front->request(), front->request_framing(),
                    ModeOf(stream) != ConnectionMode::kKeepAlive);
}

bool HttpFlow::DoResponse(Stream& stream) {
  BackEndpoint* back = stream.back();
  FrontEndpoint* front = stream.front();
  if (back == nullptr || front == nullptr) return false;
  bool moved = false;
  while (proto::ResponseHead* head = back->response()) {
    if (head->status >= 200 || head->status == 101) {
      FinalResponse(stream, *back);
      return true;
    }
    front->SendInterim(*head);
    back->NextResponse();
    moved = true;
  }
  return moved;
}

void HttpFlow::FinalResponse(Stream& stream, BackEndpoint& back) {
  FrontEndpoint& front = *stream.front();
  proto::ResponseHead& head = *back.response();
  const proto::Framing framing = back.response_framing();
  const bool tunnel = framing.kind == BodyKind::kTunnel;
  const bool upgrade = tunnel && head.status == 101;
  proto::StripHopByHop(head.fields, upgrade ? proto::Keep::kUpgrade : proto::Keep::kNothing);
  closes_client_ = closes_client_ || ModeOf(stream) == ConnectionMode::kClose;
  front.SendResponse(head, framing, closes_client_);
  stream.response().Release();
  back.TakeResponse();
  if (tunnel) {
    front.StartTunnel();
    back.StartTunnel();
    stream.BeginTunnel();
    phase_ = Phase::kTunnel;
  } else {
    front.RefuseTunnel();
    phase_ = Phase::kBody;
  }
}

bool HttpFlow::MayRetry(Stream& stream, CloseReason reason) const {
  if (phase_ != Phase::kServer || reason != CloseReason::kServerNoAnswer) return false;
  FrontEndpoint* front = stream.front();
  if (front == nullptr || stream.request().bytes_consumed() > 0) return false;
  if (front->request_framing().kind != BodyKind::kNone) return false;
  const bool asked = (stream.backend()->http.retry_on & kRetryEmptyResponse) != 0;
  // A kept connection that the server had closed, or was just closing, proves nothing about the
  // server; what may be repeated without harm is sent once more.
  const bool stale = stream.reused() && proto::IsIdempotent(front->request().method);
  return asked || stale;
}

void HttpFlow::OnServerClosed(Stream& stream, CloseReason reason, bool whole) {
  if (whole) return;
  FrontEndpoint* front = stream.front();
  if (phase_ == Phase::kTunnel || front == nullptr) return;
  if (phase_ == Phase::kReplied) return;
  if (front->response_sent()) {
    stream.client_side().Abort(reason);
    return;
  }
  stream.response().bytes().Clear();
  const uint16_t status = StatusOf(reason);
  if (status == 0) {
    stream.client_side().Abort(reason);
    return;
  }
  Reply(stream, FindReply(stream.frontend(), stream.backend(), status), closes_client_);
}

void HttpFlow::Reply(Stream& stream, const HttpReply& reply, bool close) {
  phase_ = Phase::kReplied;
  FrontEndpoint& front = *stream.front();
  if (reply.silent) return stream.client_side().Abort(CloseReason::kLocal);
  SendReply(front, reply, close, stream.response(), *stream.worker().context().small);
  front.RefuseTunnel();
  stream.response().End();
  stream.response().Release();
  // Nobody is asked: the side closes as it is.
  stream.server_side().Abort(CloseReason::kLocal);
  stream.SetLocal();
}

}  // namespace engine
