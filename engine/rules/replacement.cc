#include "engine/rules/replacement.h"

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"

namespace engine {

bool Replacement::Take(ActionUse& action) {
  std::string_view pattern;
  if (!action.TakeArgument("a regular expression", &pattern)) return false;
  std::string error;
  regex_ = Regex::Compile(pattern, false, &error);
  if (regex_ == nullptr) {
    return action.Refuse("regular expression " + InQuotes(pattern) + ": " + error);
  }
  return action.TakeText("a text with '\\1' for the first group", TextUse::kMessage, &text_);
}

namespace {

// What stands at `text[*at]`: a letter, or a group ("\\1"); a backslash protects what is no digit.
std::string_view PieceAt(std::string_view text, size_t* at, const Regex::Groups& groups) {
  if (text[*at] != '\\' || *at + 1 == text.size()) return text.substr((*at)++, 1);
  const char c = text[*at + 1];
  *at += 2;
  return base::IsDigit(c) ? groups[size_t(c - '0')] : text.substr(*at - 1, 1);
}

}  // namespace

bool Replacement::Replace(RuleContext& context, std::string_view old, std::string_view* made,
                          bool* changed) const {
  Regex::Groups groups;
  *changed = regex_->MatchesGroups(old, &groups);
  if (!*changed) return true;
  std::string_view text;
  if (!text_.Write(context, &text)) return false;
  size_t bytes = 0;
  for (size_t at = 0; at < text.size();) bytes += PieceAt(text, &at, groups).size();
  char* const to = context.scratch().Take(bytes);
  if (to == nullptr) return false;
  size_t used = 0;
  for (size_t at = 0; at < text.size();) {
    const std::string_view piece = PieceAt(text, &at, groups);
    piece.copy(to + used, piece.size());
    used += piece.size();
  }
  *made = {to, bytes};
  return true;
}

}  // namespace engine
