#include "engine/expr/variables.h"

#include <algorithm>
#include <memory>

#include "engine/config/diagnostics.h"

namespace engine {
namespace {

constexpr std::string_view kConditions[] = {"ifexists", "ifnotexists", "ifempty", "ifnotempty",
                                            "ifset",    "ifnotset",    "ifgt",    "iflt"};

bool IsEmpty(const Sample& sample) {
  const bool is_text = sample.type == SampleType::kString || sample.type == SampleType::kBinary ||
                       sample.type == SampleType::kMethod;
  return is_text && sample.text.empty();
}

bool GiveVariable(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const Sample* found = context.FindVariable(*unit.arguments.all[0].variable);
  if (found != nullptr) {
    sample = *found;
    return true;
  }
  if (!unit.arguments.has(1)) return false;
  sample.SetString(unit.arguments.all[1].text);
  return true;
}

bool PrepareUpdate(PreparedUnit& unit, std::string* why) {
  std::vector<std::string> words;
  for (const Argument& argument : unit.arguments.all) {
    if (argument.given) words.push_back(argument.text);
  }
  auto update = std::make_shared<VariableUpdate>();
  if (!update->Read(words, why)) return false;
  unit.object = std::move(update);
  return true;
}

bool SetVariable(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return static_cast<const VariableUpdate*>(unit.object.get())->Store(context, sample);
}

bool UnsetVariable(const PreparedUnit& unit, Sample&, EvalContext& context) {
  context.ForgetVariable(*unit.arguments.all[0].variable);
  return true;
}

constexpr ArgumentSpec kVar[] = {{"var-name", ArgumentType::kVariable},
                                 {"default", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kSet[] = {{"var", ArgumentType::kVariable},
                                 {"cond", ArgumentType::kString, kOptional},
                                 {"cond", ArgumentType::kString, kOptional},
                                 {"cond", ArgumentType::kString, kOptional},
                                 {"cond", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kUnset[] = {{"var", ArgumentType::kVariable}};

constexpr FetchSpec kVariableFetches[] = {
    {"var", SampleKind::kAny, kVar, needs::kNothing, &GiveVariable},
};
constexpr ConverterSpec kVariableConverters[] = {
    {"set-var", SampleKind::kAny, SampleKind::kSame, kSet, &SetVariable, &PrepareUpdate},
    {"unset-var", SampleKind::kAny, SampleKind::kSame, kUnset, &UnsetVariable},
};

}  // namespace

bool VariableUpdate::Read(std::span<const std::string> words, std::string* why) {
  if (words.empty() || words[0].empty()) {
    *why = "a variable is expected";
    return false;
  }
  std::optional<VariableName> name = ParseVariable(words[0], why);
  if (!name) {
    *why = InQuotes(words[0]) + ": " + *why;
    return false;
  }
  name_ = std::move(*name);
  if (words.size() > 1 + kConditionsMax) {
    *why = "takes four conditions at most";
    return false;
  }
  for (const std::string& word : words.subspan(1)) {
    const auto found = std::find(std::begin(kConditions), std::end(kConditions), word);
    if (found == std::end(kConditions)) {
      *why = "unknown condition " + InQuotes(word);
      const std::string hint = Suggest(word, kConditions);
      if (!hint.empty()) *why += "; " + hint;
      return false;
    }
    conditions_.push_back(StoreIf(found - std::begin(kConditions)));
  }
  return true;
}

bool VariableUpdate::Holds(StoreIf condition, const Sample* old, const Sample& sample) const {
  const bool exists = old != nullptr || name_.scope == VariableScope::kProcess;
  const bool comparable =
      old != nullptr && old->type == SampleType::kInteger && sample.type == SampleType::kInteger;
  switch (condition) {
    case StoreIf::kExists:
      return exists;
    case StoreIf::kNotExists:
      return !exists;
    case StoreIf::kEmpty:
      return IsEmpty(sample);
    case StoreIf::kNotEmpty:
      return !IsEmpty(sample);
    case StoreIf::kSet:
      return old != nullptr;
    case StoreIf::kNotSet:
      return old == nullptr;
    case StoreIf::kGreater:
      return !comparable || old->number > sample.number;
    case StoreIf::kLess:
      return !comparable || old->number < sample.number;
  }
  return true;
}

bool VariableUpdate::Store(EvalContext& context, const Sample& sample) const {
  if (!conditions_.empty()) {
    const Sample* old = context.FindVariable(name_);
    for (const StoreIf condition : conditions_) {
      if (!Holds(condition, old, sample)) return false;
    }
  }
  return context.StoreVariable(name_, sample);
}

std::span<const FetchSpec> VariableFetches() { return kVariableFetches; }

std::span<const ConverterSpec> VariableConverters() { return kVariableConverters; }

}  // namespace engine
