// cookie_table.h - which servers of a backend a cookie's value stands for.
//
// Owns:    a copy of the values.
// Threads: shard-local: each shard has its own, so that one may change while streams read.
// Units:   server indices in the backend's order.
// Errors:  a value that no server has finds none.
// States:  none.
//
//   for (uint32_t server : table.Find("s1")) ...   // in the backend's order; often one

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class CookieTable {
 public:
  // By server; empty: it has none.
  explicit CookieTable(std::vector<std::string> values);

  std::span<const uint32_t> Find(std::string_view value) const;
  const std::string& ValueOf(uint32_t server) const { return values_[server]; }
  void SetValue(uint32_t server, std::string value);

 private:
  void Sort();

  std::vector<std::string> values_;
  std::vector<uint32_t> order_;  // of those that have one, by value, then by server
};

// The value of a server by `dynamic` (manual 4.2, dynamic-cookie-key): 16 hexadecimal digits, the
// same in every process that knows the key. `address` is in network order, of 4 or 16 bytes.
std::string DynamicCookie(std::string_view key, std::string_view address, uint16_t port);

}  // namespace engine
