#include "engine/server/rule_keywords.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/config/not_yet.h"
#include "engine/server/expression_words.h"
#include "engine/server/http_replies.h"
#include "engine/server/process_keywords.h"
#include "engine/server/stats_keywords.h"
#include "engine/server/userlist.h"

namespace engine {
namespace {

using scope::kAll;
using scope::kBack;
using scope::kFront;

constexpr size_t kPatternFileBytesMax = size_t{256} << 20;

struct StageInfo {
  RuleStage stage;
  std::string_view words;
  Places place;  // whose actions it knows; 0: only its own
  Needs offers;
  Scopes scopes;
};
constexpr StageInfo kStages[] = {
    {RuleStage::kTcpConnection, "tcp-request connection", ruleset::kTcpConnection,
     place::kTcpConnection, scope::kDefaults | kFront},
    {RuleStage::kTcpSession, "tcp-request session", ruleset::kTcpSession, place::kTcpSession,
     scope::kDefaults | kFront},
    {RuleStage::kTcpContent, "tcp-request content", ruleset::kTcpContent, place::kTcpContent, kAll},
    {RuleStage::kHttpRequest, "http-request", ruleset::kHttpRequest, place::kHttpRequest, kAll},
    {RuleStage::kTcpResponse, "tcp-response content", ruleset::kTcpResponse, place::kTcpResponse,
     scope::kDefaults | kBack},
    {RuleStage::kHttpResponse, "http-response", ruleset::kHttpResponse, place::kHttpResponse, kAll},
    {RuleStage::kHttpAfter, "http-after-response", ruleset::kHttpAfter, place::kHttpResponse, kAll},
};

const ActionTable& ActionsOf(const BuildContext& context) {
  static const ActionTable none;
  return context.options.actions != nullptr ? *context.options.actions : none;
}

ProxyRules& RulesOf(ProxyDraft& draft) {
  if (draft.rules == nullptr) draft.rules = std::make_shared<ProxyRules>();
  return *draft.rules;
}

AclTable& AclsOf(BuildContext& context) {
  (void)UnitsOf(context);
  return *context.proxy->acls;
}

// A file of patterns, found as any other file of the line.
bool ReadPatterns(const BuildContext& context, const Line& line, std::string_view name,
                  std::string* contents, std::string* why) {
  Parsed<std::string> read = ReadReplyFile(FilePath(context, line, name), kPatternFileBytesMax);
  *why = read.error;
  *contents = std::move(read.value);
  return why->empty();
}

Location WhereIs(const KeywordUse& use, const AclProblem& problem) {
  Location where = use.line.At(problem.word);
  if (problem.length > 0 && problem.word < use.line.size() &&
      !use.line.words[problem.word].quoted) {
    where.column += uint32_t(problem.offset);
    where.length_bytes = uint32_t(problem.length);
  }
  return where;
}

std::string Told(const KeywordUse& use, const AclProblem& problem) {
  return "'" + use.keyword->words + "': " + problem.message;
}

void Report(const KeywordUse& use, const AclProblem& problem) {
  use.diagnostics.Error(WhereIs(use, problem), Told(use, problem), problem.hint);
}

void PrepareAcls(BuildContext& context, const KeywordUse& use, AclTable& acls) {
  acls.SetReader(
      [&context, &use](std::string_view name, std::string* contents, std::string* why) {
        return ReadPatterns(context, use.line, name, contents, why);
      },
      [&context, &use](const Expression& expression, size_t word) {
        NoteNamed(context, {&use.line, word}, expression);
      },
      [&use](const AclProblem& problem) {
        use.diagnostics.Warning(WhereIs(use, problem), Told(use, problem), problem.hint);
      });
}

void CheckUserlists(BuildContext& context) {
  for (const BuildContext::UserlistWord& word : context.userlist_words) {
    if (context.configuration.FindUserlist(word.name) != nullptr) continue;
    std::vector<std::string_view> names;
    for (const auto& list : context.configuration.userlists) names.push_back(list->name);
    context.diagnostics.Error(word.place.At(), "unable to find userlist " + InQuotes(word.name),
                              Suggest(word.name, names));
  }
}

// Rules and ACLs of a defaults section must be named by who uses them.
bool MayStandHere(const BuildContext& context, const KeywordUse& use) {
  const Section& section = *context.proxy->section;
  if (section.kind != SectionKind::kDefaults || !section.name.empty()) return true;
  return Refuse(use, 0, "is only allowed in a 'defaults' section that has a name");
}

// The order in which rules run, whatever the order of their lines (manual 4.2).
enum RuleOrder : uint32_t {
  kOrderTcpConnection = 1,
  kOrderTcpSession,
  kOrderTcpContent,
  kOrderMonitorFail,
  kOrderHttpRequest,
  kOrderRedirect,
  kOrderUseBackend,
  kOrderUseServer
};

void NoteOrder(BuildContext& context, const KeywordUse& use, uint32_t order) {
  ProxyDraft& draft = *context.proxy;
  if (context.is_inherited) return;  // a section of its own
  if (order >= draft.latest_rule) {
    draft.latest_rule = order;
    draft.latest_rule_words = use.keyword->words;
    return;
  }
  use.diagnostics.Warning(use.line.At(use.first_word), "a '" + use.keyword->words +
                                                           "' rule placed after a '" +
                                                           std::string(draft.latest_rule_words) +
                                                           "' rule will still be processed before");
}

uint32_t OrderOf(RuleStage stage) {
  switch (stage) {
    case RuleStage::kTcpConnection:
      return kOrderTcpConnection;
    case RuleStage::kTcpSession:
      return kOrderTcpSession;
    case RuleStage::kTcpContent:
      return kOrderTcpContent;
    case RuleStage::kHttpRequest:
      return kOrderHttpRequest;
    default:
      return 0;  // of responses
  }
}

// The condition at `argument`, if there is one. `offers`: what is at hand where it is asked.
bool TakeCondition(BuildContext& context, const KeywordUse& use, size_t argument, Needs offers,
                   std::optional<AclCondition>* condition) {
  if (argument >= use.arguments()) return true;
  if (!IsConditionWord(use.argument(argument))) {
    std::string hint = Suggest(use.argument(argument), {"if", "unless"});
    if (hint.empty()) {
      hint = "only 'if' or 'unless' may follow; a text with blanks stands between quotes";
    }
    return Refuse(use, argument, "unexpected " + InQuotes(use.argument(argument)), hint);
  }
  AclProblem problem;
  AclTable& acls = AclsOf(context);
  PrepareAcls(context, use, acls);
  *condition = acls.ReadCondition(use.line, use.first_argument + argument, &problem);
  if (!*condition) {
    Report(use, problem);
    return false;
  }
  if (const Acl* acl = (*condition)->FindMisplaced(offers)) {
    use.diagnostics.Warning(
        use.line.At(use.first_argument + argument),
        "'" + use.keyword->words + "': ACL " + InQuotes(acl->name()) + " will never match here",
        "it can be used in " + PlacesOf(acl->needs()));
  }
  return true;
}

bool TakeAcl(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, SIZE_MAX, "a name and a criterion")) return false;
  if (!MayStandHere(context, use)) return false;
  AclProblem problem;
  AclTable& acls = AclsOf(context);
  PrepareAcls(context, use, acls);
  if (acls.Add(use.line, use.first_argument, &problem)) return true;
  Report(use, problem);
  return false;
}

