#include "engine/session/http_flow.h"

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/text.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/http_replies.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/body_wait.h"
#include "engine/session/cacheable_cookie.h"
#include "engine/session/event_log.h"
#include "engine/session/forwarded.h"
#include "engine/session/http_reply.h"
#include "engine/session/rule_run.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/stream_context.h"
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

// unique-id-header (manual 4.2).
void AddUniqueId(Stream& stream, proto::FieldList& fields) {
  const std::string& header = stream.frontend().unique_id_header;
  if (header.empty()) return;
  StreamContext context(stream);
  const std::string_view id = context.UniqueId();
  if (!id.empty()) (void)fields.Add(header, id);
}

void CountIntercepted(Stream& stream) {
  stream.frontend().state->part(stream.worker().index()).intercepted.Add();
}

// What a target says behind its authority: all of it but for the absolute form.
std::string_view OriginOf(std::string_view target) {
  if (target.empty() || target.front() == '/') return target;
  const size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;
  const size_t path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

// A URI that begins with a slash stands for the path, also of a target in absolute form (manual
// 4.2, monitor-uri).
bool IsMonitor(const proto::RequestHead& request, std::string_view uri) {
  if (uri.empty()) return false;
  return (uri.front() != '/' ? request.target : OriginOf(request.target)) == uri;
}

// Schemes that authenticate the connection and not the request (manual 4.2, http-reuse).
bool AsksForConnectionAuth(const proto::ResponseHead& head) {
  if (head.status != 401 && head.status != 407) return false;
  const FieldName name =
      head.status == 401 ? FieldName::kWwwAuthenticate : FieldName::kProxyAuthenticate;
  for (const proto::Field& field : head.fields) {
    if (field.id() != name) continue;
    if (base::StartsWithIgnoreCase(field.value(), "ntlm") ||
        base::StartsWithIgnoreCase(field.value(), "negotiate")) {
      return true;
    }
  }
  return false;
}

// option http-buffer-request (manual 4.2).
bool BuffersRequest(const ProxyConfig& proxy, const FrontEndpoint& front) {
  return proxy.http.buffer_request && HasBody(front.request_framing());
}

// A 101 nobody asked for would turn the client's next requests into bytes of a tunnel. One that
// does not say to what it switches, or not as what concerns this connection, is none (RFC 9110
// section 7.8).
bool MaySwitch(const FrontEndpoint& front, const proto::ResponseHead& head) {
  return front.may_tunnel() && front.request_framing().kind != BodyKind::kTunnel &&
         head.fields.Has(FieldName::kUpgrade) && proto::ReadConnection(head.fields).upgrade;
}

// http-restrict-req-hdr-names (manual 4.2): letters, digits and '-' only. False: refused.
bool RestrictNames(Stream& stream, FrontEndpoint& front) {
  const HeaderNameRule rule =
      std::max(stream.frontend().http.header_names, stream.backend()->http.header_names);
  if (rule == HeaderNameRule::kPreserve) return true;
  const auto odd = [](const proto::Field& field) {
    return !std::all_of(field.name().begin(), field.name().end(), [](char c) {
      return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z') || c == '-';
    });
  };
  proto::FieldList& fields = front.request().fields;
  if (rule == HeaderNameRule::kReject) return std::none_of(fields.begin(), fields.end(), odd);
  fields.RemoveIf(odd);
  return true;
}

}  // namespace

// http-after-response: of every answer, the proxy's own ones as well (manual 4.2).
void RunAfter(Stream& stream, proto::ResponseHead& head) {
  const ProxyConfig* backend = stream.backend();
  const ProxyConfig* frontend = &stream.frontend();
  for (const ProxyConfig* proxy : {backend, frontend == backend ? nullptr : frontend}) {
    if (proxy == nullptr || proxy->rules == nullptr) continue;
    const RuleSet& set = proxy->rules->set(RuleStage::kHttpAfter);
    if (set.empty()) continue;
    RuleCursor cursor;
    RuleContext context(stream, cursor);
    context.in_response = true;
    context.response = &head;
    context.SetAfter();
    (void)RunRules(set, context);
  }
}

