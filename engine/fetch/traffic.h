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

// The decimal number that a text begins with, 0 where it begins with none: what headers, cookies
// and parameters are read as where a number is asked for.
inline int64_t LeadingNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    if (number > (INT64_MAX - (c - '0')) / 10) return negative ? INT64_MIN : INT64_MAX;
    number = number * 10 + (c - '0');
  }
  return negative ? -number : number;
}

}  // namespace engine
