// forwarded_expressions.h - the expressions of `option forwarded` (manual 4.2).
//
// Owns:    the compiled expressions.
// Threads: start-up while they are compiled, then immutable.
// Units:   none.
// Errors:  reported by the builders.
// States:  none.

#pragma once

#include <optional>

#include "engine/expr/expression.h"

namespace engine {

struct ForwardedExpressions {
  std::optional<Expression> host;       // host-expr
  std::optional<Expression> by;         // by-expr
  std::optional<Expression> by_port;    // by_port-expr
  std::optional<Expression> from;       // for-expr
  std::optional<Expression> from_port;  // for_port-expr
};

}  // namespace engine
