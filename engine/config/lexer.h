// lexer.h - one line of configuration cut into words with their positions (manual 2.2, 2.3).
//
// Owns:    a Line owns the text of its words; its file and raw text belong to the Tree.
// Threads: start-up while lexing; a Line is immutable afterwards.
// Units:   columns in bytes of the raw line, from 1.
// Errors:  the first fault of a line ends it: LexProblem says where and what.
// States:  none.
//
//   Line line{.source = &file, .number = 12, .raw = " bind :80 # public"};
//   LexProblem problem;
//   if (!LexLine({.environment = &environment}, line, problem)) Report(line, problem);
//   line.text(1);  // ":80"
//
// Where the manual leaves a choice we do what haproxy 2.6 was seen to do: a backslash before any
// other character stays, also at the end of a line (there are no continuation lines); a default
// value runs raw up to the first '}'; `[*]` splits the value at white space and what stands around
// the variable sticks to the first and the last piece. One known difference from the manual's
// matrix: outside quotes `\$` keeps its backslash, as 2.6 does, since regular expressions count on
// it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/diagnostics.h"
#include "engine/config/environment.h"

namespace engine {

inline constexpr size_t kLineBytesMax = size_t{1} << 20;
inline constexpr size_t kWordsMax = 8192;                       // per line, after expansion
inline constexpr size_t kExpandedBytesMax = 4 * kLineBytesMax;  // per line, after expansion

struct SourceFile {
  std::string path;  // as the user gave it: messages repeat it
  std::string text;
};

struct Word {
  std::string text;
  uint32_t column = 0;
  uint32_t length_bytes = 0;  // of the raw text, quotes included
  bool quoted = false;        // some part of it was quoted, escaped or expanded
  std::string_view variable;  // of Line::raw: the last one that is part of it; empty: none
};

struct Line {
  const SourceFile* source = nullptr;
  uint32_t number = 0;
  std::string_view raw;  // without its line feed
  std::vector<Word> words;

  size_t size() const { return words.size(); }
  // The text of a word, empty when the line is shorter.
  std::string_view text(size_t word) const {
    return word < words.size() ? std::string_view(words[word].text) : std::string_view();
  }
  // Points at a word; past the last one, at the end of the line, where a word is missing.
  Location At(size_t word) const;
  Location At() const;  // the whole line, no caret
};

struct LexProblem {
  uint32_t column = 0;
  std::string message;
  std::string hint;
};

struct LexContext {
  const Environment* environment = nullptr;  // null: every variable is unknown
  std::string_view section;                  // what ${.SECTION} gives
  // The manual (2.3) and haproxy expand inside double quotes only: a bare `$` ends many a regular
  // expression. Set this to expand `$NAME` and `${NAME}` in bare words too, where a '$' that starts
  // no name stays.
  bool expand_bare_words = false;
};

// Cuts line.raw into line.words. On false the words found so far are kept.
[[nodiscard]] bool LexLine(const LexContext& context, Line& line, LexProblem& problem);

// The first bare word of a line, uninterpreted: enough to find the directives of a skipped block.
std::string_view FirstRawWord(std::string_view raw);

}  // namespace engine
