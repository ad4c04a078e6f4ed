// guid_keywords.h - names for objects that stay the same when everything else about them changes
// (manual 4.2, guid; 5.1, guid-prefix; 5.2, guid).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  into Diagnostics.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterGuidKeywords(BuildKeywords& keywords);
// After everything was read: no two objects have one guid.
void CheckGuids(BuildContext& context);

}  // namespace engine
