// field_rules.h - which fields rules may change, and what follows from a change.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include "engine/session/rule_run.h"

namespace engine {

// What rules say of these has no effect: the muxes write them as the body demands. A rule may take
// the wish for another protocol, but not ask for one the client did not.
inline bool IsOurs(proto::FieldName id, bool removes) {
  return IsFramingField(id) || (id == proto::FieldName::kUpgrade && !removes);
}

// A request names its host once, and its target names the same.
void FollowHost(RuleContext& context, proto::FieldName id);

}  // namespace engine
