// cookie_keywords.h - the words about persistence by cookie, of backends and of servers.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   seconds.
// Errors:  reported into Diagnostics.
// States:  none.

#pragma once

#include <string>

#include "engine/server/build_context.h"

namespace engine {

void RegisterCookieKeywords(BuildKeywords& keywords);
// Once the mode is known and every line of the proxy was read.
void FinishCookie(BuildContext& context, ProxyDraft& draft);

// What stands for `server` at `address` in cookies: its own value, or the dynamic one. Empty: none.
std::string CookieOf(const ServerConfig& server, const shard::Address& address);

}  // namespace engine
