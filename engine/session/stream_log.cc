#include "engine/session/stream_log.h"

#include <algorithm>

#include "engine/mux/http_endpoint.h"
#include "engine/session/access_log.h"
#include "engine/session/http_service.h"
#include "engine/session/stream.h"
#include "engine/session/stream_context.h"
#include "engine/session/worker.h"

namespace engine {

using shard::CloseReason;
using shard::SideState;

namespace {

uint64_t NowMicros(Stream& stream) { return stream.worker().context().loop->clock().now_us(); }

std::string_view VersionText(const proto::RequestHead& head) {
  if (!head.other_version.empty()) return head.other_version;
  return head.version == proto::Version{1, 0} ? "HTTP/1.0" : "HTTP/1.1";
}

// From `from` to `to`, or -1 where either never came.
int64_t Millis(uint64_t from_us, uint64_t to_us) {
  return from_us == 0 || to_us == 0 ? -1 : int64_t((to_us - std::min(from_us, to_us)) / 1000);
}

// The second letter of manual 8.5, by what the server's side held.
char PhaseOf(SideState server, bool http, bool answered) {
  switch (server) {
    case SideState::kIdle:
      return 'R';
    case SideState::kQueued:
      return 'Q';
    case SideState::kRequested:
    case SideState::kTurnAround:
    case SideState::kAssigned:
    case SideState::kConnecting:
    case SideState::kConnectError:
      return 'C';
    case SideState::kEstablished:
    case SideState::kDisconnected:
      return http && !answered ? 'H' : 'D';
    case SideState::kClosed:
    case SideState::kCount:
      break;
  }
  return 'L';  // the last of it was still on its way to the client
}

}  // namespace

StreamLog::~StreamLog() {
  if (head_ != nullptr) shard::ChunkPool::Drop(head_);
}

void StreamLog::Begin(Stream& stream) {
  const Session& session = stream.session();
  FrontEndpoint* front = stream.front();
  begin_us_ = session.accepted_us();
  handshaken_us_ = session.handshaken_us();
  if (front != nullptr) {
    if (session.requests() > 1) {
      begin_us_ = handshaken_us_ = front->request_times().idle_since_us;
    }
  } else {
    request_us_ = handshaken_us_;
  }
  if (stream.frontend().keep != nullptr) {
    kept_.Begin(stream.worker().keep_pool(), *stream.frontend().keep);
  }
  const ProxyLog* log = stream.frontend().log.get();
  if (log != nullptr && (log->needs & kNeedsFrontendAddress) != 0) {
    local_ = stream.client_side().endpoint()->connection()->LocalAddress();
  }
  front != nullptr ? NoteRequest(stream, *front) : Keep(stream, LogMoment::kRequest);
  if (log == nullptr) return;
  if (log->steps != 0) {
    WriteStep(stream, *log, LogOrigin::kAccept);
    if (front != nullptr) WriteStep(stream, *log, LogOrigin::kRequest);
  } else if (log->is_default()) {
    Write(stream, *log, LogOrigin::kAccept);
  }
}

void StreamLog::OnSwitched(Stream& stream) {
  NoteRequest(stream, *stream.front());
  const ProxyLog* log = stream.frontend().log.get();
  if (log != nullptr && log->steps != 0) WriteStep(stream, *log, LogOrigin::kRequest);
}

void StreamLog::NoteRequest(Stream& stream, FrontEndpoint& front) {
  first_byte_us_ = front.request_times().first_byte_us;
  request_us_ = NowMicros(stream);
  kept_.CaptureRequest(front.request().fields);
  Keep(stream, LogMoment::kRequest);
  const ProxyLog* log = stream.frontend().log.get();
  if (log == nullptr || (log->needs & kNeedsRequest) == 0) return;
  const proto::RequestHead& head = front.request();
  head_ = front.HoldHead();
  method_ = head.method_text;
  target_ = head.target;
  path_ = head.path;
  version_ = VersionText(head);
}

void StreamLog::OnServerMove(Stream& stream, const shard::TraceEntry& entry) {
  if (entry.from != SideState::kDisconnected) server_was_ = entry.from;
  if (entry.to == SideState::kAssigned) {
    server_ = stream.slot().server();
    if (server_ != nullptr) stream.slot().part().last_used_us.Set(NowMicros(stream));
  }
  const bool waited = entry.from == SideState::kQueued || entry.to == SideState::kAssigned;
  if (waited && assigned_us_ == 0) assigned_us_ = NowMicros(stream);
  // An exchange that is tried again is connected again.
  if (entry.to == SideState::kRequested) connected_us_ = 0;
}

// Where the connection to the server comes from, as far as the kernel has chosen it by now.
void StreamLog::NoteSource(Stream& stream) {
  const ProxyLog* log = stream.frontend().log.get();
  if (log == nullptr || (log->needs & kNeedsSource) == 0) return;
  shard::Endpoint* endpoint = stream.server_side().endpoint();
  if (endpoint == nullptr || endpoint->connection() == nullptr) return;
  const shard::Address& address = endpoint->connection()->LocalAddress();
  if (!address.is_ip() || address.port != 0) source_ = address;
}

void StreamLog::OnEstablished(Stream& stream) {
  connected_us_ = NowMicros(stream);
  NoteSource(stream);
  WriteEarly(stream, LogOrigin::kConnect);
}

void StreamLog::OnResponse(Stream& stream, uint16_t status, bool own) {
  if (own) return OnFinalHead(stream, status);
  status_ = status;
  answered_ = true;
  response_us_ = NowMicros(stream);
  WriteEarly(stream, LogOrigin::kResponse);
}

void StreamLog::OnServerStatus(Stream& stream, uint16_t status) {
  if (server_ != nullptr) server_->state->part(stream.worker().index()).statuses.Add(status);
}

void StreamLog::OnFinalHead(Stream& stream, uint16_t status) {
  status_ = status;
  Keep(stream, LogMoment::kResponse);
}

void StreamLog::OnResponseHead(Stream& stream) {
  if (!kept_.begun()) return;
  if (BackEndpoint* back = stream.http_back(); back != nullptr && back->response() != nullptr) {
    kept_.CaptureResponse(back->response()->fields);
  }
}

void StreamLog::OnRequestCookies(Stream& stream) {
  if (!kept_.begun() || stream.front() == nullptr) return;
  kept_.CaptureRequestCookie(stream.front()->request().fields);
}

void StreamLog::OnTarpit(Stream& stream) {
  tarpitted_ = true;
  OnRequestCookies(stream);
}

void StreamLog::Keep(Stream& stream, LogMoment moment) {
  if (!kept_.begun()) return;
  StreamContext context(stream);
  kept_.Evaluate(moment, context);
}

void StreamLog::OnServerGone(Stream& stream) {
  if (connected_us_ == 0) NoteSource(stream);  // of an attempt, while its descriptor is there
  Keep(stream, LogMoment::kServerGone);
  server_bytes_in_ = server_bytes_in(stream);
  server_bytes_out_ = server_bytes_out(stream);
}

void StreamLog::FillNow(StreamContext& context, uint32_t needs, LogRecord& record) {
  Stream& stream = *context.stream;
  CountBytes(stream);
  FillRecord(stream, needs, record);
  record.client = context.Source();
  record.frontend_address = context.Destination();
  if ((needs & kNeedsSource) != 0 && context.to_server != nullptr) {
    record.source = context.to_server->LocalAddress();
  }
  if (context.request != nullptr && !record.request.known) {
    const proto::RequestHead& head = *context.request;
    record.request = {true, head.method_text, head.target, head.path, VersionText(head)};
  }
  // Rules on a response come before it goes to the client.
  if (context.response != nullptr && record.status <= 0) record.status = context.response->status;
  if (context.response != nullptr && response_us_ == 0) {
    record.timers.response_ms = Millis(connected_us_, NowMicros(stream));
  }
  if ((needs & kNeedsUniqueId) != 0) record.unique_id = UniqueId(context);
}

std::string_view StreamLog::UniqueId(StreamContext& context) {
  const KeepPlan* plan = context.frontend->keep.get();
  if (plan == nullptr || plan->unique_id.empty() || !kept_.begun()) return {};
  if (!kept_.unique_id().empty()) return kept_.unique_id();
  LogRecord record;
  FillNow(context, plan->unique_id.needs() & ~uint32_t{kNeedsUniqueId}, record);
  char text[KeepPlan::kUniqueIdBytesMax];
  LogLine line(text, sizeof(text));
  plan->unique_id.Write(record, context.worker->log().dates(), line, &context);
  return kept_.SetUniqueId(line.view());
}

void StreamLog::OnClientGone(Stream& stream) {
  Keep(stream, LogMoment::kClientGone);
  CountBytes(stream);
  client_gone_ = true;
  // Closing ends the channel, whether or not all of the request had come.
  request_whole_ = stream.request().ended();
}

uint64_t StreamLog::bytes_in(Stream& stream) {
  CountBytes(stream);
  return bytes_in_;
}

uint64_t StreamLog::bytes_out(Stream& stream) {
  CountBytes(stream);
  return bytes_out_;
}

uint64_t StreamLog::server_bytes_in(Stream& stream) const {
  if (!stream.is_http()) return stream.response().bytes_produced();
  const BackEndpoint* back = stream.http_back();
  return server_bytes_in_ + (back == nullptr ? 0 : back->bytes_read());
}

uint64_t StreamLog::server_bytes_out(Stream& stream) const {
  if (!stream.is_http()) return stream.request().bytes_consumed();
  const BackEndpoint* back = stream.http_back();
  return server_bytes_out_ + (back == nullptr ? 0 : back->bytes_written());
}

// What the client's endpoint has carried so far; final once it is gone.
void StreamLog::CountBytes(Stream& stream) {
  if (client_gone_) return;
  if (FrontEndpoint* front = stream.front()) {
    bytes_out_ = front->bytes_written();
    bytes_in_ = front->bytes_read();
  } else {
    bytes_out_ = stream.response().bytes_consumed();
    bytes_in_ = stream.request().bytes_produced();
  }
}

void StreamLog::OnService() {
  states_[0] = 'L';
  states_[1] = 'R';
}

void StreamLog::OnEnd(Stream& stream, CloseReason reason, bool client_side) {
  // It has answered all it was asked: OnService() has said how that is shown.
  if (reason == CloseReason::kLocal && stream.is_http() && stream.served_by_applet()) return;
  states_[0] = Info(reason).log_letter;
  const SideState server = client_side ? stream.server_side().state() : server_was_;
  states_[1] = PhaseOf(server, stream.is_http(), answered_);
  if (reason == CloseReason::kNoBackend) states_[1] = 'C';
  // A rule on its first bytes (manual 8.5, PR).
  if (reason == CloseReason::kRejected && states_[1] == 'C') states_[1] = 'R';
  // It broke its own request off: that was data, whether or not the server had begun to answer.
  const bool whole = client_gone_ ? request_whole_ : stream.request().ended();
  const bool cut = client_side && states_[0] == 'C' && !whole;
  if (cut && states_[1] == 'H') states_[1] = 'D';
  // What the client is told then (HttpFlow): the request was not here whole.
  if (reason == CloseReason::kClientTimeout && stream.is_http() && status_ == 0 && !whole) {
    status_ = 408;
  }
  // A request that turned out broken while a server was looked for was never whole.
  const bool sent = states_[1] == 'H' || states_[1] == 'D' || states_[1] == 'L';
  if (reason == CloseReason::kClientProtocol && stream.is_http() && !sent) states_[1] = 'R';
  if (tarpitted_) {
    states_[1] = 'T';
    assigned_us_ = NowMicros(stream);
  }
}

bool StreamLog::is_error(const Stream& stream) const {
  const bool regular = states_[0] == '-' || states_[0] == 'L';
  return !regular || stream.retries() > 0 || redispatched_ || status_ >= 500;
}

void StreamLog::FillTimers(bool http, uint64_t now_us, LogTimers& timers) const {
  timers.handshake_ms = Millis(begin_us_, handshaken_us_);
  if (http) {
    timers.idle_ms = Millis(handshaken_us_, first_byte_us_);
    timers.request_ms = Millis(first_byte_us_, request_us_);
  }
  timers.queue_ms = Millis(request_us_, assigned_us_);
  timers.connect_ms = Millis(assigned_us_, connected_us_);
  if (http) timers.response_ms = Millis(connected_us_, response_us_);
  const uint64_t data_since_us = http ? response_us_ : connected_us_;
  timers.data_ms = Millis(data_since_us, now_us);
  timers.total_ms = Millis(begin_us_, now_us);
  timers.active_ms = Millis(http ? first_byte_us_ : begin_us_, now_us);
  timers.user_ms = timers.total_ms - std::max<int64_t>(timers.idle_ms, 0);
}

void StreamLog::FillRequest(uint32_t bytes_max, LogRequest& request) const {
  if (head_ == nullptr) return;
  request.known = true;
  request.method = method_;
  request.path = path_;
  // Cut like the whole line would be (manual 3.2, tune.http.logurilen).
  const size_t before = method_.size() + 1;
  const size_t room = bytes_max > before ? bytes_max - before : 0;
  request.target = target_.substr(0, room);
  if (target_.size() + 1 + version_.size() <= room) request.version = version_;
}

void StreamLog::WriteEarly(Stream& stream, LogOrigin origin) {
  const ProxyLog* log = stream.frontend().log.get();
  if (log == nullptr || written_) return;
  if (log->steps != 0) return WriteStep(stream, *log, origin);
  // An exchange of HTTP has more to say once its answer has begun.
  if (origin == LogOrigin::kConnect && stream.is_http()) return;
  if (log->as_soon_as_possible) Write(stream, *log, origin);
}

// One line of several (manual 4.2, log-steps): of what is known by now, as `do-log` says it.
void StreamLog::WriteStep(Stream& stream, const ProxyLog& log, LogOrigin origin) {
  if (written_ || !log.HasStep(origin)) return;
  StreamContext context(stream);
  LogRecord record;
  FillNow(context, log.needs, record);
  record.origin = origin;
  SayTraffic(stream.worker(), stream.frontend(),
             is_error(stream) ? LogOutcome::kError : LogOutcome::kGood, record, context, nullptr,
             level_);
}

void StreamLog::Write(Stream& stream, const ProxyLog& log, LogOrigin origin) {
  written_ = true;
  Worker& worker = stream.worker();
  if (!client_gone_ && stream.client_side().endpoint() != nullptr) {
    OnClientGone(stream);
    client_gone_ = false;
  }
  LogRecord record;
  FillRecord(stream, log.needs, record);
  record.origin = origin;
  record.early = log.as_soon_as_possible && log.steps == 0;
  StreamContext context(stream);
  if ((log.needs & kNeedsUniqueId) != 0) record.unique_id = UniqueId(context);
  const bool error = is_error(stream);
  SayTraffic(worker, stream.frontend(), error ? LogOutcome::kError : LogOutcome::kGood, record,
             context, kept_.values(), level_);
}

void StreamLog::FillRecord(Stream& stream, uint32_t needs, LogRecord& record) {
  Worker& worker = stream.worker();
  const uint64_t now_us = NowMicros(stream);
  FillSession(stream.session(), needs, now_us, record);
  const ShardLog& dates = worker.log();
  record.http = stream.is_http() || record.http;
  record.accept_us = dates.WallOf(begin_us_);
  record.request_us = dates.WallOf(first_byte_us_ != 0 ? first_byte_us_ : begin_us_);
  stream.TellAddresses(local_, record);
  record.source = source_;
  record.redispatched = redispatched_;
  record.retries = stream.retries();
  record.server_queue = server_queue_;
  record.backend_queue = backend_queue_;
  record.bytes_out = bytes_out_;
  record.bytes_in = bytes_in_;
  // No answer at all is -1 in mode http (manual 8.9).
  record.status = stream.is_http() && status_ == 0 ? -1 : status_;
  record.states[0] = states_[0];
  record.states[1] = states_[1];
  record.states[2] = stream.persistence().request_letter();
  record.states[3] = stream.persistence().response_letter();
  record.request_counter = stream.request_number();
  if (const ProxyConfig* backend = stream.backend()) {
    record.backend = backend->name;
    if ((needs & kNeedsCounts) != 0) {
      record.backend_connections = uint32_t(backend->state->BackCurrent());
    }
  }
  if (server_ != nullptr) {
    record.server = server_->name;
    record.server_address = server_->state->dial(worker.index()).address;
    if ((needs & kNeedsCounts) != 0) {
      record.server_connections = uint32_t(server_->state->Current());
    }
  } else if (stream.is_http() && stream.served_by_applet()) {
    record.server = static_cast<const HttpService*>(stream.applet())->log_name();
  }
  FillTimers(stream.is_http(), now_us, record.timers);
  FillRequest(worker.configuration().global.http_logurilen, record.request);
  record.request_captures = kept_.request_captures();
  record.response_captures = kept_.response_captures();
  record.request_cookie = kept_.request_cookie();
  record.response_cookie = kept_.response_cookie();
}

// What rules refuse is denied, and no error (management 9.1, dreq and dresp).
void StreamLog::CountFailure(const Stream& stream, FailureCounts& counts) const {
  if (withdrawn_) return;
  const bool client = states_[0] == 'C' || states_[0] == 'c';
  const bool server = states_[0] == 'S' || states_[0] == 's';
  const bool answering = states_[1] == 'D' || states_[1] == 'L';
  if (connected_us_ == 0) {
    if (server) counts.unconnected.Add();
    return;
  }
  if (client) counts.by_client.Add();
  if (server && answering) counts.by_server.Add();
  const bool refused = stream.reason() == CloseReason::kRejected;
  if (server || (states_[0] == 'P' && states_[1] != 'R' && !refused)) counts.bad_responses.Add();
}

void StreamLog::CountOnServer(Stream& stream) const {
  ServerShardPart& part = server_->state->part(stream.worker().index());
  CountFailure(stream, part.failures);
  LogTimers timers;
  const uint64_t now_us = NowMicros(stream);
  FillTimers(stream.is_http(), now_us, timers);
  const auto add = [](RecentMean& mean, int64_t ms) {
    if (ms >= 0) mean.Add(uint64_t(ms));
  };
  add(part.times.queue, timers.queue_ms);
  add(part.times.connect, timers.connect_ms);
  add(part.times.response, timers.response_ms);
  add(part.times.total, timers.active_ms);
}

// Every row has what its streams exchanged with their clients, %U and %B of their lines, whatever
// of it was made or answered here (management 9.1, bin and bout).
void StreamLog::CountSizes(Stream& stream) const {
  const uint32_t shard = stream.worker().index();
  const ProxyConfig& frontend = stream.frontend();
  ProxyShardPart& front = frontend.state->part(shard);
  front.bytes_in.Add(bytes_in_);
  front.bytes_out.Add(bytes_out_);
  // A listen section is its own backend until another one is chosen.
  const ProxyConfig* backend = stream.backend();
  if (backend == nullptr && frontend.is_backend) backend = &frontend;
  if (backend != nullptr) {
    ProxyShardPart& back = backend->state->part(shard);
    back.back_bytes_in.Add(bytes_in_);
    back.back_bytes_out.Add(bytes_out_);
  }
  if (server_ != nullptr) {
    ServerShardPart& server = server_->state->part(shard);
    server.bytes_in.Add(bytes_in_);
    server.bytes_out.Add(bytes_out_);
  }
}

void StreamLog::Count(Stream& stream) const {
  const uint32_t shard = stream.worker().index();
  const bool http = stream.is_http() && !withdrawn_;
  ProxyShardPart& front = stream.frontend().state->part(shard);
  if (http) {
    front.front_statuses.Add(status_);
    // One that was held back is an error, too (ereq).
    const bool denied = stream.reason() == CloseReason::kRejected;
    const bool asking = (states_[1] == 'R' && !denied) || states_[1] == 'T';
    const bool is_clients = states_[0] != '-' && states_[0] != 'L' && states_[0] != 'I';
    if (asking && is_clients) front.request_errors.Add();
  }
  if (const ProxyConfig* backend = stream.backend()) {
    ProxyShardPart& back = backend->state->part(shard);
    if (http) {
      back.back_requests.Add();
      back.back_statuses.Add(status_);
    }
    CountFailure(stream, back.back_failures);
  }
  if (server_ != nullptr) CountOnServer(stream);
}

void StreamLog::Finish(Stream& stream) {
  CountBytes(stream);
  CountSizes(stream);
  Count(stream);
  const ProxyLog* log = stream.frontend().log.get();
  if (log == nullptr || written_) return;
  if (log->steps != 0 && !log->HasStep(LogOrigin::kClose)) return;
  if (stream.frontend().dont_log_null && bytes_in_ == 0) return;
  Write(stream, *log, LogOrigin::kClose);
}

}  // namespace engine
