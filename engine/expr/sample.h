// sample.h - one value of an expression, and how one type becomes another (manual 7.1, 7.3).
//
// Owns:    a Sample owns nothing: its bytes lie in the message, in the configuration, or in the
//          Scratch of the evaluation that made it. Who keeps one longer copies it.
// Threads: shard-local while it is evaluated; a constant one is immutable.
// Units:   bytes.
// Errors:  a cast that has no meaning gives false: as if there were no sample.
// States:  none.
//
//   Sample sample = Sample::Integer(80);
//   if (Cast(sample, SampleKind::kString, scratch)) Use(sample.text);   // "80"

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "shard/net/address.h"

namespace engine {

enum class SampleType : uint8_t {
  kBoolean,
  kInteger,
  kAddress,  // IPv4 or IPv6, without a port
  kString,
  kBinary,
  kMethod,  // of HTTP: a name, known or not
};

// What a fetch gives, a converter takes or gives, a rule asks for.
enum class SampleKind : uint8_t {
  kBoolean,
  kInteger,
  kAddress,
  kString,
  kBinary,
  kMethod,
  kAny,   // of what is taken: anything
  kSame,  // of what is given: the type that was taken
};
// "boolean", "address": as the manual's tables call it.
std::string_view KindName(SampleKind kind);

struct Sample {
  // "sint", "ipv4": as HAProxy's command line and `debug` call what this one is.
  const char* type_name() const;

  SampleType type = SampleType::kBoolean;
  int64_t number = 0;     // booleans: 0 or 1
  std::string_view text;  // strings, bytes, methods
  shard::Address address;

  static Sample Boolean(bool value) { return {SampleType::kBoolean, value, {}, {}}; }
  static Sample Integer(int64_t value) { return {SampleType::kInteger, value, {}, {}}; }
  static Sample String(std::string_view value) { return {SampleType::kString, 0, value, {}}; }
  static Sample Binary(std::string_view value) { return {SampleType::kBinary, 0, value, {}}; }
  static Sample Method(std::string_view value) { return {SampleType::kMethod, 0, value, {}}; }
  static Sample Address(shard::Address value) { return {SampleType::kAddress, 0, {}, value}; }

  void SetBoolean(bool value) { *this = Boolean(value); }
  void SetInteger(int64_t value) { *this = Integer(value); }
  void SetString(std::string_view value) { *this = String(value); }
  void SetBinary(std::string_view value) { *this = Binary(value); }
};

// Memory for what one evaluation makes: handed out in order, all taken back at once. Fixed, because
// an evaluation may not allocate: one that needs more fails.
class Scratch {
 public:
  Scratch(char* memory, size_t bytes) : begin_(memory), at_(memory), end_(memory + bytes) {}
  // Null: not that much is left.
  char* Take(size_t bytes) {
    if (bytes > size_t(end_ - at_)) return nullptr;
    char* taken = at_;
    at_ += bytes;
    return taken;
  }
  // Gives back the end of what Take() gave last.
  void Shrink(char* taken, size_t used) { at_ = taken + used; }
  size_t left() const { return size_t(end_ - at_); }
  void Reset() { at_ = begin_; }

 private:
  char* const begin_;
  char* at_;
  char* const end_;
};

// Whether a sample of one kind can become another at all, so that a chain is refused at start.
bool IsCastable(SampleKind from, SampleKind to);
// Turns `sample` into `to`. Numbers become decimal text, text becomes the number it begins with (0
// without one, and nothing when it is empty); an address becomes its text, its 4 or 16 bytes, or
// (IPv4) its number.
[[nodiscard]] bool Cast(Sample& sample, SampleKind to, Scratch& scratch);

// The IPv4 address that `text` begins with, as HAProxy casts one: zeros may stand before each
// number, and what follows does not matter, unless it is a digit or a dot. Returns its length; 0:
// there is none.
[[nodiscard]] size_t ReadIpv4(std::string_view text, shard::Address* address);

}  // namespace engine
