// check_keywords.h - how servers are checked: the options of server lines and what a backend says
// (manual 4.2, 5.2).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of check_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterCheckKeywords(BuildKeywords& keywords);
// When the whole proxy was read: what its servers need to be checked.
void FinishChecks(BuildContext& context, ProxyDraft& draft);
// When all proxies were read: who tracks whom.
void FinishTracking(BuildContext& context);

}  // namespace engine