namespace {

uint64_t WallSeconds() { return base::WallMicros() / 1000000; }

void ReadCookies(Stream& stream, FrontEndpoint& front) {
  const ProxyConfig& backend = *stream.backend();
  if (!backend.http.cookie.enabled()) return;
  BackendState& state = *backend.state;
  const uint32_t shard = stream.worker().index();
  const auto is_usable = [&](uint32_t server) { return state.backend()->IsUsable(shard, server); };
  const Stream::PersistRules rules = stream.RunPersistRules();
  stream.persistence().ReadRequest(backend,
                                   {state.cookies(shard), is_usable,
                                    backend.persist || rules.forces, rules.forces, rules.ignores},
                                   backend.http.cookie.dated() ? WallSeconds() : 0,
                                   front.request().fields);
}

void WriteCookie(Stream& stream, FrontEndpoint& front, proto::ResponseHead& head) {
  const ProxyConfig& backend = *stream.backend();
  const ServerConfig* server = stream.slot().server();
  if (!backend.http.cookie.enabled() || server == nullptr) return;
  const CookieTable& cookies = backend.state->cookies(stream.worker().index());
  if (stream.follows_use_server()) stream.persistence().Ignore();
  stream.persistence().EditResponse(backend, cookies.ValueOf(server->index),
                                    backend.http.cookie.dated() ? WallSeconds() : 0,
                                    front.request().method, head);
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
    case CloseReason::kSourceAddress:
    case CloseReason::kQueueTimeout:
    case CloseReason::kTlsServerAbort:
    case CloseReason::kTlsServerClosed:
    case CloseReason::kTlsServerTimeout:
    case CloseReason::kTlsServerHandshake:
    case CloseReason::kTlsServerRefused:
    case CloseReason::kTlsServerMismatch:
    case CloseReason::kTlsServerOtherHost:
    case CloseReason::kTlsLimit:
      return 503;
    case CloseReason::kServerAbort:
    case CloseReason::kServerReset:
    case CloseReason::kServerNoAnswer:
    case CloseReason::kServerProtocol:
    case CloseReason::kTlsServerFatal:
    case CloseReason::kTlsServerTruncated:
    case CloseReason::kServerDown:
    case CloseReason::kServerUp:
    case CloseReason::kKilled:
      return 502;
    case CloseReason::kServerTimeout:
      return 504;
    case CloseReason::kClientTimeout:
      return 408;
    case CloseReason::kClientProtocol:
    case CloseReason::kClientAbort:  // its sending direction only; what it reads is anybody's guess
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
      return DoRequest(stream);
    case Phase::kGather:
      return DoGather(stream);
    case Phase::kServer:
      if (RefuseBroken(stream) || LetGo(stream)) return true;
      return DoResponse(stream);
    case Phase::kService:
      return RunService(stream);
    case Phase::kBody:
      RefuseBroken(stream);
      break;
    case Phase::kTunnel:
    case Phase::kReplied:
      break;
  }
  return false;
}

// A request body that broke its framing goes no further.
bool HttpFlow::RefuseBroken(Stream& stream) {
  FrontEndpoint* front = stream.front();
  if (front == nullptr || !front->request_broken()) return false;
  if (front->response_sent()) {
    stream.client_side().Abort(CloseReason::kClientProtocol);
    phase_ = Phase::kReplied;
    return true;
  }
  Reply(stream, FindReply(stream.frontend(), stream.backend(), 400), true,
        CloseReason::kClientProtocol);
  return true;
}

// Whoever waits for it is asked again with the bytes that come. False: it is not here yet, or the
// request has been answered.
bool HttpFlow::AwaitBody(Stream& stream, FrontEndpoint& front, bool whole) {
  if (RefuseBroken(stream)) return false;
  if (front.request_late()) {
    Reply(stream, FindReply(stream.frontend(), stream.backend(), 408), true,
          CloseReason::kClientTimeout);
    return false;
  }
  const shard::Channel& body = stream.request();
  if (whole ? body.ended() || body.room() == 0 : IsBodyHere(stream, body, 0)) {
    front.EndWait();
    return true;
  }
  AskForBody(stream, front);
  return false;
}

