// host_pattern.h - whether a name of a certificate stands for a host.
//
// Owns:    nothing.
// Threads: immutable (pure).
// Units:   none.
// Errors:  none.
// States:  none.
//
// The rule is HAProxy's (manual 5.2, verify), which allows more than RFC 9525 section 6.3: a '*'
// may have letters around it, and two labels are enough ("*.test").

#pragma once

#include <string_view>

namespace proto {

// Letters of either case are the same. One '*' in the first label stands for any letters of it,
// also none, but never for a whole label that is empty.
bool HostMatches(std::string_view pattern, std::string_view host);

}  // namespace proto
