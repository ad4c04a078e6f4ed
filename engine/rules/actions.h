// actions.h - what rules can do (manual 4.4), by family.
//
// Owns:    constant tables; the table of them all is made once.
// Threads: any-thread.
// Units:   see the manual.
// Errors:  make() reports what is wrong with an action's words; Run() says by its Verdict what
//          happens next. See engine/server/rule_config.h.
// States:  none.

#pragma once

#include <span>

#include "engine/server/rule_config.h"

namespace engine {

// For BuildOptions::actions.
const ActionTable& AllActions();

std::span<const ActionSpec> ConnectionActions();    // set-src set-dst set-mark set-retries ...
std::span<const ActionSpec> NormalizeActions();     // normalize-uri
std::span<const ActionSpec> EndingActions();        // accept allow deny reject return tarpit ...
std::span<const ActionSpec> BinaryHeaderActions();  // set-headers-bin add-headers-bin ...
std::span<const ActionSpec> HeaderActions();        // set-header add-header del-header replace-...
std::span<const ActionSpec> RequestActions();   // set-path set-query set-method replace-path ...
std::span<const ActionSpec> RedirectActions();  // redirect
std::span<const ActionSpec> StreamActions();    // capture set-log-level set-timeout
std::span<const ActionSpec> VariableActions();  // set-var set-var-fmt unset-var
std::span<const ActionSpec> WaitingActions();   // pause strict-mode tarpit

}  // namespace engine
