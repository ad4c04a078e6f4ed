// kept_values.h - what one stream keeps of heads and connections that are gone when its log line is
// written (manual 8.7, 8.8): captures, the unique id, the values of log expressions.
//
// Owns:    one block of its shard's KeepPool, only where the frontend has a KeepPlan.
// Threads: shard-local.
// Units:   bytes.
// Errors:  what is longer than its slot is cut; without a block nothing is kept.
// States:  none -> begun -> gone with the stream.
//
//   kept.Begin(worker.keep_pool(), *frontend.keep);
//   kept.CaptureRequest(head.fields);
//   kept.Evaluate(LogMoment::kRequest, context);

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/log/log_record.h"
#include "engine/server/keep_config.h"
#include "proto/http/field_list.h"

namespace engine {

// Blocks of one size, the largest that a frontend needs; committed on first touch.
class KeepPool {
 public:
  KeepPool(size_t block_bytes, uint32_t capacity);
  ~KeepPool();
  KeepPool(const KeepPool&) = delete;
  KeepPool& operator=(const KeepPool&) = delete;

  static size_t BytesOf(const KeepPlan& plan);
  size_t block_bytes() const { return block_bytes_; }
  uint32_t in_use() const { return in_use_; }
  // Null: all are in use.
  char* Take();
  void GiveBack(char* block);

 private:
  const size_t block_bytes_;
  const uint32_t capacity_;
  uint32_t touched_ = 0;
  uint32_t in_use_ = 0;
  char* blocks_ = nullptr;
  char* free_ = nullptr;
};

class KeptValues {
 public:
  KeptValues() = default;
  ~KeptValues();
  KeptValues(const KeptValues&) = delete;
  KeptValues& operator=(const KeptValues&) = delete;

  void Begin(KeepPool& pool, const KeepPlan& plan);
  bool begun() const { return block_ != nullptr; }

  // The heads as they came; the cookies of a request once rules have been through.
  void CaptureRequest(const proto::FieldList& fields);
  void CaptureRequestCookie(const proto::FieldList& fields);
  void CaptureResponse(const proto::FieldList& fields);
  // What a rule puts into a slot; in place of what was there. False: there is no such slot.
  bool SetRequestCapture(uint32_t slot, std::string_view value);
  bool SetResponseCapture(uint32_t slot, std::string_view value);
  // Evaluates the log expressions whose moment it is.
  void Evaluate(LogMoment moment, EvalContext& context);

  LogCaptures request_captures() const;
  LogCaptures response_captures() const;
  std::string_view request_cookie() const;
  std::string_view response_cookie() const;
  // By place in KeepPlan::values; null where nothing is kept.
  const KeptSample* values() const;
  // Empty: not made yet. `text` is copied.
  std::string_view unique_id() const;
  std::string_view SetUniqueId(std::string_view text);

 private:
  struct Block;

  std::string_view Copy(std::string_view text, size_t bytes_max);
  void Put(std::string_view& slot, std::string_view value, size_t bytes_max);
  void KeepCookie(std::string_view& slot, std::string_view name, std::string_view value);

  Block* block_ = nullptr;
};

}  // namespace engine
