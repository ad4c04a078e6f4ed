// cookie_config.h - what a backend says about its persistence cookie (manual 4.2, cookie).
//
// Owns:    its texts.
// Threads: start-up while it is built, then immutable.
// Units:   seconds.
// Errors:  reported by the builder.
// States:  none.

#pragma once

#include <cstdint>
#include <string>

namespace engine {

// Who sets the cookie. kObserved: the application alone; it is only looked at.
enum class CookieMode : uint8_t { kObserved, kRewrite, kInsert, kPrefix };

struct CookieConfig {
  // Stands between a server's cookie and the application's value (prefix).
  static constexpr char kPrefixMark = '~';
  // Stands between a server's cookie and its dates (maxidle, maxlife).
  static constexpr char kDateMark = '|';

  std::string name;  // empty: no persistence by cookie
  CookieMode mode = CookieMode::kObserved;
  bool indirect = false;
  bool no_cache = false;
  bool post_only = false;
  bool preserve = false;
  bool dynamic = false;
  uint32_t max_idle_s = 0;  // 0: no limit
  uint32_t max_life_s = 0;
  std::string attributes;   // of an inserted cookie: "; path=/; HttpOnly"
  std::string dynamic_key;  // `dynamic-cookie-key`; empty: not given

  bool enabled() const { return !name.empty(); }
  bool dated() const { return mode == CookieMode::kInsert && (max_idle_s != 0 || max_life_s != 0); }
};

}  // namespace engine
