// expect.h - whether what a server has answered is what an expect rule wants.
//
// Owns:    nothing.
// Threads: any-thread (pure functions).
// Units:   bytes.
// Errors:  an answer that does not fit is an outcome, with the text that operators read.
// States:  none.

#pragma once

#include <string>
#include <string_view>

#include "engine/check/http_answer.h"
#include "engine/server/check_config.h"

namespace engine {

// Of a rule that looks at bytes, not at an HTTP message. `is_final`: nothing more will come, or
// fit. On kFailed `*note` says why, without the step.
ExpectResult EvaluateBytes(const ExpectRule& rule, std::string_view bytes, bool is_final,
                           ExpectNote* note);

// Of a rule that looks at an HTTP message. `progress` is how much of it there is.
ExpectResult EvaluateAnswer(const ExpectRule& rule, const HttpAnswer& answer,
                            HttpAnswer::Progress progress, bool is_final, ExpectNote* note);

// "string 'x'", "regex", as messages about a rule that waits say it.
std::string ExpectName(const ExpectRule& rule);

}  // namespace engine
