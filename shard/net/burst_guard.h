// burst_guard.h - whether everybody who may stand in the kernel's backlogs can be taken in at once.
//
// Owns:    nothing but a flag that goes up once, so that one shard tells the others.
// Threads: any-thread.
// Units:   clients; a client who waits holds one descriptor.
// Errors:  none.
// States:  roomy <-> crowded.
//
// A multishot accept takes a whole backlog before anybody can stop it. Those who find no place wait
// with a descriptor each, which must be there beside those of the places. So:
//
//   bool many = guard.Fits(free);                          // how an accept is armed
//   if (guard.NoteTaken(free)) tell all shards;            // who has one armed asks Fits() again
//
// `free` are the places that nobody can take away meanwhile without calling NoteTaken(): those of
// the process, and 0 where a limit of fewer lets clients wait beside them.

#pragma once

#include <atomic>
#include <cstdint>

namespace shard {

class alignas(64) BurstGuard {
 public:
  // `spare`: descriptors that neither a place nor anything else needs. `burst`: the most clients
  // that can come at once.
  BurstGuard(int64_t spare, int64_t burst) : spare_(spare), burst_(burst) {}

  // With other listeners, others may come.
  void SetBurst(int64_t burst) { burst_.store(burst, std::memory_order_relaxed); }
  [[nodiscard]] bool Fits(int64_t free) {
    const int64_t burst = burst_.load(std::memory_order_relaxed);
    if (!crowded_.load(std::memory_order_relaxed)) return free + spare_ >= burst;
    // Some way above where it went up, so that a client more or less does not move it each time.
    if (free + spare_ < burst + burst / 8) return false;
    crowded_.store(false, std::memory_order_relaxed);
    return true;
  }
  // A place has been taken, and `free` are left. True: from now on it is crowded.
  [[nodiscard]] bool NoteTaken(int64_t free) {
    if (free + spare_ >= burst_.load(std::memory_order_relaxed) ||
        crowded_.load(std::memory_order_relaxed))
      return false;
    return !crowded_.exchange(true, std::memory_order_seq_cst);
  }

 private:
  const int64_t spare_;
  std::atomic<int64_t> burst_;
  std::atomic<bool> crowded_{false};
};

}  // namespace shard
