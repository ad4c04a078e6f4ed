#include "engine/server/builder.h"

#include <sched.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/background_thread.h"
#include "base/text.h"
#include "engine/config/defaults.h"
#include "engine/config/keyword_states.h"
#include "engine/config/words.h"
#include "engine/server/balance_keywords.h"
#include "engine/server/bind_keywords.h"
#include "engine/server/build_context.h"
#include "engine/server/capture_keywords.h"
#include "engine/server/check_keywords.h"
#include "engine/server/cookie_keywords.h"
#include "engine/server/crt_store_keywords.h"
#include "engine/server/expression_words.h"
#include "engine/server/global_keywords.h"
#include "engine/server/guid_keywords.h"
#include "engine/server/http_keywords.h"
#include "engine/server/http_reply_keywords.h"
#include "engine/server/log_keywords.h"
#include "engine/server/process_keywords.h"
#include "engine/server/proxy_keywords.h"
#include "engine/server/proxy_protocol_keywords.h"
#include "engine/server/rule_keywords.h"
#include "engine/server/server_keywords.h"
#include "engine/server/source_keywords.h"
#include "engine/server/stats_keywords.h"
#include "engine/server/tls_keywords.h"
#include "engine/server/userlist.h"

namespace engine {
namespace {

// Of one half of a proxy in a proxy without that half: HAProxy says so and goes on.
bool TakeNothing(BuildContext& context, KeywordUse& use) {
  if (context.is_inherited) return true;  // `defaults` speaks to both halves
  const ProxyConfig& config = *context.proxy->config;
  use.diagnostics.Warning(use.line.At(use.first_word),
                          "'" + use.keyword->words + "' ignored because " + config.kind + " '" +
                              config.name + "' has no " +
                              (config.is_frontend ? "backend" : "frontend") + " capability");
  return true;
}

// A server that nobody uses is a mistake worth refusing, and so are rules.
bool IsIgnoredWhereMisplaced(const KeywordSpec& spec) {
  return (spec.support == Support::kWorks || spec.support == Support::kTunesOnly) &&
         (spec.scopes & scope::kProxies) != 0 && spec.words != "server" &&
         spec.words != "retry-on" && !spec.words.starts_with("tcp-re");
}

void RegisterIgnored(BuildKeywords& keywords) {
  const std::vector<KeywordSpec> specs = keywords.all();
  for (const KeywordSpec& spec : specs) {
    if (!IsIgnoredWhereMisplaced(spec)) continue;
    for (const Scopes one : {scope::kFrontend, scope::kBackend}) {
      if ((spec.scopes & one) != 0 || keywords.IsKnown(spec.words, one)) continue;
      KeywordSpec ignored{spec.words, one, Support::kWorks, spec.prefixes};
      ignored.ignored = true;
      keywords.Add(std::move(ignored), TakeNothing);
    }
  }
}

// The words behind a head, one by one, so that a typing error is told from what does not work yet.
// A head with a handler reads its words itself.
void RegisterBehind(BuildKeywords& keywords, std::string_view head, Scopes scopes,
                    const KnownWord& word) {
  const std::string words = std::string(head) + " " + word.words;
  const KeywordSpec* of_head = keywords.FindWords(head, scopes);
  if (of_head == nullptr || of_head->support == Support::kWorks) return;
  Scopes missing = 0;
  for (size_t i = 0; i < scope::kCount; ++i) {
    const Scopes one = scopes & (Scopes{1} << i);
    if (one != 0 && !keywords.IsKnown(words, one)) missing |= one;
  }
  if (missing == 0) return;
  KeywordSpec spec{words, missing, word.support};
  spec.note = word.note;
  spec.parentheses = word.parentheses;
  keywords.Add(std::move(spec));
}

void RegisterActionsAndFilters(BuildKeywords& keywords) {
  KnownWord lua{WordKind::kAction, "lua.", ~ruleset::kQuicInitial};
  lua.parentheses = true;
  std::vector<KnownWord> words = WordList().all();
  words.push_back(lua);
  for (const KnownWord& word : words) {
    if (word.kind == WordKind::kFilter) {
      RegisterBehind(keywords, "filter", scope::kProxies, word);
    }
    if (word.kind != WordKind::kAction) continue;
    for (const RuleLine& line : RuleLines()) {
      if ((word.places & line.place) != 0) RegisterBehind(keywords, line.words, line.scopes, word);
    }
  }
}

void RegisterStates(BuildKeywords& keywords, std::span<const KeywordState> states) {
  for (const KeywordState& state : states) {
    KeywordSpec spec{std::string(state.words), state.scopes,   state.support, state.prefixes,
                     std::string(state.note),  state.arguments};
    // Of check rules, "set-var" and its kin; the other words with a glued argument are actions.
    spec.values = state.values;
    spec.parentheses = state.words.find(" set-var") != std::string_view::npos ||
                       state.words.ends_with(" unset-var");
    keywords.Add(std::move(spec));
  }
}

BuildKeywords MakeKeywords() {
  BuildKeywords keywords;
  RegisterGlobalKeywords(keywords);
  RegisterGuidKeywords(keywords);
  RegisterProcessKeywords(keywords);
  RegisterProxyKeywords(keywords);
  RegisterBalanceKeywords(keywords);
  RegisterBindKeywords(keywords);
  RegisterServerKeywords(keywords);
  RegisterTlsKeywords(keywords);
  RegisterCrtStoreKeywords(keywords);
  RegisterSourceKeywords(keywords);
  RegisterCheckKeywords(keywords);
  RegisterHttpKeywords(keywords);
  RegisterCookieKeywords(keywords);
  RegisterStatsKeywords(keywords);
  RegisterProxyProtocolKeywords(keywords);
  RegisterRuleKeywords(keywords);
  RegisterUserlistKeywords(keywords);
  RegisterStates(keywords, KeywordStates());
  RegisterStates(keywords, SectionStates());
  RegisterActionsAndFilters(keywords);
  RegisterLogKeywords(keywords);
  RegisterCaptureKeywords(keywords);
  RegisterIgnored(keywords);
  return keywords;
}

uint32_t ThreadCount(const BuildContext& context) {
  uint32_t threads = context.configuration.global.nbthread;
  if (threads == 0) threads = context.options.usable_cpus;
  if (threads == 0) {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) threads = uint32_t(CPU_COUNT(&cpus));
  }
  if (context.thread_hard_limit != 0) threads = std::min(threads, context.thread_hard_limit);
  return std::clamp(threads, 1u, kThreadsMax);
}

// Sections ------------------------------------------------------------------------------------

// A refused line that may have been what is missed at the end: a word that is not known here may
// have been anything.
bool MayHaveBeen(const BuildContext& context, const Line& line, Scopes scopes) {
  const size_t word = line.text(0) == "no" || line.text(0) == "default" ? 1 : 0;
  return line.text(word) == "timeout" || context.keywords.Find(line, word, scopes) == nullptr;
}

void ReadLines(BuildContext& context, const Section& section) {
  const Scopes scopes = scope::Of(section);
  for (const Line& line : section.lines) {
    if (!context.keywords.Run(context, line, scopes, context.diagnostics) &&
        context.proxy != nullptr && MayHaveBeen(context, line, scopes)) {
      context.proxy->is_whole = false;
    }
    base::GiveWay();
  }
}

// The values of a defaults section are checked even when no proxy inherits them.
void CheckDefaults(BuildContext& context, const Section& section) {
  ProxyConfig unused;
  unused.name = section.name;
  unused.kind = "defaults";
  ProxyDraft draft;
  draft.section = &section;
  draft.config = &unused;
  context.proxy = &draft;
  ReadLines(context, section);
  context.proxy = nullptr;
  if (!draft.is_whole) context.partial_defaults.insert(&section);
}

// What tells a reload that a section says something else.
void AddToHash(const Line& line, ProxyConfig& proxy) {
  if (line.text(0) == "server" || line.text(0) == "bind") return;
  proxy.text_hash = HashWith(proxy.text_hash, line);
}

void NoteSection(BuildContext& context, const Section& section) {
  std::string name(SectionName(section.kind));
  if (!section.name.empty()) name += ' ' + section.name;
  uint64_t& hash = context.configuration.sections[name];
  for (const Line& line : section.lines) hash = HashWith(hash, line);
}

void ReadProxy(BuildContext& context, const Section& section, const DefaultsChains& chains) {
  auto config = std::make_unique<ProxyConfig>();
  config->name = section.name;
  config->kind = SectionName(section.kind);
  config->place = PlaceOf(section.header);
  config->is_frontend = section.kind != SectionKind::kBackend;
  config->is_backend = section.kind != SectionKind::kFrontend;
  ProxyDraft& draft = context.drafts.emplace_back();
  draft.section = &section;
  draft.config = config.get();
  draft.is_whole = chains.IsWhole(section);
  context.configuration.AddProxy(std::move(config));
  context.proxy = &draft;
  for (const Section* from : chains.Chain(section)) {
    if (from == &section) continue;
    if (context.partial_defaults.contains(from)) draft.is_whole = false;
    context.is_inherited = true;
    for (const Line& line : from->lines) {
      AddToHash(line, *draft.config);
      context.keywords.RunInherited(context, line, scope::Of(section), context.diagnostics);
    }
    context.is_inherited = false;
  }
  for (const Line& line : section.lines) AddToHash(line, *draft.config);
  ReadLines(context, section);
  context.proxy = nullptr;
}

// A section that only words refer to which are refused themselves has no effect on traffic. Those
// that open sockets of their own, or fetch certificates, are refused.
void ReadOther(BuildContext& context, const Section& section) {
  const std::string name(SectionName(section.kind));
  const Location where = section.header.At(0);
  if (section.kind == SectionKind::kHttpErrors) return ReadHttpErrors(context, section);
  if (section.kind == SectionKind::kUserlist) return ReadUserlist(context, section);
  if (section.kind == SectionKind::kRing) return ReadRing(context, section);
  if (section.kind == SectionKind::kLogProfile) return ReadLogProfile(context, section);
  if (section.kind == SectionKind::kCrtStore) return ReadCrtStore(context, section);
  for (const Line& line : section.lines) {
    context.keywords.CheckKnown(line, scope::Of(section), context.diagnostics);
  }
  switch (section.kind) {
    case SectionKind::kLogForward:
    case SectionKind::kAcme:
      context.diagnostics.Error(where, "'" + name + "' sections are not supported yet");
      return;
    default:
      context.diagnostics.NoEffect("section " + name, where,
                                   "'" + name + "' sections are accepted but have no effect");
      return;
  }
}

// What can be said once everything was read ---------------------------------------------------

void CheckNames(BuildContext& context) {
  std::map<std::string, const ProxyConfig*> seen;
  for (const ProxyDraft& draft : context.drafts) {
    const ProxyConfig& config = *draft.config;
    const auto [at, is_new] = seen.emplace(config.name, &config);
    if (is_new) continue;
    const ProxyConfig& other = *at->second;
    context.diagnostics.Error(draft.section->header.At(1),
                              config.kind + " '" + config.name + "' has the same name as " +
                                  other.kind + " '" + other.name + "' declared at " +
                                  other.place.file + ":" + std::to_string(other.place.line));
  }
}

// Gives the lowest ids that are free to those without one; an id given twice is an error.
template <typename Object, typename NameOf>
void AssignIds(const std::vector<std::unique_ptr<Object>>& objects,
               const std::vector<WordPlace>& places, uint32_t first_id, Diagnostics& diagnostics,
               const NameOf& name_of) {
  std::map<uint32_t, const Object*> taken;
  for (size_t i = 0; i < objects.size(); ++i) {
    if (!places[i] || objects[i]->id == 0) continue;
    const auto [at, is_new] = taken.emplace(objects[i]->id, objects[i].get());
    if (is_new) continue;
    const Object& other = *at->second;
    diagnostics.Error(places[i].At(), base::Format("custom id %u already used at %s:%d (%s)",
                                                   objects[i]->id, other.place.file.c_str(),
                                                   other.place.line, name_of(other).c_str()));
  }
  uint32_t next = first_id;
  for (const auto& object : objects) {
    object->id_is_given = object->id != 0;
    if (object->id_is_given) continue;
    while (taken.contains(next)) ++next;
    object->id = next++;
  }
}

void AssignAllIds(BuildContext& context) {
  std::vector<WordPlace> places;
  for (const ProxyDraft& draft : context.drafts) places.push_back(draft.id);
  // Manual 4.2, id: 1 is never assigned to a proxy by itself.
  AssignIds(context.configuration.proxies, places, 2, context.diagnostics,
            [](const ProxyConfig& proxy) { return proxy.kind + " '" + proxy.name + "'"; });
  for (const ProxyDraft& draft : context.drafts) {
    AssignIds(draft.config->servers, draft.server_ids, 1, context.diagnostics,
              [](const ServerConfig& server) { return "server '" + server.name + "'"; });
    AssignIds(draft.config->binds, draft.bind_ids, 1, context.diagnostics,
              [](const BindConfig&) { return std::string("'bind'"); });
  }
}

ProxyConfig* FindBackendOrReport(BuildContext& context, const WordPlace& place,
                                 std::string_view keyword) {
  const std::string name(place.text());
  base::GiveWay();
  ProxyConfig* found = context.configuration.FindBackend(name);
  if (found != nullptr) return found;
  std::vector<std::string_view> names;
  for (const auto& proxy : context.configuration.proxies) {
    if (proxy->is_backend) names.push_back(proxy->name);
  }
  std::string hint = Suggest(name, names);
  if (const ProxyConfig* frontend = context.configuration.FindFrontend(name)) {
    hint = "'" + name + "' is a frontend, declared at " + frontend->place.file + ":" +
           std::to_string(frontend->place.line);
  }
  context.diagnostics.Error(
      place.At(), "unable to find required " + std::string(keyword) + ": '" + name + "'", hint);
  return nullptr;
}

void CheckSameMode(BuildContext& context, const ProxyConfig& frontend, const ProxyConfig& backend,
                   const WordPlace& place, const char* role) {
  if (frontend.MayLeadTo(backend)) return;
  const auto title = [](const ProxyConfig& proxy) {
    return std::string(proxy.mode == Mode::kHttp ? "http " : "tcp ") + proxy.kind + " '" +
           proxy.name + "' (" + proxy.place.file + ":" + std::to_string(proxy.place.line) + ")";
  };
  context.diagnostics.Error(
      place.At(), title(frontend) + " tries to use incompatible " + title(backend) + " " + role,
      "both need the same 'mode'");
}

// Whoever names itself meant another one: its own servers need no line.
bool LeadsToItself(BuildContext& context, const ProxyConfig& config, const ProxyConfig& backend,
                   const WordPlace& place, const char* keyword) {
  if (&config != &backend || config.disabled) return false;
  context.diagnostics.Error(place.At(),
                            std::string("loop detected for '") + keyword + "': " + config.kind +
                                " '" + config.name + "' leads to itself",
                            "without this line its own servers are used");
  return true;
}

// A disabled default backend is none; one of a rule may still be asked for (force-be-switch).
void LinkBackends(BuildContext& context, ProxyDraft& draft) {
  ProxyConfig& config = *draft.config;
  if (!config.is_frontend) return;
  for (size_t i = 0; i < draft.use_backends.size(); ++i) {
    BackendRule& rule = draft.rules->use_backend[i];
    if (!rule.name.is_constant()) continue;
    ProxyConfig* backend = FindBackendOrReport(context, draft.use_backends[i], "use_backend");
    if (backend == nullptr ||
        LeadsToItself(context, config, *backend, draft.use_backends[i], "use_backend")) {
      continue;
    }
    CheckSameMode(context, config, *backend, draft.use_backends[i], "in a 'use_backend' rule");
    rule.backend = backend;
  }
  if (!draft.default_backend) return;
  ProxyConfig* backend = FindBackendOrReport(context, draft.default_backend, "default_backend");
  if (backend == nullptr || backend->disabled ||
      LeadsToItself(context, config, *backend, draft.default_backend, "default_backend")) {
    return;
  }
  CheckSameMode(context, config, *backend, draft.default_backend, "as its default backend");
  config.default_backend = backend;
  if (!config.servers.empty()) {
    context.diagnostics.Warning(draft.default_backend.At(),
                                "the 'default_backend' of " + config.kind + " '" + config.name +
                                    "' always has precedence over its servers, which will never "
                                    "be used");
  }
}

void CheckMode(BuildContext& context, const ProxyDraft& draft) {
  if (draft.mode) {
    context.diagnostics.Error(draft.mode.At(),
                              "'mode " + std::string(draft.mode.text()) + "' is not supported yet");
  }
  if (draft.balance && draft.config->is_backend) {
    context.diagnostics.Error(draft.balance.At(), "'balance " + std::string(draft.balance.text()) +
                                                      "' is not supported yet");
  }
}

void CheckTimeouts(BuildContext& context, const ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  const Timeouts& timeouts = config.timeouts;
  if (config.disabled || !draft.is_whole) return;
  std::string missing;
  const auto require = [&](uint32_t value_ms, const char* name) {
    if (value_ms == 0) missing += (missing.empty() ? "'" : ", '") + std::string(name) + "'";
  };
  if (config.is_frontend && !config.binds.empty()) require(timeouts.client_ms, "client");
  if (!config.servers.empty()) {
    require(timeouts.connect_ms, "connect");
    require(timeouts.server_ms, "server");
  }
  if (missing.empty()) return;
  context.diagnostics.Warning(
      draft.section->header.At(1), "missing timeouts for " + config.kind + " '" + config.name + "'",
      "without them a peer that went away silently is never given up; set: " + missing);
}

void CheckUse(BuildContext& context, const ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  if (config.disabled || !config.is_frontend || draft.has_bind_line || !draft.is_whole) return;
  context.diagnostics.Warning(draft.section->header.At(1),
                              config.kind + " '" + config.name + "' has no 'bind' directive",
                              "declare it as a backend if this was intended");
}

void FinishProxy(BuildContext& context, ProxyDraft& draft) {
  CheckMode(context, draft);
  LinkBackends(context, draft);
  FinishRules(context, draft);
  CheckTimeouts(context, draft);
  CheckUse(context, draft);
  FinishHttp(context, draft);
  FinishStats(context, draft);
  FinishProxyProtocol(context, draft);
  if (draft.config->timeouts.queue_ms == 0) {
    draft.config->timeouts.queue_ms = draft.config->timeouts.connect_ms;
  }
  FinishBalance(context, draft);
  FinishSource(context, draft);
  FinishCookie(context, draft);
  FinishChecks(context, draft);
}

void FinishThreads(BuildContext& context) {
  GlobalConfig& global = context.configuration.global;
  const uint32_t threads = ThreadCount(context);
  if (context.thread_hard_limit != 0) global.nbthread = threads;
  if (global.nbthread != 0 && global.thread_cpus.size() > global.nbthread) {
    global.thread_cpus.resize(global.nbthread);
  }
  for (const ThreadWord& word : context.thread_words) {
    Parsed<std::vector<uint32_t>> set = ParseThreadSet(word.place.text(), threads);
    if (!set) {
      context.diagnostics.Error(word.place.At(), "'thread': " + set.error);
      continue;
    }
    if (set.value.size() < threads) word.bind->threads = std::move(set.value);
  }
}

// The master hands its clients over to the bind of their level.
void AddMasterBinds(BuildContext& context) {
  ProxyConfig& proxy = StatsProxy(context, {});
  for (const CliLevel level : {CliLevel::kUser, CliLevel::kOperator, CliLevel::kAdmin}) {
    auto bind = std::make_unique<BindConfig>();
    bind->name = "master";
    bind->id = uint32_t(proxy.binds.size() + 1);
    bind->frontend = &proxy;
    bind->level = level;
    bind->is_masters = true;
    proxy.binds.push_back(std::move(bind));
  }
}

// The hidden frontend of the stats sockets gets what only the whole file can say.
void FinishStatsProxy(BuildContext& context) {
  if (context.options.has_master) AddMasterBinds(context);
  if (context.stats_proxy == nullptr) return;
  ProxyConfig& proxy = *context.stats_proxy;
  const GlobalConfig& global = context.configuration.global;
  proxy.maxconn = global.stats_maxconn;
  proxy.timeouts.client_ms = uint32_t(global.stats_timeout_ms);
  proxy.service = context.options.cli;
  // Last, so that it has no part in the ids and names of the sections.
  context.configuration.AddProxy(std::move(context.stats_proxy));
}

}  // namespace

