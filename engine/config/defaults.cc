#include "engine/config/defaults.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/config/words.h"

namespace engine {
namespace {

std::string At(const Section& section) {
  return base::Format("%s:%u", section.header.source->path.c_str(), section.header.number);
}

// True when following `from` names from `start`, in any direction, comes back to `section`.
bool IsCycle(const Tree& tree, const Section& section) {
  std::set<const Section*> seen;
  const Section* at = &section;
  while (at != nullptr && !at->from.empty() && seen.insert(at).second) {
    const Section* next = nullptr;
    for (const Section& each : tree.sections()) {
      if (each.kind == SectionKind::kDefaults && each.name == at->from) next = &each;
    }
    if (next == &section) return true;
    at = next;
  }
  return false;
}

// "tcp-request content accept" is a rule, "tcp-request inspect-delay 5s" is none.
bool IsRule(const Line& line) {
  const std::string words = std::string(line.text(0)) + " " + std::string(line.text(1));
  const auto lines = RuleLines();
  return std::any_of(lines.begin(), lines.end(), [&](const RuleLine& rule) {
    return rule.words == line.text(0) || rule.words == words;
  });
}

const Line* FirstRule(const Section& section) {
  const auto found = std::find_if(section.lines.begin(), section.lines.end(), IsRule);
  return found == section.lines.end() ? nullptr : &*found;
}

}  // namespace

bool DefaultsChains::Resolve(const Tree& tree, Diagnostics& diagnostics) {
  const size_t errors_before = diagnostics.errors();
  parents_.clear();
  const Section* latest = nullptr;
  std::map<const Section*, const Section*> asked_for;  // defaults -> a proxy that named it
  std::map<const Section*, const Section*> fallen_to;  // defaults -> a proxy that just follows it
  for (const Section& section : tree.sections()) {
    const bool is_defaults = section.kind == SectionKind::kDefaults;
    if (!is_defaults && !section.is_proxy()) continue;
    const Section* parent = nullptr;
    if (section.from_word != 0) {
      parent = section.from.empty() ? nullptr : FindFrom(tree, section, diagnostics);
      if (parent != nullptr && !is_defaults) asked_for.emplace(parent, &section);
    } else if (!is_defaults) {
      parent = latest;
      if (parent != nullptr) fallen_to.emplace(parent, &section);
    }
    if (parent != nullptr) parents_[&section] = parent;
    if (is_defaults) latest = &section;
  }
  // In the order of the files, though the maps are not.
  for (const Section& section : tree.sections()) {
    const auto asked = asked_for.find(&section);
    const auto fallen = fallen_to.find(&section);
    if (asked == asked_for.end() || fallen == fallen_to.end()) continue;
    diagnostics.Warning(section.header.At(1),
                        section.Title() + " is explicitly used by " + asked->second->Title() +
                            " (" + At(*asked->second) + ") and implicitly by " +
                            fallen->second->Title() + " (" + At(*fallen->second) + ")",
                        "name it with 'from' everywhere, or add a last 'defaults' for the others");
  }
  CheckRules(tree, diagnostics);
  return diagnostics.errors() == errors_before;
}

// Manual 4.4 (http-request): rules of one section are not for both ends of a way.
void DefaultsChains::CheckRules(const Tree& tree, Diagnostics& diagnostics) const {
  std::map<const Section*, const Section*> users;  // of those with rules, the first proxy
  std::map<const Section*, const Line*> rules;
  for (const Section& section : tree.sections()) {
    if (section.kind == SectionKind::kDefaults) rules[&section] = FirstRule(section);
  }
  for (const Section& section : tree.sections()) {
    if (!section.is_proxy()) continue;
    for (const Section* from = Parent(section); from != nullptr; from = Parent(*from)) {
      const Line* rule = rules[from];
      if (rule == nullptr) continue;
      const Section& other = *users.try_emplace(from, &section).first->second;
      const bool is_both = section.kind == SectionKind::kListen;
      if (!is_both && other.kind == section.kind) continue;
      const std::string which = from->Title() + " (" + At(*from) + ")";
      diagnostics.Error(
          section.header.At(section.from_word != 0 ? section.from_word : 1),
          is_both ? section.Title() + " is a frontend and a backend and cannot start from " +
                        which + ", which has rules"
                  : section.Title() + " and " + other.Title() + " (" + At(other) +
                        ") cannot both start from " + which + ", which has rules",
          base::Format("a request would meet the rule of line %u twice: frontends and backends "
                       "need sections of their own for rules",
                       rule->number));
    }
  }
}

bool DefaultsChains::IsWhole(const Section& section) const {
  for (const Section* at = &section; at != nullptr; at = Parent(*at)) {
    if (!at->is_whole || (at->from_word != 0 && Parent(*at) == nullptr)) return false;
  }
  return true;
}

const Section* DefaultsChains::FindFrom(const Tree& tree, const Section& section,
                                        Diagnostics& diagnostics) const {
  const Location where = section.header.At(section.from_word);
  const std::string quoted = InQuotes(section.from);
  const Section* found = nullptr;
  const Section* later = nullptr;
  bool is_before = true;
  std::vector<std::string_view> names;
  for (const Section& each : tree.sections()) {
    if (&each == &section) is_before = false;
    if (each.kind != SectionKind::kDefaults || each.name.empty()) continue;
    names.push_back(each.name);
    if (each.name != section.from) continue;
    if (!is_before) {
      if (later == nullptr) later = &each;
      continue;
    }
    if (found != nullptr) {
      diagnostics.Error(where, "ambiguous defaults section name " + quoted + " referenced by " +
                                   section.Title() + " exists at least at " + At(*found) + " and " +
                                   At(each));
      return nullptr;
    }
    found = &each;
  }
  if (found == nullptr && later != nullptr && IsCycle(tree, section)) {
    diagnostics.Error(where, "defaults section " + quoted + " referenced by " + section.Title() +
                                 " takes its settings from it in turn: the chain is cyclic");
    return nullptr;
  }
  if (found == nullptr) {
    std::erase(names, std::string_view(section.name));
    diagnostics.Error(where, "defaults section " + quoted + " not found for " + section.Title(),
                      later != nullptr ? "it is declared after, at " + At(*later) + ": move it up"
                                       : Suggest(section.from, names));
    return nullptr;
  }
  if (const char bad = ForbiddenNameByte(found->name); bad != '\0') {
    diagnostics.Error(where, "character '" + std::string(1, bad) +
                                 "' is not permitted in the name of a referenced defaults section");
    return nullptr;
  }
  return found;
}

std::vector<const Section*> DefaultsChains::Chain(const Section& section) const {
  std::vector<const Section*> chain;
  for (const Section* at = &section; at != nullptr; at = Parent(*at)) chain.push_back(at);
  std::reverse(chain.begin(), chain.end());
  return chain;
}

const Section* DefaultsChains::Parent(const Section& section) const {
  const auto found = parents_.find(&section);
  return found == parents_.end() ? nullptr : found->second;
}

}  // namespace engine
