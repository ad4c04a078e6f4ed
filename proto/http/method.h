// method.h - request methods: text <-> enum. Methods are case-sensitive (RFC 9110 section 9.1).
//
// Owns:    nothing.
// Threads: immutable.
// Units:   none.
// Errors:  an unknown method is kOther.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>

namespace proto {

enum class Method : uint8_t {
  kOther,  // any other token; its text stands beside it in the RequestHead
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kCount
};

Method FindMethod(std::string_view text);
// Empty for kOther.
std::string_view MethodText(Method method);
// RFC 9110 section 9.2.1: does not ask for a change of state.
bool IsSafe(Method method);
// RFC 9110 section 9.2.2: sending it twice is meant to be like sending it once, so a retry is
// allowed.
bool IsIdempotent(Method method);

}  // namespace proto
