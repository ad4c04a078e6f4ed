// spinner.cc - keeps every CPU awake with a busy thread that runs only when nothing else does.
//
// Owns:    its threads, for as long as the process lives.
// Threads: one per CPU that the process may use, policy SCHED_IDLE.
// Units:   none.
// Errors:  ends the process if the idle policy is refused, because a spinner without it would steal
//          the CPU.
// States:  none.
//
// A virtual CPU that halts is given back to the host and comes back late, which drowns what a bench
// wants to see.

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "bench/load/arguments.h"

namespace {

void Spin(int cpu) {
  const sched_param param{};
  if (!bench::PinTo(cpu) || sched_setscheduler(0, SCHED_IDLE, &param) != 0) {
    perror("spinner");
    _exit(1);
  }
  // No pause instruction: under a hypervisor a long run of them is a reason to take the CPU away.
  for (volatile unsigned turns = 0;;) turns = turns + 1;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv, "usage: bench_spinner   (runs until it is killed)");
  arguments.Finish();
  // Spinners that outlive their bench would disturb every later one.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  std::vector<std::thread> threads;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) threads.emplace_back(Spin, cpu);
  }
  for (std::thread& thread : threads) thread.join();
}
