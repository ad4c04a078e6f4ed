// close_reason.h - why a connection or a stream ended: one value that log, statistics and tests
// share.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  none.
// States:  none.
//
// The table is close_reason.def.

#pragma once

#include <cstdint>

namespace shard {

enum class Blame : uint8_t { kNobody, kClient, kServer, kProxy, kOperator };

enum class CloseReason : uint8_t {
#define X(name, blame, letter, counter, text) name,
#include "shard/conn/close_reason.def"
#undef X
  kCount
};

struct CloseReasonInfo {
  const char* name;
  Blame blame;
  char log_letter;
  const char* counter;
  const char* text;
};
const CloseReasonInfo& Info(CloseReason reason);

}  // namespace shard
