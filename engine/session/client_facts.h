// client_facts.h - what a PROXY header of version 2 says of a client beside its addresses
// (proxy-protocol.txt 2.2).
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a text that does not fit is left out.
// States:  none.

#pragma once

#include <string_view>

#include "engine/server/proxy_config.h"
#include "engine/session/stream_context.h"
#include "shard/conn/connection.h"

namespace engine {

// As TLVs, written into `memory` of kClientFactsBytesMax bytes. `client` is null when it has gone:
// then nothing is said of its TLS. Of a client without any, the TLV about TLS says just that.
std::string_view WriteClientFacts(const ClientFacts& facts, const shard::Connection* client,
                                  StreamContext& context, char* memory);

}  // namespace engine
