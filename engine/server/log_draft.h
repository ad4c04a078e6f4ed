// log_draft.h - the log lines of one section while the configuration is read.
//
// Owns:    its values.
// Threads: start-up.
// Units:   as log_plan.h.
// Errors:  none.
// States:  none.

#pragma once

#include <string>
#include <vector>

#include "engine/expr/unit.h"
#include "engine/log/log_plan.h"

namespace engine {

struct Line;

// A `log` line whose target is known by name only until all rings were read.
struct LoggerDraft {
  Logger logger;
  LogTarget target;
  std::string ring;      // of `ring@NAME`
  LogRingServer stream;  // of `tcp@`; without an address: it is none
  std::string profile;   // empty: none
  size_t profile_word = 0;
  bool is_global = false;  // `log global`: all of the global section
  const Line* line = nullptr;
  size_t word = 0;  // of the target
};

enum class LogFormatKind : uint8_t { kDefault, kText, kTcp, kTcpClf, kHttp, kHttpClf, kHttps };

// A format's text, with its place.
struct LogFormatDraft {
  const Line* line = nullptr;
  size_t word = 0;
  Needs offers = 0;  // what expressions in it may look at
};

struct LogDraft {
  std::vector<LoggerDraft> loggers;
  LogFormatKind kind = LogFormatKind::kDefault;
  LogFormatDraft format;  // of kText; else the option's place
  LogFormatDraft error_format;
  LogFormatDraft structured_data;
  std::string tag;
  uint32_t steps = 0;  // as ProxyLog's
  bool as_soon_as_possible = false;
  bool separate_errors = false;
  bool skip_normal = false;
};

}  // namespace engine
