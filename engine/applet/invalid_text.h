// invalid_text.h - a message that was not understood, as `show errors` shows it (management 9.3).
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes; microseconds of the wall clock.
// Errors:  none.
// States:  none.

#pragma once

#include <string>

#include "engine/session/invalid_messages.h"

namespace engine {

// Several lines, none of them empty.
std::string InvalidText(const InvalidMessage& message);
// The bytes alone, a line feed or 79 columns ending each line.
std::string DumpText(std::string_view bytes);
// 27/Nov/2026:22:19:05.407, local time.
std::string CliDate(uint64_t wall_us);

}  // namespace engine
