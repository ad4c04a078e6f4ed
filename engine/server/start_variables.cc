#include "engine/server/start_variables.h"

#include <memory>
#include <optional>

#include "base/clock.h"
#include "engine/expr/bare_context.h"
#include "engine/server/build_context.h"
#include "engine/server/expression_words.h"
#include "engine/server/rule_keywords.h"

namespace engine {
namespace {

constexpr size_t kScratchBytes = 65536;
// What ProcessVariables keeps of a text.
constexpr size_t kTextBytesMax = 232;

// Beside the process, the variables set so far are at hand.
class StartContext final : public BareContext {
 public:
  StartContext(Scratch& scratch, const StartVariables& variables)
      : BareContext(scratch), variables_(variables) {}
  uint64_t Random() override { return base::MonotonicMicros() * 0x9e3779b97f4a7c15; }
  const Sample* FindVariable(const VariableName& name) override {
    for (const StartVariable& one : variables_) {
      if (one.name.scope != name.scope || one.name.name != name.name) continue;
      found_ = one.value();
      return &found_;
    }
    return nullptr;
  }

 private:
  const StartVariables& variables_;
  Sample found_;
};

void Put(StartVariables& variables, VariableName name, const Sample& sample) {
  StartVariable made{std::move(name), sample, std::string(sample.text)};
  for (StartVariable& one : variables) {
    if (one.name.name != made.name.name) continue;
    one = std::move(made);
    return;
  }
  variables.push_back(std::move(made));
}

bool TakeVariable(BuildContext& context, KeywordUse& use, bool is_text) {
  if (!HasArguments(use, 2, 2,
                    is_text ? "a variable and a text" : "a variable and an expression")) {
    return false;
  }
  std::string why;
  std::optional<VariableName> name = ParseVariable(use.argument(0), &why);
  if (!name) return Refuse(use, 0, why);
  if (name->scope != VariableScope::kProcess) {
    return Refuse(use, 0, "only variables of the process ('proc.') can be set here");
  }
  const auto memory = std::make_unique<char[]>(kScratchBytes);
  Scratch scratch(memory.get(), kScratchBytes);
  StartVariables& variables = context.configuration.global.start_variables;
  StartContext start(scratch, variables);
  // The sample may lie in one of them.
  RuleText text;
  std::optional<Expression> expression;
  Sample sample;
  if (is_text) {
    if (!CompileText(context, use, 1, place::kStart, TextUse::kOther, &text)) return false;
    std::string_view made;
    if (!text.Write(start, &made)) return Refuse(use, 1, "the text is too long");
    sample.SetString(made);
  } else {
    expression = ParseExpression(context, use, 1, place::kStart);
    if (!expression) return false;
    // A variable that does not exist gives nothing, here as in rules.
    if (!expression->Run(start, sample)) return true;
  }
  if (sample.text.size() > kTextBytesMax) {
    return Refuse(use, 1,
                  "the value has " + std::to_string(sample.text.size()) +
                      " bytes, and a variable of the process can hold " +
                      std::to_string(kTextBytesMax));
  }
  Put(variables, std::move(*name), sample);
  return true;
}

}  // namespace

void RegisterStartVariables(BuildKeywords& keywords) {
  keywords.Add({"set-var", scope::kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return TakeVariable(context, use, false);
  });
  keywords.Add({"set-var-fmt", scope::kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return TakeVariable(context, use, true);
  });
}

}  // namespace engine
