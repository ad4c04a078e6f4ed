// traffic.h - what the families of fetches share.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include "engine/session/stream_context.h"

namespace engine {

// Every evaluation of a fetch of this folder has one.
inline StreamContext& Traffic(EvalContext& context) { return static_cast<StreamContext&>(context); }

// Which of the two connections, of what is asked of either.
using End = shard::Connection* StreamContext::*;
inline constexpr End kFront = &StreamContext::client;
inline constexpr End kBack = &StreamContext::to_server;

// Which way the bytes or the head go.
enum class Side : uint8_t {
  kRequest,
  kResponse,
  kEither,  // of names without a direction: that of the rules
};

inline bool GiveNumber(Sample& sample, int64_t number) {
  sample.SetInteger(number);
  return true;
}
inline bool GiveBoolean(Sample& sample, bool value) {
  sample.SetBoolean(value);
  return true;
}
inline bool GiveText(Sample& sample, std::string_view text) {
  sample.SetString(text);
  return true;
}
inline bool GiveBytes(Sample& sample, std::string_view bytes) {
  sample.SetBinary(bytes);
  return true;
}

}  // namespace engine
