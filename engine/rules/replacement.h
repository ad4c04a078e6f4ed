// replacement.h - a regular expression and what takes the place of what it finds (manual 4.4,
// replace-header and its kin).
//
// Owns:    the expression and the text.
// Threads: start-up while it is read, then immutable.
// Units:   bytes.
// Errors:  Take() reports; Replace(): false when the scratch is used up.
// States:  empty -> read.
//
//   Replacement replacement;
//   replacement.Take(action);                            // <match-regex> <replace-fmt>
//   replacement.Replace(context, old, &made, &changed);  // "\1" is the first group

#pragma once

#include <memory>
#include <string_view>

#include "engine/expr/regex.h"
#include "engine/server/rule_text.h"

namespace engine {

struct ActionUse;
class RuleContext;

class Replacement {
 public:
  bool Take(ActionUse& action);
  // Where the expression matches, `*made` is the text with its groups put in; else `*changed` is
  // false.
  bool Replace(RuleContext& context, std::string_view old, std::string_view* made,
               bool* changed) const;

 private:
  std::shared_ptr<const Regex> regex_;
  RuleText text_;
};

}  // namespace engine
