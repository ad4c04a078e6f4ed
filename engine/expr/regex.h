// regex.h - a regular expression of the configuration language, compiled.
//
// Owns:    the compiled expression.
// Threads: made at start-up; Matches() by any-thread.
// Units:   bytes.
// Errors:  Compile() says what is wrong and where. A match that costs more than kStepsMax steps is
//          given up and counts as none.
// States:  none.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace engine {

class Regex {
 public:
  static constexpr uint32_t kStepsMax = 1000000;

  // Null with `*error`.
  static std::shared_ptr<const Regex> Compile(std::string_view pattern, bool ignore_case,
                                              std::string* error);
  // The library's version.
  static std::string LibraryVersion();
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Anywhere in `text`.
  bool Matches(std::string_view text) const;
  // The same, and what its groups held: [0] is all that was matched, [1] to [9] what stood in
  // parentheses, empty where nothing did.
  using Groups = std::array<std::string_view, 10>;
  // From byte `from` on, which is not where the text begins unless it is 0.
  bool MatchesGroups(std::string_view text, Groups* groups, size_t from = 0) const;

 private:
  explicit Regex(void* code) : code_(code) {}
  void* code_;  // a pcre2_code
};

}  // namespace engine