bool HttpFlow::DoGather(Stream& stream) {
  FrontEndpoint* front = stream.front();
  if (front == nullptr) return false;  // gone already; its side tells
  if (!AwaitBody(stream, *front, true)) return phase_ != Phase::kGather;
  phase_ = Phase::kServer;
  stream.RequestServerSide();
  return true;
}

// option abortonclose (manual 4.2): whoever closes behind a request has most likely left. No server
// is looked for any more; one that has the request is shown the end and decides itself.
bool HttpFlow::LetGo(Stream& stream) {
  FrontEndpoint* front = stream.front();
  if (front == nullptr || !front->half_closed()) return false;
  if (!stream.backend()->http.abort_on_close) return false;
  if (stream.server_side().state() == shard::SideState::kEstablished) {
    if (BackEndpoint* back = stream.back()) back->PassHalfClose();
    return false;
  }
  stream.server_side().Abort(CloseReason::kClientAbort);
  return true;
}

void HttpFlow::EditRequest(Stream& stream, FrontEndpoint& front) {
  proto::FieldList& fields = front.request().fields;
  const bool upgrade = front.may_tunnel() && front.request().method != proto::Method::kConnect;
  const proto::Keep keep = upgrade ? proto::Keep::kUpgrade : proto::Keep::kNothing;
  if (has_rules_) {
    proto::StripOfConnection(fields, keep);
    // A rule may have taken it, and 1.1 cannot do without (RFC 9112 section 3.2).
    if (!fields.Has(FieldName::kHost) && front.request().version.AtLeast11()) {
      (void)fields.Add(FieldName::kHost, front.request().authority);
    }
  } else {
    proto::StripHopByHop(fields, keep);
  }
  if (upgrade) (void)fields.Add(FieldName::kConnection, "upgrade");
  const HttpConfig& own = stream.frontend().http;
  const HttpConfig& back = stream.backend()->http;
  // Both may ask for it; the backend knows best how its servers read it.
  const ForwardOption& forward = back.forward_for.enabled ? back.forward_for : own.forward_for;
  if (forward.enabled) AddForwarded(forward, stream.Source(), fields);
  const ForwardOption& original = back.original_to.enabled ? back.original_to : own.original_to;
  if (back.forwarded.enabled) AddForwardedElement(back.forwarded, stream, front);
  AddUniqueId(stream, fields);
  if (original.enabled) AddForwarded(original, stream.Destination(), fields);
}

bool HttpFlow::AddHint(FrontEndpoint& front, std::string_view name, std::string_view value) {
  if (hints_ == nullptr) hints_ = front.arena().New<proto::FieldList>(front.arena());
  return hints_->CopyAdd(name, value);
}

// One answer of what all rules of a set have said (manual 4.4, early-hint).
void HttpFlow::SendHints(FrontEndpoint& front) {
  if (hints_ == nullptr) return;
  proto::ResponseHead head(front.arena());
  head.version = {1, 1};
  head.status = 103;
  head.reason = "Early Hints";
  for (const proto::Field& field : *hints_) (void)head.fields.Add(field.name(), field.value());
  hints_ = nullptr;
  if (!front.RoomForInterim()) return;
  front.SendInterim(head);
  front.Flush();
}

bool HttpFlow::DoRequest(Stream& stream) {
  FrontEndpoint* front = stream.front();
  if (front == nullptr) {
    phase_ = Phase::kServer;  // gone already; its side tells
    return true;
  }
  if (step_ == Step::kFrontContent && stream.frontend().rules != nullptr) UseRules(*front);
  while (phase_ == Phase::kRequest) {
    if (!DoStep(stream, *front)) return phase_ != Phase::kRequest;
  }
  return true;
}

// What the peer says of its connection stays for rules to see; what it names goes, so that nothing
// they add can be named away.
void HttpFlow::UseRules(FrontEndpoint& front) {
  if (!has_rules_) proto::StripNamedByConnection(front.request().fields);
  has_rules_ = true;
}