// Actions ----------------------------------------------------------------------------------------

// An action of other rules is named with them, a misspelt one with what it resembles.
std::string HintFor(const BuildContext& context, std::string_view word, Places place) {
  if (IsConditionWord(word)) return "the action stands before its condition";
  for (const StageInfo& stage : kStages) {
    if (!ManualStateOf(WordKind::kAction, word, stage.place)) continue;
    return "it is an action of '" + std::string(stage.words) + "'";
  }
  std::vector<std::string_view> names;
  for (const ActionSpec* spec : ActionsOf(context).all()) {
    if ((spec->places & place) != 0) names.push_back(spec->name);
  }
  return Suggest(word, names);
}

// "set-var(txn.x)" is "set-var" with "txn.x".
std::string_view CutGlued(std::string_view word, std::string_view* glued) {
  const size_t open = word.find('(');
  if (open == word.npos) return word;
  *glued = word.substr(open + 1);
  if (glued->ends_with(')')) glued->remove_suffix(1);
  return word.substr(0, open);
}

bool ReportUnknownAction(const BuildContext& context, const KeywordUse& use, std::string_view word,
                         const StageInfo& stage) {
  const std::string action = "'" + std::string(stage.words) + " " + std::string(word) + "'";
  if (ManualStateOf(WordKind::kAction, word, stage.place)) {
    use.diagnostics.Error(use.line.At(use.first_argument), action + " is not supported yet",
                          std::string(WhyNotYet(word)));
    return false;
  }
  return Refuse(use, 0, "unknown action " + InQuotes(word), HintFor(context, word, stage.place));
}

