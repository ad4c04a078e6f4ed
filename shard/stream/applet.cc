#include "shard/stream/applet.h"

namespace shard {

void Applet::Run() noexcept {
  const size_t output_before = output_.size();
  const bool ended_before = output_ended_;
  const bool was_full = input_.size() >= kInputLimitBytes;
  type_.Work(*this);
  if (read_shut_) output_.Clear();
  if (events_ == nullptr) return;
  if (output_.size() > output_before || (output_ended_ && !ended_before)) events_->OnReadable();
  if (was_full && input_.size() < kInputLimitBytes) events_->OnWritable();
}

size_t Applet::Recv(Channel& channel, size_t max) {
  const size_t moved = channel.bytes().MoveFrom(output_, max);
  if (moved > 0 && (!output_ended_ || output_.empty())) Wake();
  return moved;
}

size_t Applet::Send(ByteQueue& bytes, bool end_of_message) {
  if (input_.size() >= kInputLimitBytes) return 0;
  const size_t moved = input_.MoveFrom(bytes);
  (void)end_of_message;
  if (moved > 0) Wake();
  return moved;
}

void Applet::WantRecv(bool want) {
  if (want && !output_ended_) Wake();
}

void Applet::ShutRead(CloseReason) {
  read_shut_ = true;
  output_.Clear();
  output_ended_ = true;
}

void Applet::ShutWrite(CloseReason) {
  if (input_ended_) return;
  input_ended_ = true;
  Wake();
}

void Applet::Detach(CloseReason, uint64_t) {
  events_ = nullptr;
  run_hook.Unlink();
  type_.Release(*this);
  free_(this, free_context_);
}

}  // namespace shard
