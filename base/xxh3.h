// xxh3.h - XXH3, 64 bits, of the xxHash specification 0.2.0: fast and well spread, but no secret.
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

uint64_t Xxh3(std::string_view bytes, uint64_t seed = 0);

}  // namespace base