// The rule before it has no condition, and lets none come behind it. Said once.
void WarnOfHidden(const RuleSet& set, const KeywordUse& use, std::string_view words) {
  if (set.rules.empty()) return;
  const Rule& before = set.rules.back();
  if (before.condition || !before.action->ends()) return;
  use.diagnostics.Warning(use.line.At(use.first_word),
                          InQuotes(words) + ": this rule can never be reached",
                          "the rule of line " + std::to_string(before.line) + " has no condition");
}

bool TakeRule(BuildContext& context, KeywordUse& use, const StageInfo& stage) {
  if (!HasArguments(use, 1, SIZE_MAX, "an action")) return false;
  if (!MayStandHere(context, use)) return false;
  if (const uint32_t order = OrderOf(stage.stage)) NoteOrder(context, use, order);
  std::string_view glued;
  const std::string_view word = CutGlued(use.argument(0), &glued);
  const ActionSpec* spec = ActionsOf(context).Find(word, stage.place);
  if (spec == nullptr || (spec->parentheses && glued.data() == nullptr)) {
    if (spec != nullptr) {
      return Refuse(use, 0, InQuotes(word) + " expects '(...)' behind it",
                    "such as '" + std::string(word) + "(txn.name)'");
    }
    return ReportUnknownAction(context, use, word, stage);
  }
  KeywordSpec words{std::string(stage.words) + " " + std::string(word), use.keyword->scopes};
  KeywordUse inner{.line = use.line,
                   .keyword = &words,
                   .first_word = use.first_word,
                   .first_argument = use.first_argument + 1,
                   .next = use.line.size(),
                   .diagnostics = use.diagnostics};
  if (!spec->idle_because.empty()) {
    use.diagnostics.Warning(use.line.At(use.first_argument),
                            InQuotes(words.words) + " has no effect",
                            std::string(spec->idle_because));
  }
  ActionUse action{context, inner, stage.stage, stage.offers, glued};
  Rule rule;
  rule.action = spec->make(action);
  if (rule.action == nullptr) return false;
  if (!TakeCondition(context, inner, action.next, stage.offers, &rule.condition)) return false;
  const SourcePlace place = PlaceOf(use.line);
  rule.file = place.file;
  rule.line = uint32_t(place.line);
  RuleSet& set = RulesOf(*context.proxy).set(stage.stage);
  WarnOfHidden(set, use, words.words);
  set.rules.push_back(std::move(rule));
  return true;
}

// Three of the actions of http-request (manual 4.2, stats http-request).
bool TakeStatsRule(BuildContext& context, KeywordUse& use) {
  static constexpr StageInfo kStage{RuleStage::kStats, "stats http-request", ruleset::kHttpRequest,
                                    place::kHttpRequest, scope::kProxies};
  if (!HasArguments(use, 1, SIZE_MAX, "'allow', 'deny' or 'auth'")) return false;
  const std::string_view word = use.argument(0);
  if (word != "allow" && word != "deny" && word != "auth") {
    return Refuse(use, 0, "expects 'allow', 'deny' or 'auth', not " + InQuotes(word),
                  Suggest(word, {"allow", "deny", "auth"}));
  }
  (void)StatsOf(context);
  context.proxy->stats_rule = {&use.line, use.first_argument};
  return TakeRule(context, use, kStage);
}

bool TakeStatsAdmin(BuildContext& context, KeywordUse& use) {
  std::optional<AclCondition> condition;
  if (!HasArguments(use, 2, SIZE_MAX, "'if' or 'unless' and a condition")) return false;
  if (!TakeCondition(context, use, 0, place::kHttpRequest, &condition)) return false;
  (void)StatsOf(context);
  RulesOf(*context.proxy).stats_admin.push_back(std::move(*condition));
  return true;
}

