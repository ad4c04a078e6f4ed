// xxh64.h - XXH64, the 64-bit hash of the xxHash specification 0.1.1: fast and well spread, but no
// secret.
//
// Owns:    nothing.
// Threads: any-thread (pure).
// Units:   bytes.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>

namespace base {

uint64_t Xxh64(std::string_view bytes, uint64_t seed = 0);

}  // namespace base
