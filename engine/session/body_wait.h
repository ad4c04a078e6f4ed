// body_wait.h - a message that goes no further until its body is here.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a body that is broken, or late, is answered by whoever waits.
// States:  none: it is asked again whenever the stream runs.

#pragma once

#include <cstdint>

#include "proto/http/framing.h"

namespace shard {
class Channel;
}

namespace engine {

class FrontEndpoint;
class Stream;

// There is something to wait for. What follows a request for a tunnel is no body.
bool HasBody(const proto::Framing& framing);

// All of it, or `bytes_min` where that is not 0, or as much as a buffer holds (manual 4.2, option
// http-buffer-request; 4.4, wait-for-body).
bool IsBodyHere(Stream& stream, const shard::Channel& body, uint64_t bytes_min);

// Rules on content may wait for more of what goes through `body`, the request's or the response's,
// before it is sent on.
bool IsBodyAwaited(Stream& stream, const shard::Channel& body);

// Whoever waits for a body says so to a client that asks first (RFC 9110 section 10.1.1), in the
// place of the server. What follows a request that may become a tunnel is never its end: no upgrade
// then.
void AskForBody(Stream& stream, FrontEndpoint& front);

}  // namespace engine