// False: it waits, or the request needs no further step.
bool HttpFlow::DoStep(Stream& stream, FrontEndpoint& front) {
  const ProxyConfig& frontend = stream.frontend();
  const Step step = step_;
  switch (step) {
    case Step::kFrontContent:
      closes_client_ = frontend.http.connection_mode == ConnectionMode::kClose;
      if (!skips_content_ && !Passes(stream, frontend, RuleStage::kTcpContent)) return false;
      break;
    case Step::kMonitor:
      if (AnswerMonitor(stream, front)) return false;
      break;
    case Step::kFrontBody:
    case Step::kBackBody:
      if (BuffersRequest(step == Step::kFrontBody ? frontend : *stream.backend(), front) &&
          !AwaitBody(stream, front, false)) {
        return false;
      }
      break;
    case Step::kFrontRequest:
      if (!Passes(stream, frontend, RuleStage::kHttpRequest)) return false;
      break;
    case Step::kFrontStats:
    case Step::kBackStats:
      NoteStats(front, step == Step::kFrontStats ? frontend : *stream.backend());
      if (AnswerStats(stream)) return false;
      break;
    case Step::kFrontRedirect:
      if (!Passes(stream, frontend, RuleStage::kRedirect)) return false;
      break;
    case Step::kBackend:
      if (!ChooseBackend(stream)) return false;
      // A listen section is its own backend: its rules have been run.
      if (stream.backend() == &frontend) {
        step_ = Step::kForward;
        return true;
      }
      if (stream.backend()->rules != nullptr) UseRules(front);
      if (BuffersRequest(*stream.backend(), front)) {
        front.BeginWait(stream.backend()->http.request_ms);
      }
      break;
    case Step::kBackContent:
      if (!Passes(stream, *stream.backend(), RuleStage::kTcpContent)) return false;
      break;
    case Step::kBackRequest:
      if (!Passes(stream, *stream.backend(), RuleStage::kHttpRequest)) return false;
      break;
    case Step::kBackRedirect:
      if (!Passes(stream, *stream.backend(), RuleStage::kRedirect)) return false;
      break;
    case Step::kForward:
      Forward(stream, front);
      return false;
  }
  step_ = Step(uint8_t(step) + 1);
  return true;
}

// False: the rules of that set wait, or have ended the exchange.
bool HttpFlow::Passes(Stream& stream, const ProxyConfig& proxy, RuleStage stage) {
  if (proxy.rules == nullptr) return true;
  const Verdict verdict = stage == RuleStage::kTcpContent ? stream.RunContent(proxy, stage)
                                                          : stream.RunStage(proxy, stage);
  if (verdict == Verdict::kEnd && phase_ == Phase::kRequest) phase_ = Phase::kReplied;
  if (FrontEndpoint* front = stream.front(); front != nullptr && phase_ == Phase::kRequest) {
    const bool waits = verdict == Verdict::kYield && stage == RuleStage::kTcpContent;
    if (waits && HasBody(front->request_framing())) AskForBody(stream, *front);
    SendHints(*front);
  }
  return verdict == Verdict::kContinue || verdict == Verdict::kStop;
}

// monitor-uri and monitor fail (manual 4.2).
bool HttpFlow::AnswerMonitor(Stream& stream, FrontEndpoint& front) {
  const ProxyConfig& frontend = stream.frontend();
  if (!IsMonitor(front.request(), frontend.http.monitor_uri)) return false;
  uint16_t status = 200;
  if (frontend.rules != nullptr) {
    RuleContext context(stream, stream.rules());
    for (const AclCondition& condition : frontend.rules->monitor_fail) {
      if (condition.Run(context) == Outcome::kYes) status = 503;
    }
  }
  stream.log().Silence();
  CountIntercepted(stream);
  Reply(stream, FindReply(frontend, nullptr, status), closes_client_);
  return true;
}

bool HttpFlow::ChooseBackend(Stream& stream) {
  // It may have made HTTP of the stream.
  const ProxyConfig* backend =
      stream.backend() != nullptr ? stream.backend() : stream.ChooseBackend();
  if (backend != nullptr) {
    stream.SetBackend(*backend);
    if (backend->mode == Mode::kHttp) return true;
    // Of a TCP frontend (manual 4.4, switch-mode). HAProxy says 500 in the log, and to nobody else.
    phase_ = Phase::kReplied;
    stream.log().OnResponse(stream, 500, true);
    stream.Reject(CloseReason::kBackendMode);
    return false;
  }
  Reply(stream, FindReply(stream.frontend(), nullptr, 503), closes_client_,
        CloseReason::kNoBackend);
  return false;
}

