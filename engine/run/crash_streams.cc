#include "engine/run/crash_streams.h"

#include <algorithm>
#include <atomic>

#include "engine/run/crash_report.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

constexpr uint32_t kStreamsMax = 32;

thread_local Worker* this_worker = nullptr;
std::atomic<const Configuration*> configuration{nullptr};

void WriteMoves(CrashWriter& writer, const shard::Trace& trace, uint32_t now_ms) {
  const uint32_t kept = std::min(trace.count(), shard::Trace::kEntries);
  for (uint32_t i = 0; i < kept; ++i) {
    const shard::TraceEntry& entry = trace.At(i);
    writer << "    " << uint64_t{now_ms - entry.at_ms} << " ms ago, "
           << (entry.side == 0 ? "client " : "server ") << shard::SideStateName(entry.from)
           << " -> " << shard::SideStateName(entry.to);
    if (entry.reason != shard::CloseReason::kNone) {
      writer << " " << shard::Info(entry.reason).counter;
    }
    writer << "\n";
  }
}

void WriteStreams(CrashWriter& writer, Worker& worker) {
  const auto now_ms = uint32_t(worker.context().now_ms());
  writer << "streams of shard " << uint64_t{worker.index()} << ": "
         << uint64_t{worker.live_streams()} << "\n";
  // The list is in the order of coming; what crashes is likelier among the newest.
  uint32_t skip = worker.live_streams() > kStreamsMax ? worker.live_streams() - kStreamsMax : 0;
  worker.ForEachStream([&](Stream& stream) {
    if (skip > 0) {
      --skip;
      return;
    }
    if (writer.is_full()) return;
    writer << "  stream " << stream.id() << " of " << stream.frontend().name << " to "
           << (stream.backend() != nullptr ? std::string_view(stream.backend()->name) : "-")
           << ":\n";
    WriteMoves(writer, stream.trace(), now_ms);
  });
}

void WriteReasons(CrashWriter& writer, const Configuration& configuration) {
  writer << "connections and streams ended so far, by reason:";
  for (size_t reason = 0; reason < size_t(shard::CloseReason::kCount); ++reason) {
    uint64_t total = 0;
    for (const auto& proxy : configuration.proxies) {
      if (proxy->state == nullptr) continue;
      for (uint32_t shard = 0; shard < proxy->state->shards(); ++shard) {
        total += proxy->state->part(shard).by_reason[reason].Get();
      }
    }
    if (total == 0) continue;
    writer << " " << shard::Info(shard::CloseReason(reason)).counter << "=" << total;
  }
  writer << "\n";
}

void Write(CrashWriter& writer, void*) noexcept {
  const Configuration* current = configuration.load();
  if (current == nullptr) return;
  // Reasons first: counters are read without following anything that traffic has built.
  WriteReasons(writer, *current);
  if (this_worker != nullptr) WriteStreams(writer, *this_worker);
}

}  // namespace

void SetCrashWorker(Worker* worker) { this_worker = worker; }

void SetCrashConfiguration(const Configuration* current) {
  configuration.store(current);
  SetCrashSource(current != nullptr ? &Write : nullptr, nullptr);
}

}  // namespace engine
