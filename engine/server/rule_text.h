// rule_text.h - a text that rules make for each stream: letters, `%[...]` expressions and the
// items of log formats (manual 8.2.6).
//
// Owns:    its pieces.
// Threads: start-up while it is compiled, then immutable.
// Units:   bytes.
// Errors:  Compile() says what is wrong and where. Write(): no memory is left in the scratch.
// States:  empty or compiled.
//
//   RuleText text;
//   ExpressionProblem problem;
//   text.Compile("https://%[req.hdr(host)]%[pathq]", units, offers, &problem);
//   std::string_view made;
//   if (text.Write(context, &made)) ...   // good as long as what was taken from its scratch

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/expr/expression.h"
#include "engine/expr/log_format.h"

namespace engine {

// What the text becomes part of.
enum class TextUse : uint8_t {
  kOther,    // LogUse::kText
  kMessage,  // LogUse::kMessage
};

class RuleText {
 public:
  // "%%" is a percent sign; an expression without a value leaves nothing. Only what is evaluated is
  // made harmless: the letters around it are the user's.
  bool Compile(std::string_view text, const Registry& units, Needs offers, TextUse use,
               ExpressionProblem* problem);
  // Exactly these letters.
  static RuleText Of(std::string_view text);
  [[nodiscard]] bool Write(EvalContext& context, std::string_view* made) const;
  template <typename Visit>
  void ForEachExpression(Visit visit) const {
    for (const Piece& piece : pieces_) {
      if (piece.expression) visit(*piece.expression);
      if (!piece.item) continue;
      for (const Expression& one : piece.item->expressions()) visit(one);
    }
  }
  bool is_constant() const { return pieces_.empty(); }
  bool empty() const { return pieces_.empty() && constant_.empty(); }
  // Of a constant one.
  const std::string& constant() const { return constant_; }

 private:
  class Parser;
  struct Piece {
    std::string text;
    std::optional<Expression> expression;
    std::optional<LogFormat> item;  // of a log, or an expression with flags
  };
  std::string constant_;
  std::vector<Piece> pieces_;  // empty: constant_ is all
  TextUse use_ = TextUse::kOther;
};

}  // namespace engine
