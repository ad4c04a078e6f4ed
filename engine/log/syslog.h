// syslog.h - what stands before a log line's text, in each of the formats of manual 4.2, log.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   microseconds since 1970.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>

#include "engine/log/log_dates.h"
#include "engine/log/log_line.h"
#include "engine/log/log_plan.h"

namespace engine {

struct SyslogHeader {
  LogLevel level = LogLevel::kInfo;
  uint8_t facility = 0;
  std::string_view hostname;  // empty: not to be sent
  std::string_view tag;
  std::string_view structured_data;  // of rfc5424; empty: none
  uint64_t wall_us = 0;
  uint32_t pid = 0;
};

void WriteSyslogHeader(SyslogFormat format, const SyslogHeader& header, LogDates& dates,
                       LogLine& line);

}  // namespace engine
