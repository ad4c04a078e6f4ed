// mux_raw.h - the mux of mode tcp: one connection is one stream, bytes are bytes.
//
// Owns:    nothing but itself (a slot of the worker's slab, given back when the endpoint is
//          detached).
// Threads: shard-local.
// Units:   bytes.
// Errors:  the connection's, passed on.
// States:  carries one endpoint, itself, from construction to Detach() or Leave().

#pragma once

#include "base/slab.h"
#include "engine/mux/mux.h"

namespace engine {

class MuxRaw final : public Mux, public shard::Endpoint {
 public:
  MuxRaw(base::Slab<MuxRaw>& slab, shard::Connection& connection);

  const char* name() const override { return "raw"; }
  shard::Endpoint* OpenStream() override { return this; }
  uint32_t streams() const override { return 1; }
  uint32_t streams_max() const override { return 1; }
  void TakeUnread(shard::ByteQueue& next) override { connection_.Recv(next, SIZE_MAX); }

  size_t Recv(shard::Channel& channel, size_t max) override;
  bool RecvEnded() const override { return connection_.read_ended(); }
  size_t Send(shard::ByteQueue& bytes, bool end_of_message) override;
  void WantRecv(bool want) override { connection_.WantRecv(want); }
  void ShutRead(shard::CloseReason reason) override;
  void ShutWrite(shard::CloseReason reason) override;
  void Detach(shard::CloseReason reason, uint64_t linger_until_ms) override;
  shard::Connection* connection() override { return &connection_; }
  size_t UnsentBytes() const override { return connection_.unsent_bytes(); }
  uint64_t SpliceLeft() const override {
    const bool idle = connection_.wire_in().empty() && !connection_.wire_ended();
    return idle && connection_.can_splice() && connection_.in_bulk() ? kSpliceUnbounded : 0;
  }
  size_t SpliceIn(shard::Pipe& pipe) override { return connection_.SpliceIn(pipe, pipe.room(), 0); }
  void EndSpliceIn() override { connection_.EndSpliceIn(); }
  bool CanSpliceOut() const override { return connection_.can_splice_out(); }
  size_t SpliceOut(shard::Pipe& pipe) override;
  // Another mux has the connection: frees this one, which no stream has any more, and nothing else.
  void Leave() { slab_.Delete(this); }
  // `option nolinger`: an end out of order is an RST.
  void SetNoLinger(bool no_linger) { no_linger_ = no_linger; }

 private:
  void OnConnected() noexcept override { events_->OnConnected(); }
  void OnReadable() noexcept override { events_->OnReadable(); }
  void OnWritable() noexcept override { events_->OnWritable(); }
  void OnClosed(shard::CloseReason reason) noexcept override { events_->OnError(reason); }

  base::Slab<MuxRaw>& slab_;
  shard::Connection& connection_;
  bool no_linger_ = false;
};

}  // namespace engine
