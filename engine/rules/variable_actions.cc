#include <memory>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/expr/variables.h"
#include "engine/rules/actions.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"

namespace engine {
namespace {

constexpr Places kEverywhere = ruleset::kTcpConnection | ruleset::kTcpSession |
                               ruleset::kTcpContent | ruleset::kTcpResponse |
                               ruleset::kHttpRequest | ruleset::kHttpResponse | ruleset::kHttpAfter;

// A value that is missing, or has no room, leaves the variable as it is.
class SetVar final : public RuleAction {
 public:
  SetVar(VariableUpdate update, Expression value)
      : update_(std::move(update)), value_(std::move(value)) {}
  Verdict Run(RuleContext& context) const override {
    Sample sample;
    if (value_.Run(context, sample)) (void)update_.Store(context, sample);
    return Verdict::kContinue;
  }

 private:
  const VariableUpdate update_;
  const Expression value_;
};

class SetVarText final : public RuleAction {
 public:
  SetVarText(VariableUpdate update, RuleText value)
      : update_(std::move(update)), value_(std::move(value)) {}
  Verdict Run(RuleContext& context) const override {
    std::string_view text;
    if (value_.Write(context, &text)) (void)update_.Store(context, Sample::String(text));
    return Verdict::kContinue;
  }

 private:
  const VariableUpdate update_;
  const RuleText value_;
};

class UnsetVar final : public RuleAction {
 public:
  explicit UnsetVar(VariableName name) : name_(std::move(name)) {}
  Verdict Run(RuleContext& context) const override {
    context.ForgetVariable(name_);
    return Verdict::kContinue;
  }

 private:
  const VariableName name_;
};

// Before there is a stream, nothing but the process and the session has variables (manual 4.4).
bool TakeVariable(ActionUse& action, VariableUpdate* update) {
  std::vector<std::string> words;
  for (const std::string_view word : base::Split(action.glued, ',')) {
    words.emplace_back(base::Trim(word));
  }
  std::string why;
  if (!update->Read(words, &why)) {
    action.RefuseWord(why);
    return false;
  }
  const VariableScope scope = update->name().scope;
  const bool is_early =
      action.stage == RuleStage::kTcpConnection || action.stage == RuleStage::kTcpSession;
  if (is_early && scope != VariableScope::kProcess && scope != VariableScope::kSession) {
    action.RefuseWord("only variables of 'proc' and 'sess' can be used before there is a stream");
    return false;
  }
  if (scope == VariableScope::kCheck) {
    action.RefuseWord("variables of 'check' are those of health checks");
    return false;
  }
  return true;
}

std::unique_ptr<const RuleAction> MakeSetVar(ActionUse& action) {
  VariableUpdate update;
  std::optional<Expression> value;
  if (!TakeVariable(action, &update) || !action.TakeExpression(&value)) return nullptr;
  return std::make_unique<SetVar>(std::move(update), std::move(*value));
}

std::unique_ptr<const RuleAction> MakeSetVarText(ActionUse& action) {
  VariableUpdate update;
  RuleText value;
  if (!TakeVariable(action, &update) || !action.TakeText("a text", TextUse::kOther, &value))
    return nullptr;
  return std::make_unique<SetVarText>(std::move(update), std::move(value));
}

std::unique_ptr<const RuleAction> MakeUnsetVar(ActionUse& action) {
  VariableUpdate update;
  if (!TakeVariable(action, &update)) return nullptr;
  return std::make_unique<UnsetVar>(update.name());
}

constexpr ActionSpec kVariableActions[] = {
    {"set-var", kEverywhere, &MakeSetVar, true},
    {"set-var-fmt", kEverywhere, &MakeSetVarText, true},
    {"unset-var", kEverywhere, &MakeUnsetVar, true},
};

}  // namespace

std::span<const ActionSpec> VariableActions() { return kVariableActions; }

}  // namespace engine
