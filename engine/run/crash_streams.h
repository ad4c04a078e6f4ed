// crash_streams.h - what a crash report says of traffic: the last streams of the shard that died,
// with their moves, and how often connections have ended for which reason.
//
// Owns:    nothing.
// Threads: SetCrashWorker() on each shard's thread for itself, SetCrashConfiguration() on the main
//          thread. The report is written by whichever thread dies.
// Units:   milliseconds before the crash.
// Errors:  memory that is broken ends the report (crash_report.h).
// States:  none.

#pragma once

namespace engine {

class Worker;
struct Configuration;

void SetCrashWorker(Worker* worker);
// Null: nothing is reported any more.
void SetCrashConfiguration(const Configuration* configuration);

}  // namespace engine
