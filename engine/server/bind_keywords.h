// bind_keywords.h - the options of a `bind` line that have an effect (manual 5.1).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of proxy_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. Words without effect are in engine/config/keyword_states.h.

#pragma once

#include "engine/config/keywords.h"

namespace engine {

void RegisterBindKeywords(BuildKeywords& keywords);

}  // namespace engine
