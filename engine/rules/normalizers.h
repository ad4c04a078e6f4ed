// normalizers.h - what normalize-uri does to a path and its query (manual 4.4; RFC 3986).
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes.
// Errors:  false: an escape that is none, under `strict`.
// States:  none.
//
//   size_t used;
//   if (!Normalize(Normalizer::kStripDot, false, "/./bar/?x", buffer, &used)) ...   // "/bar/?x"

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace engine {

enum class Normalizer : uint8_t {
  kFragmentEncode,
  kFragmentStrip,
  kMergeSlashes,
  kStripDot,
  kStripDotDot,       // option: `full`
  kDecodeUnreserved,  // option: `strict`
  kUppercase,         // option: `strict`
  kSortQuery,
};

// `made` has room for three times `text`.
[[nodiscard]] bool Normalize(Normalizer normalizer, bool option, std::string_view text, char* made,
                             size_t* made_bytes);

}  // namespace engine
