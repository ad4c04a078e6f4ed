// crc32c.h - the Castagnoli checksum (RFC 9260 appendix A), as PROXY headers carry it.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes.
// Errors:  none.
// States:  none.
//
//   uint32_t crc = Crc32c(before);
//   crc = ExtendCrc32c(crc, after);   // as if both stood in one piece
//
// One byte a step: headers are short, and once a connection.

#pragma once

#include <cstdint>
#include <string_view>

namespace proto {

uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);
inline uint32_t Crc32c(std::string_view bytes) { return ExtendCrc32c(0, bytes); }

}  // namespace proto