const BuildKeywords& AllKeywords() {
  static const BuildKeywords keywords = MakeKeywords();
  return keywords;
}

std::unique_ptr<Configuration> Build(const Tree& tree, Diagnostics& diagnostics,
                                     const BuildOptions& options) {
  auto configuration = std::make_unique<Configuration>();
  BuildContext context{.options = options,
                       .tree = tree,
                       .keywords = AllKeywords(),
                       .configuration = *configuration,
                       .diagnostics = diagnostics};
  DefaultsChains chains;
  (void)chains.Resolve(tree, diagnostics);  // what it reports counts below
  for (const Section& section : tree.sections()) {
    if (!section.is_proxy() && section.kind != SectionKind::kDefaults)
      NoteSection(context, section);
    if (section.kind == SectionKind::kGlobal) {
      ReadLines(context, section);
    } else if (section.kind == SectionKind::kDefaults) {
      CheckDefaults(context, section);
    } else if (section.is_proxy()) {
      ReadProxy(context, section, chains);
    } else {
      ReadOther(context, section);
    }
  }
  CheckNames(context);
  CheckGuids(context);
  base::GiveWay();
  AssignAllIds(context);
  base::GiveWay();
  for (ProxyDraft& draft : context.drafts) {
    FinishProxy(context, draft);
    base::GiveWay();
  }
  FinishTracking(context);
  for (const auto& proxy : configuration->proxies) {
    if (proxy->is_frontend && proxy->maxconn == 0) proxy->maxconn = options.proxy_maxconn;
  }
  if (options.trusts_servers) configuration->global.tls.verifies_servers = false;
  FinishTls(context);
  base::GiveWay();
  FinishHttpGlobal(context);
  FinishRulesGlobal(context);
  base::GiveWay();
  FinishLogs(context);
  CheckNamed(context);
  FinishThreads(context);
  FinishSandbox(context);
  FinishStatsProxy(context);
  if (diagnostics.errors() != 0) return nullptr;
  return configuration;
}

}  // namespace engine
