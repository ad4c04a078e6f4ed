// cacheable_cookie.h - whether a shared cache may keep an answer together with a cookie that it
// sets (manual 4.2, option checkcache).
//
// Owns:    nothing.
// Threads: any-thread (a pure function).
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include "proto/http/head.h"
#include "proto/http/method.h"

namespace engine {

bool HasCacheableCookie(proto::Method method, const proto::ResponseHead& head);

}  // namespace engine