bool TakeRedirect(BuildContext& context, KeywordUse& use) {
  const ActionSpec* spec = ActionsOf(context).Find("redirect", ruleset::kHttpRequest);
  if (spec == nullptr) return Refuse(use, 0, "is not supported yet");
  NoteOrder(context, use, kOrderRedirect);
  ActionUse action{context, use, RuleStage::kRedirect, place::kHttpRequest, {}};
  Rule rule;
  rule.action = spec->make(action);
  if (rule.action == nullptr) return false;
  if (!TakeCondition(context, use, action.next, place::kHttpRequest, &rule.condition)) return false;
  RulesOf(*context.proxy).set(RuleStage::kRedirect).rules.push_back(std::move(rule));
  return true;
}

// Where to ---------------------------------------------------------------------------------------

// "use_backend if a": the name is missing, unless a condition follows what could be one.
bool HasName(const KeywordUse& use, std::string_view kind) {
  if (!IsConditionWord(use.argument(0))) return true;
  if (use.arguments() > 1 && IsConditionWord(use.argument(1))) return true;
  return Refuse(
      use, 0,
      "expects the name of a " + std::string(kind) + " before " + InQuotes(use.argument(0)));
}

bool TakeUseBackend(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "the name of a backend")) return false;
  if (!HasName(use, "backend")) return false;
  NoteOrder(context, use, kOrderUseBackend);
  BackendRule rule;
  if (!CompileText(context, use, 0, place::kHttpRequest, TextUse::kOther, &rule.name)) return false;
  if (!TakeCondition(context, use, 1, place::kHttpRequest, &rule.condition)) return false;
  const auto& before = RulesOf(*context.proxy).use_backend;
  if (!before.empty() && !before.back().condition) {
    use.diagnostics.Warning(use.line.At(use.first_word),
                            "'use_backend': this rule can never be reached",
                            "the one before it has no condition");
  }
  context.proxy->use_backends.push_back({&use.line, use.first_argument});
  RulesOf(*context.proxy).use_backend.push_back(std::move(rule));
  return true;
}

bool TakeUseServer(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, SIZE_MAX, "a server and a condition")) return false;
  if (!HasName(use, "server")) return false;
  NoteOrder(context, use, kOrderUseServer);
  ServerRule rule;
  if (!CompileText(context, use, 0, place::kHttpRequest, TextUse::kOther, &rule.name)) return false;
  rule.has_name = !rule.name.is_constant();
  if (!TakeCondition(context, use, 1, place::kHttpRequest, &rule.condition)) return false;
  context.proxy->use_servers.push_back({&use.line, use.first_argument});
  RulesOf(*context.proxy).use_server.push_back(std::move(rule));
  return true;
}

bool TakeOnlyCondition(BuildContext& context, KeywordUse& use, std::optional<AclCondition>* found) {
  if (!HasArguments(use, 2, SIZE_MAX, "'if' or 'unless' and a condition")) return false;
  return TakeCondition(context, use, 0, place::kHttpRequest, found);
}

bool TakeMonitorFail(BuildContext& context, KeywordUse& use) {
  std::optional<AclCondition> condition;
  NoteOrder(context, use, kOrderMonitorFail);
  if (!TakeOnlyCondition(context, use, &condition)) return false;
  RulesOf(*context.proxy).monitor_fail.push_back(std::move(*condition));
  return true;
}

void AddPersist(BuildKeywords& keywords, const char* words, bool force) {
  keywords.Add({words, kBack}, [force](BuildContext& context, KeywordUse& use) {
    std::optional<AclCondition> condition;
    if (!TakeOnlyCondition(context, use, &condition)) return false;
    RulesOf(*context.proxy).persist.push_back({force, std::move(*condition)});
    return true;
  });
}

void AddDelay(BuildKeywords& keywords, const char* words, Scopes scopes, RuleStage stage) {
  keywords.Add({words, scopes}, [stage](BuildContext& context, KeywordUse& use) {
    uint32_t delay_ms = 0;
    if (!HasArguments(use, 1, 1, "a time") ||
        !TakeArgument(use, 0, ParseTimeMs(use.argument(0)), delay_ms)) {
      return false;
    }
    RulesOf(*context.proxy).set(stage).inspect_delay_ms = delay_ms;
    return true;
  });
}

void AddVariableLimit(BuildKeywords& keywords, const char* words, uint32_t VariableLimits::*field) {
  keywords.Add({words, scope::kGlobal}, [field](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a size") &&
           TakeArgument(use, 0, ParseSize(use.argument(0), UINT32_MAX),
                        context.configuration.global.variables.*field);
  });
}

