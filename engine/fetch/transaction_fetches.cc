#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/log/log_line.h"
#include "engine/mux/http_endpoint.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// What the log line would say now; false: there is neither a stream nor a line.
bool FillFacts(EvalContext& context, LogRecord& record) {
  StreamContext& traffic = Traffic(context);
  if (traffic.stream != nullptr) {
    traffic.stream->log().FillRecord(*traffic.stream, 0, record);
  } else if (traffic.line != nullptr) {
    record = *traffic.line;
  }
  return traffic.stream != nullptr || traffic.line != nullptr;
}

// Times -------------------------------------------------------------------------------------------

template <int64_t LogTimers::*kTimer>
bool TimerOf(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, record.timers.*kTimer);
}

bool UntilRequest(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, record.timers.until_request_ms());
}

// How many microseconds the unit has; 0: there is no such unit.
bool PrepareUnit(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(0, "s");
  unit.number = text == "s" ? 1000000 : text == "ms" ? 1000 : text == "us" ? 1 : 0;
  if (unit.number != 0) return true;
  *why = "a unit is one of 's', 'ms' and 'us'";
  return false;
}

bool AcceptDate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  if (traffic.session == nullptr) return false;
  LogRecord record;
  if (FillFacts(context, record)) {
    return GiveNumber(sample, int64_t(record.accept_us) / unit.number);
  }
  const ShardLog& dates = traffic.worker->log();
  return GiveNumber(sample, int64_t(dates.WallOf(traffic.session->accepted_us())) / unit.number);
}

bool RequestDate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, int64_t(record.request_us) / unit.number);
}

// Sizes -------------------------------------------------------------------------------------------

struct Sizes {
  uint64_t request_in = 0;    // from the client
  uint64_t request_out = 0;   // to the server
  uint64_t response_in = 0;   // from the server
  uint64_t response_out = 0;  // to the client
};

template <uint64_t Sizes::*kSize>
bool SizeOf(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const LogRecord* line = Traffic(context).line;
  Stream* stream = Traffic(context).stream;
  Sizes sizes;
  if (stream == nullptr) {
    if (line == nullptr) return false;
    sizes.request_in = line->bytes_in;
    sizes.response_out = line->bytes_out;
    return GiveNumber(sample, int64_t(sizes.*kSize));
  }
  sizes.request_in = stream->log().bytes_in(*stream);
  sizes.response_out = stream->log().bytes_out(*stream);
  sizes.request_out = stream->log().server_bytes_out(*stream);
  sizes.response_in = stream->log().server_bytes_in(*stream);
  return GiveNumber(sample, int64_t(sizes.*kSize));
}

// How it went -------------------------------------------------------------------------------------

bool Status(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const proto::ResponseHead* head = Traffic(context).response;
  return head != nullptr && GiveNumber(sample, head->status);
}

bool TransactionStatus(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, record.status);
}

bool ServerStatus(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  if (stream == nullptr || stream->log().server_status() == 0) return false;
  return GiveNumber(sample, stream->log().server_status());
}

bool TerminationState(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  if (!FillFacts(context, record)) return false;
  char* text = context.scratch().Take(2);
  if (text == nullptr) return false;
  text[0] = record.states[0];
  text[1] = record.states[1];
  return GiveText(sample, {text, 2});
}

// Seven levels, from the client's connection to the server's (manual 7.3.2, term_events). What we
// note of an ending is its reason (close_reason.def): once for each endpoint, and once for the
// stream; connections and muxes hand theirs on to those, so their places are empty.
bool TerminationEvents(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  if (stream == nullptr) return false;
  constexpr size_t kBytesMax = 160;
  char* const text = context.scratch().Take(kBytesMax);
  if (text == nullptr) return false;
  LogLine line(text, kBytesMax);
  const auto reason = [&line](shard::CloseReason one) {
    if (one != shard::CloseReason::kNone) line.Text(shard::Info(one).counter);
  };
  line.Text("{,,");
  reason(stream->client_side().reason());
  line.Char(',');
  reason(stream->reason());
  line.Char(',');
  reason(stream->server_side().reason());
  line.Text(",,}");
  context.scratch().Shrink(text, line.size());
  return GiveText(sample, line.view());
}

