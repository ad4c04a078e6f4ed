#include "engine/server/check_words.h"

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/server/expression_words.h"
#include "engine/server/rule_keywords.h"

namespace engine {

bool CheckWords::NeedsMore() const {
  if (!empty()) return true;
  return RefuseNext((at_ == 0 ? "" : InQuotes(use_.argument(at_ - 1)) + " ") +
                    std::string("expects an argument"));
}

bool CheckWords::RefuseUnknown(std::initializer_list<std::string_view> known) const {
  const std::string_view word = use_.argument(at_ - 1);
  std::string hint = Suggest(word, known);
  if (hint.empty()) {
    hint = "it takes";
    for (const std::string_view each : known) {
      hint += (each == *known.begin() ? " " : ", ") + InQuotes(each);
    }
  }
  return Refuse(use_, at_ - 1, "unexpected " + InQuotes(word), hint);
}

bool CheckWords::TakeText(std::string& out) {
  if (!NeedsMore()) return false;
  out = Take();
  return true;
}

bool CheckWords::TakeFormat(RuleText& out) {
  return NeedsMore() && CompileText(context_, use_, at_++, offers_, TextUse::kOther, &out);
}

bool CheckWords::TakeExpression(std::optional<Expression>& out) {
  if (!NeedsMore()) return false;
  out = ParseExpression(context_, use_, at_++, offers_);
  return out.has_value();
}

bool CheckWords::TakeRegex(bool ignore_case, std::shared_ptr<const Regex>& out) {
  std::string text, error;
  if (!TakeText(text)) return false;
  out = Regex::Compile(text, ignore_case, &error);
  return out != nullptr || RefuseTaken("bad regular expression: " + error);
}

bool CheckWords::SetHex(std::string_view digits, std::string& out) const {
  std::optional<std::string> bytes = base::BytesOfHex(digits);
  if (!bytes || bytes->empty()) {
    return RefuseTaken("expects an even number of hexadecimal digits");
  }
  out = std::move(*bytes);
  return true;
}

bool CheckWords::TakeHex(std::string& out) {
  std::string text;
  return TakeText(text) && SetHex(text, out);
}

bool CheckWords::TakeFormat(CheckRule& rule, CheckFormat::Part part, std::string& out,
                            size_t field) {
  RuleText text;
  if (!TakeFormat(text)) return false;
  if (text.is_constant()) {
    out = text.constant();
  } else {
    rule.formats.push_back({part, field, std::move(text)});
  }
  return true;
}

bool CheckWords::TakeHexFormat(CheckRule& rule, CheckFormat::Part part, std::string& out) {
  std::string digits;
  const size_t formats = rule.formats.size();
  if (!TakeFormat(rule, part, digits)) return false;
  return rule.formats.size() > formats || SetHex(digits, out);
}

}  // namespace engine
