#include "engine/session/variables.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace engine {
namespace {

bool HasText(const Sample& sample) {
  return sample.type == SampleType::kString || sample.type == SampleType::kBinary ||
         sample.type == SampleType::kMethod;
}

size_t TextBytes(const Sample& sample) { return HasText(sample) ? sample.text.size() : 0; }

// What a variable counts for, beside its text.
constexpr size_t kAroundBytes = sizeof(Variable);

}  // namespace

VariablePool::~VariablePool() {
  for (Variable* list : free_) {
    while (list != nullptr) {
      Variable* next = list->next;
      std::free(list);
      list = next;
    }
  }
}

Variable* VariablePool::Take(size_t text_bytes) {
  size_t index = 0;
  size_t capacity = kLeastBytes;
  for (; capacity < text_bytes; capacity *= 2) {
    if (++index == kClasses) return nullptr;
  }
  void* memory = free_[index];
  if (memory != nullptr) {
    free_[index] = free_[index]->next;
  } else {
    memory = std::malloc(sizeof(Variable) + capacity);
    if (memory == nullptr) return nullptr;
  }
  auto* variable = new (memory) Variable();
  variable->capacity = uint32_t(capacity);
  variable->size_class = uint8_t(index);
  return variable;
}

void VariablePool::GiveBack(Variable* variable) {
  variable->next = free_[variable->size_class];
  free_[variable->size_class] = variable;
}

Variable** VariableList::FindLink(const VariableName& name) {
  Variable** link = &first_;
  while (*link != nullptr && (*link)->name != name.name) {
    link = &(*link)->next;
  }
  return link;
}

const Sample* VariableList::Find(const VariableName& name) const {
  const Variable* found = *const_cast<VariableList*>(this)->FindLink(name);
  return found == nullptr ? nullptr : &found->value;
}

void VariableList::Remove(Variable** link, VariablePool& pool) {
  Variable* gone = *link;
  *link = gone->next;
  bytes_ -= kAroundBytes + TextBytes(gone->value);
  pool.GiveBack(gone);
}

bool VariableList::Store(const VariableName& name, const Sample& sample, size_t bytes_max,
                         VariablePool& pool) {
  Variable** link = FindLink(name);
  const size_t text_bytes = TextBytes(sample);
  const size_t old_bytes = *link == nullptr ? 0 : kAroundBytes + TextBytes((*link)->value);
  if (bytes_max != 0 && bytes_ - old_bytes + kAroundBytes + text_bytes > bytes_max) return false;
  // The value may view the variable's own text ("var(txn.x),field(1)"): a new block when it grows,
  // and a copy that may overlap when it does not.
  Variable* kept = *link;
  Variable* place = kept;
  if (kept == nullptr || kept->capacity < text_bytes) {
    place = pool.Take(text_bytes);
    if (place == nullptr) return false;
    place->name = name.name;
  }
  if (text_bytes > 0) std::memmove(place->memory(), sample.text.data(), text_bytes);
  place->value = sample;
  place->value.text = {place->memory(), text_bytes};
  bytes_ += kAroundBytes + text_bytes - old_bytes;
  if (place == kept) return true;
  place->next = kept == nullptr ? nullptr : kept->next;
  *link = place;
  if (kept != nullptr) pool.GiveBack(kept);
  return true;
}

void VariableList::Forget(const VariableName& name, VariablePool& pool) {
  Variable** link = FindLink(name);
  if (*link != nullptr) Remove(link, pool);
}

void VariableList::Clear(VariablePool& pool) {
  while (first_ != nullptr) Remove(&first_, pool);
}

ProcessVariables::ProcessVariables() : slots_(new Slot[kVariablesMax]) {}

ProcessVariables::Slot* ProcessVariables::FindSlot(const VariableName& name, bool make) const {
  const uint64_t hash = name.hash == 0 ? 1 : name.hash;
  for (size_t i = 0; i < kVariablesMax; ++i) {
    Slot& slot = slots_[(hash + i) % kVariablesMax];
    uint64_t there = slot.hash.load(std::memory_order_acquire);
    if (there == hash) return &slot;
    if (there != 0) continue;
    if (!make) return nullptr;
    if (slot.hash.compare_exchange_strong(there, hash, std::memory_order_acq_rel)) {
      slot.name.store(name.name, std::memory_order_release);
      return &slot;
    }
    if (there == hash) return &slot;
  }
  return nullptr;
}

bool ProcessVariables::Find(const VariableName& name, Scratch& scratch, Sample* sample) const {
  const Slot* slot = FindSlot(name, false);
  return slot != nullptr && Read(*slot, scratch, sample);
}

bool ProcessVariables::Read(const Slot& slot, Scratch& scratch, Sample* sample) {
  uint64_t words[kWords];
  uint32_t before;
  do {
    before = slot.sequence.load(std::memory_order_acquire);
    for (size_t i = 0; i < kWords; ++i) words[i] = slot.words[i].load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
  } while ((before & 1) != 0 || slot.sequence.load(std::memory_order_relaxed) != before);
  Value value;
  std::memcpy(static_cast<void*>(&value), words, sizeof(value));
  if (!value.is_set) return false;
  char* text = scratch.Take(value.text_bytes);
  if (text == nullptr) return false;
  std::memcpy(text, value.text, value.text_bytes);
  *sample = value.sample;
  sample->text = {text, value.text_bytes};
  return true;
}

bool ProcessVariables::Write(Slot& slot, const Value& value) {
  uint64_t words[kWords] = {};
  std::memcpy(words, &value, sizeof(value));
  uint32_t before = slot.sequence.load(std::memory_order_relaxed);
  if ((before & 1) != 0 ||
      !slot.sequence.compare_exchange_strong(before, before + 1, std::memory_order_relaxed)) {
    return true;  // as if it had come just before the other one
  }
  std::atomic_thread_fence(std::memory_order_release);
  for (size_t i = 0; i < kWords; ++i) slot.words[i].store(words[i], std::memory_order_relaxed);
  slot.sequence.store(before + 2, std::memory_order_release);
  return true;
}

bool ProcessVariables::Store(const VariableName& name, const Sample& sample) {
  const size_t text_bytes = TextBytes(sample);
  if (text_bytes > kTextBytesMax) {
    Forget(name);  // rather none than one of before
    return false;
  }
  Slot* slot = FindSlot(name, true);
  if (slot == nullptr) return false;
  Value value;
  value.sample = sample;
  value.sample.text = {};
  value.is_set = true;
  value.text_bytes = uint32_t(text_bytes);
  std::memset(value.text, 0, sizeof(value.text));
  if (text_bytes > 0) std::memcpy(value.text, sample.text.data(), text_bytes);
  return Write(*slot, value);
}

void ProcessVariables::Forget(const VariableName& name) {
  Slot* slot = FindSlot(name, false);
  if (slot == nullptr) return;
  Value value;
  std::memset(value.text, 0, sizeof(value.text));
  (void)Write(*slot, value);
}

}  // namespace engine