void HttpFlow::Forward(Stream& stream, FrontEndpoint& front) {
  phase_ = Phase::kServer;
  const ProxyConfig& frontend = stream.frontend();
  const ProxyConfig* backend = stream.backend();
  if (!RestrictNames(stream, front)) {
    RuleContext(stream, stream.rules()).CountDenied();
    return Reply(stream, FindReply(frontend, backend, 403), closes_client_, CloseReason::kRejected);
  }
  // Only a request that is here whole can be sent twice (manual 4.2, retry-on).
  const bool gather =
      (RetryOn(stream) & ~kRetryConnFailure) != 0 && HasBody(front.request_framing());
  // What follows a request that may become a tunnel is never its end, and the gathering waits for
  // that: no upgrade then. Nor when a rule took the field that asks for it.
  const bool asks = front.request().method == proto::Method::kConnect ||
                    front.request().fields.Has(FieldName::kUpgrade);
  if (gather || !asks) front.RefuseTunnel();
  stream.log().OnRequestCookies(stream);
  stream.ChooseServer();
  ReadCookies(stream, front);
  EditRequest(stream, front);
  if (gather) {
    phase_ = Phase::kGather;
    return;
  }
  stream.RequestServerSide();
}

void HttpFlow::OnConnected(Stream& stream) {
  FrontEndpoint* front = stream.front();
  BackEndpoint* back = stream.back();
  if (front == nullptr || back == nullptr) return;
  const HttpConfig& http = stream.backend()->http;
  if (has_copy_) {
    stream.RestoreRequest();
  } else if ((RetryOn(stream) & ~kRetryConnFailure) != 0 && stream.request().ended()) {
    stream.CopyRequest();
    has_copy_ = true;
  }
  const bool close = ModeOf(stream) != ConnectionMode::kKeepAlive;
  proto::FieldList& fields = front->request().fields;
  bool fits = true;
  // Set, not added: a request that is sent again names the new server, once.
  if (close && !http.pretend_keepalive)
    fits = fields.Set(front->request().connection_field, "close");
  if (!http.send_name_header.empty()) {
    fits =
        fits && fields.Set(std::string_view(http.send_name_header), stream.slot().server()->name);
  }
  if (!fits) return stream.server_side().Fail(CloseReason::kNoMemory);
  back->SendRequest(front->request(), front->request_framing(), close);
  const bool drop = stream.frontend().http.drop_request_trailers || http.drop_request_trailers;
  if (!drop) back->SetTrailers(&front->request_trailers());
}

bool HttpFlow::DoResponse(Stream& stream) {
  BackEndpoint* back = stream.back();
  FrontEndpoint* front = stream.front();
  if (back == nullptr || front == nullptr) return false;
  bool moved = false;
  while (proto::ResponseHead* head = back->response()) {
    if (head->status >= 200 || head->status == 101) {
      if (IsToRepeat(stream, head->status)) {
        retry_wanted_ = true;
        // Its connection is kept where nothing more of this exchange has to pass over it.
        const bool over = stream.server_side().write_shut() && back->DiscardBody();
        stream.server_side().Fail(over ? CloseReason::kNormal : CloseReason::kServerProtocol);
        return true;
      }
      if (head->status == 101 && !MaySwitch(*front, *head)) {
        stream.server_side().Fail(CloseReason::kServerProtocol);
        return true;
      }
      if (response_step_ == ResponseStep::kContent) stream.log().OnResponseHead(stream);
      if (!PassesResponse(stream)) return phase_ != Phase::kServer;
      if (KeepsCookieBack(stream, *front, *back)) return true;
      FinalResponse(stream, *back);
      return true;
    }
    if (!front->RoomForInterim()) return moved;
    stream.log().OnServerStatus(stream, head->status);
    proto::StripHopByHop(head->fields, proto::Keep::kNothing);
    front->SendInterim(*head);
    back->NextResponse();
    moved = true;
  }
  return moved;
}

