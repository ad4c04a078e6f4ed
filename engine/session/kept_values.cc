#include "engine/session/kept_values.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"
#include "proto/http/cookie.h"

namespace engine {
namespace {

constexpr size_t kHeadBytes = 160;  // of a block

constexpr size_t RoundUp(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

}  // namespace

// Pool --------------------------------------------------------------------------------------------

KeepPool::KeepPool(size_t block_bytes, uint32_t capacity)
    : block_bytes_(RoundUp(block_bytes)), capacity_(capacity) {
  void* range = mmap(nullptr, block_bytes_ * std::max(capacity_, 1u), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  MUST(range != MAP_FAILED);
  blocks_ = static_cast<char*>(range);
}

KeepPool::~KeepPool() { munmap(blocks_, block_bytes_ * std::max(capacity_, 1u)); }

char* KeepPool::Take() {
  if (char* block = free_; block != nullptr) {
    std::memcpy(&free_, block, sizeof(free_));
    ++in_use_;
    return block;
  }
  if (touched_ == capacity_) return nullptr;
  ++in_use_;
  return blocks_ + block_bytes_ * touched_++;
}

void KeepPool::GiveBack(char* block) {
  std::memcpy(block, &free_, sizeof(free_));
  free_ = block;
  --in_use_;
}

// Values ------------------------------------------------------------------------------------------

// The head of a block; behind it the samples, the captures, and then the texts.
struct KeptValues::Block {
  KeepPool* pool;
  const KeepPlan* plan;
  KeptSample* values;
  std::string_view* request;
  std::string_view* response;
  std::string_view request_cookie;
  std::string_view response_cookie;
  std::string_view unique_id;
  char* text_at;
  char* text_end;
};

size_t KeepPool::BytesOf(const KeepPlan& plan) {
  return kHeadBytes + plan.values.size() * sizeof(KeptSample) +
         (plan.request.size() + plan.response.size()) * sizeof(std::string_view) +
         plan.text_bytes();
}

KeptValues::~KeptValues() {
  if (block_ != nullptr) block_->pool->GiveBack(reinterpret_cast<char*>(block_));
}

void KeptValues::Begin(KeepPool& pool, const KeepPlan& plan) {
  static_assert(sizeof(Block) <= kHeadBytes);
  static_assert(alignof(KeptSample) <= alignof(Block));
  char* memory = pool.Take();
  if (memory == nullptr) return;
  block_ = new (memory) Block{};
  block_->pool = &pool;
  block_->plan = &plan;
  block_->text_end = memory + pool.block_bytes();
  char* at = memory + sizeof(Block);
  block_->values = reinterpret_cast<KeptSample*>(at);
  for (size_t i = 0; i < plan.values.size(); ++i) new (&block_->values[i]) KeptSample();
  at += plan.values.size() * sizeof(KeptSample);
  block_->request = reinterpret_cast<std::string_view*>(at);
  block_->response = block_->request + plan.request.size();
  const size_t captures = plan.request.size() + plan.response.size();
  for (size_t i = 0; i < captures; ++i) new (&block_->request[i]) std::string_view();
  block_->text_at = at + captures * sizeof(std::string_view);
}

std::string_view KeptValues::Copy(std::string_view text, size_t bytes_max) {
  const size_t room = size_t(block_->text_end - block_->text_at);
  const size_t bytes = std::min({text.size(), bytes_max, room});
  char* copy = block_->text_at;
  if (bytes > 0) std::memcpy(copy, text.data(), bytes);
  block_->text_at += bytes;
  return {copy, bytes};
}

// A slot has room of its own once: what is put into it again overwrites what fits there.
void KeptValues::Put(std::string_view& slot, std::string_view value, size_t bytes_max) {
  if (slot.data() == nullptr) {
    char* place = block_->text_at;
    if (size_t(block_->text_end - place) < bytes_max) return;
    block_->text_at += bytes_max;
    slot = {place, 0};
  }
  char* place = const_cast<char*>(slot.data());
  const size_t bytes = std::min(value.size(), bytes_max);
  if (bytes > 0) std::memmove(place, value.data(), bytes);
  slot = {place, bytes};
}

void KeptValues::CaptureRequest(const proto::FieldList& fields) {
  if (block_ == nullptr) return;
  const std::vector<CaptureSlot>& slots = block_->plan->request;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].header.empty()) continue;
    const proto::Field* last = nullptr;
    for (const proto::Field* field = fields.Find(std::string_view(slots[i].header));
         field != nullptr; field = fields.FindNext(field)) {
      last = field;
    }
    if (last != nullptr) Put(block_->request[i], last->value(), slots[i].bytes_max);
  }
}

