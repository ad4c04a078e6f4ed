// endpoint.h - one end of a stream as the stream interface sees it: a stream of a mux, or an
// applet.
//
// Owns:    an Endpoint belongs to its mux (or to its applet's pool); a StreamSide holds it from
//          Attach to Detach.
// Threads: shard-local.
// Units:   bytes.
// Errors:  OnError with a close reason; after it Recv still gives what had arrived.
// States:  attached -> read side over, write side over (in any order) -> detached.
//
// A connection with many streams (HTTP/2) has one mux and an Endpoint per stream: Detach() ends
// this stream's use of it, never the connection, unless the mux decides that it has outlived its
// use. A mux with a single endpoint (raw, HTTP/1) is its own Endpoint. So nothing here names a
// descriptor.
//
// An On... handler records and queues the stream; it never calls back into the endpoint.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/buf/byte_queue.h"
#include "shard/conn/close_reason.h"
#include "shard/stream/channel.h"

namespace shard {

class Connection;

class EndpointEvents {
 public:
  // An outgoing endpoint may be used: connected, with all handshakes done.
  virtual void OnConnected() noexcept = 0;
  // Recv() has something to give, or RecvEnded() has become true.
  virtual void OnReadable() noexcept = 0;
  virtual void OnWritable() noexcept = 0;
  // A whole message head has been understood (muxes that know messages).
  virtual void OnHead() noexcept = 0;
  virtual void OnError(CloseReason reason) noexcept = 0;

 protected:
  ~EndpointEvents() = default;
};

class Endpoint {
 public:
  void Attach(EndpointEvents* events) { events_ = events; }
  // Moves up to `max` bytes into `channel`; returns how many.
  virtual size_t Recv(Channel& channel, size_t max) = 0;
  // Nothing more will ever come from Recv().
  virtual bool RecvEnded() const = 0;
  // Takes bytes from `bytes` as far as there is room; returns how many. `end_of_message`: these are
  // the last ones.
  virtual size_t Send(ByteQueue& bytes, bool end_of_message) = 0;
  // Stops, or lets go on, the peer's sending. A mux may have a few more bytes under way.
  virtual void WantRecv(bool want) = 0;
  // No more is read: what still arrives is dropped.
  virtual void ShutRead(CloseReason reason) = 0;
  // No more is written, once what was taken has gone. kNormal is the orderly end of a direction.
  virtual void ShutWrite(CloseReason reason) = 0;
  // Gives the endpoint back. kNormal: what was taken is still delivered, until `linger_until_ms`;
  // anything else ends it at once.
  virtual void Detach(CloseReason reason, uint64_t linger_until_ms) = 0;
  // Splicing: how many bytes are sure to come from Recv()'s direction that nobody on this side
  // needs to see, kSpliceUnbounded for until it ends; 0 while bytes are here already, or never.
  static constexpr uint64_t kSpliceUnbounded = UINT64_MAX;
  virtual uint64_t SpliceLeft() const { return 0; }
  // As Recv() and Send(), through a pipe.
  virtual size_t SpliceIn(Pipe& pipe) {
    (void)pipe;
    return 0;
  }
  // Recv() takes over again.
  virtual void EndSpliceIn() {}
  virtual bool CanSpliceOut() const { return false; }
  virtual size_t SpliceOut(Pipe& pipe) {
    (void)pipe;
    return 0;
  }
  // Null for an applet, and for a stream whose connection is gone.
  virtual Connection* connection() = 0;
  // Bytes taken by Send() and not yet gone: what "the peer has to read" means for a timeout.
  virtual size_t UnsentBytes() const = 0;

 protected:
  ~Endpoint() = default;
  EndpointEvents* events_ = nullptr;
};

}  // namespace shard
