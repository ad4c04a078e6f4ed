// client_facts.h - what a PROXY header of version 2 says of a client's TLS (proxy-protocol.txt
// 2.2.5).
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a text that does not fit is left out.
// States:  none.

#pragma once

#include <string_view>

#include "engine/server/proxy_config.h"
#include "shard/conn/connection.h"

namespace engine {

// As TLVs, written into `memory` of kClientFactsBytesMax bytes. Nothing about a client without TLS.
std::string_view WriteClientFacts(const ClientFacts& facts, const shard::Connection& client,
                                  char* memory);

}  // namespace engine
