// capture_keywords.h - captures and unique ids (manual 4.2: capture, declare capture, unique-id-*).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   bytes.
// Errors:  reported into the Diagnostics of the use.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterCaptureKeywords(BuildKeywords& keywords);

// A slot for a rule to fill (`http-request capture ... len`); its index.
uint32_t AddCaptureSlot(ProxyDraft& draft, bool request, uint32_t bytes_max);

// Once every rule was read and the log formats are compiled: what the frontend's streams keep.
void FinishCaptures(BuildContext& context, ProxyDraft& draft);

}  // namespace engine
