// expression_words.h - expressions as words of the configuration.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   words of a line.
// Errors:  reported under the word, with file and line: what was expected, where the fetch can be
//          used, and the nearest correct word.
// States:  none.
//
//   auto key = ParseExpression(context, use, 0, place::kHttpRequest);
//   if (!key) return false;   // has been reported

#pragma once

#include <optional>

#include "engine/expr/expression.h"
#include "engine/expr/places.h"
#include "engine/server/build_context.h"

namespace engine {

// What expressions are made of. Those that are compiled next are of the section that is read: it
// has a table of ACLs from now on.
const Registry& UnitsOf(const BuildContext& context);

// The whole argument. `offers`: one of place::.
std::optional<Expression> ParseExpression(BuildContext& context, const KeywordUse& use,
                                          size_t argument, Needs offers);
// The same for a word that is read again later, and for `text` as a part of it, `what` naming its
// line in messages.
std::optional<Expression> ParseExpression(BuildContext& context, const WordPlace& place,
                                          std::string_view what, std::string_view text,
                                          Needs offers);
// Whom `expression` names must exist: that is seen by CheckNamed(), once all was read.
void NoteNamed(BuildContext& context, const WordPlace& place, const Expression& expression);
void CheckNamed(BuildContext& context);
// Reports `problem` of an expression that begins `text` under the word.
void ReportProblem(Diagnostics& diagnostics, const Location& where, std::string_view what,
                   std::string_view text, const ExpressionProblem& problem);

}  // namespace engine
