// variables.h - where variables live while a process runs (manual 2.8).
//
// Owns:    a VariablePool the memory of a shard's variables; a VariableList the variables of one
//          scope of one session or stream, until Clear(); ProcessVariables those of the process.
// Threads: shard-local, but for ProcessVariables: any-thread.
// Units:   bytes.
// Errors:  a value without room is not stored: false.
// States:  none.
//
// Blocks that were given back are used again, so traffic that goes on as before asks the system for
// nothing. A value of the process is copied in and out under a sequence number. Who finds another
// shard in the middle of writing gives up: its value would have been overwritten in the same
// instant.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/expr/arguments.h"
#include "engine/expr/sample.h"

namespace engine {

struct Variable {
  Variable* next = nullptr;
  const std::string* name = nullptr;  // VariableName::name
  Sample value;                       // its text lies behind the object
  uint32_t capacity = 0;              // for texts
  uint8_t size_class = 0;

  char* memory() { return reinterpret_cast<char*>(this + 1); }
};

class VariablePool {
 public:
  VariablePool() = default;
  ~VariablePool();
  VariablePool(const VariablePool&) = delete;
  VariablePool& operator=(const VariablePool&) = delete;

  // Null: texts of that length are not kept.
  Variable* Take(size_t text_bytes);
  void GiveBack(Variable* variable);

 private:
  // Texts from 32 bytes to 1 MB, each class twice the one before.
  static constexpr size_t kLeastBytes = 32;
  static constexpr size_t kClasses = 16;
  Variable* free_[kClasses] = {};
};

class VariableList {
 public:
  const Sample* Find(const VariableName& name) const;
  // `bytes_max`: what the list may hold in all; 0: no limit.
  bool Store(const VariableName& name, const Sample& sample, size_t bytes_max, VariablePool& pool);
  void Forget(const VariableName& name, VariablePool& pool);
  void Clear(VariablePool& pool);
  bool empty() const { return first_ == nullptr; }
  size_t bytes() const { return bytes_; }
  template <typename F>
  void ForEach(F visit) const {
    for (const Variable* one = first_; one != nullptr; one = one->next) visit(*one);
  }

 private:
  Variable** FindLink(const VariableName& name);
  void Remove(Variable** link, VariablePool& pool);

  Variable* first_ = nullptr;
  size_t bytes_ = 0;
};

class ProcessVariables {
 public:
  static constexpr size_t kVariablesMax = 512;
  static constexpr size_t kTextBytesMax = 232;

  ProcessVariables();
  // Copies the value into `scratch`. False: it was never set.
  bool Find(const VariableName& name, Scratch& scratch, Sample* sample) const;
  bool Store(const VariableName& name, const Sample& sample);
  void Forget(const VariableName& name);
  // Calls visit(name, value) for each that is set; the value is in `scratch` until the next one.
  template <typename F>
  void ForEach(Scratch& scratch, F visit) const {
    for (size_t i = 0; i < kVariablesMax; ++i) {
      const std::string* name = slots_[i].name.load(std::memory_order_acquire);
      Sample sample;
      char* const mark = scratch.Take(0);
      if (name != nullptr && Read(slots_[i], scratch, &sample)) visit(*name, sample);
      scratch.Shrink(mark, 0);
    }
  }

 private:
  struct Value {
    Sample sample;  // without its text
    uint32_t text_bytes = 0;
    bool is_set = false;
    char text[kTextBytesMax];
  };
  static constexpr size_t kWords = (sizeof(Value) + 7) / 8;
  struct Slot {
    std::atomic<uint64_t> hash{0};  // of the name; 0: free
    std::atomic<const std::string*> name{nullptr};
    std::atomic<uint32_t> sequence{0};  // odd while it is written
    std::atomic<uint64_t> words[kWords] = {};
  };
  Slot* FindSlot(const VariableName& name, bool make) const;
  static bool Read(const Slot& slot, Scratch& scratch, Sample* sample);
  static bool Write(Slot& slot, const Value& value);

  std::unique_ptr<Slot[]> slots_;
};

}  // namespace engine
