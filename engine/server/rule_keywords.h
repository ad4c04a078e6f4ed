// rule_keywords.h - the lines that decide: acl, http-request and its kin, use_backend, use-server,
// redirect, monitor fail, force-persist, ignore-persist (manual 4.2 to 4.4).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   words of a line.
// Errors:  reported under the word, with the nearest correct one.
// States:  none.
//
// An action reads its own words through an ActionUse:
//
//   std::unique_ptr<const RuleAction> MakeSetStatus(ActionUse& action) {
//     uint16_t status = 0;
//     if (!action.Take(ParseInteger(action.Next(), 200, 999), "a status", status)) return nullptr;
//     return std::make_unique<SetStatus>(status);
//   }

#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "engine/expr/places.h"
#include "engine/server/build_context.h"
#include "engine/server/rule_config.h"

namespace engine {

// An answer that a rule gives (deny, tarpit, return).
struct RuleReply {
  // Null: the one of `status` that the proxies have.
  std::shared_ptr<const HttpReply> reply;
  uint16_t status = 0;
};

// One action while its words are read.
struct ActionUse {
  BuildContext& context;
  const KeywordUse& use;  // its keyword is "http-request deny", its arguments what stands behind
  RuleStage stage;
  Needs offers;
  std::string_view glued;  // "txn.x" of "set-var(txn.x)"
  size_t next = 0;         // the first argument that was not taken

  // Nothing is left but a condition.
  bool done() const;
  std::string_view peek() const { return done() ? std::string_view() : use.argument(next); }
  // The next word is this one, and is taken.
  bool TakeWord(std::string_view word);
  // The next argument; reports that `expected` is missing.
  bool TakeArgument(std::string_view expected, std::string_view* argument);
  bool TakeText(std::string_view expected, TextUse use, RuleText* text);
  bool TakeExpression(std::optional<Expression>* expression);
  // Under the argument taken last. Always false.
  bool Refuse(std::string_view message, std::string_view hint = {}) const;
  // The same under the action's own word.
  void RefuseWord(std::string_view message) const;
  // The words of `return` and `deny`.
  std::shared_ptr<const RuleReply> TakeReply(uint16_t status, bool is_return);
};

void RegisterRuleKeywords(BuildKeywords& keywords);
void RegisterStartVariables(BuildKeywords& keywords);  // start_variables.cc
// Once every section was read.
void FinishRules(BuildContext& context, ProxyDraft& draft);
void FinishRulesGlobal(BuildContext& context);

// Compiles a text that may hold `%[...]`; reports under the argument.
bool CompileText(BuildContext& context, const KeywordUse& use, size_t argument, Needs offers,
                 TextUse text_use, RuleText* text);

}  // namespace engine
