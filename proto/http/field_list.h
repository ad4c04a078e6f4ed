// field_list.h - the ordered fields of one message, with constant-time presence of interned names.
//
// Owns:    the array of Fields, in the given arena. Texts are views: of the receive buffer, of the
//          arena or of static storage. They must live as long as the list; CopyX puts them into
//          the arena.
// Threads: shard-local.
// Units:   fields_max in fields (tune.http.maxhdr less one: the manual counts the first line). That
//          limits what a peer may send; who edits what has come lifts it.
// Errors:  a full list refuses (false). Names above 65535 bytes, values of 4 GB are refused
//          likewise.
// States:  none. Every edit invalidates Field pointers and iterators.
//
//   FieldList fields(arena, 100);
//   if (!fields.Add("X-Test", "1")) return Refuse();
//   if (fields.Has(FieldName::kUpgrade)) ...  // one bit test
//   for (const Field* f = fields.Find(FieldName::kCookie); f; f = fields.FindNext(f))
//     Use(f->value());
//   fields.RemoveAll(FieldName::kConnection);

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "proto/http/field_name.h"

namespace proto {

// 24 bytes. The name is as received; for an interned one FieldNameText(id()) is its lower case.
class Field {
 public:
  FieldName id() const { return id_; }
  std::string_view name() const { return {name_, name_bytes_}; }
  std::string_view value() const { return {value_, value_bytes_}; }

 private:
  friend class FieldList;
  const char* name_;
  const char* value_;
  uint32_t value_bytes_;
  uint16_t name_bytes_;
  FieldName id_;
};
static_assert(sizeof(Field) == 24);

class FieldList {
 public:
  static constexpr uint32_t kFieldsMaxDefault = 100;    // received
  static constexpr uint32_t kFieldsMaxSent = 1u << 20;  // no limit but that of bytes

  explicit FieldList(base::Arena& arena, uint32_t fields_max = kFieldsMaxSent)
      : arena_(&arena), fields_max_(fields_max) {}

  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint32_t fields_max() const { return fields_max_; }
  void LiftLimit() { fields_max_ = kFieldsMaxSent; }
  const Field* begin() const { return fields_; }
  const Field* end() const { return fields_ + size_; }
  const Field& operator[](uint32_t index) const { return fields_[index]; }
  uint32_t IndexOf(const Field* field) const { return uint32_t(field - fields_); }
  base::Arena& arena() const { return *arena_; }

  bool Has(FieldName id) const { return present_[size_t(id) >> 6] >> (size_t(id) & 63) & 1; }
  // The first field of that name, null when there is none; FindNext goes on behind `after`.
  const Field* Find(FieldName id) const;
  const Field* Find(std::string_view name) const;
  const Field* FindNext(const Field* after) const;
  uint32_t Count(FieldName id) const;
  // Value of the first such field, empty when there is none.
  std::string_view ValueOf(FieldName id) const;

  [[nodiscard]] bool Add(FieldName id, std::string_view name, std::string_view value) {
    if (__builtin_expect(size_ == capacity_, 0) && !Grow()) return false;
    if (name.size() > UINT16_MAX || value.size() > UINT32_MAX) return false;
    Field& field = fields_[size_++];
    field.name_ = name.data();
    field.value_ = value.data();
    field.value_bytes_ = uint32_t(value.size());
    field.name_bytes_ = uint16_t(name.size());
    field.id_ = id;
    // kOther gets its bit too: harmless, and no branch.
    present_[size_t(id) >> 6] |= uint64_t(1) << (size_t(id) & 63);
    return true;
  }
  [[nodiscard]] bool Add(FieldName id, std::string_view value) {
    return Add(id, FieldNameText(id), value);
  }
  [[nodiscard]] bool Add(std::string_view name, std::string_view value) {
    return Add(FindFieldName(name), name, value);
  }
  [[nodiscard]] bool CopyAdd(std::string_view name, std::string_view value) {
    return Add(arena_->Copy(name), arena_->Copy(value));
  }
  // As `http-request set-header`: removes every field of that name, then adds one at the end.
  [[nodiscard]] bool Set(FieldName id, std::string_view value) {
    RemoveAll(id);
    return Add(id, value);
  }
  [[nodiscard]] bool Set(std::string_view name, std::string_view value) {
    RemoveAll(name);
    return Add(name, value);
  }
  void SetValue(uint32_t index, std::string_view value);
  void Remove(uint32_t index);
  // Both return how many went.
  uint32_t RemoveAll(FieldName id);
  uint32_t RemoveAll(std::string_view name);
  // Removes every field for which `condition(const Field&)` holds, in one pass. Fields move while
  // it runs, so `condition` may look at its argument only, not at the list.
  template <typename Condition>
  uint32_t RemoveIf(Condition condition);
  void Clear();

  // The bytes the texts view have moved from [old_start, old_start + bytes) to new_start.
  void Relocate(const char* old_start, size_t bytes, const char* new_start);

 private:
  bool Grow();
  void RebuildPresence();

  base::Arena* arena_;
  Field* fields_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint32_t fields_max_;
  uint64_t present_[2] = {0, 0};
};

template <typename Condition>
uint32_t FieldList::RemoveIf(Condition condition) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < size_; ++i) {
    if (condition(const_cast<const Field&>(fields_[i]))) continue;
    fields_[kept++] = fields_[i];
  }
  const uint32_t removed = size_ - kept;
  size_ = kept;
  if (removed != 0) RebuildPresence();
  return removed;
}

// `text` as a view of the bytes' new place, when it viewed the old one.
inline std::string_view RelocateText(std::string_view text, const char* old_start, size_t bytes,
                                     const char* new_start) {
  const uintptr_t offset =
      reinterpret_cast<uintptr_t>(text.data()) - reinterpret_cast<uintptr_t>(old_start);
  if (text.data() == nullptr || offset > bytes) return text;
  return {new_start + offset, text.size()};
}

}  // namespace proto
