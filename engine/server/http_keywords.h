// http_keywords.h - the words of proxies, servers and `global` that are about HTTP (manual 3, 4.2,
// 5.2), and http-errors sections (12.4).
//
// Owns:    nothing.
// Threads: start-up. Reads the files that `errorfile` and its kin name.
// Units:   as the fields of http_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none.

#pragma once

#include "engine/config/keywords.h"
#include "engine/config/tree.h"

namespace engine {

struct ProxyDraft;

void RegisterHttpKeywords(BuildKeywords& keywords);

void ReadHttpErrors(BuildContext& context, const Section& section);

// What only the whole file can say: the replies of http-errors sections, which words a TCP proxy
// does without, which replies do not fit a buffer.
void FinishHttp(BuildContext& context, ProxyDraft& draft);
void FinishHttpReplies(BuildContext& context);

}  // namespace engine
