// cacheability.h - may a cache that several clients share keep a response? (RFC 9111 section 3)
//
// Owns:    nothing.
// Threads: any-thread (pure).
// Units:   none.
// Errors:  none: a directive that is not understood changes nothing.
// States:  none.
//
//   if (MayBeShared(request.method, response)) AddPrivate(response);   // before a Set-Cookie

#pragma once

#include "proto/http/head.h"
#include "proto/http/method.h"

namespace proto {

// In doubt it may: a response that says nothing about itself is kept by some caches for a while
// (section 4.2.2). One that must be asked for again each time (no-cache, max-age=0) counts as not
// kept, and so does one whose Cache-Control takes Set-Cookie out (no-cache="set-cookie").
bool MayBeShared(Method method, const ResponseHead& response);

}  // namespace proto