bool Id32(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, uint32_t(record.request_counter));
}

bool Retries(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, record.retries);
}

bool Redispatched(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveBoolean(sample, record.redispatched);
}

template <uint32_t LogRecord::*kCount>
bool CountOf(const PreparedUnit&, Sample& sample, EvalContext& context) {
  LogRecord record;
  return FillFacts(context, record) && GiveNumber(sample, record.*kCount);
}

// Where the set of rules ended that ended last, and where one waits ("FILE:LINE").
template <const Rule* (Stream::*kRule)() const>
bool RulePlace(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  const Rule* rule = stream == nullptr ? nullptr : (stream->*kRule)();
  if (rule == nullptr) return false;
  constexpr size_t kLineBytesMax = 11;
  char* const text = context.scratch().Take(rule->file.size() + kLineBytesMax);
  if (text == nullptr) return false;
  char* at = text + rule->file.copy(text, rule->file.size());
  *at++ = ':';
  at = std::to_chars(at, at + kLineBytesMax - 1, rule->line).ptr;
  return GiveText(sample, {text, size_t(at - text)});
}
bool RuleFile(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && stream->last_rule() != nullptr &&
         GiveText(sample, stream->last_rule()->file);
}
bool RuleLineNumber(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && stream->last_rule() != nullptr &&
         GiveNumber(sample, stream->last_rule()->line);
}

bool PriorityClass(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && GiveNumber(sample, stream->priority_class());
}
bool PriorityOffset(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && GiveNumber(sample, stream->priority_offset_ms());
}

bool Runs(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && GiveNumber(sample, stream->runs());
}

// 0 where nobody measured (manual 3.2, profiling.tasks).
template <uint64_t (TaskCosts::*kCost)() const, bool kMean>
bool CostOf(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  if (stream == nullptr) return false;
  const uint64_t sum_ns = (stream->costs().*kCost)();
  const uint64_t calls = kMean ? std::max(stream->runs(), 1u) : 1;
  return GiveNumber(sample, int64_t(sum_ns / calls));
}

// What was kept -----------------------------------------------------------------------------------

bool UniqueId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const std::string_view id = Traffic(context).UniqueId();
  return !id.empty() && GiveText(sample, id);
}

bool GiveCapture(const PreparedUnit& unit, Sample& sample, const LogCaptures& captures) {
  const auto index = uint64_t(unit.arguments.number(0, 0));
  if (index >= captures.count || captures.values[index].data() == nullptr) return false;
  return GiveText(sample, captures.values[index]);
}

bool RequestCapture(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && GiveCapture(unit, sample, stream->log().kept().request_captures());
}

bool ResponseCapture(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  return stream != nullptr && GiveCapture(unit, sample, stream->log().kept().response_captures());
}

bool PrepareIndex(PreparedUnit& unit, std::string* why) {
  if (unit.arguments.number(0, 0) >= 0) return true;
  *why = "an index counts from 0";
  return false;
}

// As the client sent it, whatever rules have made of it since.
bool CapturedMethod(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const proto::RequestHead* head = Traffic(context).request;
  return head != nullptr && GiveText(sample, head->method_text);
}

// As it was sent, from the first slash of its path on (manual 7.3.6): "*", a target of CONNECT and
// any other without a path have none.
bool CapturedUri(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const proto::RequestHead* head = Traffic(context).request;
  if (head == nullptr) return false;
  std::string_view target = head->target;
  // Its form is looked for here: the one in the head is of the target that rules have made.
  const size_t scheme_end = target.starts_with('/') ? target.npos : target.find("://");
  if (scheme_end != target.npos) {
    target.remove_prefix(std::min(target.find_first_of("/?#", scheme_end + 3), target.size()));
  }
  return target.starts_with('/') && GiveText(sample, target);
}

bool GiveHttpVersion(Sample& sample, const proto::Version& version, std::string_view other) {
  if (!other.empty() || version.major != 1) return false;
  return GiveText(sample, version.minor == 0 ? "HTTP/1.0" : "HTTP/1.1");
}

