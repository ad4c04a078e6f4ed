// source_keywords.h - `source` of proxies and servers.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  reported into the KeywordUse's Diagnostics.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterSourceKeywords(BuildKeywords& keywords);
// When the proxy has been read whole: its servers without a `source` take the proxy's.
void FinishSource(BuildContext& context, ProxyDraft& draft);

}  // namespace engine
