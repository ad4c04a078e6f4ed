// check_draft.h - what a section says about checks, while the configuration is read.
//
// Owns:    its rules.
// Threads: start-up.
// Units:   as check_config.h.
// Errors:  none.
// States:  none.

#pragma once

#include <string>
#include <vector>

#include "engine/server/check_config.h"

namespace engine {

// The lines of one kind. Those of a proxy take the place of those it inherits.
struct CheckRulesDraft {
  std::vector<CheckRule> rules;
  bool is_inherited = false;
};

struct CheckDraft {
  CheckKind kind = CheckKind::kConnect;
  CheckRulesDraft tcp;                                      // `tcp-check` lines
  CheckRulesDraft http;                                     // `http-check` lines
  std::vector<CheckRule> protocol;                          // of kProtocol
  CheckRule option{.kind = CheckRule::Kind::kSendRequest};  // what `option httpchk` says
  bool disable_on_404 = false;
  bool send_state = false;
  std::string command;
  std::string command_path;
};

}  // namespace engine
