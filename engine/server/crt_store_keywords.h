// crt_store_keywords.h - the section crt-store and the words of its `load` lines (manual 12.7).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  reported into the Diagnostics.
// States:  none. The files are read by FinishTls().

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterCrtStoreKeywords(BuildKeywords& keywords);
void ReadCrtStore(BuildContext& context, const Section& section);
// `ocsp-update on`: one warning per run.
void TellOfOcspUpdate(Diagnostics& diagnostics, const Location& where);

}  // namespace engine
