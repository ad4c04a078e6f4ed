// rdp_cookie.h - the server that a cookie of RDP names: its address and port, as the server itself
// has written them ([MS-RDPBCGR] 3.2.5.3.1, the routing token).
//
// Owns:    nothing.
// Threads: any-thread (a pure function).
// Units:   none.
// Errors:  nothing: the text names no address.
// States:  none.

#pragma once

#include <optional>
#include <string_view>

#include "shard/net/address.h"

namespace engine {

// "3640205228.15629.0000": the address and the port as numbers whose bytes lie in network order.
std::optional<shard::Address> AddressOfRdpCookie(std::string_view text);

}  // namespace engine
