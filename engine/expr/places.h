// places.h - where expressions may stand, and what is at hand there (manual 7.3).
//
// Owns:    constant tables.
// Threads: immutable.
// Units:   none.
// Errors:  none.
// States:  none.
//
//   auto e = Expression::Compile(text, units, place::kHttpRequest, &problem);
//   PlacesOf(needs::kRequestHead)   // "'http-request', 'http-response', ..."

#pragma once

#include <string>

#include "engine/expr/unit.h"

namespace engine {

// What each place offers. A request's head stays at hand until its exchange is over, so rules on
// the response may look at it, too. Whether there is any is up to the proxy's mode, not the place.
namespace place {
inline constexpr Needs kStart = needs::kNothing;  // while the configuration is read
inline constexpr Needs kTcpConnection = needs::kServing | needs::kClient;
inline constexpr Needs kTcpSession = kTcpConnection | needs::kClientTls;
inline constexpr Needs kTcpContent = kTcpSession | needs::kRawRequest | needs::kRequestHead;
inline constexpr Needs kHttpRequest = kTcpContent;
inline constexpr Needs kTcpResponse =
    kTcpContent | needs::kServer | needs::kResponseBytes | needs::kResponseHead;
inline constexpr Needs kHttpResponse = kTcpResponse;
inline constexpr Needs kLog = kHttpResponse | needs::kEndOfStream;
// What a server answers to a check; nobody else takes part.
inline constexpr Needs kTcpCheck = needs::kServing | needs::kServer | needs::kRawResponse;
inline constexpr Needs kHttpCheck = kTcpCheck | needs::kResponseHead;
}  // namespace place

// The places that offer all of `needs`, as messages name them.
std::string PlacesOf(Needs needs);

}  // namespace engine
