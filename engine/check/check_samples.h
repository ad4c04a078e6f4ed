// check_samples.h - what expressions of a check look at, and its variables (manual 2.8, 4.2).
//
// Owns:    a CheckSamples the variables of one check (`check`, `sess`), until Forget().
// Threads: shard-local.
// Units:   bytes.
// Errors:  a text without room, a value that is not there: false.
// States:  none.
//
// Who evaluates stands to the right of this folder; it is made by CheckHost::MakeSamples().

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/server/proxy_config.h"
#include "proto/http/head.h"
#include "shard/conn/connection.h"

namespace engine {

// What is at hand of a check at one moment.
struct CheckSight {
  const ServerConfig* server = nullptr;
  shard::Connection* connection = nullptr;  // null: none is open
  bool is_http = false;                     // it speaks HTTP
  proto::ResponseHead* response = nullptr;  // of HTTP; null: none has come
  std::string_view bytes;                   // received since the last question; of HTTP its body
};

class CheckSamples {
 public:
  virtual ~CheckSamples() = default;
  virtual bool Write(const CheckSight& sight, const RuleText& text, std::string* made) = 0;
  virtual bool FindNumber(const CheckSight& sight, const Expression& expression,
                          int64_t* number) = 0;
  // A value that is missing, or has no room, leaves the variable as it is.
  virtual void Set(const CheckSight& sight, const CheckVariable& variable) = 0;
  // The check is over.
  virtual void Forget() = 0;
};

}  // namespace engine