void KeptValues::CaptureResponse(const proto::FieldList& fields) {
  if (block_ == nullptr) return;
  const std::vector<CaptureSlot>& slots = block_->plan->response;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].header.empty()) continue;
    const proto::Field* last = nullptr;
    for (const proto::Field* field = fields.Find(std::string_view(slots[i].header));
         field != nullptr; field = fields.FindNext(field)) {
      last = field;
    }
    if (last != nullptr) Put(block_->response[i], last->value(), slots[i].bytes_max);
  }
  if (block_->plan->cookie.empty()) return;
  for (const proto::Field* field = fields.Find(proto::FieldName::kSetCookie); field != nullptr;
       field = fields.FindNext(field)) {
    if (block_->response_cookie.data() != nullptr) return;
    const proto::SetCookie cookie = proto::ParseSetCookie(field->value());
    if (cookie.has_value()) KeepCookie(block_->response_cookie, cookie.name, cookie.value);
  }
}

void KeptValues::CaptureRequestCookie(const proto::FieldList& fields) {
  if (block_ == nullptr || block_->plan->cookie.empty()) return;
  proto::CookieReader reader(fields);
  while (block_->request_cookie.data() == nullptr && reader.Next()) {
    if (reader.has_value()) KeepCookie(block_->request_cookie, reader.name(), reader.value());
  }
}

// "name=value" of a cookie whose name is, or begins with, what the plan says (manual 8.7).
void KeptValues::KeepCookie(std::string_view& slot, std::string_view name, std::string_view value) {
  std::string_view wanted = block_->plan->cookie;
  const bool whole = wanted.ends_with('=');
  if (whole) wanted.remove_suffix(1);
  if (whole ? name != wanted : !name.starts_with(wanted)) return;
  const size_t bytes_max = block_->plan->cookie_bytes_max;
  if (size_t(block_->text_end - block_->text_at) < bytes_max) return;
  slot = Copy(name, bytes_max);
  size_t length = slot.size();
  length += Copy("=", bytes_max - length).size();
  length += Copy(value, bytes_max - length).size();
  slot = {slot.data(), length};
}

bool KeptValues::SetRequestCapture(uint32_t slot, std::string_view value) {
  if (block_ == nullptr || slot >= block_->plan->request.size()) return false;
  Put(block_->request[slot], value, block_->plan->request[slot].bytes_max);
  return true;
}

bool KeptValues::SetResponseCapture(uint32_t slot, std::string_view value) {
  if (block_ == nullptr || slot >= block_->plan->response.size()) return false;
  Put(block_->response[slot], value, block_->plan->response[slot].bytes_max);
  return true;
}

void KeptValues::Evaluate(LogMoment moment, EvalContext& context) {
  if (block_ == nullptr) return;
  const std::vector<KeepPlan::Value>& plan = block_->plan->values;
  for (size_t i = 0; i < plan.size(); ++i) {
    if (plan[i].moment != moment) continue;
    Sample sample;
    if (!plan[i].expression->Run(context, sample)) continue;
    KeptSample& kept = block_->values[i];
    const bool is_text = sample.type == SampleType::kString || sample.type == SampleType::kBinary ||
                         sample.type == SampleType::kMethod;
    if (is_text) {
      std::string_view slot = kept.known ? kept.sample.text : std::string_view();
      Put(slot, sample.text, block_->plan->value_bytes_max);
      if (slot.data() == nullptr) continue;
      sample.text = slot;
    }
    kept = {true, sample};
  }
}

LogCaptures KeptValues::request_captures() const {
  if (block_ == nullptr) return {};
  return {block_->request, uint32_t(block_->plan->request.size())};
}

LogCaptures KeptValues::response_captures() const {
  if (block_ == nullptr) return {};
  return {block_->response, uint32_t(block_->plan->response.size())};
}

std::string_view KeptValues::request_cookie() const {
  return block_ == nullptr ? std::string_view() : block_->request_cookie;
}

std::string_view KeptValues::response_cookie() const {
  return block_ == nullptr ? std::string_view() : block_->response_cookie;
}

const KeptSample* KeptValues::values() const {
  return block_ == nullptr ? nullptr : block_->values;
}

std::string_view KeptValues::unique_id() const {
  return block_ == nullptr ? std::string_view() : block_->unique_id;
}

std::string_view KeptValues::SetUniqueId(std::string_view text) {
  if (block_ == nullptr) return {};
  block_->unique_id = Copy(text, KeepPlan::kUniqueIdBytesMax);
  return block_->unique_id;
}

}  // namespace engine
