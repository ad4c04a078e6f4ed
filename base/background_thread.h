// background_thread.h - a thread whose work can wait for that of others.
//
// Owns:    nothing.
// Threads: any-thread; each call is about the calling one.
// Units:   none.
// Errors:  where the system refuses, the thread's policy stays what it was.
// States:  ordinary -> background.
//
// Its share of a CPU stays what it is, and so does its priority. It is of SCHED_BATCH: when it
// wakes up it interrupts nobody. A thread that wakes up in the middle of its turn interrupts it
// only while that thread has used less than its own share, which a shard that serves half of a
// CPU's worth often has not; it would then wait for the next tick of the kernel (4 ms at 250 Hz).
// So work of many steps calls GiveWay() in each of them: after 100 microseconds of CPU time it
// sleeps for 20, and whoever is ready goes on.

#pragma once

namespace base {

// The calling thread from now on. Those it makes have the same policy.
void BecomeBackgroundThread() noexcept;
// A thread that was made by one: it gives way as well.
void StayInBackground() noexcept;
[[nodiscard]] bool IsBackgroundThread() noexcept;
// Between two steps; any other thread goes on at once. No lock that a shard takes may be held.
void GiveWay() noexcept;

}  // namespace base
