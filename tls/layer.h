// layer.h - TLS as a data layer of connections, and the two handshake steps that come before it.
//
// Owns:    nothing: one object per process and kind. The state of a connection is its Link.
// Threads: shard-local per connection; the objects are immutable.
// Units:   bytes.
// Errors:  each way of failing has a CloseReason, with the manual's text (8.2.5).
// States:  see link.h.
//
//   table.steps[size_t(HandshakeStep::kTlsAccept)] = tls::AcceptStep();
//   if (!shard_tls.Accept(connection, context)) ...        // before connection.Start()

#pragma once

#include "shard/conn/data_layer.h"
#include "shard/conn/handshake.h"

namespace tls {

shard::DataLayer* TlsLayer();
shard::Handshake* AcceptStep();
shard::Handshake* ConnectStep();

}  // namespace tls
