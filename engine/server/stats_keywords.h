// stats_keywords.h - the lines `stats ...` of a proxy: its page of statistics (manual 4.2).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   words of a line.
// Errors:  reported under the word.
// States:  none.
//
// `stats admin` and `stats http-request` have conditions and are read with the rules; they call
// StatsOf() as well.

#pragma once

#include "engine/server/build_context.h"
#include "engine/server/stats_config.h"

namespace engine {

// Of the proxy that is being read; any line makes one. A section that has a line of its own takes
// over nothing of `defaults`, as HAProxy has it.
StatsConfig& StatsOf(BuildContext& context);
void RegisterStatsKeywords(BuildKeywords& keywords);
// Once every section was read.
void FinishStats(BuildContext& context, ProxyDraft& draft);

}  // namespace engine