bool CapturedVersion(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const proto::RequestHead* head = Traffic(context).request;
  return head != nullptr && GiveHttpVersion(sample, head->version, head->other_version);
}

bool CapturedResponseVersion(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const proto::ResponseHead* head = Traffic(context).response;
  return head != nullptr && GiveHttpVersion(sample, head->version, head->other_version);
}

// Converters --------------------------------------------------------------------------------------

template <bool (KeptValues::*kSet)(uint32_t, std::string_view)>
bool Capture(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  if (Stream* stream = Traffic(context).stream) {
    (void)(stream->log().kept().*kSet)(uint32_t(unit.arguments.number(0, 0)), sample.text);
  }
  return true;
}

enum class When : uint8_t { kError, kForwarded, kNormal, kProcessed, kStopping, kToApplet, kCount };
constexpr std::string_view kWhenNames[] = {"error",     "forwarded", "normal",
                                           "processed", "stopping",  "toapplet"};

bool PrepareWhen(PreparedUnit& unit, std::string* why) {
  std::string_view name = unit.arguments.text(0);
  const bool inverted = name.starts_with('!');
  if (inverted) name.remove_prefix(1);
  for (size_t i = 0; i < size_t(When::kCount); ++i) {
    if (kWhenNames[i] != name) continue;
    unit.number = int64_t(i) * 2 + (inverted ? 1 : 0);
    return true;
  }
  *why = name == "acl" ? "'acl' is not supported yet"
                       : "the conditions are 'error', 'forwarded', 'normal', 'processed', "
                         "'stopping' and 'toapplet', with '!' before them or not";
  return false;
}

bool IsSo(When when, const StreamContext& traffic) {
  Stream* stream = traffic.stream;
  switch (when) {
    case When::kError:
      return stream != nullptr && stream->log().is_error(*stream);
    case When::kNormal:
      return stream == nullptr || !stream->log().is_error(*stream);
    case When::kForwarded:
      return traffic.server != nullptr;
    case When::kToApplet:
      return stream != nullptr && stream->served_by_applet();
    case When::kProcessed:
      return traffic.server != nullptr || (stream != nullptr && stream->served_by_applet());
    case When::kStopping:
      return traffic.worker != nullptr && traffic.worker->shared().stopping;
    case When::kCount:
      break;
  }
  return false;
}

bool PassWhen(const PreparedUnit& unit, Sample&, EvalContext& context) {
  return IsSo(When(unit.number / 2), Traffic(context)) != (unit.number % 2 == 1);
}

