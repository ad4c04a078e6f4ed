// scan.h - finds the end of a run of allowed bytes, 16 at a time where SSE2 is there.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   pointers into [from, end); nothing at or behind `end` is read.
// Errors:  none: `end` means the whole run was fine.
// States:  none.
//
// The Portable versions define what the others do; a test compares them byte for byte.

#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstdint>

#include "proto/http/chars.h"

namespace proto {

// First byte that may not stand in a field value: a control other than HTAB. So it stops at CR.
inline const char* SkipValuePortable(const char* from, const char* end) {
  while (from < end && HasClass(*from, kValueClass)) ++from;
  return from;
}

// First byte a target may not hold (manual: anything but 33 to 126) or that starts a fragment.
inline const char* SkipTargetPortable(const char* from, const char* end) {
  while (from < end && uint8_t(*from) > ' ' && uint8_t(*from) < 0x7f && *from != '#') ++from;
  return from;
}

#ifdef __SSE2__

inline const char* SkipValue(const char* from, const char* end) {
  const __m128i control_max = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  while (end - from >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, control_max), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                     _mm_cmpeq_epi8(bytes, del));
    const int mask = _mm_movemask_epi8(bad);
    if (mask != 0) return from + __builtin_ctz(unsigned(mask));
    from += 16;
  }
  return SkipValuePortable(from, end);
}

inline const char* SkipTarget(const char* from, const char* end) {
  const __m128i first = _mm_set1_epi8('!');
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i number_sign = _mm_set1_epi8('#');
  while (end - from >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    // Signed: 128 to 255 are below '!' as well.
    const __m128i bad =
        _mm_or_si128(_mm_cmplt_epi8(bytes, first),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, del), _mm_cmpeq_epi8(bytes, number_sign)));
    const int mask = _mm_movemask_epi8(bad);
    if (mask != 0) return from + __builtin_ctz(unsigned(mask));
    from += 16;
  }
  return SkipTargetPortable(from, end);
}

#else

inline const char* SkipValue(const char* from, const char* end) {
  return SkipValuePortable(from, end);
}
inline const char* SkipTarget(const char* from, const char* end) {
  return SkipTargetPortable(from, end);
}

#endif

// First byte that is no tchar. Names are short: a table beats shuffles here.
inline const char* SkipToken(const char* from, const char* end) {
  while (from < end && IsTokenChar(*from)) ++from;
  return from;
}

}  // namespace proto
