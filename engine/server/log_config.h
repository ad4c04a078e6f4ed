// log_config.h - what a proxy logs, how and where to (manual 4.2, 8).
//
// Owns:    its formats and lists.
// Threads: start-up while it is built, then immutable.
// Units:   none.
// Errors:  reported by the keywords.
// States:  none.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/expr/log_format.h"
#include "engine/log/log_plan.h"
#include "engine/log/log_record.h"

namespace engine {

// What a section `log-profile` says of one step (manual 8.3.5).
struct LogStep {
  bool given = false;
  bool drop = false;
  LogFormat format;           // empty: the proxy's
  LogFormat structured_data;  // empty: the proxy's
};

struct LogProfile {
  std::string name;
  std::string tag;  // empty: the proxy's
  LogStep any;
  LogStep error;
  LogStep steps[size_t(LogOrigin::kCount)];

  // The most precise one that is given; null: none. Errors of sessions and streams are `error`.
  const LogStep* Find(LogOrigin origin, bool is_error) const;
};

struct ProxyLog {
  std::vector<Logger> loggers;                              // never empty
  std::vector<std::shared_ptr<const LogProfile>> profiles;  // all, by the numbers of the loggers
  LogFormat format;                  // of traffic; empty: the default line, at accept
  LogFormat error_format;            // error-log-format; empty: none of its own
  LogFormat structured_data;         // log-format-sd; empty: none
  std::string tag;                   // empty: the process's
  bool as_soon_as_possible = false;  // option logasap
  bool separate_errors = false;      // option log-separate-errors
  bool skip_normal = false;          // option dontlog-normal
  bool has_profiles = false;         // of some of its loggers
  uint32_t needs = 0;                // LogNeeds of all formats
  uint32_t steps = 0;  // log-steps: a bit per LogOrigin; 0: one line, when all is known

  // Where the values of their expressions stand in KeepPlan::values.
  size_t format_values() const { return 0; }
  size_t error_values() const { return format.expressions().size(); }
  size_t structured_values() const { return error_values() + error_format.expressions().size(); }
  // Those of the formats of profiles, by format.
  std::vector<std::pair<const LogFormat*, size_t>> profile_values;
  // Null: none is called so.
  const LogProfile* FindProfile(std::string_view one) const;
  // Where those of `format` begin; nothing is kept for a format that is not among them.
  std::optional<size_t> ValuesOf(const LogFormat& one) const;

  bool is_default() const { return format.empty(); }
  bool HasStep(LogOrigin origin) const { return (steps >> uint32_t(origin) & 1) != 0; }
};

}  // namespace engine
