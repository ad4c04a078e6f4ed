// log_line.h - one line of text, built into a fixed buffer.
//
// Owns:    nothing: the buffer is the caller's.
// Threads: shard-local.
// Units:   bytes.
// Errors:  what does not fit is cut off; nothing is allocated.
// States:  none.
//
//   LogLine line(buffer, sizeof(buffer));
//   line.Text("status=").Number(200);
//   Send(line.view());

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace shard {
struct Address;
}

namespace engine {

// How a text of the peer's is made harmless (manual 8.6, 8.2.6).
enum class LogEscape : uint8_t {
  kHash,           // "#XX" for '#', '"' and what is not printable
  kHashBackslash,  // the same, and a backslash before '\' and ']' (flag E)
  kHashBrackets,   // as kHash, and "#XX" for '{', '|' and '}': of captured headers
  kHashBracketsBackslash,
  kControls,           // "#XX" for what is not printable alone: of expressions, which may be JSON
  kControlsBackslash,  // the same, and a backslash before '"', '\' and ']' (flag E)
  kPercent,            // "%XX" for controls but tabs: of texts that go into HTTP messages
  kPercentBackslash,   // the same, and a backslash before '"', '\' and ']' (flag E)
  kNone,               // the very bytes: of texts that stay here
  kBackslash,          // the same, and a backslash before '"', '\' and ']' (flag E)
};

class LogLine {
 public:
  LogLine(char* buffer, size_t bytes) : begin_(buffer), at_(buffer), end_(buffer + bytes) {}

  LogLine& Char(char c) {
    if (at_ < end_) *at_++ = c;
    return *this;
  }
  LogLine& Text(std::string_view text) {
    const size_t room = size_t(end_ - at_);
    const size_t bytes = text.size() < room ? text.size() : room;
    if (bytes > 0) std::memcpy(at_, text.data(), bytes);  // an empty view may have no address
    at_ += bytes;
    return *this;
  }
  LogLine& Number(uint64_t value);
  // -1 means "never came to that".
  LogLine& Signed(int64_t value);
  // At least `width` digits, zeroes in front.
  LogLine& Padded(uint64_t value, int width);
  LogLine& Hex(uint64_t value, int width);
  LogLine& Escaped(std::string_view text, LogEscape escape);
  // What stands between the quotes of a JSON string (RFC 8259 section 7). Bytes that are no UTF-8
  // are taken as Latin-1, so that what is written is always valid.
  LogLine& Json(std::string_view text);
  // Each byte as two hexadecimal digits.
  LogLine& HexBytes(std::string_view bytes);
  // The address alone; "unix" for a unix socket.
  LogLine& Ip(const shard::Address& address);
  LogLine& HexIp(const shard::Address& address);

  std::string_view view() const { return {begin_, size_t(at_ - begin_)}; }
  size_t size() const { return size_t(at_ - begin_); }
  size_t room() const { return size_t(end_ - at_); }
  void Clear() { at_ = begin_; }

 private:
  LogLine& Percent(std::string_view text, bool backslash);
  LogLine& Backslash(std::string_view text);

  char* const begin_;
  char* at_;
  char* const end_;
};

}  // namespace engine