// The backend's rules on a response, then the frontend's. False: they wait, or have answered.
bool HttpFlow::PassesResponse(Stream& stream) {
  const ProxyConfig& frontend = stream.frontend();
  const ProxyConfig& backend = *stream.backend();
  const uint16_t status = stream.back()->response()->status;
  if (frontend.rules == nullptr && backend.rules == nullptr) {
    stream.log().OnServerStatus(stream, status);
    return true;
  }
  stream.DropRequestVariables();
  for (; response_step_ != ResponseStep::kDone;
       response_step_ = ResponseStep(uint8_t(response_step_) + 1)) {
    const bool of_frontend = response_step_ == ResponseStep::kFrontend;
    if (of_frontend && &frontend == &backend) continue;
    const Verdict verdict =
        response_step_ == ResponseStep::kContent
            ? stream.RunContent(backend, RuleStage::kTcpResponse)
            : stream.RunStage(of_frontend ? frontend : backend, RuleStage::kHttpResponse);
    if (verdict == Verdict::kYield) {
      if (response_step_ == ResponseStep::kContent) ReceiveAhead(stream);
      return false;
    }
    if (verdict == Verdict::kEnd) {
      if (phase_ == Phase::kServer) phase_ = Phase::kReplied;
      return false;
    }
    if (response_step_ == ResponseStep::kContent) stream.log().OnServerStatus(stream, status);
  }
  return true;
}

// option checkcache (manual 4.2): as a rule that denies.
bool HttpFlow::KeepsCookieBack(Stream& stream, FrontEndpoint& front, BackEndpoint& back) {
  if (!stream.backend()->http.check_cache ||
      !HasCacheableCookie(front.request().method, *back.response())) {
    return false;
  }
  if (const ServerConfig* server = stream.slot().server()) {
    LogCacheableCookie(stream.worker(), *server);
  }
  RuleContext context(stream, stream.rules());
  context.in_response = true;
  context.CountDenied();
  AnswerByRule(stream, FindReply(stream.frontend(), stream.backend(), 502), {},
               CloseReason::kRejected);
  return true;
}

// Trailers come last, when the server's side may be gone already: the client's side keeps them.
void HttpFlow::TakeResponse(FrontEndpoint& front, BackEndpoint& back) {
  trailers_ = front.arena().New<proto::FieldList>(front.arena());
  back.TakeResponse(*trailers_);
}

void HttpFlow::ReceiveAhead(Stream& stream) {
  if (trailers_ != nullptr) return;
  stream.response().Hold();
  TakeResponse(*stream.front(), *stream.back());
}

