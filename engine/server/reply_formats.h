// reply_formats.h - what of an answer of the proxy's own is made anew for each request: the
// log formats of `http-error`, `http-request return`, `deny` and `tarpit` (manual 4.2, 4.4, 8.2.6).
//
// Owns:    the compiled texts.
// Threads: start-up while it is compiled, then immutable.
// Units:   none.
// Errors:  reported by the builders.
// States:  none.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/server/rule_text.h"

namespace engine {

struct ReplyFormats {
  std::optional<RuleText> body;  // `lf-string`, `lf-file`: in place of the reply's body
  std::vector<std::pair<std::string, RuleText>> fields;  // `hdr`: beside the reply's fields
  // Of a rule on responses: a fetch without direction (`hdr`) means the server's response.
  bool in_response = false;

  bool empty() const { return !body && fields.empty(); }
};

}  // namespace engine
