#include "shard/net/listener.h"

#include <cerrno>

namespace shard {

Listener::~Listener() {
  for (size_t i = offered_; i < waiting_.size(); ++i) loop_.ring().Close(waiting_[i]);
}

void Listener::Start() {
  if (fd_ >= 0) Arm();
}

void Listener::Arm() {
  if (stopped_ || paused_ || full_ || out_of_descriptors_ || fd_ < 0) return;
  if (accept_ == Accept::kOne || accept_ == Accept::kEnding) return;
  const bool many = handler_.MayTakeMany(*this);
  if (accept_ == Accept::kMany) {
    if (!many) Disarm();  // its answer arms the next
    return;
  }
  accept_ = many ? Accept::kMany : Accept::kOne;
  if (looks_left_ > 0 && look_.deadline_ms() == 0)
    look_.Set(loop_.timers(), loop_.now_ms() + kLookMs);
  loop_.ring().Accept(Op(), fd_, many);
}

void Listener::Disarm() {
  if (accept_ != Accept::kOne && accept_ != Accept::kMany) return;
  accept_ = Accept::kEnding;
  loop_.ring().Cancel(Op());
}

void Listener::Pause() {
  counters_.paused.Add();
  Disarm();
}

void Listener::Stop() {
  if (stopped_) return;
  stopped_ = true;
  retry_.Clear();
  Disarm();
}

void Listener::SetPaused(bool paused) {
  paused_ = paused;
  if (!paused) return Arm();
  Disarm();
}

void Listener::Offer(int fd) {
  counters_.accepted.Add();
  if (!full_ && handler_.OnAccepted(*this, fd)) return;
  waiting_.push_back(fd);
  if (full_) return;
  full_ = true;
  Pause();
}

void Listener::OnTimer() noexcept {
  if (look_.deadline_ms() == 0 && looks_left_ > 0) {
    --looks_left_;
    Disarm();  // its answer arms the next
  }
  Resume();
}

void Listener::Resume() {
  out_of_descriptors_ = false;
  retry_.Clear();
  for (; offered_ < waiting_.size(); ++offered_) {
    if (!handler_.OnAccepted(*this, waiting_[offered_])) return;
  }
  waiting_.clear();
  offered_ = 0;
  full_ = false;
  Arm();
}

void Listener::OnCompletion(const Completion& completion) noexcept {
  if (!completion.more) accept_ = Accept::kNone;
  const int32_t result = completion.result;
  if (result >= 0) {
    Offer(result);
  } else if (result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM) {
    counters_.no_descriptors.Add();
    // Each time something is closed, so that this ends.
    if (stopped_ || !handler_.OnOutOfDescriptors()) {
      if (!out_of_descriptors_) {
        out_of_descriptors_ = true;
        Pause();
      }
      retry_.Set(loop_.timers(), loop_.now_ms() + kRetryMs);
    }
  } else if (result == -EINVAL && !paused_ && !stopped_) {
    // It does not listen any more: whoever shares it has shut it down. Asked again now and then.
    out_of_descriptors_ = true;
    retry_.Set(loop_.timers(), loop_.now_ms() + kRetryMs);
  }
  // Anything else is one connection that vanished before it was taken (-ECONNABORTED and its kin),
  // or our own cancel.
  Arm();
}

}  // namespace shard
