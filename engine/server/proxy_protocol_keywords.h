// proxy_protocol_keywords.h - words about headers before the first byte: the PROXY protocol on bind
// and server lines, and NetScaler's.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  reported into the Diagnostics of the use.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterProxyProtocolKeywords(BuildKeywords& keywords);

// Once the section and tune.bufsize are known: a header must fit a buffer, and rules without a
// condition stand for words of the bind lines.
void FinishProxyProtocol(BuildContext& context, ProxyDraft& draft);

}  // namespace engine