constexpr ArgumentSpec kUnit[] = {{"unit", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kIndex[] = {{"idx", ArgumentType::kInteger}};

using kind::kNumber;
using kind::kText;
using needs::kRequestHead;
using needs::kResponseHead;
// Of a stream, from its beginning on; they go on changing until its end.
constexpr Needs kStream = needs::kServing;

constexpr FetchSpec kTransactionFetches[] = {
    {"accept_date", kNumber, kUnit, kStream, &AcceptDate, &PrepareUnit},
    {"bc.timer.connect", kNumber, {}, kStream, &TimerOf<&LogTimers::connect_ms>},
    {"bc_be_queue", kNumber, {}, kStream, &CountOf<&LogRecord::backend_queue>},
    {"bc_srv_queue", kNumber, {}, kStream, &CountOf<&LogRecord::server_queue>},
    {"bytes_in", kNumber, {}, kStream, &SizeOf<&Sizes::request_in>},
    {"bytes_out", kNumber, {}, kStream, &SizeOf<&Sizes::response_in>},
    {"capture.req.hdr", kText, kIndex, kStream, &RequestCapture, &PrepareIndex},
    {"capture.req.method", kText, {}, kRequestHead, &CapturedMethod},
    {"capture.req.uri", kText, {}, kRequestHead, &CapturedUri},
    {"capture.req.ver", kText, {}, kRequestHead, &CapturedVersion},
    {"capture.res.hdr", kText, kIndex, kStream, &ResponseCapture, &PrepareIndex},
    {"capture.res.ver", kText, {}, kResponseHead, &CapturedResponseVersion},
    {"cpu_calls", kNumber, {}, kStream, &Runs},
    {"cpu_ns_avg", kNumber, {}, kStream, &CostOf<&TaskCosts::cpu_ns, true>},
    {"cpu_ns_tot", kNumber, {}, kStream, &CostOf<&TaskCosts::cpu_ns, false>},
    {"lat_ns_avg", kNumber, {}, kStream, &CostOf<&TaskCosts::latency_ns, true>},
    {"lat_ns_tot", kNumber, {}, kStream, &CostOf<&TaskCosts::latency_ns, false>},
    {"fc.timer.handshake", kNumber, {}, kStream, &TimerOf<&LogTimers::handshake_ms>},
    {"fc.timer.total", kNumber, {}, kStream, &TimerOf<&LogTimers::total_ms>},
    {"last_entity", kText, {}, kStream, &RulePlace<&Stream::last_rule>},
    {"last_rule_file", kText, {}, kStream, &RuleFile},
    {"last_rule_line", kNumber, {}, kStream, &RuleLineNumber},
    {"prio_class", kNumber, {}, kStream, &PriorityClass},
    {"prio_offset", kNumber, {}, kStream, &PriorityOffset},
    {"req.bytes_in", kNumber, {}, kStream, &SizeOf<&Sizes::request_in>},
    {"req.bytes_out", kNumber, {}, kStream, &SizeOf<&Sizes::request_out>},
    {"req.timer.hdr", kNumber, {}, kStream, &TimerOf<&LogTimers::request_ms>},
    {"req.timer.idle", kNumber, {}, kStream, &TimerOf<&LogTimers::idle_ms>},
    {"req.timer.queue", kNumber, {}, kStream, &TimerOf<&LogTimers::queue_ms>},
    {"req.timer.tq", kNumber, {}, kStream, &UntilRequest},
    {"request_date", kNumber, kUnit, kStream, &RequestDate, &PrepareUnit},
    {"res.bytes_in", kNumber, {}, kStream, &SizeOf<&Sizes::response_in>},
    {"res.bytes_out", kNumber, {}, kStream, &SizeOf<&Sizes::response_out>},
    {"res.timer.data", kNumber, {}, kStream, &TimerOf<&LogTimers::data_ms>},
    {"res.timer.hdr", kNumber, {}, kStream, &TimerOf<&LogTimers::response_ms>},
    {"server_status", kNumber, {}, kStream, &ServerStatus},
    {"status", kNumber, {}, kResponseHead, &Status},
    {"term_events", kText, {}, kStream, &TerminationEvents},
    {"txn.conn_retries", kNumber, {}, kStream, &Retries},
    {"txn.id32", kNumber, {}, kStream, &Id32},
    {"txn.redispatched", SampleKind::kBoolean, {}, kStream, &Redispatched},
    {"txn.sess_term_state", kText, {}, kStream, &TerminationState},
    {"txn.status", kNumber, {}, kStream, &TransactionStatus},
    {"txn.timer.total", kNumber, {}, kStream, &TimerOf<&LogTimers::active_ms>},
    {"txn.timer.user", kNumber, {}, kStream, &TimerOf<&LogTimers::user_ms>},
    {"unique-id", kText, {}, kStream, &UniqueId},
    {"waiting_entity", kText, {}, kStream, &RulePlace<&Stream::waiting_rule>},
};

constexpr ArgumentSpec kSlot[] = {{"id", ArgumentType::kInteger}};
constexpr ArgumentSpec kCondition[] = {{"condition", ArgumentType::kString}};

constexpr ConverterSpec kTransactionConverters[] = {
    {"capture-req", kText, kText, kSlot, &Capture<&KeptValues::SetRequestCapture>, &PrepareIndex,
     kStream},
    {"capture-res", kText, kText, kSlot, &Capture<&KeptValues::SetResponseCapture>, &PrepareIndex,
     kStream},
    {"when", SampleKind::kAny, SampleKind::kSame, kCondition, &PassWhen, &PrepareWhen, kStream},
};

}  // namespace

std::span<const FetchSpec> TransactionFetches() { return kTransactionFetches; }
std::span<const ConverterSpec> TransactionConverters() { return kTransactionConverters; }

}  // namespace engine
