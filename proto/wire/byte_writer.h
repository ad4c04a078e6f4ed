// byte_writer.h - a bounds-checked cursor that fills the caller's buffer, numbers in network order.
//
// Owns:    nothing: the buffer is the caller's.
// Threads: shard-local; a plain value.
// Units:   bytes.
// Errors:  a write that does not fit returns false and writes nothing of itself.
// States:  none beyond the position.
//
//   ByteWriter writer(buffer, sizeof(buffer));
//   size_t length_at = writer.written();
//   if (!writer.WriteU16(0) || !writer.WriteBytes(name)) return false;
//   writer.PatchU16(length_at, uint16_t(name.size()));  // a length known only afterwards

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace proto {

class ByteWriter {
 public:
  ByteWriter(void* buffer, size_t capacity)
      : buffer_(static_cast<char*>(buffer)), capacity_(capacity) {}

  size_t written() const { return written_; }
  size_t room() const { return capacity_ - written_; }
  std::string_view bytes() const { return {buffer_, written_}; }

  [[nodiscard]] bool WriteU8(uint8_t value) { return WriteNumber<1>(value); }
  [[nodiscard]] bool WriteU16(uint16_t value) { return WriteNumber<2>(value); }
  // The low three bytes of `value`; the caller has checked that the top one is 0.
  [[nodiscard]] bool WriteU24(uint32_t value) { return WriteNumber<3>(value); }
  [[nodiscard]] bool WriteU32(uint32_t value) { return WriteNumber<4>(value); }
  [[nodiscard]] bool WriteU64(uint64_t value) { return WriteNumber<8>(value); }
  [[nodiscard]] bool WriteBytes(std::string_view bytes) {
    if (bytes.size() > room()) return false;
    if (!bytes.empty()) std::memcpy(buffer_ + written_, bytes.data(), bytes.size());
    written_ += bytes.size();
    return true;
  }
  // `count` bytes for the caller to fill, null when they do not fit.
  [[nodiscard]] char* Reserve(size_t count) {
    if (count > room()) return nullptr;
    char* start = buffer_ + written_;
    written_ += count;
    return start;
  }

  // Overwrite a number written before at `offset`. The offset is ours, never a peer's: hence MUST.
  void PatchU16(size_t offset, uint16_t value) { PatchNumber<2>(offset, value); }
  void PatchU24(size_t offset, uint32_t value) { PatchNumber<3>(offset, value); }
  void PatchU32(size_t offset, uint32_t value) { PatchNumber<4>(offset, value); }

 private:
  template <size_t kBytes>
  void Put(size_t offset, uint64_t value) {
    for (size_t i = 0; i < kBytes; ++i) {
      buffer_[offset + i] = char(value >> (8 * (kBytes - 1 - i)) & 0xff);
    }
  }
  template <size_t kBytes>
  bool WriteNumber(uint64_t value) {
    if (kBytes > room()) return false;
    Put<kBytes>(written_, value);
    written_ += kBytes;
    return true;
  }
  template <size_t kBytes>
  void PatchNumber(size_t offset, uint64_t value) {
    MUST(offset <= written_ && kBytes <= written_ - offset);
    Put<kBytes>(offset, value);
  }

  char* buffer_;
  size_t capacity_;
  size_t written_ = 0;
};

}  // namespace proto
