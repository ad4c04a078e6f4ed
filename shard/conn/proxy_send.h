// proxy_send.h - handshake step that tells a server who the client is: a PROXY header before
// everything else.
//
// Owns:    nothing: one object per process. What the header says is kept in the connection's
//          handshake scratch, for as long as the connection lives.
// Threads: shard-local per connection; the object is immutable.
// Units:   bytes.
// Errors:  no buffer fails the connection (kNoMemory); nothing is sent without the header.
// States:  owed -> written. It never waits: the header goes with the first data, or alone when
//          there is none.
//
//   if (!AnnounceClient(*connection, options, source, destination)) ...   // before Dial()

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shard/conn/handshake.h"
#include "shard/net/address.h"

namespace shard {

// What a server line asks for. Belongs to the configuration.
struct ProxySendOptions {
  uint8_t version = 0;       // 1 or 2; 0: no header
  bool crc32c = false;       // of version 2, as is all of the below
  bool never_local = false;  // a connection of our own is announced, too (AnnounceSelf)
  std::string tlvs;          // as they are sent
  bool enabled() const { return version != 0; }
};

// The longest header these options can give.
size_t ProxyHeaderBytesMax(const ProxySendOptions& options);

Handshake* ProxySendStep();

// The connection will begin with a header about this client. `options` must outlive the connection.
// `tlvs` are about the client, too, and copied. False: no room.
[[nodiscard]] bool AnnounceClient(Connection& connection, const ProxySendOptions& options,
                                  const Address& source, const Address& destination,
                                  std::string_view tlvs = {});

// There is no client: a connection of our own, such as a health check. Version 1 has no word for
// that which every server knows, so it tells the addresses of the connection itself; version 2 says
// LOCAL, or the same where the options have `never_local`.
[[nodiscard]] bool AnnounceSelf(Connection& connection, const ProxySendOptions& options);

}  // namespace shard
