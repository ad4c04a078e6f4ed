// check_request.h - the bytes of `http-check send`.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <string>
#include <string_view>

#include "engine/server/check_config.h"

namespace engine {

// `state`: the value of the X-Haproxy-Server-State field; empty: none is sent.
std::string RequestBytes(const CheckRequest& request, std::string_view state);

}  // namespace engine
