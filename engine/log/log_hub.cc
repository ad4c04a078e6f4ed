#include "engine/log/log_hub.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "engine/log/syslog.h"

namespace engine {
namespace {

constexpr uint64_t kSyncMicros = 1000000;
// A batch holds this much, and at least one line of the longest kind.
constexpr size_t kBatchBytes = 32768;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

bool NeedsWriter(const LogPlan& plan) {
  return !plan.rings.empty() ||
         std::any_of(plan.targets.begin(), plan.targets.end(), [](const LogTarget& target) {
           return target.kind != LogTarget::Kind::kDatagram;
         });
}

// The longest line that any `log` line sends to `target` is not known here: all may be long.
constexpr size_t kLineBytes = kLogLineBytesMax + 1;

}  // namespace

LogHub::LogHub(const LogPlan& plan, uint32_t shards, Datagrams& datagrams)
    : plan_(plan),
      datagrams_(datagrams),
      shards_(shards),
      tag_(plan.tag.empty() ? program_invocation_short_name : plan.tag),
      hostname_(HostName()),
      dropped_(new Dropping[shards + 1]) {
  if (NeedsWriter(plan_)) writer_ = std::make_unique<LogWriter>(plan_, shards + 1);
}

LogHub::~LogHub() = default;

void LogHub::Start() {
  if (writer_ != nullptr) writer_->Start();
}

void LogHub::Stop() {
  if (writer_ != nullptr) writer_->Stop();
}

uint64_t LogHub::Dropped() const {
  uint64_t sum = writer_ == nullptr ? 0 : writer_->dropped();
  for (uint32_t i = 0; i <= shards_; ++i) sum += dropped_[i].count.Get();
  return sum;
}

LogRing* LogHub::FindRing(std::string_view name) {
  for (uint32_t i = 0; writer_ != nullptr && i < writer_->rings(); ++i) {
    if (writer_->ring(i).plan().name == name) return &writer_->ring(i);
  }
  return nullptr;
}

// One thread's lines ------------------------------------------------------------------------------

ShardLog::ShardLog(LogHub& hub, uint32_t producer)
    : hub_(hub),
      producer_(producer),
      pid_(uint32_t(getpid())),
      batches_(hub.plan().targets.size()),
      text_(new char[kTextBytes]),
      structured_(new char[kTextBytes]),
      line_(new char[kLineBytes]) {
  for (size_t i = 0; i < batches_.size(); ++i) {
    if (hub.plan().targets[i].kind != LogTarget::Kind::kDatagram) continue;
    batches_[i].capacity = kBatchBytes + kLineBytes;
    batches_[i].bytes.reset(new char[batches_[i].capacity]);
  }
}

ShardLog::~ShardLog() {
  Flush();
  for (Batch& batch : batches_) {
    if (batch.fd >= 0) hub_.datagrams().Close(batch.fd);
  }
}

void ShardLog::Sync(uint64_t now_us) {
  now_us_ = now_us;
  if (synced_us_ != 0 && now_us - synced_us_ < kSyncMicros) return;
  synced_us_ = now_us;
  wall_offset_us_ = base::WallMicros() - base::MonotonicMicros();
}

void ShardLog::Say(std::span<const Logger> loggers, const LogMessage& message,
                   std::string_view text) {
  for (const Logger& logger : loggers) {
    if (message.level > logger.level_max) continue;
    if (!logger.sample.TakesNext()) continue;
    SayTo(logger, message, text);
  }
}

// Header and text, cut at `bytes_max`, and a line feed behind that. `out` has room for it.
std::string_view ShardLog::Compose(const Logger& logger, SyslogFormat format, uint32_t bytes_max,
                                   const LogMessage& message, std::string_view text, char* out) {
  LogLine line(out, bytes_max);
  const SyslogHeader header{.level = std::max(message.level, logger.level_min),
                            .facility = logger.facility,
                            .hostname = hub_.plan().hostname,
                            .tag = message.tag.empty() ? hub_.tag() : message.tag,
                            .structured_data = message.structured_data,
                            .wall_us = WallOf(now_us_),
                            .pid = pid_};
  WriteSyslogHeader(format, header, dates_, line);
  line.Text(text);
  out[line.size()] = '\n';
  return {out, line.size() + 1};
}

void ShardLog::SayTo(const Logger& logger, const LogMessage& message, std::string_view text) {
  if (hub_.plan().targets[logger.target].kind != LogTarget::Kind::kDatagram) {
    return Queue(logger, message, text);
  }
  Batch& batch = batches_[logger.target];
  if (batch.count == Datagrams::kBatchMax || batch.used >= kBatchBytes) {
    FlushBatch(logger.target);
  }
  char* const out = batch.bytes.get() + batch.used;
  const std::string_view line =
      Compose(logger, logger.format, logger.line_bytes_max, message, text, out);
  batch.lines[batch.count++] = {out, line.size()};
  batch.used += line.size();
  pending_ = true;
}

void ShardLog::Queue(const Logger& logger, const LogMessage& message, std::string_view text) {
  const LogTarget& target = hub_.plan().targets[logger.target];
  SyslogFormat format = logger.format;
  uint32_t bytes_max = logger.line_bytes_max;
  if (target.kind == LogTarget::Kind::kRing) {
    // What is stored is the ring's own matter (manual 12.5).
    const LogRingPlan& ring = hub_.plan().rings[target.ring];
    if (!ring.is_implicit) format = ring.format;
    bytes_max = std::min(bytes_max, ring.line_bytes_max);
  }
  const std::string_view line = Compose(logger, format, bytes_max, message, text, line_.get());
  if (!hub_.writer()->TryPush(producer_, logger.target, line)) return Lose(1);
  pending_ = wake_writer_ = true;
}

void ShardLog::Note(std::string_view sink, std::string_view text) {
  for (const LogSink& one : hub_.plan().sinks) {
    if (one.name != sink) continue;
    Logger logger;
    logger.target = one.target;
    logger.format = SyslogFormat::kRaw;
    logger.line_bytes_max = kLogLineBytesMax;
    return Queue(logger, {.level = LogLevel::kDebug, .tag = {}, .structured_data = {}}, text);
  }
  Lose(1);
}

void ShardLog::Flush() {
  if (!pending_) return;
  pending_ = false;
  for (uint32_t target = 0; target < batches_.size(); ++target) {
    if (batches_[target].count > 0) FlushBatch(target);
  }
  if (wake_writer_) hub_.writer()->Wake();
  wake_writer_ = false;
}

bool ShardLog::Open(uint32_t target) {
  Batch& batch = batches_[target];
  if (batch.fd >= 0) return true;
  if (now_us_ < batch.reopen_us) return false;
  batch.reopen_us = now_us_ + kReopenMicros;
  const LogTarget& to = hub_.plan().targets[target];
  const int fd =
      hub_.datagrams().Open(reinterpret_cast<const sockaddr*>(&to.address), to.address_length);
  if (fd >= 0) batch.fd = fd;
  return fd >= 0;
}

void ShardLog::FlushBatch(uint32_t target) {
  Batch& batch = batches_[target];
  const size_t count = batch.count;
  batch.count = batch.used = 0;
  size_t sent = 0;
  bool refused = false;
  while (sent < count && Open(target)) {
    const int result = hub_.datagrams().Send(batch.fd, {batch.lines + sent, count - sent});
    if (result > 0) {
      sent += size_t(result);
    } else if (result == -EINTR) {
      continue;
    } else if (result == -EMSGSIZE) {
      ++sent;  // this line alone is too long for it
      Lose(1);
    } else if (result == -EAGAIN || result == -ENOBUFS || refused) {
      break;  // full, and not waited for
    } else {
      // ICMP's word about an earlier datagram, or the end of a unix socket, which may have a
      // successor. Once more, over a new socket.
      refused = true;
      hub_.datagrams().Close(batch.fd);
      batch.fd = -1;
    }
  }
  Lose(count - sent);
}

}  // namespace engine
