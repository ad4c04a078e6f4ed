// keyword_states.h - the words of the manual that have no effect yet, each with what that means.
//
// Owns:    a constant table.
// Threads: immutable.
// Units:   `arguments` in words, on option lines only.
// Errors:  none.
// States:  none. A word moves out of the table when a module registers it with a handler; having
//          it in both is a bug that registration dies on.
//
//   for (const KeywordState& state : KeywordStates()) keywords.Add({state.words, state.scopes});
//
// The rule (DESIGN 6): what merely tunes is accepted with a warning. What decides who may pass,
// what is encrypted or where traffic goes is refused until it works. A word that only matters
// together with a refused one is accepted as well; its row says with which, and has to change the
// day that one starts to work.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/config/keywords.h"

namespace engine {

struct KeywordState {
  std::string_view words;
  Scopes scopes = 0;
  Support support = Support::kTunesOnly;
  Prefixes prefixes = kNoPrefix;
  uint32_t arguments = 0;
  std::string_view note = {};
  std::string_view values = {};  // KeywordSpec::values, of words without effect
};

std::span<const KeywordState> KeywordStates();
// The same for the sections beside proxies.
std::span<const KeywordState> SectionStates();

}  // namespace engine
