// ring_sender.h - sends the lines of `ring` sections to their servers (manual 12.5, server).
//
// Owns:    a connection per server; what it has read of the ring and not yet handed over.
// Threads: shard-local. Each ring has one home shard, which sends for it; the writer thread only
//          wakes that shard.
// Units:   milliseconds of the shard's clock; bytes.
// Errors:  a server that is slow, gone or silent loses lines, never traffic. They are counted:
//          LogRingServerFacts, LogHub::Dropped(). The ring goes on without it.
// States:  of a server: resting -> connecting -> open -> resting. A second of rest lies between two
//          attempts. A line that was handed over in part only is sent again, whole, on the next
//          connection; what the kernel had taken when a connection broke is not.
//
//   RingSenders senders(context, hub, make_room);   // those whose home this shard is
//   senders.Start();  senders.OnTurnEnd();  senders.Stop();

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/log/log_hub.h"
#include "shard/conn/connection.h"
#include "shard/loop/run_queue.h"
#include "shard/loop/timer_wheel.h"

namespace engine {

// One server of a ring.
class RingSender final : shard::ConnectionEvents, shard::Task, shard::TimerClient {
 public:
  struct Plan {
    shard::ShardContext& context;
    LogHub& hub;
    LogRing& ring;
    uint32_t server = 0;  // among those of the ring
    const std::function<void()>& make_room;
  };
  explicit RingSender(const Plan& plan) : plan_(plan), timer_(this) {}
  ~RingSender() { Stop(); }
  RingSender(const RingSender&) = delete;
  RingSender& operator=(const RingSender&) = delete;

  void Start();
  // There may be lines.
  void Wake() { plan_.context.loop->run_queue().Add(this); }
  // What was handed over may still leave, for a moment.
  void Stop();

 private:
  enum class State : uint8_t {
    kStopped,     // nothing
    kResting,     // the timer
    kConnecting,  // a connection that is not open yet, the timer
    kOpen,        // an open connection; the timer while something is unsent
  };
  static constexpr uint32_t kRestMs = 1000;
  static constexpr uint64_t kFlushMs = 500;
  static constexpr size_t kReadBytes = 8192;
  static constexpr int kRoundsMax = 8;  // in one turn

  void OnConnected() noexcept override { Note(connected_); }
  void OnReadable() noexcept override { Wake(); }
  void OnWritable() noexcept override { Wake(); }
  void OnClosed(shard::CloseReason) noexcept override { Note(broken_); }
  void OnTimer() noexcept override { Note(timed_out_); }
  void Run() noexcept override;

  void Note(bool& fact) {
    fact = true;
    Wake();
  }
  const LogRingServer& server() const { return plan_.ring.plan().servers[plan_.server]; }
  LogRingServerFacts& facts() { return plan_.ring.server(plan_.server); }
  void SetTimer(uint32_t delay_ms) {
    timer_.Set(plan_.context.loop->timers(), plan_.context.now_ms() + delay_ms);
  }
  LogRing::Read Read(size_t bytes_max);
  void Connect();
  void Open();
  void Rest();
  void Push();
  bool Send();
  void DropInput();
  void WatchUnsent();
  bool IsStuck();

  const Plan plan_;
  shard::Timer timer_;
  shard::Connection* connection_ = nullptr;
  uint64_t next_ = 0;         // the line to be read next
  std::string text_;          // read, with their frames
  LogRingRead read_;          // where its lines end
  size_t sent_ = 0;           // bytes of text_ that were handed over
  size_t lines_sent_ = 0;     // of text_, whole
  uint64_t noted_bytes_ = 0;  // that had left when the timer was set
  State state_ = State::kStopped;
  bool connected_ = false;
  bool broken_ = false;
  bool timed_out_ = false;
};

class RingSenders {
 public:
  RingSenders(shard::ShardContext& context, LogHub& hub, std::function<void()> make_room);
  ~RingSenders() { Stop(); }
  RingSenders(const RingSenders&) = delete;
  RingSenders& operator=(const RingSenders&) = delete;

  void Start();
  // Cheap while no ring has new lines.
  void OnTurnEnd() {
    if (woken_.load(std::memory_order_relaxed)) WakeAll();
  }
  void Stop();

 private:
  struct Listener final : LogRingListener {
    void OnLines() noexcept override;
    std::atomic<bool>* woken = nullptr;
    shard::Ring* ring = nullptr;
  };
  void WakeAll();

  shard::ShardContext& context_;
  LogHub& hub_;
  const std::function<void()> make_room_;
  std::atomic<bool> woken_{false};
  Listener listener_;
  std::vector<LogRing*> rings_;
  std::vector<std::unique_ptr<RingSender>> senders_;
};

// Connections that rings have at most.
uint32_t CountRingServers(const LogPlan& plan);

}  // namespace engine
