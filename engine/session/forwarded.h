// forwarded.h - the field `forwarded` of a request on its way to a server (manual 4.2, option
// forwarded; RFC 7239).
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  what has no value is left out, or "unknown" where the manual has it so.
// States:  none.

#pragma once

namespace engine {

class FrontEndpoint;
class Stream;
struct ForwardedOption;

// Adds one element about this hop, in a field of its own behind those the request came with.
void AddForwardedElement(const ForwardedOption& option, Stream& stream, FrontEndpoint& front);

}  // namespace engine
