#include "engine/server/expression_words.h"

#include <string>

namespace engine {
namespace {

constexpr size_t kShownBytesMax = 60;  // of the text behind a fault

const Registry& NoUnits() {
  static const Registry none;
  return none;
}

}  // namespace

const Registry& UnitsOf(const BuildContext& context) {
  return context.options.units != nullptr ? *context.options.units : NoUnits();
}

void ReportProblem(Diagnostics& diagnostics, const Location& where, std::string_view what,
                   std::string_view text, const ExpressionProblem& problem) {
  std::string hint = problem.hint;
  // The word may hold more than the fault: a log format, or a long chain of converters.
  if (problem.length < text.size() && problem.offset < text.size()) {
    if (!hint.empty()) hint += "; ";
    hint += "at: " + std::string(text.substr(problem.offset, kShownBytesMax));
  }
  diagnostics.Error(where, InQuotes(what) + ": " + problem.message, hint);
}

std::optional<Expression> ParseExpression(BuildContext& context, const WordPlace& place,
                                          std::string_view what, std::string_view text,
                                          Needs offers) {
  ExpressionProblem problem;
  std::optional<Expression> expression =
      Expression::Compile(text, UnitsOf(context), offers, &problem);
  if (!expression) ReportProblem(context.diagnostics, place.At(), what, text, problem);
  return expression;
}

std::optional<Expression> ParseExpression(BuildContext& context, const KeywordUse& use,
                                          size_t argument, Needs offers) {
  if (argument >= use.arguments()) {
    Refuse(use, argument, "a sample expression is expected");
    return std::nullopt;
  }
  const WordPlace place{&use.line, use.first_argument + argument};
  return ParseExpression(context, place, use.keyword->words, use.argument(argument), offers);
}

}  // namespace engine
