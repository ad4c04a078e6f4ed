#include "engine/mux/mux_raw.h"

namespace engine {

using shard::CloseReason;

MuxRaw::MuxRaw(base::Slab<MuxRaw>& slab, shard::Connection& connection)
    : slab_(slab), connection_(connection) {
  connection_.SetEvents(this);
}

size_t MuxRaw::Recv(shard::Channel& channel, size_t max) {
  size_t moved = connection_.Recv(channel.bytes(), max);
  if (moved == 0 && connection_.TakeNow()) moved = connection_.Recv(channel.bytes(), max);
  // Many a client ends what it sends without saying so in TLS, and waits for the answer. A server's
  // end is told to the client as an end, and must be one.
  if (connection_.truncated() && connection_.role() == shard::Role::kDialled) {
    events_->OnError(CloseReason::kTlsServerTruncated);
  }
  return moved;
}

size_t MuxRaw::Send(shard::ByteQueue& bytes, bool) {
  const size_t taken = connection_.Send(bytes);
  if (!bytes.empty()) connection_.WantWritable();
  return taken;
}

size_t MuxRaw::SpliceOut(shard::Pipe& pipe) {
  const size_t taken = connection_.SpliceOut(pipe, pipe.bytes);
  if (pipe.bytes > 0) connection_.WantWritable();
  return taken;
}

void MuxRaw::ShutRead(CloseReason) { connection_.WantRecv(false); }

void MuxRaw::ShutWrite(CloseReason) { connection_.ShutWrite(); }

void MuxRaw::Detach(CloseReason reason, uint64_t linger_until_ms) {
  if (reason == CloseReason::kNormal) {
    connection_.CloseAfterFlush(linger_until_ms);
  } else {
    connection_.Abort(no_linger_);
  }
  slab_.Delete(this);
}

}  // namespace engine
