// http_keywords.h - the words of proxies, servers and `global` that are about HTTP (manual 3, 4.2,
// 5.2); those about replies are in http_reply_keywords.h.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of http_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none.

#pragma once

#include "engine/config/keywords.h"

namespace engine {

struct ProxyDraft;

void RegisterHttpKeywords(BuildKeywords& keywords);

// What only the whole file can say: the replies of http-errors sections, the words that a TCP proxy
// does without, replies that do not fit a buffer.
void FinishHttp(BuildContext& context, ProxyDraft& draft);
void FinishHttpGlobal(BuildContext& context);

}  // namespace engine
