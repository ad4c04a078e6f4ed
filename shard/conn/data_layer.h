// data_layer.h - what stands between a connection's wire queues and the bytes its mux sees: raw, or
// TLS.
//
// Owns:    a DataLayer is one object per process and kind; its state of a connection is the
//          connection's `layer_state`, null on first call and freed by Release().
// Threads: shard-local per connection; the object itself is immutable.
// Units:   bytes.
// Errors:  recorded in the connection (SetLayerError) and reported by the return value, never acted
//          on here.
// States:  attached -> closed for writing (CloseNotify) -> released.
//
// The connection moves bytes between the ring and its two wire queues; the layer turns wire bytes
// into plain ones and back. It never sees a stream.

#pragma once

#include <cstddef>

#include "shard/buf/byte_queue.h"

namespace shard {

class Connection;

class DataLayer {
 public:
  virtual const char* name() const = 0;
  // Moves what has arrived into `plain`, up to `max` bytes; returns how many.
  virtual size_t Recv(Connection& connection, ByteQueue& plain, size_t max) = 0;
  // Takes bytes from `plain` into the wire queue as far as the connection has room; returns how
  // many.
  virtual size_t Send(Connection& connection, ByteQueue& plain) = 0;
  // The peer has said that it will send no more, and everything it sent has been taken.
  virtual bool ReadEnded(const Connection& connection) const = 0;
  // The layer holds plain bytes that the wire queue does not show any more.
  virtual bool HasUnread(const Connection&) const { return false; }
  // Reading ended without the goodbye that the layer's protocol asks for.
  virtual bool Truncated(const Connection&) const { return false; }
  // First step of closing for writing: what the layer itself has to say (TLS close_notify). The
  // socket's shutdown is a second step of the connection's.
  virtual void CloseNotify(Connection& connection) = 0;
  // Frees what the layer keeps for this connection. Called once, later than any close.
  virtual void Release(Connection& connection) = 0;

 protected:
  ~DataLayer() = default;
};

// The layer that changes nothing.
DataLayer* RawLayer();

}  // namespace shard
