// signals.h - what operators ask of the process with a signal, taken one at a time by the main
// thread.
//
// Owns:    SignalWaiter owns a signalfd.
// Threads: BlockSignals() at start-up, before any thread, so that all of them inherit the mask; the
//          waiter belongs to the main thread.
// Units:   milliseconds; -1 waits for ever.
// Errors:  Create() answers null with the reason. Wait() has none.
// States:  none: it reports, the supervisor remembers. A second SIGUSR1 is reported again.
//
//   BlockSignals();
//   auto waiter = SignalWaiter::Create(&error);
//   for (;;) switch (waiter->Wait(-1, shards_done_fd).request) { ... }
//
// Nothing runs in a signal handler. SIGURG is left alone (the accept guard of shard/ring uses it on
// shard threads), as are SIGTSTP and SIGCONT (Ctrl-Z) and the signals of crashes.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace engine {

enum class SignalRequest : uint8_t {
  kTimeout,   // none came in time
  kWake,      // another descriptor became readable
  kStop,      // SIGINT, SIGTERM: at once
  kSoftStop,  // SIGUSR1: listeners close, streams finish
  kReload,    // SIGUSR2, SIGHUP: read the configuration again
  kDump,      // SIGQUIT: free what pools keep and print them
  kPause,     // SIGTTOU: stop listening for now
  kResume,    // SIGTTIN: listen again
  kChild,     // SIGCHLD: a helper process ended
  kCount
};

struct SignalEvent {
  SignalRequest request = SignalRequest::kTimeout;
  int signal = 0;        // SIGTERM, ...; 0 for kTimeout and kWake
  pid_t sender_pid = 0;  // 0: the kernel (Ctrl-C) or unknown
  uid_t sender_uid = 0;
};

// Blocks every signal that SignalWaiter reports, ignores SIGPIPE and SIGALRM. Once, before threads
// start.
void BlockSignals();
// Undoes BlockSignals() in a child that runs another program.
void RestoreSignals();

class SignalWaiter {
 public:
  static std::unique_ptr<SignalWaiter> Create(std::string* error);
  ~SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  // The next request. Pending signals go before `wake_fds`, which are only looked at, not read; -1
  // stands for none. Several equal signals sent in a row may be reported once, as the kernel merges
  // them.
  SignalEvent Wait(int timeout_ms, std::span<const int> wake_fds = {});

 private:
  static constexpr size_t kWakeFdsMax = 8;
  explicit SignalWaiter(int fd) : fd_(fd) {}
  bool TakePending(SignalEvent& event);

  int fd_;
};

// "SIGTERM" for a signal of the list, "signal" for any other.
const char* SignalName(int signal);
const char* RequestName(SignalRequest request);

}  // namespace engine
