#include "engine/server/rule_config.h"

namespace engine {

void ActionTable::Add(std::span<const ActionSpec> actions) {
  for (const ActionSpec& spec : actions) actions_.push_back(&spec);
}

const ActionSpec* ActionTable::Find(std::string_view name, Places place) const {
  for (const ActionSpec* spec : actions_) {
    if (spec->name == name && (spec->places & place) != 0) return spec;
  }
  return nullptr;
}

}  // namespace engine
