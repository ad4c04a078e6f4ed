#include "engine/server/cookie_keywords.h"

#include <algorithm>
#include <climits>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/server/cookie_table.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using scope::kDefBack;
using scope::kServers;

bool IsControl(char c) { return (c >= 0 && c < ' ') || c == 0x7f; }

// A byte that would end a cookie's value or a field; '\0': none.
bool HasForbiddenByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return IsControl(c) || c == ';'; });
}

// What the words behind the name have said so far.
struct CookieWords {
  CookieConfig config;
  std::string domains;
  std::string others;  // attr
  bool http_only = false;
  bool secure = false;
  bool is_dated = false;
};

bool TakeMode(const KeywordUse& use, size_t argument, CookieMode mode, CookieConfig& config) {
  if (config.mode != CookieMode::kObserved && config.mode != mode) {
    return Refuse(use, argument, "'rewrite', 'insert' and 'prefix' exclude each other");
  }
  config.mode = mode;
  return true;
}

bool TakeDomain(BuildContext& context, const KeywordUse& use, size_t argument, CookieWords& words) {
  const std::string domain(use.argument(argument));
  for (const char c : domain) {
    const char lower = base::ToLower(c);
    if ((lower >= 'a' && lower <= 'z') || base::IsDigit(c) || c == '-' || c == '.' || c == '_') {
      continue;
    }
    return Refuse(use, argument,
                  "character " + InQuotes({&c, 1}) + " is not permitted in a domain");
  }
  const size_t dot = domain.find('.', 1);
  if (!context.is_inherited && (dot == std::string::npos || dot + 1 == domain.size())) {
    use.diagnostics.Warning(use.line.At(use.first_argument + argument),
                            "domain " + InQuotes(domain) + " contains no embedded dot",
                            "clients may refuse the cookie (RFC 6265 section 5.3)");
  }
  words.domains += "; domain=" + domain;
  return true;
}

bool TakeAttribute(const KeywordUse& use, size_t argument, CookieWords& words) {
  const std::string_view value = use.argument(argument);
  if (value.empty() || HasForbiddenByte(value)) {
    return Refuse(use, argument, "expects an attribute without control characters and without ';'");
  }
  words.others += "; " + std::string(value);
  return true;
}

// One of the words that have an argument; moves `argument` to it.
bool TakeWithArgument(BuildContext& context, const KeywordUse& use, size_t& argument,
                      CookieWords& words) {
  const std::string word(use.argument(argument));
  if (argument + 1 == use.arguments()) {
    return Refuse(use, argument, InQuotes(word) + " expects an argument");
  }
  ++argument;
  if (word == "domain") return TakeDomain(context, use, argument, words);
  if (word == "attr") return TakeAttribute(use, argument, words);
  words.is_dated = true;
  return TakeArgument(
      use, argument,
      ParseTime(use.argument(argument), TimeUnit::kSecond, TimeUnit::kSecond, INT_MAX),
      word == "maxidle" ? words.config.max_idle_s : words.config.max_life_s);
}

bool TakeWord(BuildContext& context, const KeywordUse& use, size_t& argument, CookieWords& words) {
  CookieConfig& config = words.config;
  const std::string_view word = use.argument(argument);
  if (word == "rewrite") return TakeMode(use, argument, CookieMode::kRewrite, config);
  if (word == "insert") return TakeMode(use, argument, CookieMode::kInsert, config);
  if (word == "prefix") return TakeMode(use, argument, CookieMode::kPrefix, config);
  if (word == "domain" || word == "attr" || word == "maxidle" || word == "maxlife") {
    return TakeWithArgument(context, use, argument, words);
  }
  const std::pair<std::string_view, bool*> flags[] = {
      {"indirect", &config.indirect},  {"nocache", &config.no_cache},
      {"postonly", &config.post_only}, {"preserve", &config.preserve},
      {"dynamic", &config.dynamic},    {"httponly", &words.http_only},
      {"secure", &words.secure},
  };
  for (const auto& [name, flag] : flags) {
    if (word != name) continue;
    *flag = true;
    return true;
  }
  return Refuse(
      use, argument, "unexpected " + InQuotes(word),
      Suggest(word, {"rewrite", "insert", "prefix", "indirect", "nocache", "postonly", "preserve",
                     "httponly", "secure", "domain", "maxidle", "maxlife", "dynamic", "attr"}));
}

