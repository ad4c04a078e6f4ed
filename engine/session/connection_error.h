// connection_error.h - what went wrong with a connection, in the numbers and words of the manual
// (7.3.3, fc_err_str): for fetches, and for the line about a connection that failed (8.2.5).
//
// Owns:    nothing; texts are static.
// Threads: any-thread.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>

#include "shard/conn/close_reason.h"

namespace shard {
class Connection;
}

namespace engine {

struct ConnectionError {
  int64_t id = 0;         // 0: none
  std::string_view name;  // "PRX_EMPTY"
  std::string_view text = "Success";
};

// `error`: the errno value behind `reason`, 0 when there is none.
ConnectionError ErrorOf(shard::CloseReason reason, int error);
ConnectionError ErrorOf(const shard::Connection& connection);

}  // namespace engine
