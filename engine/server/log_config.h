// log_config.h - what a proxy logs, how and where to (manual 4.2, 8).
//
// Owns:    its formats and lists.
// Threads: start-up while it is built, then immutable.
// Units:   none.
// Errors:  reported by the keywords.
// States:  none.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/expr/log_format.h"
#include "engine/log/log_plan.h"

namespace engine {

struct ProxyLog {
  std::vector<Logger> loggers;       // never empty
  LogFormat format;                  // of traffic; empty: the default line, at accept
  LogFormat error_format;            // error-log-format; empty: none of its own
  LogFormat structured_data;         // log-format-sd; empty: none
  std::string tag;                   // empty: the process's
  bool as_soon_as_possible = false;  // option logasap
  bool separate_errors = false;      // option log-separate-errors
  bool skip_normal = false;          // option dontlog-normal
  uint32_t needs = 0;                // LogNeeds of all formats

  // Where the values of their expressions stand in KeepPlan::values.
  size_t format_values() const { return 0; }
  size_t error_values() const { return format.expressions().size(); }
  size_t structured_values() const { return error_values() + error_format.expressions().size(); }

  bool is_default() const { return format.empty(); }
};

}  // namespace engine