bool TakeCookiePersistence(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "the name of a cookie")) return false;
  CookieWords words;
  CookieConfig& config = words.config;
  config.name = use.argument(0);
  if (!proto::IsToken(config.name)) {
    return Refuse(use, 0, InQuotes(config.name) + " is not the name of a cookie",
                  "a name is a token (RFC 6265 section 4.1.1)");
  }
  for (size_t i = 1; i < use.arguments(); ++i) {
    if (!TakeWord(context, use, i, words)) return false;
  }
  if (config.mode == CookieMode::kRewrite && config.indirect) {
    return Refuse(use, 0, "'rewrite' and 'indirect' exclude each other");
  }
  if (config.preserve && config.mode != CookieMode::kInsert && !config.indirect) {
    return Refuse(use, 0, "'preserve' requires 'insert' or 'indirect'");
  }
  if (words.is_dated && config.mode != CookieMode::kInsert && !context.is_inherited) {
    use.diagnostics.Warning(use.line.At(use.first_word),
                            "'maxidle' and 'maxlife' have no effect without 'insert'");
  }
  config.attributes = "; path=/" + words.domains + (words.http_only ? "; HttpOnly" : "") +
                      (words.secure ? "; Secure" : "") + words.others;
  CookieConfig& current = context.proxy->config->http.cookie;
  config.dynamic_key = std::move(current.dynamic_key);
  current = std::move(config);
  return true;
}

bool TakeServerCookie(BuildContext& context, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "a value")) return false;
  const std::string_view value = use.argument(0);
  if (value.empty()) return Refuse(use, 0, "expects a value");
  if (HasForbiddenByte(value)) {
    return Refuse(use, 0, "a cookie's value has no control characters and no ';'");
  }
  context.server->cookie = value;
  return true;
}

bool TakeRedirectPrefix(BuildContext& context, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "a prefix")) return false;
  const std::string_view prefix = use.argument(0);
  if (prefix.empty()) return Refuse(use, 0, "expects a prefix");
  if (std::any_of(prefix.begin(), prefix.end(), [](char c) { return IsControl(c) || c == ' '; })) {
    return Refuse(use, 0, "a location has no control characters and no blanks");
  }
  context.server->redirect_prefix = prefix;
  return true;
}

// Values that could never be read back.
void CheckValues(BuildContext& context, const ProxyConfig& config) {
  const CookieConfig& cookie = config.http.cookie;
  for (const auto& server : config.servers) {
    const char mark = cookie.mode == CookieMode::kPrefix ? CookieConfig::kPrefixMark
                      : cookie.dated()                   ? CookieConfig::kDateMark
                                                         : '\0';
    if (mark == '\0' || server->cookie.find(mark) == std::string::npos) continue;
    context.diagnostics.Error(
        At(server->place),
        "server '" + server->name + "': its cookie " + InQuotes(server->cookie) + " has a " +
            InQuotes({&mark, 1}) + ", which ends it in cookies with " +
            (mark == CookieConfig::kPrefixMark ? "'prefix'" : "'maxidle' or 'maxlife'"));
  }
}

void FinishTcp(BuildContext& context, ProxyConfig& config) {
  const auto warn = [&](const std::string& what) {
    context.diagnostics.Warning(At(config.place), what);
  };
  if (config.http.cookie.enabled()) {
    warn("'cookie' ignored for " + config.kind + " '" + config.name +
         "' as it requires 'mode http'");
    config.http.cookie = CookieConfig();
  }
  for (const auto& server : config.servers) {
    if (!server->redirect_prefix.empty()) {
      context.diagnostics.Error(At(server->place),
                                "server '" + server->name + "': 'redir' requires 'mode http'");
    }
    if (server->cookie.empty()) continue;
    warn("cookie of server '" + server->name + "' ignored as it requires 'mode http'");
    server->cookie.clear();
  }
}

}  // namespace

void RegisterCookieKeywords(BuildKeywords& keywords) {
  keywords.Add({"cookie", kDefBack}, TakeCookiePersistence);
  keywords.Add({"dynamic-cookie-key", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a key")) return false;
    context.proxy->config->http.cookie.dynamic_key = use.argument(0);
    return true;
  });
  keywords.Add({"option persist", kDefBack, Support::kWorks, kAllowsBoth},
               [](BuildContext& context, KeywordUse& use) {
                 context.proxy->config->persist = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"cookie", kServers}, TakeServerCookie);
  keywords.Add({"redir", kServers}, TakeRedirectPrefix);
}

void FinishCookie(BuildContext& context, ProxyDraft& draft) {
  ProxyConfig& config = *draft.config;
  if (!config.is_backend) return;
  if (config.mode != Mode::kHttp) return FinishTcp(context, config);
  if (config.http.cookie.enabled()) CheckValues(context, config);
}

std::string CookieOf(const ServerConfig& server, const shard::Address& address) {
  const CookieConfig& cookie = server.backend->http.cookie;
  const bool is_dynamic = server.cookie.empty() && cookie.enabled() && cookie.dynamic;
  if (!is_dynamic || cookie.dynamic_key.empty() || !address.is_ip() || server.follows_address) {
    return server.cookie;
  }
  return DynamicCookie(cookie.dynamic_key, address.Bytes(), address.port);
}

}  // namespace engine
