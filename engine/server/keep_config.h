// keep_config.h - what a stream of a frontend keeps of heads and connections that are gone when its
// log line is written: captures, the unique id, values of log expressions (manual 8.7, 8.8, 4.2).
//
// Owns:    its texts; the expressions belong to the frontend's log formats.
// Threads: start-up while it is built, then immutable.
// Units:   bytes.
// Errors:  reported by the keywords.
// States:  none.
//
// A stream keeps it all in one block, whose size is known when the configuration is read.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/expr/log_format.h"

namespace engine {

struct CaptureSlot {
  std::string header;  // empty: only declared, for rules to fill
  uint32_t bytes_max = 0;
};

struct KeepPlan {
  std::vector<CaptureSlot> request;
  std::vector<CaptureSlot> response;
  std::string cookie;  // the beginning of a name, or "name="; empty: none is captured
  uint32_t cookie_bytes_max = 0;
  LogFormat unique_id;  // empty: there is none
  struct Value {
    const Expression* expression = nullptr;
    LogMoment moment = LogMoment::kEnd;
  };
  std::vector<Value> values;  // of the format, then of the others: see ProxyLog
  uint32_t value_bytes_max = 0;

  static constexpr uint32_t kUniqueIdBytesMax = 256;
  size_t text_bytes() const;
  bool empty() const {
    return request.empty() && response.empty() && cookie.empty() && unique_id.empty() &&
           values.empty();
  }
};

}  // namespace engine
