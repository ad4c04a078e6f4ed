// log_keywords.h - the words about logs: `log`, formats, options, `ring` sections.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of log_plan.h and log_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. Lines are kept in the drafts, since rings and the global section may follow their
//          users; FinishLogs() settles them once everything was read.

#pragma once

#include "engine/config/keywords.h"
#include "engine/config/tree.h"

namespace engine {

void RegisterLogKeywords(BuildKeywords& keywords);
void ReadRing(BuildContext& context, const Section& section);
// All proxies and the global section.
void FinishLogs(BuildContext& context);

}  // namespace engine
