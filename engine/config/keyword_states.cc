#include "engine/config/keyword_states.h"

namespace engine {

std::span<const KeywordState> KeywordStates() { return {}; }

}  // namespace engine
