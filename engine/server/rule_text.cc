#include "engine/server/rule_text.h"

#include <cstring>

#include "engine/config/diagnostics.h"

namespace engine {
namespace {

constexpr size_t kUnknown = std::string_view::npos;

bool Fail(ExpressionProblem* problem, size_t offset, size_t length, std::string message,
          std::string hint = {}) {
  *problem = {offset, length, std::move(message), std::move(hint)};
  return false;
}

// Grows a text at the end of the scratch, between what expressions take from it.
class Builder {
 public:
  explicit Builder(Scratch& scratch) : scratch_(scratch) {}
  bool Add(std::string_view text) {
    // What expressions took since lies in between: the text moves behind it.
    char* to = scratch_.Take(made_.size() + text.size());
    if (to == nullptr) return false;
    std::memcpy(to, made_.data(), made_.size());
    std::memcpy(to + made_.size(), text.data(), text.size());
    made_ = {to, made_.size() + text.size()};
    return true;
  }
  std::string_view made() const { return made_; }

 private:
  Scratch& scratch_;
  std::string_view made_;
};

}  // namespace

RuleText RuleText::Of(std::string_view text) {
  RuleText made;
  made.constant_ = text;
  return made;
}

bool RuleText::Compile(std::string_view text, const Registry& units, Needs offers,
                       ExpressionProblem* problem) {
  pieces_.clear();
  constant_.clear();
  std::string letters;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      letters += text[at++];
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == '%') {
      letters += '%';
      at += 2;
      continue;
    }
    const size_t start = at++;
    bool quoted = false;
    if (at < text.size() && text[at] == '{') {
      const size_t close = text.find('}', at);
      const std::string_view flags =
          close == kUnknown ? std::string_view() : text.substr(at + 1, close - at - 1);
      if (flags != "+Q" && flags != "-Q" && !flags.empty()) {
        return Fail(problem, start, text.size() - start,
                    "flags " + InQuotes(flags) + " are not supported yet in rules");
      }
      if (close == kUnknown) return Fail(problem, start, 2, "'%{' has no closing '}'");
      quoted = flags == "+Q";
      at = close + 1;
    }
    if (at >= text.size() || text[at] != '[') {
      return Fail(problem, start, text.size() - start,
                  "log tags are not supported yet in rules, only '%[...]'",
                  "'%%' is a percent sign");
    }
    size_t used = 0;
    std::optional<Expression> expression =
        Expression::CompileFront(text.substr(at + 1), units, offers, &used, problem);
    if (!expression) {
      problem->offset += at + 1;
      return false;
    }
    at += 1 + used;
    if (at >= text.size() || text[at] != ']') {
      return Fail(problem, start, at - start, "'%[' has no closing ']'");
    }
    ++at;
    if (!letters.empty()) pieces_.push_back({std::move(letters), std::nullopt, false});
    letters.clear();
    pieces_.push_back({{}, std::move(expression), quoted});
  }
  if (pieces_.empty()) {
    constant_ = std::move(letters);
  } else if (!letters.empty()) {
    pieces_.push_back({std::move(letters), std::nullopt, false});
  }
  return true;
}

bool RuleText::Write(EvalContext& context, std::string_view* made) const {
  if (pieces_.empty()) {
    *made = constant_;
    return true;
  }
  Builder builder(context.scratch());
  for (const Piece& piece : pieces_) {
    if (!piece.expression) {
      if (!builder.Add(piece.text)) return false;
      continue;
    }
    Sample sample;
    const bool has_value = piece.expression->Run(context, sample) &&
                           Cast(sample, SampleKind::kString, context.scratch());
    if (piece.quoted && !builder.Add("\"")) return false;
    if (has_value && !builder.Add(sample.text)) return false;
    if (piece.quoted && !builder.Add("\"")) return false;
  }
  *made = builder.made();
  return true;
}

}  // namespace engine
