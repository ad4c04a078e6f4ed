#include "base/own_heap.h"

#include <signal.h>

#include <utility>

namespace base {
namespace {

// Less than what the kernel gives in one huge page, which it would fill with zeros at once.
constexpr size_t kStackBytes = 1 << 20;

}  // namespace

void* OwnHeap::Main(void* self) {
  OwnHeap& heap = *static_cast<OwnHeap*>(self);
  pthread_setname_np(pthread_self(), "ringway/heap");
  if (heap.is_background_) StayInBackground();
  (*heap.work_)();
  heap.work_ = nullptr;
  // Asleep it takes no signal that is meant for the process.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  heap.done_.release();
  heap.over_.acquire();
  if (heap.work_ != nullptr) (*heap.work_)();
  return nullptr;
}

std::shared_ptr<OwnHeap> OwnHeap::Run(const std::function<void()>& work) {
  std::shared_ptr<OwnHeap> heap(new OwnHeap(work));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const int result = pthread_create(&heap->thread_, &attributes, &Main, heap.get());
  pthread_attr_destroy(&attributes);
  if (result != 0) {
    heap->thread_ = 0;
    work();
    return nullptr;
  }
  heap->done_.acquire();
  return heap;
}

void OwnHeap::Finish(std::shared_ptr<OwnHeap> heap, const std::function<void()>& work) {
  if (heap == nullptr || heap->thread_ == 0) return work();
  heap->work_ = &work;
  heap->End();
}

void OwnHeap::End() {
  if (thread_ == 0) return;
  over_.release();
  pthread_join(thread_, nullptr);
  thread_ = 0;
}

OwnHeap::~OwnHeap() { End(); }

}  // namespace base
