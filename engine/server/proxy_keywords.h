// proxy_keywords.h - the words of frontend, backend, listen and defaults that have an effect
// (manual 4.2).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of proxy_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. Words without effect are in engine/config/keyword_states.h.

#pragma once

#include "engine/config/keywords.h"

namespace engine {

void RegisterProxyKeywords(BuildKeywords& keywords);

}  // namespace engine
