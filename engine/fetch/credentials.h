// credentials.h - the user and the password that a request brings (RFC 7617).
//
// Owns:    nothing; the texts lie in the context's scratch.
// Threads: any-thread.
// Units:   none.
// Errors:  false: none, or of another scheme.
// States:  none.

#pragma once

#include <string_view>

#include "engine/expr/unit.h"

namespace engine {

bool BasicCredentials(EvalContext& context, std::string_view* user, std::string_view* password);

}  // namespace engine