void HttpFlow::FinalResponse(Stream& stream, BackEndpoint& back) {
  FrontEndpoint& front = *stream.front();
  proto::ResponseHead& head = *back.response();
  const proto::Framing framing = back.response_framing();
  const bool tunnel = framing.kind == BodyKind::kTunnel;
  const bool upgrade = tunnel && head.status == 101;
  if (AsksForConnectionAuth(head)) back.Reserve();
  if (const ServerConfig* server = stream.slot().server()) {
    stream.worker().server_events().OnStatus(*server, head.status);
  }
  stream.session().SetSticks(head.status == 401 || head.status == 407);
  // 426 says what would be switched to (RFC 9110 section 15.5.22).
  const bool keeps = upgrade || head.status == 426;
  proto::StripHopByHop(head.fields, keeps ? proto::Keep::kUpgrade : proto::Keep::kNothing);
  closes_client_ = closes_client_ || ModeOf(stream) == ConnectionMode::kClose;
  WriteCookie(stream, front, head);
  RunAfter(stream, head);
  stream.log().OnFinalHead(stream, head.status);
  front.SendResponse(head, framing, closes_client_);
  stream.log().OnResponse(stream, head.status, false);
  if (trailers_ == nullptr) TakeResponse(front, back);
  const bool drop = stream.frontend().http.drop_response_trailers ||
                    stream.backend()->http.drop_response_trailers;
  if (!drop) front.SetTrailers(trailers_);
  stream.response().Release();
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

void HttpFlow::OnServerClosed(Stream& stream, CloseReason reason, bool whole) {
  FrontEndpoint* front = stream.front();
  if (whole && !HoldsResponse()) return;
  if (phase_ == Phase::kTunnel || front == nullptr) return;
  if (phase_ == Phase::kReplied) return;
  if (front->response_sent()) {
    stream.client_side().Abort(reason);
    return;
  }
  if (reason == CloseReason::kLocal && MustRedirect(stream)) return Redirect(stream);
  stream.response().bytes().Clear();
  if (LeavesRepeatingToClient(stream, reason)) {
    stream.log().Withdraw();
    stream.client_side().Abort(reason);
    return;
  }
  if (const ServerConfig* server = stream.slot().server()) {
    stream.worker().server_events().OnNoAnswer(*server, reason);
  }
  const uint16_t status = StatusOf(reason);
  if (status == 0) {
    stream.client_side().Abort(reason);
    return;
  }
  Reply(stream, FindReply(stream.frontend(), stream.backend(), status),
        closes_client_ || reason == CloseReason::kKilled);
}

void HttpFlow::OnClientLeaving(Stream& stream) {
  FrontEndpoint* front = stream.front();
  if (front == nullptr || stream.client_side().reason() != CloseReason::kClientTimeout) return;
  if (front->owes_timeout())
    front->SendLastWords(LastWords(stream.frontend(), stream.backend(), 408));
}

void HttpFlow::Reply(Stream& stream, const HttpReply& reply, bool close, CloseReason reason) {
  Send(stream, reply, {}, close, reason);
}

void HttpFlow::Send(Stream& stream, const HttpReply& reply, const ReplyExtras& extras, bool close,
                    CloseReason reason) {
  if (reply.formats == nullptr) return SendMade(stream, reply, extras, close, reason);
  StreamContext context(stream);
  proto::FieldList fields(stream.front()->arena());
  ReplyExtras made = extras;
  const size_t bytes_max = stream.worker().configuration().global.bufsize;
  if (WriteFormats(reply, context, bytes_max, fields, made)) {
    return SendMade(stream, reply, made, close, reason);
  }
  const HttpReply& page = FindReply(stream.frontend(), stream.backend(), 500);
  SendMade(stream, page.formats == nullptr ? page : BuiltInReply(500), {}, close, reason);
}

void HttpFlow::SendMade(Stream& stream, const HttpReply& reply, const ReplyExtras& extras,
                        bool close, CloseReason reason) {
  phase_ = Phase::kReplied;
  FrontEndpoint& front = *stream.front();
  stream.log().OnResponse(stream, reply.status, true);
  if (reply.silent) return stream.client_side().Abort(reason);
  SendReply(front, reply, extras, close, stream.response(), *stream.worker().context().small,
            [&stream](proto::ResponseHead& head) { RunAfter(stream, head); });
  EndReply(stream, reason);
}

void HttpFlow::AnswerByRule(Stream& stream, const HttpReply& reply, const ReplyExtras& extras,
                            CloseReason reason) {
  if (stream.front() == nullptr) return stream.Reject(reason);
  // A backend's answers are no interceptions by its frontend.
  const ProxyConfig* backend = stream.backend();
  const bool own = backend == nullptr || backend == &stream.frontend();
  if (own && phase_ == Phase::kRequest && reason == CloseReason::kLocal) CountIntercepted(stream);
  stream.response().bytes().Clear();  // of a server's answer that this one takes the place of
  Send(stream, reply, extras, closes_client_ || reply.close, reason);
}

bool HttpFlow::MustRedirect(Stream& stream) {
  const ServerConfig* server = stream.slot().server();
  FrontEndpoint* front = stream.front();
  if (server == nullptr || server->redirect_prefix.empty() || front == nullptr) return false;
  const proto::Method method = front->request().method;
  return method == proto::Method::kGet || method == proto::Method::kHead;
}

void HttpFlow::Redirect(Stream& stream) {
  phase_ = Phase::kReplied;
  stream.log().OnResponse(stream, 302, true);
  SendRedirect(*stream.front(), stream.slot().server()->redirect_prefix, closes_client_);
  EndReply(stream, CloseReason::kLocal);
}

void HttpFlow::EndReply(Stream& stream, CloseReason reason) {
  stream.front()->RefuseTunnel();
  stream.response().End();
  stream.response().Release();
  // Nobody is asked: the side closes as it is.
  stream.server_side().Abort(reason);
  stream.SetLocal();
}

}  // namespace engine
