// hello_capture.h - the lists of a ClientHello, kept for whoever tells clients apart by them
// (manual 3.2, tune.ssl.capture-buffer-size).
//
// Owns:    one block of memory, sized by what the client sent and bounded by the setting.
// Threads: shard-local.
// Units:   bytes. Each list is as it was sent, in network order; what does not fit is left out.
// Errors:  what is malformed counts as not said; without memory there is no capture.
// States:  none.

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tls/handles.h"

namespace tls {

class HelloCapture {
 public:
  enum class List : uint8_t {
    kCiphers,
    kExtensions,  // their types
    kCurves,
    kFormats,  // of points, one byte each
    kSignatures,
    kVersions,
    kCount
  };

  // Null: no memory.
  static std::unique_ptr<const HelloCapture> Take(const SSL_CLIENT_HELLO& hello, size_t bytes_max);

  std::string_view list(List list) const { return lists_[size_t(list)]; }
  uint16_t version() const { return version_; }            // the one of the hello itself
  uint64_t ciphers_hash() const { return ciphers_hash_; }  // XXH64 of all of them

 private:
  std::unique_ptr<char[]> memory_;
  std::string_view lists_[size_t(List::kCount)];
  uint64_t ciphers_hash_ = 0;
  uint16_t version_ = 0;
};

// GREASE (RFC 8701): values that mean nothing.
bool IsGrease(uint16_t value);

}  // namespace tls
