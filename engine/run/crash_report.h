// crash_report.h - what a dying process leaves behind: the signal, where it was, the last moves of
// its streams, and how connections have ended.
//
// Owns:    nothing but statics: there is one report for the process, as there is one crash.
// Threads: start-up for the set-up; the handler runs on whichever thread dies, and only there.
// Units:   bytes.
// Errors:  a second fault while the report is written ends it: what is there stays.
// States:  none -> prepared -> written, once.
//
//   CrashPage page = CrashPage::Create();           // the parent of -W: memory that outlives us
//   PrepareCrashReport(page_fd);                    // -1: the report goes to standard error
//   SetCrashSource(&WriteStreams, this);
//
// Everything between the signal and the end is async-signal-safe: no allocation, no lock, no stdio,
// only stores into the page and write(2).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

// Text of a bounded size that is put together in a signal handler.
class CrashWriter {
 public:
  CrashWriter(char* text, size_t capacity) : text_(text), capacity_(capacity) {}
  CrashWriter& operator<<(std::string_view text) noexcept;
  CrashWriter& operator<<(uint64_t number) noexcept { return Number(number, 10); }
  CrashWriter& Hex(uint64_t number) noexcept { return Number(number, 16); }
  size_t length() const { return length_; }
  bool is_full() const { return length_ == capacity_; }

 private:
  CrashWriter& Number(uint64_t number, unsigned base) noexcept;
  char* text_;
  size_t capacity_;
  size_t length_ = 0;
};

// Memory that both processes see, by its descriptor.
class CrashPage {
 public:
  static constexpr size_t kBytes = 65536;
  CrashPage() = default;
  ~CrashPage();
  CrashPage(CrashPage&& other) noexcept;
  CrashPage& operator=(CrashPage&& other) noexcept;

  // An empty one; fd() is -1 where there is no memory for it.
  static CrashPage Create();
  int fd() const { return fd_; }
  // What the other process has written; empty when it did not crash.
  std::string Read() const;

 private:
  int fd_ = -1;
};

// Handles the signals of crashes (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) from here on;
// afterwards the process dies of the same signal, with its core. `page_fd` is a CrashPage's. A
// build with a sanitizer leaves them to it, which knows more.
void PrepareCrashReport(int page_fd);
// A stack for the handler, so that one that overflows is reported as well. Each thread by itself.
void PrepareCrashStack();
// Adds what only the program's parts know. `write` runs in the handler. Null ends it.
using CrashSource = void (*)(CrashWriter& writer, void* context) noexcept;
void SetCrashSource(CrashSource write, void* context);

}  // namespace engine
