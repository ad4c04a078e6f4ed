// rule_text.h - a text that rules make for each stream: letters and `%[...]` expressions.
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

namespace engine {

class RuleText {
 public:
  // "%%" is a percent sign; an expression without a value leaves nothing.
  bool Compile(std::string_view text, const Registry& units, Needs offers,
               ExpressionProblem* problem);
  // Exactly these letters.
  static RuleText Of(std::string_view text);
  [[nodiscard]] bool Write(EvalContext& context, std::string_view* made) const;
  bool is_constant() const { return pieces_.empty(); }
  // Of a constant one.
  const std::string& constant() const { return constant_; }

 private:
  struct Piece {
    std::string text;
    std::optional<Expression> expression;
    bool quoted = false;  // %{+Q}
  };
  std::string constant_;
  std::vector<Piece> pieces_;  // empty: constant_ is all
};

}  // namespace engine
