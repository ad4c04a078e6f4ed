// own_heap.h - a heap for what one reload makes, so that all of it can be given back at once.
//
// libc gives each thread a heap of its own, and shares it with nobody as long as the thread lives.
// In the main thread's a configuration would lie between the states of servers, which outlive it;
// in that of another reload, among what is built there. Both leave freed memory in pieces smaller
// than a page: measured with 1,000 backends, 22 MB became 46 in 24 reloads, 13 of them in use.
//
// Owns:    a thread that sleeps. Not what was allocated.
// Threads: main thread.
// Units:   none.
// Errors:  where no thread can be had, the work is done in the caller's heap.
// States:  working -> kept, until it is destroyed.
//
//   std::shared_ptr<OwnHeap> heap = OwnHeap::Run([&] { configuration = Build(...); });
//   configuration->heap = heap;     // and goes last

#pragma once

#include <pthread.h>

#include <functional>
#include <memory>
#include <semaphore>

#include "base/background_thread.h"

namespace engine {

class OwnHeap {
 public:
  // Returns when `work` is done. Null: it was done here.
  static std::shared_ptr<OwnHeap> Run(const std::function<void()>& work);
  ~OwnHeap();
  OwnHeap(const OwnHeap&) = delete;
  OwnHeap& operator=(const OwnHeap&) = delete;

 private:
  explicit OwnHeap(const std::function<void()>& work) : work_(work) {}
  static void* Main(void* self);

  const std::function<void()>& work_;                      // while it is working
  const bool is_background_ = base::IsBackgroundThread();  // who makes it
  std::binary_semaphore done_{0};
  std::binary_semaphore over_{0};
  pthread_t thread_{};
};

}  // namespace engine
