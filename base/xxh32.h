// xxh32.h - XXH32, the 32-bit hash of the xxHash specification 0.1.1: fast and well spread, but no
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

uint32_t Xxh32(std::string_view bytes, uint32_t seed = 0);

}  // namespace base
