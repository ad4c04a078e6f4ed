// byte_reader.h - a bounds-checked cursor over received bytes, numbers in network order.
//
// Owns:    nothing: the bytes stay with the caller and must outlive the reader and what it
//          returned.
// Threads: shard-local; a plain value.
// Units:   bytes.
// Errors:  a read past the end returns false and moves nothing, so the caller may wait for more.
// States:  none beyond the position.
//
//   ByteReader reader(bytes);
//   uint16_t length;
//   std::string_view body;
//   if (!reader.ReadU16(&length) || !reader.ReadBytes(length, &body)) return Result::kNeedMore;

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proto {

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  bool empty() const { return remaining() == 0; }
  // What has not been read yet.
  std::string_view rest() const { return bytes_.substr(position_); }

  [[nodiscard]] bool ReadU8(uint8_t* value) { return ReadNumber<1>(value); }
  [[nodiscard]] bool ReadU16(uint16_t* value) { return ReadNumber<2>(value); }
  // Three bytes, as HTTP/2 and TLS write lengths; the top byte of `value` is 0.
  [[nodiscard]] bool ReadU24(uint32_t* value) { return ReadNumber<3>(value); }
  [[nodiscard]] bool ReadU32(uint32_t* value) { return ReadNumber<4>(value); }
  [[nodiscard]] bool ReadU64(uint64_t* value) { return ReadNumber<8>(value); }

  // `value` views the caller's bytes.
  [[nodiscard]] bool ReadBytes(size_t count, std::string_view* value) {
    if (count > remaining()) return false;
    *value = bytes_.substr(position_, count);
    position_ += count;
    return true;
  }
  // A reader over the next `count` bytes, which this one skips.
  [[nodiscard]] bool ReadSection(size_t count, ByteReader* section) {
    std::string_view bytes;
    if (!ReadBytes(count, &bytes)) return false;
    *section = ByteReader(bytes);
    return true;
  }
  [[nodiscard]] bool Skip(size_t count) {
    if (count > remaining()) return false;
    position_ += count;
    return true;
  }
  [[nodiscard]] bool PeekU8(uint8_t* value) const {
    if (empty()) return false;
    *value = uint8_t(bytes_[position_]);
    return true;
  }

 private:
  template <size_t kBytes, typename T>
  bool ReadNumber(T* value) {
    static_assert(kBytes <= sizeof(T));
    if (kBytes > remaining()) return false;
    uint64_t number = 0;
    for (size_t i = 0; i < kBytes; ++i) {
      number = number << 8 | uint8_t(bytes_[position_ + i]);  // compiles to one load and a bswap
    }
    *value = T(number);
    position_ += kBytes;
    return true;
  }

  std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace proto
