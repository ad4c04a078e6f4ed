#include "proto/http/field_list.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace proto {
namespace {

constexpr uint32_t kFieldsAtFirst = 16;

}  // namespace

bool FieldList::Grow() {
  if (size_ >= fields_max_) return false;
  // The outgrown array stays in the arena: with doubling that wastes at most what is in use.
  const uint32_t capacity = std::min(fields_max_, std::max(kFieldsAtFirst, capacity_ * 2));
  Field* fields = static_cast<Field*>(arena_->Allocate(capacity * sizeof(Field), alignof(Field)));
  if (size_ != 0) std::memcpy(fields, fields_, size_ * sizeof(Field));
  fields_ = fields;
  capacity_ = capacity;
  return true;
}

void FieldList::RebuildPresence() {
  present_[0] = present_[1] = 0;
  for (const Field& field : *this) {
    present_[size_t(field.id_) >> 6] |= uint64_t(1) << (size_t(field.id_) & 63);
  }
}

const Field* FieldList::Find(FieldName id) const {
  DEBUG_MUST(id != FieldName::kOther);
  if (!Has(id)) return nullptr;
  for (const Field& field : *this) {
    if (field.id_ == id) return &field;
  }
  return nullptr;
}

const Field* FieldList::Find(std::string_view name) const {
  const FieldName id = FindFieldName(name);
  if (id != FieldName::kOther) return Find(id);
  for (const Field& field : *this) {
    if (field.id_ == id && base::EqualsIgnoreCase(field.name(), name)) return &field;
  }
  return nullptr;
}

const Field* FieldList::FindNext(const Field* after) const {
  for (const Field* field = after + 1; field < end(); ++field) {
    if (field->id_ != after->id_) continue;
    if (field->id_ != FieldName::kOther || base::EqualsIgnoreCase(field->name(), after->name())) {
      return field;
    }
  }
  return nullptr;
}

uint32_t FieldList::Count(FieldName id) const {
  if (!Has(id)) return 0;
  uint32_t count = 0;
  for (const Field& field : *this) count += field.id_ == id;
  return count;
}

std::string_view FieldList::ValueOf(FieldName id) const {
  const Field* field = Find(id);
  return field != nullptr ? field->value() : std::string_view();
}

void FieldList::SetValue(uint32_t index, std::string_view value) {
  MUST(index < size_);
  MUST(value.size() <= UINT32_MAX);
  fields_[index].value_ = value.data();
  fields_[index].value_bytes_ = uint32_t(value.size());
}

void FieldList::Remove(uint32_t index) {
  MUST(index < size_);
  std::memmove(fields_ + index, fields_ + index + 1, (size_ - index - 1) * sizeof(Field));
  --size_;
  RebuildPresence();
}

uint32_t FieldList::RemoveAll(FieldName id) {
  DEBUG_MUST(id != FieldName::kOther);
  if (!Has(id)) return 0;
  return RemoveIf([id](const Field& field) { return field.id() == id; });
}

uint32_t FieldList::RemoveAll(std::string_view name) {
  const FieldName id = FindFieldName(name);
  if (id != FieldName::kOther) return RemoveAll(id);
  return RemoveIf([name](const Field& field) {
    return field.id() == FieldName::kOther && base::EqualsIgnoreCase(field.name(), name);
  });
}

void FieldList::Clear() {
  size_ = 0;
  present_[0] = present_[1] = 0;
}

void FieldList::Relocate(const char* old_start, size_t bytes, const char* new_start) {
  for (uint32_t i = 0; i < size_; ++i) {
    fields_[i].name_ = RelocateText(fields_[i].name(), old_start, bytes, new_start).data();
    fields_[i].value_ = RelocateText(fields_[i].value(), old_start, bytes, new_start).data();
  }
}

}  // namespace proto
