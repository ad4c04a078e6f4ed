// serializer.h - writes version-neutral heads, chunk framing and trailers as HTTP/1 bytes.
//
// Owns:    nothing: the buffer is the caller's.
// Threads: immutable functions.
// Units:   bytes.
// Errors:  a buffer that is too small stays untouched; the size needed is returned in either case.
// States:  none.
//
//   size_t bytes = WriteRequestHead(head, out, capacity, nullptr);
//   if (bytes > capacity) return Grow(bytes);
//
// Names go out in lower case (manual 1.3.2), unless NameCase has another case for them
// (h1-case-adjust). CR, LF and NUL in a value or in a part of the target, which only rules can have
// put there, are written as spaces: a rule that copies decoded text into a field must not be able
// to split a message.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http/head.h"

namespace proto {

// The map behind `h1-case-adjust`. engine/config builds one; immutable while in use.
class NameCase {
 public:
  virtual ~NameCase() = default;
  // Another case of `lower_name` (same length, else it is not used), or empty.
  virtual std::string_view Adjust(FieldName id, std::string_view lower_name) const noexcept = 0;
};

// Version: 1.0 for anything below 1.1, else 1.1 (a proxy speaks for itself, RFC 9112 section 2.3);
// a version of another protocol as it came. An empty path is written as "/".
size_t WriteRequestHead(const RequestHead& head, char* out, size_t capacity,
                        const NameCase* name_case = nullptr);
// An empty reason is written as it is: "HTTP/1.1 200 ".
size_t WriteResponseHead(const ResponseHead& head, char* out, size_t capacity,
                         const NameCase* name_case = nullptr);

// "1a2b\r\n". Behind the data comes kChunkEnd, behind the last one WriteLastChunk().
inline constexpr size_t kChunkHeaderBytesMax = 18;
size_t WriteChunkHeader(uint64_t chunk_bytes, char (&out)[kChunkHeaderBytesMax]);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// The last chunk with trailers; with an empty list it is kLastChunk.
size_t WriteLastChunk(const FieldList& trailers, char* out, size_t capacity,
                      const NameCase* name_case = nullptr);

}  // namespace proto
