// not_yet.h - with what a fetch, a converter or an action comes that does not work yet.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  empty for a word without a reason of its own.
// States:  none.
//
// Keywords carry theirs in keyword_states.cc.

#pragma once

#include <string_view>

namespace engine {

// Under a refusal, and in docs/keywords.md.
std::string_view WhyNotYet(std::string_view word);

}  // namespace engine
