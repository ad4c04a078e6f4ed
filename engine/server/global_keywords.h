// global_keywords.h - the words of the global section that have an effect (manual 3).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of proxy_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. Words without effect are in engine/config/keyword_states.h.

#pragma once

#include "engine/config/keywords.h"

namespace engine {

struct ProxyConfig;
struct SourcePlace;

// The hidden frontend of what speaks the runtime command line; made when it is first asked for.
ProxyConfig& StatsProxy(BuildContext& context, const SourcePlace& place);

void RegisterGlobalKeywords(BuildKeywords& keywords);
// After everything was read.
void FinishSandbox(BuildContext& context);

}  // namespace engine
