// proxy_recv.h - handshake steps that read who is behind an accepted connection: a PROXY header
// (proxy-protocol.txt), or the one that NetScaler inserts.
//
// Owns:    nothing: one object per process and kind. TLVs that are kept go to the connection's
//          handshake scratch.
// Threads: shard-local per connection; the objects are immutable.
// Units:   bytes.
// Errors:  each way of failing has a CloseReason of its own, with the manual's text (8.2.5).
// States:  waiting until the header is whole -> done, or failed.
//
// The header is consumed and nothing more. A header that names addresses sets the connection's peer
// and local address, behind which the original ones are still known; one that does not (UNKNOWN,
// LOCAL, unix) leaves the real ones.
//
// A header may be as long as one small buffer (tune.bufsize). Its TLVs are kept, padding and
// checksum as well, up to 1024 bytes each (manual 7.3.3, fc_pp_tlv) and 16384 in all.

#pragma once

#include <string_view>

#include "shard/conn/handshake.h"

namespace shard {

Handshake* ProxyRecvStep();
// Expects the magic number in the connection's scratch.
Handshake* CipRecvStep();

// Before Start(): the connection must begin with this header. False: no room.
void ExpectProxyHeader(Connection& connection);
[[nodiscard]] bool ExpectNetscalerCip(Connection& connection, uint32_t magic);

// The TLVs kept of the connection's PROXY header, in their order; see proto/preamble/proxy_tlv.h.
std::string_view ReceivedTlvs(const Connection& connection);

}  // namespace shard
