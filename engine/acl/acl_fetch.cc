// The fetch `acl` (manual 7.3.2): named ACLs of the section that its expression stands in, as one
// sample.

#include <algorithm>

#include "engine/acl/acl.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

constexpr size_t kNamesMax = 12;
// ACLs that look at ACLs that look at ACLs: each level is a level of the stack.
constexpr uint32_t kDepthMax = 8;

struct Terms {
  struct Term {
    std::shared_ptr<const Acl> acl;
    bool negated = false;
  };
  std::vector<Term> all;
};

bool RunTerms(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const auto& terms = static_cast<const Terms*>(unit.object.get())->all;
  char* const mark = context.scratch().Take(0);
  Outcome outcome = Outcome::kYes;
  for (const Terms::Term& term : terms) {
    Outcome one = term.acl->Run(context);
    context.scratch().Shrink(mark, 0);
    if (term.negated && one != Outcome::kLater) {
      one = one == Outcome::kYes ? Outcome::kNo : Outcome::kYes;
    }
    outcome = std::min(outcome, one);
    if (outcome == Outcome::kNo) break;
  }
  context.SetUnsettled(outcome == Outcome::kLater);
  if (outcome == Outcome::kLater) return false;
  sample.SetBoolean(outcome == Outcome::kYes);
  return true;
}

}  // namespace

AclTable* AclTable::current_ = nullptr;

bool AclTable::PrepareFetch(PreparedUnit& unit, std::string* why) {
  auto terms = std::make_shared<Terms>();
  for (const Argument& argument : unit.arguments.all) {
    if (!argument.given) continue;
    std::string_view name = argument.text;
    const bool negated = name.starts_with('!');
    if (negated) name.remove_prefix(1);
    std::shared_ptr<const Acl> acl = current_ == nullptr ? nullptr : current_->FindNamed(name);
    if (acl == nullptr) {
      *why = "no ACL is named " + InQuotes(name) + " here";
      return false;
    }
    if (Acl* extended = current_->extended_) {
      if (extended == acl.get() || extended->is_looked_at_) {
        *why = "ACL " + InQuotes(extended->name_) +
               " is looked at by 'acl()' already, so it cannot look at others";
        return false;
      }
      extended->depth_ = std::max(extended->depth_, acl->depth_ + 1);
      if (extended->depth_ > kDepthMax) {
        *why = "ACLs look at ACLs over more than " + std::to_string(kDepthMax) + " levels";
        return false;
      }
      acl->is_looked_at_ = true;
    }
    terms->all.push_back({std::move(acl), negated});
  }
  unit.object = std::move(terms);
  return true;
}

std::span<const FetchSpec> AclTable::Fetches() {
  static constexpr ArgumentSpec kNames[kNamesMax] = {{"name", ArgumentType::kString},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional},
                                                     {"name", ArgumentType::kString, kOptional}};
  // Needs nothing itself: nobody checks whether its ACLs have what they need here (manual 7.3.2).
  static constexpr FetchSpec kFetches[] = {
      {"acl", SampleKind::kBoolean, kNames, needs::kServing, &RunTerms, &AclTable::PrepareFetch}};
  return kFetches;
}

}  // namespace engine
