// background_thread.h - a thread whose work can wait for that of others.
//
// Owns:    nothing.
// Threads: the calling thread; those it makes later are of the same kind.
// Units:   none.
// Errors:  a kernel that knows no such thing (before 6.12) leaves the thread as it was.
// States:  none.
//
// Its share of a CPU stays what it is, and so does its priority. It only takes its turns in the
// longest pieces the kernel allows, and a thread with shorter ones that wakes up does not wait for
// the end of such a piece. So a shard answers while a configuration is read on its CPU.

#pragma once

namespace base {

void BecomeBackgroundThread() noexcept;

}  // namespace base
