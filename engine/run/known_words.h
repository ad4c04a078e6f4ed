// known_words.h - the one place where every module's words come together, for -dK, for
// docs/keywords.md and for the test against the manual.
//
// Owns:    nothing; the list is the caller's.
// Threads: start-up.
// Units:   none.
// Errors:  a word that two modules register for one place dies (engine/config/words.h).
// States:  none.
//
//   const WordList words = KnownWords();
//
// A module that has words of its own kind gets one line in KnownWords(), which hands over the
// names in the module's own table. From then on a new entry of that table is all a feature needs.
// Configuration keywords are not in the list: AllKeywords() has them.

#pragma once

#include "engine/config/words.h"

namespace engine {

WordList KnownWords();

}  // namespace engine
