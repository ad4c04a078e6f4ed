#include "engine/server/rule_text.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/log/log_line.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

constexpr size_t kUnknown = std::string_view::npos;

bool IsAlnum(char c) {
  return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z');
}

bool Fail(ExpressionProblem* problem, size_t offset, size_t length, std::string message,
          std::string hint = {}) {
  *problem = {offset, length, std::move(message), std::move(hint)};
  return false;
}

// Grows a text in the scratch. What is taken behind it is given back when its text is added, so
// that the items of a text need the room of the largest, not of all.
class Builder {
 public:
  explicit Builder(Scratch& scratch) : scratch_(scratch), begin_(scratch.Take(0)) {}
  // `text` may lie behind what is made.
  bool Add(std::string_view text) {
    scratch_.Shrink(begin_, bytes_);
    char* const to = scratch_.Take(text.size());
    if (to == nullptr) return false;
    std::memmove(to, text.data(), text.size());
    bytes_ += text.size();
    return true;
  }
  bool AddEscaped(std::string_view text) {
    const auto controls = size_t(std::count_if(
        text.begin(), text.end(), [](char c) { return !HasClass(c, proto::kValueClass); }));
    if (controls == 0) return Add(text);
    const size_t bytes = text.size() + 2 * controls;
    char* const to = scratch_.Take(bytes);
    if (to == nullptr) return false;
    LogLine line(to, bytes);
    return Add(line.Escaped(text, LogEscape::kPercent).view());
  }
  // The expressions of an item may take from the scratch, too.
  bool AddItem(const LogFormat& item, EvalContext& context) {
    const size_t bytes = scratch_.left() / 2;
    char* const to = scratch_.Take(bytes);
    LogLine line(to, bytes);
    return context.WriteFormat(item, line) && line.room() > 0 && Add(line.view());
  }
  std::string_view made() const { return {begin_, bytes_}; }

 private:
  Scratch& scratch_;
  char* const begin_;
  size_t bytes_ = 0;
};

}  // namespace

RuleText RuleText::Of(std::string_view text) {
  RuleText made;
  made.constant_ = text;
  return made;
}

class RuleText::Parser {
 public:
  Parser(RuleText& made, std::string_view text, const Registry& units, Needs offers, TextUse use,
         ExpressionProblem* problem)
      : made_(made), text_(text), units_(units), offers_(offers), use_(use), problem_(problem) {}

  bool Run() {
    while (at_ < text_.size()) {
      if (text_[at_] != '%') {
        letters_ += text_[at_++];
      } else if (text_.substr(at_).starts_with("%%")) {
        letters_ += '%';
        at_ += 2;
      } else if (!TakeItem()) {
        return false;
      }
    }
    if (made_.pieces_.empty()) {
      made_.constant_ = std::move(letters_);
    } else {
      AddLetters();
    }
    return true;
  }

 private:
  void AddLetters() {
    if (!letters_.empty()) made_.pieces_.push_back({std::move(letters_), {}, {}});
    letters_.clear();
  }

  // "%[...]", "%ci", "%{+Q}[...]", "%(name){+X}ci".
  bool TakeItem() {
    const size_t start = at_++;
    std::string_view flags;
    if (!TakeBetween('(', ')', nullptr) || !TakeBetween('{', '}', &flags)) return false;
    const bool is_expression = at_ < text_.size() && text_[at_] == '[';
    const std::string all_flags =
        default_flags_ + (default_flags_.empty() || flags.empty() ? "" : ",") + std::string(flags);
    if (is_expression) return TakeExpression(start, all_flags);
    size_t end = at_;
    while (end < text_.size() && IsAlnum(text_[end])) ++end;
    const std::string_view name = text_.substr(at_, end - at_);
    at_ = end;
    if (name == "o") default_flags_ = flags;  // of all items behind it
    return AddItem(start, all_flags, name);
  }

  bool TakeBetween(char open, char close, std::string_view* inside) {
    if (at_ >= text_.size() || text_[at_] != open) return true;
    const size_t end = text_.find(close, at_);
    if (end == kUnknown) {
      const std::string opening = std::string("%") + open;
      return Fail(problem_, at_ - 1, 2, "'" + opening + "' has no closing '" + close + "'");
    }
    if (inside != nullptr) *inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }

  bool TakeExpression(size_t start, const std::string& flags) {
    size_t used = 0;
    std::optional<Expression> expression =
        Expression::CompileFront(text_.substr(at_ + 1), units_, offers_, &used, problem_);
    if (!expression) {
      problem_->offset += at_ + 1;
      return false;
    }
    const std::string_view word = text_.substr(at_, used + 2);
    at_ += 1 + used;
    if (at_ >= text_.size() || text_[at_] != ']') {
      return Fail(problem_, start, at_ - start, "'%[' has no closing ']'");
    }
    ++at_;
    if (!flags.empty()) return AddItem(start, flags, word);
    AddLetters();
    made_.pieces_.push_back({{}, std::move(expression), {}});
    return true;
  }

  bool AddItem(size_t start, const std::string& flags, std::string_view word) {
    LogFormat format;
    LogFormatError error;
    const std::string item =
        "%" + (flags.empty() ? std::string() : "{" + flags + "}") + std::string(word);
    if (!format.Compile(item, &units_, offers_, &error)) {
      return Fail(problem_, start, at_ - start, error.message, error.hint);
    }
    format.set_use(use_ == TextUse::kMessage ? LogUse::kMessage : LogUse::kText);
    AddLetters();
    made_.pieces_.push_back({{}, {}, std::move(format)});
    return true;
  }

  RuleText& made_;
  const std::string_view text_;
  const Registry& units_;
  const Needs offers_;
  const TextUse use_;
  ExpressionProblem* const problem_;
  size_t at_ = 0;
  std::string letters_;        // seen since the last piece
  std::string default_flags_;  // of "%{...}o"
};

bool RuleText::Compile(std::string_view text, const Registry& units, Needs offers, TextUse use,
                       ExpressionProblem* problem) {
  use_ = use;
  pieces_.clear();
  constant_.clear();
  return Parser(*this, text, units, offers, use, problem).Run();
}

bool RuleText::Write(EvalContext& context, std::string_view* made) const {
  if (pieces_.empty()) {
    *made = constant_;
    return true;
  }
  Builder builder(context.scratch());
  for (const Piece& piece : pieces_) {
    if (piece.item) {
      if (!builder.AddItem(*piece.item, context)) return false;
      continue;
    }
    if (!piece.expression) {
      if (!builder.Add(piece.text)) return false;
      continue;
    }
    Sample sample;
    const bool has_value = piece.expression->Run(context, sample) &&
                           Cast(sample, SampleKind::kString, context.scratch());
    if (!has_value) continue;
    const bool fits =
        use_ == TextUse::kMessage ? builder.AddEscaped(sample.text) : builder.Add(sample.text);
    if (!fits) return false;
  }
  *made = builder.made();
  return true;
}

}  // namespace engine
