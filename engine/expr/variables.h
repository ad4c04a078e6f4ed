// variables.h - reading and setting variables (manual 2.8): the fetch `var`, the converters
// `set-var` and `unset-var`, and what the actions of these names share with them.
//
// Owns:    a VariableUpdate what its words said.
// Threads: start-up while it is read; Store() of any shard, each with its own EvalContext.
// Units:   none.
// Errors:  Read() says what is wrong in a clause; Store(): false when a condition
//          does not hold, or there was no room.
// States:  none.
//
//   VariableUpdate update;
//   std::string why;
//   update.Read({"txn.x", "ifnotset"}, &why);
//   update.Store(context, sample);

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/expr/unit.h"

namespace engine {

// "ifexists", "ifgt" and their kin: all that are given must hold.
enum class StoreIf : uint8_t {
  kExists,
  kNotExists,
  kEmpty,
  kNotEmpty,
  kSet,
  kNotSet,
  kGreater,
  kLess
};

class VariableUpdate {
 public:
  static constexpr size_t kConditionsMax = 4;

  // The variable, and conditions behind it.
  bool Read(std::span<const std::string> words, std::string* why);
  bool Store(EvalContext& context, const Sample& sample) const;
  const VariableName& name() const { return name_; }

 private:
  bool Holds(StoreIf condition, const Sample* old, const Sample& sample) const;

  VariableName name_;
  std::vector<StoreIf> conditions_;
};

std::span<const FetchSpec> VariableFetches();
std::span<const ConverterSpec> VariableConverters();

}  // namespace engine
