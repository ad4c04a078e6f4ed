// hash.h - the functions that turn a key into a number (manual 4.2, hash-type).
//
// Owns:    nothing.
// Threads: any-thread (pure functions).
// Units:   none.
// Errors:  none: every text has a hash.
// States:  none.
//
// sdbm, djb2 and crc32 give what the public functions of these names give, so the same keys meet
// on the same numbers elsewhere. What is known in public of `wt6` is what it is good for; ours is a
// function of its own with these qualities.

#pragma once

#include <cstdint>
#include <string_view>

namespace engine {

enum class HashFunction : uint8_t { kSdbm, kDjb2, kWt6, kCrc32, kNone };

uint32_t HashBytes(HashFunction function, std::string_view key);
// Every bit of the value changes every bit of the result with the same likelihood.
uint32_t Avalanche(uint32_t value);

}  // namespace engine
