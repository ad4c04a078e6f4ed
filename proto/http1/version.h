// version.h - the version text of a start line, strict or as the manual relaxes it.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   none.
// Errors:  false, or the offset of the first byte that fits no version.
// States:  none.

#pragma once

#include <cstddef>
#include <string_view>

#include "proto/http/head.h"

namespace proto {

// `text` may still grow. Where it can no longer become a version, the offset of the byte to blame;
// else npos. Reads at most a few bytes, so calling it again as bytes come costs nothing.
size_t VersionMismatch(std::string_view text, bool odd);

// Strict: "HTTP/1." DIGIT; a higher minor version is treated as 1.1 by everyone. Odd: NAME "/"
// number "." number, each number at most 65535; `other` gets the text if the name is not HTTP.
bool ParseVersion(std::string_view text, bool odd, Version* version, std::string_view* other);

}  // namespace proto
