// mux.h - one connection and the streams it carries.
//
// Owns:    its endpoints. Refers to the connection, whose events it hears from the last handshake
//          step on.
// Threads: shard-local.
// Units:   streams.
// Errors:  a connection that broke is told to every endpoint (OnError), each of which its stream
//          then detaches.
// States:  carrying 0..streams_max endpoints; freed when the connection is given up and no endpoint
//          is left.
//
// Raw and HTTP/1 carry one stream at a time and are their own Endpoint. HTTP/2 keeps a table of
// endpoints by stream id: accepting side, OnReadable() parses frames and calls
// StreamAcceptor::OnNewStream once per request; connecting side, OpenStream() is called again and
// again until streams_max is reached. An endpoint's Detach() then frees that endpoint alone; the
// connection goes to the idle pool, or on serving its other streams. A mux is chosen after the last
// handshake step (ALPN), and can be replaced on a live connection: TakeUnread() hands what it has
// not understood to the next one.

#pragma once

#include "shard/conn/connection.h"
#include "shard/stream/endpoint.h"

namespace engine {

class Mux : public shard::ConnectionEvents {
 public:
  virtual const char* name() const = 0;
  // An endpoint for one more outgoing stream; null when it can carry no more.
  virtual shard::Endpoint* OpenStream() = 0;
  virtual uint32_t streams() const = 0;
  virtual uint32_t streams_max() const = 0;
  // Moves received bytes that no endpoint has taken to `next`, before the mux is replaced.
  virtual void TakeUnread(shard::ByteQueue& next) = 0;

 protected:
  ~Mux() = default;
};

// Told by an accepting mux that its peer has begun a stream. Owns nothing of it.
class StreamAcceptor {
 public:
  virtual void OnNewStream(shard::Endpoint* endpoint) noexcept = 0;
  // The connection is gone and no stream was there to tell.
  virtual void OnMuxGone(shard::CloseReason reason) noexcept = 0;

 protected:
  ~StreamAcceptor() = default;
};

}  // namespace engine