// What is finer may not hold more than what it is part of.
void FinishVariableLimits(VariableLimits& limits) {
  uint32_t* const all[] = {&limits.global_bytes, &limits.process_bytes, &limits.session_bytes,
                           &limits.transaction_bytes, &limits.exchange_bytes};
  for (size_t i = 1; i < std::size(all); ++i) {
    const uint32_t outer = *all[i - 1];
    if (outer != 0 && (*all[i] == 0 || *all[i] > outer)) *all[i] = outer;
  }
}

// What an action or a name that is made looks at is not known here.
bool ReadsAhead(const ProxyRules& rules) {
  constexpr Needs kContent = needs::kRequestBytes | needs::kRequestHead;
  const auto looks = [](const auto& rule) {
    return !rule.name.is_constant() ||
           (rule.condition && rule.condition->FindMisplaced(~kContent) != nullptr);
  };
  return !rules.set(RuleStage::kTcpContent).empty() ||
         std::any_of(rules.use_backend.begin(), rules.use_backend.end(), looks) ||
         std::any_of(rules.use_server.begin(), rules.use_server.end(), looks);
}

bool IsNothing(const ProxyRules& rules) {
  for (const RuleSet& set : rules.sets) {
    if (!set.empty()) return false;
  }
  return rules.use_backend.empty() && rules.use_server.empty() && rules.monitor_fail.empty() &&
         rules.persist.empty() && rules.stats_admin.empty();
}

}  // namespace

// ActionUse --------------------------------------------------------------------------------------

bool ActionUse::done() const {
  return next >= use.arguments() || IsConditionWord(use.argument(next));
}

bool ActionUse::TakeWord(std::string_view word) {
  if (next >= use.arguments() || use.argument(next) != word) return false;
  ++next;
  return true;
}

bool ActionUse::TakeArgument(std::string_view expected, std::string_view* argument) {
  if (next >= use.arguments()) {
    return engine::Refuse(use, next, "expects " + std::string(expected));
  }
  *argument = use.argument(next++);
  return true;
}

bool ActionUse::TakeText(std::string_view expected, TextUse text_use, RuleText* text) {
  std::string_view argument;
  return TakeArgument(expected, &argument) &&
         CompileText(context, use, next - 1, offers, text_use, text);
}

bool ActionUse::TakeExpression(std::optional<Expression>* expression) {
  std::string_view argument;
  if (!TakeArgument("a sample expression", &argument)) return false;
  *expression = ParseExpression(context, use, next - 1, offers);
  return expression->has_value();
}

bool ActionUse::Refuse(std::string_view message, std::string_view hint) const {
  return engine::Refuse(use, next == 0 ? 0 : next - 1, message, hint);
}

void ActionUse::RefuseWord(std::string_view message) const {
  use.diagnostics.Error(use.line.At(use.first_argument - 1),
                        "'" + use.keyword->words + "': " + std::string(message));
}

// ------------------------------------------------------------------------------------------------

bool CompileText(BuildContext& context, const KeywordUse& use, size_t argument, Needs offers,
                 TextUse text_use, RuleText* text) {
  ExpressionProblem problem;
  if (text->Compile(use.argument(argument), UnitsOf(context), offers, text_use, &problem)) {
    text->ForEachExpression([&](const Expression& one) {
      NoteNamed(context, {&use.line, use.first_argument + argument}, one);
    });
    return true;
  }
  ReportProblem(context.diagnostics, use.line.At(use.first_argument + argument), use.keyword->words,
                use.argument(argument), problem);
  return false;
}

