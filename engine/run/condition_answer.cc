#include "engine/run/condition_answer.h"

#include <cstdio>
#include <string>

#include "engine/config/tree.h"
#include "engine/log/console.h"
#include "engine/run/version.h"

namespace engine {
namespace {

// Quotes and variables mean what they mean in a file behind `.if`.
Condition EvaluateArgument(const Options& options, const Environment& environment) {
  Line line;
  line.raw = options.condition;
  LexProblem problem;
  if (!LexLine({.environment = &environment}, line, problem)) {
    return {.result = ConditionResult::kUnparsable,
            .position = problem.column == 0 ? 0 : problem.column - 1,
            .message = problem.message};
  }
  // Nothing at all is false, as behind `.if`; what has no word in it says nothing.
  if (line.words.empty() && !line.raw.empty()) {
    return {.result = ConditionResult::kUnparsable,
            .message = "there is no condition in '" + options.condition + "'"};
  }
  std::string text;
  for (const Word& word : line.words) text += (text.empty() ? "" : " ") + word.text;
  return EvaluateCondition(text, environment, MakeConditionFacts(options));
}

}  // namespace

int PrintCondition(const Options& options) {
  Environment environment = Environment::FromProcess();
  PresetVariables(options, &environment);
  const Condition condition = EvaluateArgument(options, environment);
  if (condition.result == ConditionResult::kUnparsable) {
    std::fprintf(stderr, "%s\n",
                 Console::Render("[ALERT]", condition.message + " (at character " +
                                                std::to_string(condition.position + 1) + ")")
                     .c_str());
    return kExitUnparsable;
  }
  return condition.result == ConditionResult::kTrue ? kExitGood : kExitConditionFalse;
}

}  // namespace engine
