// How a request comes to a service, and the service's answer to the client: the part of the flow
// of mode http that no server has a share in.

#include "engine/session/http_service.h"

#include "engine/mux/http_endpoint.h"
#include "engine/server/http_replies.h"
#include "engine/server/stats_config.h"
#include "engine/session/body_wait.h"
#include "engine/session/http_flow.h"
#include "engine/session/rule_run.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"
#include "proto/http/status.h"

namespace engine {

using proto::BodyKind;
using proto::FieldName;
using shard::CloseReason;

// Behind the rules, as HAProxy has it: they may refuse the page, lead to it and away from it.
void HttpFlow::NoteStats(FrontEndpoint& front, const ProxyConfig& proxy) {
  if (proxy.stats == nullptr) return;
  const proto::RequestHead& request = front.request();
  const bool asks = request.method == proto::Method::kGet ||
                    request.method == proto::Method::kHead ||
                    request.method == proto::Method::kPost;
  const std::string_view path = request.path.empty() ? std::string_view("/") : request.path;
  const std::string_view uri = proxy.stats->uri;
  if (!asks || !(path.starts_with(uri) || uri.starts_with(path))) return;
  const size_t query_bytes = request.has_query ? 1 + request.query.size() : 0;
  char* const text = static_cast<char*>(front.arena().Allocate(path.size() + query_bytes, 1));
  size_t bytes = path.copy(text, path.size());
  if (request.has_query) {
    text[bytes++] = '?';
    bytes += request.query.copy(text + bytes, request.query.size());
  }
  const std::string_view target(text, bytes);
  if (!target.starts_with(uri)) return;
  stats_proxy_ = &proxy;
  stats_behind_ = target.substr(uri.size());
}

// True: answered, or its rules wait.
bool HttpFlow::AnswerStats(Stream& stream) {
  if (stats_proxy_ == nullptr) return false;
  const ProxyConfig& proxy = *stats_proxy_;
  if (proxy.rules != nullptr) {
    if (!Passes(stream, proxy, RuleStage::kStats)) return true;
    RuleContext context(stream, stream.rules());
    for (const AclCondition& condition : proxy.rules->stats_admin) {
      if (condition.Run(context) == Outcome::kYes) stats_admin_ = true;
    }
  }
  StartService(stream, *proxy.stats->service);
  return true;
}

void HttpFlow::StartService(Stream& stream, const HttpService& service) {
  FrontEndpoint& front = *stream.front();
  phase_ = Phase::kService;
  service_ = &service;
  const ProxyConfig* backend = stream.backend();
  if (backend == nullptr || backend == &stream.frontend()) {
    stream.frontend().state->part(stream.worker().index()).intercepted.Add();
  }
  AskForBody(stream, front);
  stream.log().OnService();
  stream.SetTarget(shard::Target::Of(&service));
  stream.RequestServerSide();
}

// Sends the head once the service knows it; the body follows by itself.
bool HttpFlow::RunService(Stream& stream) {
  if (RefuseBroken(stream)) return true;
  FrontEndpoint* front = stream.front();
  if (front == nullptr || !stream.server_side().open()) return false;
  const ServiceHead* made =
      service_->Head(*static_cast<shard::Applet*>(stream.server_side().endpoint()));
  if (made == nullptr) {
    // It may be waiting for the rest of the request.
    if (!front->request_late()) return false;
    Reply(stream, FindReply(stream.frontend(), stream.backend(), 408), true,
          CloseReason::kClientTimeout);
    return true;
  }
  front->EndWait();
  proto::ResponseHead head(front->arena());
  head.status = made->status;
  head.reason = proto::StatusReason(made->status);
  proto::Framing framing;
  bool fits = true;
  for (const auto& [name, value] : made->fields) fits = fits && head.fields.CopyAdd(name, value);
  const bool is_head = front->request().method == proto::Method::kHead;
  if (!made->has_body) fits = fits && head.fields.Add(FieldName::kContentLength, "0");
  if (made->has_body && !is_head) framing.kind = BodyKind::kUntilClose;
  if (!fits) {
    stream.server_side().Fail(CloseReason::kNoMemory);
    return true;
  }
  RunAfter(stream, head);
  stream.log().OnFinalHead(stream, head.status);
  // What is left of the request would stand before the next one; with a body the service takes it
  // while it answers.
  if (framing.kind == BodyKind::kNone && !front->DiscardBody()) closes_client_ = true;
  front->SendResponse(head, framing, closes_client_);
  stream.log().OnResponse(stream, head.status, false);
  if (framing.kind == BodyKind::kNone) {
    phase_ = Phase::kReplied;
    EndReply(stream, CloseReason::kLocal);
    return true;
  }
  stream.response().Release();
  phase_ = Phase::kBody;
  return true;
}

}  // namespace engine
