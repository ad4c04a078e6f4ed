// memory_debug.h - `-dM`: memory that was just allocated holds a byte of the operator's choice
// (management 3, -dM), so that what was never set shows.
//
// Owns:    nothing.
// Threads: start-up, before any thread.
// Units:   none.
// Errors:  a clause about the value.
// States:  none.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct MemoryDebug {
  std::optional<uint8_t> poison;       // none: memory is left as it is
  bool help = false;                   // the options are to be listed, and nothing else
  std::vector<std::string> no_effect;  // options of the manual that mean nothing here
};

// What follows `-dM`: "[<byte>[,]][<option>,...]". False with `*error`.
bool ParseMemoryDebug(std::string_view text, MemoryDebug* debug, std::string* error);
std::string MemoryDebugHelp(const MemoryDebug& debug);
// From now on, for what malloc() gives. Memory that is asked for as zeroes stays so.
void PoisonMemory(uint8_t byte);

}  // namespace engine
