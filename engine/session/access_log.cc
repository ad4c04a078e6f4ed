#include "engine/session/access_log.h"

#include "engine/session/connection_error.h"
#include "engine/session/session.h"
#include "engine/session/stream_context.h"
#include "engine/session/worker.h"

namespace engine {

using shard::CloseReason;

namespace {

uint32_t Connections(const Worker& worker) {
  int64_t sum = 0;
  shard::LoadBoard& board = const_cast<Worker&>(worker).shard().board();
  for (uint32_t shard = 0; shard < board.shards(); ++shard) sum += board.load(shard);
  return uint32_t(sum);
}

// A line on its way to the loggers of a proxy.
struct TrafficLine {
  const ProxyLog& log;
  const LogRecord& record;
  EvalContext& context;
  const KeptSample* kept = nullptr;
  LogLevel level = LogLevel::kInfo;
  bool error = false;
};

void WriteFormat(const TrafficLine& line, const LogFormat& format, std::optional<size_t> values,
                 LogDates& dates, LogLine& out) {
  const bool is_kept = line.kept != nullptr && values;
  format.Write(line.record, dates, out, &line.context, is_kept ? line.kept + *values : nullptr);
}

// `profile`: null where the proxy's own words hold.
void SayTo(Worker& worker, const TrafficLine& line, std::span<const Logger> loggers,
           const LogProfile* profile) {
  const ProxyLog& log = line.log;
  const LogStep* step =
      profile == nullptr ? nullptr : profile->Find(line.record.origin, line.error);
  if (step != nullptr && step->drop) return;
  ShardLog& to = worker.log();
  LogLine text = to.text();
  const bool own_error = line.error && !log.error_format.empty();
  bool structures = true;  // log-format-sd holds
  if (step != nullptr && !step->format.empty()) {
    WriteFormat(line, step->format, log.ValuesOf(step->format), to.dates(), text);
  } else if (own_error) {
    WriteFormat(line, log.error_format, log.error_values(), to.dates(), text);
  } else if (!line.record.message.empty()) {
    // Fixed, whatever the format of the others (manual 8.2.5).
    WriteErrorLog(line.record, to.dates(), text);
    structures = false;
  } else if (log.format.empty()) {
    WriteDefaultLog(line.record, text);
  } else {
    WriteFormat(line, log.format, log.format_values(), to.dates(), text);
  }
  LogLine structured = to.structured_data();
  if (step != nullptr && !step->structured_data.empty()) {
    WriteFormat(line, step->structured_data, log.ValuesOf(step->structured_data), to.dates(),
                structured);
  } else if (structures) {
    WriteFormat(line, log.structured_data, log.structured_values(), to.dates(), structured);
  }
  const bool own_tag = profile != nullptr && !profile->tag.empty();
  to.Say(loggers,
         {.level = line.level,
          .tag = own_tag ? profile->tag : log.tag,
          .structured_data = structured.view()},
         text.view());
}

// `profile`: in place of those of the loggers; null: theirs hold.
void SayLine(Worker& worker, const TrafficLine& line, const LogProfile* profile) {
  const ProxyLog& log = line.log;
  if (profile != nullptr || !log.has_profiles) return SayTo(worker, line, log.loggers, profile);
  for (const Logger& logger : log.loggers) {
    const LogProfile* own =
        logger.profile < 0 ? nullptr : log.profiles[size_t(logger.profile)].get();
    SayTo(worker, line, {&logger, 1}, own);
  }
}

// Who was refused was refused by the proxy (manual 8.5, PR), whatever it lacked.
char HandshakeLetter(CloseReason reason) {
  const shard::CloseReasonInfo& info = Info(reason);
  return info.blame == shard::Blame::kClient ? 'P' : info.log_letter;
}

// As HAProxy has them: all of the time is that of the handshakes, unless they were never over.
void FillHandshakeTimers(int64_t elapsed_ms, bool over, LogTimers& timers) {
  if (over) timers.handshake_ms = elapsed_ms;
  timers.idle_ms = 0;
  timers.active_ms = over ? 0 : elapsed_ms;
  timers.total_ms = timers.user_ms = elapsed_ms;
}

}  // namespace

void FillSession(const Session& session, uint32_t needs, uint64_t now_us, LogRecord& record) {
  Worker& worker = session.worker();
  const ProxyConfig& frontend = session.frontend();
  worker.log().Sync(now_us);
  record.frontend = record.backend = frontend.name;
  record.bind = session.bind().name;
  record.bind_id = session.bind().id;
  record.http = session.speaks_http();
  record.client = session.client_address();
  record.accept_us = worker.log().WallOf(session.accepted_us());
  record.request_us = record.accept_us;
  record.tls = session.bind().tls_context != nullptr || session.tls().version != nullptr;
  record.tls_version = session.tls().version;
  record.tls_cipher = session.tls().cipher;
  record.pid = worker.log().pid();
  record.hostname = worker.log().hub().hostname();
  if ((needs & kNeedsCounts) == 0) return;
  record.process_connections = Connections(worker);
  record.frontend_connections = uint32_t(frontend.state->FrontCurrent());
  record.log_counter = frontend.state->Sum(&ProxyShardPart::lines);
}

void SayTraffic(Worker& worker, const ProxyConfig& frontend, LogOutcome outcome,
                const LogRecord& record, EvalContext& context, const KeptSample* kept,
                std::optional<LogLevel> level) {
  if (level == LogLevel::kCount) return;
  const ProxyLog& log = *frontend.log;
  const bool error = outcome == LogOutcome::kError;
  if (log.skip_normal && !error && !log.is_default()) return;
  worker.CountLine(frontend);
  const TrafficLine line{
      .log = log,
      .record = record,
      .context = context,
      .kept = kept,
      .level = level                          ? *level
               : error && log.separate_errors ? LogLevel::kError
                                              : LogLevel::kInfo,
      .error = error,
  };
  SayLine(worker, line, nullptr);
}

void SayByRule(StreamContext& context, LogOrigin origin, std::string_view profile) {
  const ProxyLog* log = context.frontend->log.get();
  if (log == nullptr) return;
  Worker& worker = *context.worker;
  const LogProfile* own = profile.empty() ? nullptr : log->FindProfile(profile);
  uint32_t needs = log->needs;
  // A profile that only rules name is none of the loggers'.
  if (const LogStep* step = own == nullptr ? nullptr : own->Find(origin, false)) {
    needs |= step->format.needs() | step->structured_data.needs();
  }
  LogRecord record;
  context.FillRecord(needs, record);
  if (context.stream == nullptr) record.request_counter = worker.NextRequestNumber();
  record.origin = origin;
  worker.CountLine(*context.frontend);
  const TrafficLine line{.log = *log, .record = record, .context = context};
  SayLine(worker, line, own);
}

void LogBadRequest(const Session& session, shard::Connection* client, uint16_t status,
                   CloseReason reason, uint64_t since_us) {
  const ProxyLog* log = session.frontend().log.get();
  // The default line tells of streams (manual 8.2.1), and there was none.
  if (log == nullptr || (log->is_default() && log->error_format.empty())) return;
  Worker& worker = session.worker();
  const uint64_t now_us = worker.context().loop->clock().now_us();
  LogRecord record;
  FillSession(session, log->needs, now_us, record);
  record.frontend_address = session.client_destination();
  record.accept_us = record.request_us = worker.log().WallOf(since_us);
  record.origin = LogOrigin::kSessionError;
  record.status = status;
  record.request_counter = worker.NextRequestNumber();  // it was one, though no stream
  record.early = log->as_soon_as_possible && log->steps == 0;
  record.states[0] = Info(reason).log_letter;
  record.states[1] = 'R';
  const bool first = session.requests() == 0;
  const uint64_t handshake_us = first ? session.handshaken_us() - session.accepted_us() : 0;
  record.timers.handshake_ms = int64_t(handshake_us / 1000);
  record.timers.idle_ms = 0;  // all of the wait counts as active: no head ended it
  const auto active_ms = int64_t((now_us - since_us) / 1000);
  record.timers.active_ms = record.timers.total_ms = record.timers.user_ms = active_ms;
  StreamContext context(session, client);
  context.line = &record;
  SayTraffic(worker, session.frontend(), LogOutcome::kError, record, context);
}

void LogHandshakeError(const Session& session, CloseReason reason) {
  const ProxyLog* log = session.frontend().log.get();
  if (log == nullptr) return;
  Worker& worker = session.worker();
  const uint64_t now_us = worker.context().loop->clock().now_us();
  shard::Connection& client = *session.connection();
  LogRecord record;
  FillSession(session, log->needs, now_us, record);
  // The line names the socket: by its number where it has no name.
  char digits[16];
  LogLine number(digits, sizeof(digits));
  if (record.bind.empty()) record.bind = number.Number(record.bind_id).view();
  const ConnectionError error = ErrorOf(client);
  record.message = error.id != 0 ? error.text : Info(reason).text;
  record.frontend_address = session.client_destination();
  record.origin = LogOrigin::kSessionError;
  record.states[0] = HandshakeLetter(reason);
  record.states[1] = 'R';
  const bool is_late = Info(reason).log_letter == 'c';
  FillHandshakeTimers(int64_t(now_us - session.accepted_us()) / 1000, !is_late, record.timers);
  const tls::Info tls = tls::InfoOf(client);
  record.tls_version = tls.version;
  record.tls_cipher = tls.cipher;
  record.request_counter = worker.NextRequestNumber();
  StreamContext context(session, &client);
  context.line = &record;
  SayTraffic(worker, session.frontend(), LogOutcome::kError, record, context);
}

}  // namespace engine
