// http_profile.h - how HTTP is read and written on behalf of a proxy, from its settings and the
// global ones.
//
// Owns:    nothing.
// Threads: main thread; what it makes is immutable.
// Units:   see HttpProfile.
// Errors:  none.
// States:  none.

#pragma once

#include <memory>

#include "engine/server/proxy_config.h"

namespace engine {

std::shared_ptr<const HttpProfile> MakeHttpProfile(const ProxyConfig& proxy,
                                                   const GlobalConfig& global);

}  // namespace engine
