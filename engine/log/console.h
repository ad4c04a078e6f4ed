// console.h - lines on standard error in the shape operators and scripts know:
// "[ALERT]    (PID) : text".
//
// Owns:    nothing; it borrows a FILE (standard error unless told).
// Threads: any-thread: a line is one write, so lines of several threads do not mix. Never on the
//          traffic path, because the terminal may be slow.
// Units:   none.
// Errors:  a line that cannot be written is lost.
// States:  none.
//
//   Console console(verbose ? Verbosity::kVerbose : Verbosity::kNormal);
//   console.Warning("cannot pin shard 3: " + why);
//
// The configuration's own messages, which point into a file, are Diagnostics (engine/config).

#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace engine {

enum class Verbosity : uint8_t {
  kQuiet,    // -q, `quiet`: nothing at all; the exit status says the rest
  kNormal,   // alerts, warnings, notices
  kVerbose,  // -V: details as well
};

class Console {
 public:
  explicit Console(Verbosity verbosity = Verbosity::kNormal, FILE* out = stderr)
      : verbosity_(verbosity), out_(out) {}

  void Alert(std::string_view text) { Say("[ALERT]", text); }      // why we do not start
  void Warning(std::string_view text) { Say("[WARNING]", text); }  // we go on, and it matters
  void Notice(std::string_view text) { Say("[NOTICE]", text); }
  void Detail(std::string_view text);  // under -V only, as a notice

  Verbosity verbosity() const { return verbosity_; }
  // What is said is written there, too, whatever the verbosity. Null: no more.
  void RecordTo(std::string* record) { record_ = record; }

  // The line as printed, for `pid`; 0 asks the kernel, so it is right after a fork. Bytes that
  // could drive a terminal become '?'; further lines of `text` are indented under the first.
  static std::string Render(std::string_view label, std::string_view text, int pid = 0);

 private:
  void Say(std::string_view label, std::string_view text);

  Verbosity verbosity_;
  FILE* out_;
  std::string* record_ = nullptr;
};

}  // namespace engine