void RegisterRuleKeywords(BuildKeywords& keywords) {
  keywords.Add({"acl", kAll}, TakeAcl);
  for (const StageInfo& stage : kStages) {
    keywords.Add(
        {std::string(stage.words), stage.scopes},
        [&stage](BuildContext& context, KeywordUse& use) { return TakeRule(context, use, stage); });
  }
  AddDelay(keywords, "tcp-request inspect-delay", kAll, RuleStage::kTcpContent);
  AddDelay(keywords, "tcp-response inspect-delay", scope::kDefaults | kBack,
           RuleStage::kTcpResponse);
  keywords.Add({"redirect", scope::kProxies}, TakeRedirect);
  keywords.Add({"use_backend", kFront}, TakeUseBackend);
  keywords.Add({"use-server", kBack}, TakeUseServer);
  keywords.Add({"monitor fail", kFront}, TakeMonitorFail);
  keywords.Add({"stats admin", scope::kProxies}, TakeStatsAdmin);
  keywords.Add({"stats http-request", scope::kProxies}, TakeStatsRule);
  keywords.Add({"force-be-switch", kFront}, [](BuildContext& context, KeywordUse& use) {
    std::optional<AclCondition> condition;
    if (!TakeOnlyCondition(context, use, &condition)) return false;
    RulesOf(*context.proxy).force_switch.push_back(std::move(*condition));
    return true;
  });
  AddPersist(keywords, "force-persist", true);
  AddPersist(keywords, "ignore-persist", false);
  RegisterStartVariables(keywords);
  AddVariableLimit(keywords, "tune.vars.global-max-size", &VariableLimits::global_bytes);
  AddVariableLimit(keywords, "tune.vars.proc-max-size", &VariableLimits::process_bytes);
  AddVariableLimit(keywords, "tune.vars.sess-max-size", &VariableLimits::session_bytes);
  AddVariableLimit(keywords, "tune.vars.txn-max-size", &VariableLimits::transaction_bytes);
  AddVariableLimit(keywords, "tune.vars.reqres-max-size", &VariableLimits::exchange_bytes);
}

void FinishRulesGlobal(BuildContext& context) {
  FinishVariableLimits(context.configuration.global.variables);
  CheckUserlists(context);
}

// Bytes that a proxy reads as HTTP are nobody's to look at.
void WarnOfRawConditions(BuildContext& context, const ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  const auto judge = [&](const Location& place, std::string_view words,
                         const std::optional<AclCondition>& condition) {
    const Acl* acl = condition ? condition->FindMisplaced(~needs::kNoHttp) : nullptr;
    if (acl == nullptr) return;
    context.diagnostics.Warning(place,
                                InQuotes(words) + ": ACL " + InQuotes(acl->name()) +
                                    " never matches in " + config.kind + " '" + config.name + "'",
                                "it looks at bytes, and 'mode http' reads them as HTTP");
  };
  for (const StageInfo& stage : kStages) {
    for (const Rule& rule : draft.rules->set(stage.stage).rules) {
      judge({.file = rule.file, .line = rule.line}, stage.words, rule.condition);
    }
  }
  for (size_t i = 0; i < draft.rules->use_backend.size(); ++i) {
    judge(draft.use_backends[i].At(), "use_backend", draft.rules->use_backend[i].condition);
  }
  for (size_t i = 0; i < draft.rules->use_server.size(); ++i) {
    judge(draft.use_servers[i].At(), "use-server", draft.rules->use_server[i].condition);
  }
}

void FinishRules(BuildContext& context, ProxyDraft& draft) {
  if (draft.rules == nullptr) return;
  ProxyRules& rules = *draft.rules;
  const ProxyConfig& config = *draft.config;
  for (size_t i = 0; i < rules.use_server.size(); ++i) {
    ServerRule& rule = rules.use_server[i];
    if (rule.has_name) continue;
    const std::string& name = rule.name.constant();
    const auto found = std::find_if(config.servers.begin(), config.servers.end(),
                                    [&](const auto& server) { return server->name == name; });
    if (found != config.servers.end()) {
      rule.server = (*found)->index;
      continue;
    }
    std::vector<std::string_view> names;
    for (const auto& server : config.servers) names.push_back(server->name);
    context.diagnostics.Error(draft.use_servers[i].At(),
                              "'use-server': no server is named " + InQuotes(name),
                              Suggest(name, names));
  }
  for (const Rule& rule : rules.set(RuleStage::kTcpContent).rules) {
    if (config.mode != Mode::kHttp || !rule.action->only_tcp()) continue;
    context.diagnostics.Error({.file = rule.file, .line = rule.line},
                              "'tcp-request content': this action needs 'mode tcp' in " +
                                  config.kind + " '" + config.name + "'");
  }
  if (config.mode == Mode::kHttp) WarnOfRawConditions(context, draft);
  rules.reads_ahead = ReadsAhead(rules);
  if (!IsNothing(rules)) draft.config->rules = draft.rules;
}

}  // namespace engine
