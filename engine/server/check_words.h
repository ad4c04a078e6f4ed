// check_words.h - the words of a line about checks, taken one after another.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   words of a line.
// Errors:  reported under the word; what is called gives false.
// States:  none.
//
//   CheckWords words(context, use, place::kHttpCheck);
//   while (!words.empty()) {
//     const std::string_view word = words.Take();
//     if (word == "min-recv" && !words.TakeNumber(-1, INT_MAX, rule.expect.min_recv)) return false;
//   }

#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/expr/places.h"
#include "engine/server/build_context.h"
#include "engine/server/check_config.h"

namespace engine {

class CheckWords {
 public:
  // `offers`: what expressions of the line may look at.
  CheckWords(BuildContext& context, const KeywordUse& use, Needs offers)
      : context_(context), use_(use), offers_(offers) {}

  bool empty() const { return at_ >= use_.arguments(); }
  std::string_view peek() const { return use_.argument(at_); }
  // Empty at the end of the line.
  std::string_view Take() { return use_.argument(at_++); }
  // Of the word just taken, or of the one to come.
  bool RefuseTaken(std::string_view message) const { return Refuse(use_, at_ - 1, message); }
  // The word just taken is none of `known`.
  bool RefuseUnknown(std::initializer_list<std::string_view> known) const;
  bool RefuseNext(std::string_view message) const { return Refuse(use_, at_, message); }

  // What follows the word just taken.
  bool TakeText(std::string& out);
  bool TakeFormat(RuleText& out);
  bool TakeExpression(std::optional<Expression>& out);
  bool TakeRegex(bool ignore_case, std::shared_ptr<const Regex>& out);
  bool TakeHex(std::string& out);
  template <typename Value>
  bool TakeNumber(int64_t low, int64_t high, Value& out) {
    std::string text;
    return TakeText(text) && TakeArgument(use_, at_ - 1, ParseInteger(text, low, high), out);
  }
  // A format that says the same for every check goes into `out`; any other one to the formats of
  // the rule, which will put what it says there.
  bool TakeFormat(CheckRule& rule, CheckFormat::Part part, std::string& out, size_t field = 0);
  // The same of hexadecimal digits, for the bytes they mean.
  bool TakeHexFormat(CheckRule& rule, CheckFormat::Part part, std::string& out);

  const KeywordUse& use() const { return use_; }
  BuildContext& context() const { return context_; }
  Needs offers() const { return offers_; }

 private:
  bool NeedsMore() const;
  bool SetHex(std::string_view digits, std::string& out) const;

  BuildContext& context_;
  const KeywordUse& use_;
  const Needs offers_;
  size_t at_ = 0;
};

}  // namespace engine
