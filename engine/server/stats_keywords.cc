#include "engine/server/stats_keywords.h"

#include <string>
#include <string_view>

#include "proto/http/chars.h"

namespace engine {
namespace {

using scope::kAll;

void AddFlag(BuildKeywords& keywords, const char* words, bool StatsConfig::*field, bool value) {
  keywords.Add({words, kAll}, [=](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 0, 0)) return false;
    StatsOf(context).*field = value;
    return true;
  });
}

bool TakeAuth(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a user and a password, as 'user:password'")) return false;
  const std::string_view word = use.argument(0);
  const size_t colon = word.find(':');
  if (colon == word.npos || colon == 0) {
    return Refuse(use, 0, "expects 'user:password', not " + InQuotes(word));
  }
  StatsOf(context).users.emplace_back(word.substr(0, colon), word.substr(colon + 1));
  context.proxy->stats_auth = {&use.line, use.first_argument};
  return true;
}

bool TakeRealm(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a name")) return false;
  const std::string_view realm = use.argument(0);
  if (!proto::AllOf(realm, proto::kValueClass) || realm.find_first_of("\"\\") != realm.npos) {
    return Refuse(use, 0, "a byte that no realm may hold");
  }
  StatsOf(context).realm = realm;
  context.proxy->stats_auth = {&use.line, use.first_argument};
  return true;
}

bool TakeRefresh(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a time in seconds")) return false;
  std::string word(use.argument(0));
  // A bare number means seconds here (manual 4.2, stats refresh).
  if (!word.empty() && word.find_first_not_of("0123456789") == word.npos) word += 's';
  uint32_t refresh_ms = 0;
  if (!TakeArgument(use, 0, ParseTimeMs(word), refresh_ms)) return false;
  StatsOf(context).refresh_s = (refresh_ms + 999) / 1000;
  return true;
}

bool TakeUri(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "what the address begins with, such as '/stats'")) return false;
  const std::string_view uri = use.argument(0);
  if (uri.empty()) return Refuse(use, 0, "an empty address");
  if (!proto::AllOf(uri, proto::kValueClass) || uri.find(' ') != uri.npos) {
    return Refuse(use, 0, "a byte that no address may hold");
  }
  StatsOf(context).uri = uri;
  return true;
}

bool TakeScope(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "the name of a proxy, or '.'")) return false;
  StatsOf(context).scope.emplace_back(use.argument(0));
  return true;
}

}  // namespace

StatsConfig& StatsOf(BuildContext& context) {
  ProxyDraft& draft = *context.proxy;
  const bool own = !context.is_inherited;
  if (draft.stats == nullptr || (own && !draft.has_own_stats)) {
    draft.stats = std::make_shared<StatsConfig>();
    draft.has_own_stats = own;
    draft.stats_auth = {};  // of `defaults`
  }
  return *draft.stats;
}

void RegisterStatsKeywords(BuildKeywords& keywords) {
  keywords.Add({"stats enable", kAll}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 0, 0)) return false;
    (void)StatsOf(context);
    return true;
  });
  keywords.Add({"stats auth", kAll}, TakeAuth);
  keywords.Add({"stats realm", kAll}, TakeRealm);
  keywords.Add({"stats refresh", kAll}, TakeRefresh);
  keywords.Add({"stats uri", kAll}, TakeUri);
  keywords.Add({"stats scope", kAll}, TakeScope);
  AddFlag(keywords, "stats hide-version", &StatsConfig::shows_version, false);
  AddFlag(keywords, "stats show-version", &StatsConfig::shows_version, true);
  AddFlag(keywords, "stats show-legends", &StatsConfig::shows_legends, true);
  AddFlag(keywords, "stats show-modules", &StatsConfig::shows_modules, true);
  keywords.Add({"stats show-desc", kAll}, [](BuildContext& context, KeywordUse& use) {
    StatsConfig& stats = StatsOf(context);
    stats.shows_description = true;
    stats.description.clear();
    return use.arguments() == 0 || TakeDescription(use, stats.description);
  });
  keywords.Add({"stats show-node", kAll}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 0, 1)) return false;
    StatsConfig& stats = StatsOf(context);
    stats.shows_node = true;
    stats.node = use.arguments() == 0 ? std::string_view() : use.argument(0);
    return true;
  });
}

void FinishStats(BuildContext& context, ProxyDraft& draft) {
  if (draft.stats == nullptr) return;
  ProxyConfig& config = *draft.config;
  if (draft.stats_auth && draft.stats_rule) {
    context.diagnostics.Error(
        draft.stats_rule.At(),
        "'stats http-request' cannot stand beside 'stats auth' or 'stats realm'",
        "'stats http-request auth' asks for the users of a userlist");
    return;
  }
  if (config.mode != Mode::kHttp) {
    if (!draft.has_own_stats) return;
    context.diagnostics.Warning(
        draft.section->header.At(1),
        "'stats' ignored for " + config.kind + " '" + config.name + "' as it requires 'mode http'");
    return;
  }
  draft.stats->service = context.options.stats_page;
  config.stats = draft.stats;
}

}  // namespace engine
