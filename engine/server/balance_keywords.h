// balance_keywords.h - `balance`, `hash-type` and what else decides which server takes a stream.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  reported into the KeywordUse's Diagnostics.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterBalanceKeywords(BuildKeywords& keywords);
// When the proxy has been read whole: what of HTTP can be looked at is known.
void FinishBalance(BuildContext& context, ProxyDraft& draft);

}  // namespace engine
