// status.h - status codes and the reasons that go with them (RFC 9110 section 15 and its registry).
//
// Owns:    nothing.
// Threads: immutable.
// Units:   none.
// Errors:  a code without a registered reason has the empty one, which is valid on the wire.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>

namespace proto {

std::string_view StatusReason(uint32_t status);

// 1xx: more heads follow, except that 101 ends HTTP on the connection.
inline bool IsInterim(uint32_t status) { return status >= 100 && status < 200 && status != 101; }
inline bool IsSuccess(uint32_t status) { return status >= 200 && status < 300; }

}  // namespace proto
