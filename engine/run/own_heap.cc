#include "engine/run/own_heap.h"

#include <signal.h>

namespace engine {

void* OwnHeap::Main(void* self) {
  OwnHeap& heap = *static_cast<OwnHeap*>(self);
  pthread_setname_np(pthread_self(), "ringway/heap");
  if (heap.is_background_) base::StayInBackground();
  heap.work_();
  // Asleep it takes no signal that is meant for the process.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  heap.done_.release();
  heap.over_.acquire();
  return nullptr;
}

std::shared_ptr<OwnHeap> OwnHeap::Run(const std::function<void()>& work) {
  std::shared_ptr<OwnHeap> heap(new OwnHeap(work));
  if (pthread_create(&heap->thread_, nullptr, &Main, heap.get()) != 0) {
    heap->thread_ = 0;
    work();
    return nullptr;
  }
  heap->done_.acquire();
  return heap;
}

OwnHeap::~OwnHeap() {
  if (thread_ == 0) return;
  over_.release();
  pthread_join(thread_, nullptr);
}

}  // namespace engine
