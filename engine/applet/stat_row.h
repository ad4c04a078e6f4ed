// stat_row.h - one line of `show stat`: every column of management 9.1, empty where nothing is
// known.
//
// Owns:    its texts. A row of one column makes no other, nor sums up what that would say.
// Threads: shard-local; it reads counters that other shards write.
// Units:   per column.
// Errors:  none.
// States:  none.
//
//   out += StatHeader();  out += FrontendRow(proxy, facts).ToCsv();  // or ToTyped(), ToJson()

#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/proxy_config.h"

namespace engine {

enum class StatColumn : uint8_t {
#define X(name, tags, type, purpose) name,
#include "engine/applet/stat_columns.def"
#undef X
  kCount
};

// What a line says that is not in its proxy.
struct StatFacts {
  uint64_t now_us = 0;   // of the monotonic clock
  uint32_t maxconn = 0;  // of the process
  bool stopping = false;
  uint32_t shard = 0;  // whose view of addresses is shown
  // The one column that is wanted, the others stay empty; kCount: all.
  StatColumn only = StatColumn::kCount;
};

class StatRow {
 public:
  explicit StatRow(StatColumn only = StatColumn::kCount)
      : only_(only), texts_(only == StatColumn::kCount ? size_t(StatColumn::kCount) : 0) {}
  bool Wants(StatColumn column) const { return only_ == StatColumn::kCount || column == only_; }
  template <typename... Columns>
  bool WantsAny(Columns... columns) const {
    return (Wants(columns) || ...);
  }
  void Set(StatColumn column, std::string_view text) {
    if (Wants(column)) TextOf(column) = text;
  }
  void Set(StatColumn column, uint64_t number) {
    if (Wants(column)) TextOf(column) = std::to_string(number);
  }
  // What `make` gives; it is called for a column that is wanted.
  template <std::invocable Make>
  void Set(StatColumn column, Make make) {
    if (Wants(column)) Set(column, make());
  }
  const std::string& Get(StatColumn column) const {
    return only_ == StatColumn::kCount ? texts_[size_t(column)] : column == only_ ? text_ : kNone;
  }
  // With the `-` that ends the fixed columns, and a line feed.
  std::string ToCsv() const;
  // A line for each column that is known.
  std::string ToTyped(bool with_purpose) const;
  // An array with an object for each of them.
  std::string ToJson() const;

 private:
  inline static const std::string kNone;
  std::string& TextOf(StatColumn column) {
    return only_ == StatColumn::kCount ? texts_[size_t(column)] : text_;
  }
  template <typename F>
  void ForEachKnown(F visit) const;
  StatColumn only_;
  std::vector<std::string> texts_;  // of all columns
  std::string text_;                // of the one that is wanted
};

std::string StatHeader();
StatRow FrontendRow(const ProxyConfig& proxy, const StatFacts& facts);
StatRow ServerRow(const ServerConfig& server, const StatFacts& facts);
StatRow BackendRow(const ProxyConfig& proxy, const StatFacts& facts);

}  // namespace engine
