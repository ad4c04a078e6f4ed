#include "engine/session/client_renewal.h"

#include "engine/session/worker.h"

namespace engine {

void ClientRenewal::Begin() {
  unseen_ = worker_.live_fronts();
  worker_.context().loop->run_queue().Add(this);
}

void ClientRenewal::NoteLeft() {
  if (timer_.deadline_ms() == 0) {
    timer_.Set(worker_.context().loop->timers(), worker_.context().now_ms() + kStepMs);
  }
}

// Who was looked at goes to the end of the list.
void ClientRenewal::Run() noexcept {
  Worker::Fronts& fronts = worker_.fronts();
  const uint64_t now_us = worker_.context().loop->clock().now_us();
  for (uint32_t seen = 0; unseen_ > 0 && seen < kPerTurn && !fronts.empty(); ++seen) {
    --unseen_;
    MuxH1Front& mux = *fronts.front();
    mux.all_hook.Unlink();
    fronts.PushBack(&mux);
    if (!mux.idle() || mux.acceptor().Renew() || mux.stays_when_idle()) continue;
    if (now_us - mux.request_times().idle_since_us < SpreadClose::kRestMs * 1000) {
      NoteLeft();
    } else {
      mux.CloseIfIdle();  // frees it
    }
  }
  if (unseen_ > 0 && !fronts.empty()) worker_.context().loop->run_queue().Add(this);
}

}  // namespace engine
