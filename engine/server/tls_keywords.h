// tls_keywords.h - the words about TLS on bind and server lines and in the global section (manual
// 3.1, 3.2, 5.1 and 5.2).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of tls_config.h.
// Errors:  reported into the Diagnostics; a file or certificate at fault is named.
// States:  words are read first; FinishTls() makes contexts of them once everything is known.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterTlsKeywords(BuildKeywords& keywords);

// Reads the files that the lines with `ssl` name, and gives each its tls::Context.
void FinishTls(BuildContext& context);

}  // namespace engine
