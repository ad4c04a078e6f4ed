// check_rule_keywords.h - the rules that a check follows: `tcp-check`, `http-check`, and what
// chooses among them (manual 4.2).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   bytes.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none.

#pragma once

#include "engine/server/build_context.h"

namespace engine {

void RegisterCheckRuleKeywords(BuildKeywords& keywords);
// The rules of a backend, whole; null where a connection is enough.
std::shared_ptr<const CheckRules> FinishCheckRules(BuildContext& context, ProxyDraft& draft);

}  // namespace engine
