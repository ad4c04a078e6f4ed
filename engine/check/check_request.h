// check_request.h - the bytes of `http-check send`, and what formats put into a rule.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  a text that cannot stand where it should is refused, with the reason.
// States:  none.

#pragma once

#include <string>
#include <string_view>

#include "engine/server/check_config.h"

namespace engine {

// `state`: the value of the X-Haproxy-Server-State field; empty: none is sent.
std::string RequestBytes(const CheckRequest& request, std::string_view state);

// Puts what a format has come to in its place. False: `*why` says what is wrong with it.
bool PutText(const CheckFormat& format, std::string text, CheckRule& rule, std::string* why);

}  // namespace engine
