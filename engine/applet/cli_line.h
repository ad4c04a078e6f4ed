// cli_line.h - the grammar of one line of the runtime command line (management 9.3).
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes.
// Errors:  none: every line has a reading.
// States:  none.
//
// `;` ends a command and blanks separate words. A backslash takes the meaning from the next
// character, so that `\;`, `\\` and `\ ` stand for themselves. A line that ends with ` <<PATTERN`
// has a payload: the lines after it, up to one that is PATTERN, which is empty by default.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

inline constexpr size_t kPayloadPatternMax = 64;

struct CliLine {
  std::vector<std::vector<std::string>> commands;  // the words of each; empty commands are left out
  bool has_payload = false;                        // it belongs to the last command
  std::string payload_end;
};

// `line` is without its line feed; a carriage return before it is dropped.
CliLine ParseCliLine(std::string_view line);

}  // namespace engine
