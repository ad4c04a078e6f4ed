// http_reply_keywords.h - the words that say what the proxy answers by itself: errorfile, errorloc,
// http-error (manual 4.2), http-errors sections (12.4), and the replies of rules (4.4, return).
//
// Owns:    nothing; files become replies kept in the BuildContext.
// Threads: start-up. Reads the files that the lines name.
// Units:   bytes.
// Errors:  reported into the context's Diagnostics.
// States:  none. Lines are recorded in the ProxyDraft as steps, since a section may follow its
//          users; ApplyReplySteps() and FinishRuleReplies() carry them out once all was read.

#pragma once

#include <cstddef>

#include "engine/config/keywords.h"
#include "engine/config/tree.h"

namespace engine {

struct ProxyDraft;

// More would never fit a buffer anybody configures.
inline constexpr size_t kReplyFileBytesMax = size_t{16} << 20;

void RegisterHttpReplyKeywords(BuildKeywords& keywords);

void ReadHttpErrors(BuildContext& context, const Section& section);
void ApplyReplySteps(BuildContext& context, ProxyDraft& draft);
// Replies of rules that name a section.
void FinishRuleReplies(BuildContext& context, ProxyDraft& draft);
// Reports replies that a buffer could not hold.
void CheckReplySizes(BuildContext& context);

}  // namespace engine
