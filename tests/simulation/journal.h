// journal.h - what a run has to say: its failure, and with a trace every step.
//
// Owns:    the text of the first failure.
// Threads: one thread.
// Units:   none.
// Errors:  Fail() keeps the first; the run stops at the next event.
// States:  none.

#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>

namespace simulation {

class Journal {
 public:
  explicit Journal(bool trace) : trace_(trace) {}

  bool trace() const { return trace_; }
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }

  // With a trace only.
  __attribute__((format(printf, 2, 3))) void Note(const char* format, ...) {
    if (!trace_) return;
    va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::putchar('\n');
    std::fflush(stdout);
  }
  __attribute__((format(printf, 2, 3))) void Fail(const char* format, ...) {
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (failure_.empty()) failure_ = text;
    Note("FAILED: %s", text);
  }

 private:
  const bool trace_;
  std::string failure_;
};

}  // namespace simulation
