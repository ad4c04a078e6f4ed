#include "engine/server/balance_keywords.h"

#include <climits>
#include <memory>
#include <optional>
#include <string>

#include "engine/expr/places.h"
#include "engine/server/expression_words.h"

namespace engine {
namespace {

using scope::kDefBack;

bool TakeRandom(ProxyConfig& config, const KeywordUse& use, std::string_view draws) {
  config.balance = BalanceAlgorithm::kRandom;
  config.balance_random_draws = 2;
  if (draws.empty()) return true;
  if (!draws.ends_with(')')) return Refuse(use, 0, "expects 'random(DRAWS)'");
  return TakeArgument(use, 0, ParseInteger(draws.substr(1, draws.size() - 2), 1, INT_MAX),
                      config.balance_random_draws);
}

// The words behind `balance uri`, each once or more.
bool TakeUri(HashConfig& hash, const KeywordUse& use) {
  for (size_t i = 1; i < use.arguments(); ++i) {
    const std::string_view word = use.argument(i);
    if (word == "whole") {
      hash.whole = true;
    } else if (word == "path-only") {
      hash.path_only = true;
    } else if (word == "len" || word == "depth") {
      if (i + 1 == use.arguments()) {
        return Refuse(use, i, "'" + std::string(word) + "' expects a positive integer");
      }
      ++i;
      if (!TakeArgument(use, i, ParseInteger(use.argument(i), 1, INT_MAX),
                        word == "len" ? hash.length : hash.depth)) {
        return false;
      }
    } else {
      return Refuse(use, i, "'uri' does not know '" + std::string(word) + "'",
                    Suggest(word, {"len", "depth", "whole", "path-only"}));
    }
  }
  return true;
}

bool TakeUrlParam(HashConfig& hash, const KeywordUse& use) {
  if (!HasArguments(use, 2, 4, "the name of a parameter")) return false;
  hash.name = use.argument(1);
  if (use.arguments() == 2) return true;
  if (use.argument(2) == "check_post") {
    return Refuse(use, 2, "'check_post' is not supported yet");
  }
  return Refuse(use, 2, "unexpected '" + std::string(use.argument(2)) + "'");
}

bool TakeHeader(HashConfig& hash, const KeywordUse& use) {
  const std::string_view text = use.argument(0);
  if (!text.starts_with("hdr(") || !text.ends_with(')') || text.size() < 6) {
    return Refuse(use, 0, "expects 'hdr(NAME)'");
  }
  hash.name = text.substr(4, text.size() - 5);
  if (use.arguments() == 1) return true;
  if (use.arguments() > 2 || use.argument(1) != "use_domain_only") {
    return Refuse(use, 1, "'hdr' takes 'use_domain_only' and nothing else");
  }
  hash.domain_only = true;
  return true;
}

bool TakeHash(ProxyConfig& config, const KeywordUse& use, std::string_view name) {
  config.balance = BalanceAlgorithm::kHash;
  HashConfig& hash = config.hash;
  hash.name.clear();
  hash.whole = hash.path_only = hash.domain_only = false;
  hash.length = hash.depth = 0;
  if (name == "source") {
    hash.input = HashInput::kSource;
    return HasArguments(use, 1, 1);
  }
  if (name == "uri") {
    hash.input = HashInput::kUri;
    return TakeUri(hash, use);
  }
  if (name == "url_param") {
    hash.input = HashInput::kUrlParam;
    return TakeUrlParam(hash, use);
  }
  hash.input = HashInput::kHeader;
  return TakeHeader(hash, use);
}

// `text` is an expression; a stream that it has no value for is placed by round robin.
bool TakeExpression(BuildContext& context, const KeywordUse& use, size_t argument,
                    std::string_view text) {
  ProxyConfig& config = Config(context);
  const WordPlace where{&use.line, use.first_argument + argument};
  std::optional<Expression> expression =
      ParseExpression(context, where, use.keyword->words, text, place::kTcpContent);
  if (!expression) return false;
  if (!IsCastable(expression->gives(), SampleKind::kBinary)) {
    return Refuse(use, argument, "what is hashed is a text or a number");
  }
  config.balance = BalanceAlgorithm::kHash;
  config.hash.input = HashInput::kExpression;
  config.hash.expression = std::make_shared<const Expression>(std::move(*expression));
  return true;
}

// "rdp-cookie(NAME)" as the fetch that reads it. False: it is written in another way.
bool RdpCookieText(std::string_view word, std::string_view otherwise, std::string* text) {
  std::string_view name = otherwise;
  word.remove_prefix(std::string_view("rdp-cookie").size());
  if (!word.empty()) {
    if (!word.starts_with('(') || !word.ends_with(')')) return false;
    name = word.substr(1, word.size() - 2);
    if (name.empty()) name = otherwise;
    if (name.find_first_of("(),'\"\\") != name.npos) return false;
  }
  *text = "rdp_cookie(" + std::string(name) + ")";
  return true;
}

// persist rdp-cookie[(NAME)]
bool TakePersist(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 0)) return false;
  std::string text;
  const size_t word = use.first_argument - 1;
  if (!RdpCookieText(use.line.text(word), "msts", &text)) {
    use.diagnostics.Error(use.line.At(word), "'persist' expects 'rdp-cookie(NAME)'");
    return false;
  }
  std::optional<Expression> cookie = ParseExpression(context, WordPlace{&use.line, word},
                                                     use.keyword->words, text, place::kTcpContent);
  if (!cookie) return false;
  Config(context).rdp_cookie = std::make_shared<const Expression>(std::move(*cookie));
  return true;
}

bool TakeAlgorithm(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "an algorithm")) return false;
  const std::string_view text = use.argument(0);
  const std::string_view name = text.substr(0, text.find('('));
  ProxyConfig& config = Config(context);
  context.proxy->balance = {};
  config.hash.expression = nullptr;
  if (name == "random") {
    return HasArguments(use, 1, 1) && TakeRandom(config, use, text.substr(name.size()));
  }
  struct Plain {
    std::string_view name;
    BalanceAlgorithm algorithm;
  };
  for (const Plain& plain : {Plain{"roundrobin", BalanceAlgorithm::kRoundRobin},
                             Plain{"static-rr", BalanceAlgorithm::kStaticRoundRobin},
                             Plain{"leastconn", BalanceAlgorithm::kLeastConn},
                             Plain{"first", BalanceAlgorithm::kFirst}}) {
    if (text != plain.name) continue;
    config.balance = plain.algorithm;
    return HasArguments(use, 1, 1);
  }
  if (text == "source" || text == "uri" || text == "url_param" || name == "hdr") {
    return TakeHash(config, use, name);
  }
  if (text == "hash") {
    return HasArguments(use, 2, 2, "an expression") &&
           TakeExpression(context, use, 1, use.argument(1));
  }
  if (name == "rdp-cookie") {
    std::string fetch;
    if (!HasArguments(use, 1, 1)) return false;
    if (!RdpCookieText(text, "mstshash", &fetch)) {
      return Refuse(use, 0, "expects 'rdp-cookie(NAME)'");
    }
    return TakeExpression(context, use, 0, fetch);
  }
  for (const std::string_view other : {"log-hash", "sticky", "log-sticky"}) {
    if (name != other) continue;
    context.proxy->balance = {&use.line, use.first_argument};
    return true;
  }
  return Refuse(use, 0, "unknown algorithm '" + std::string(text) + "'",
                Suggest(name, {"roundrobin", "static-rr", "leastconn", "first", "random", "source",
                               "hash", "uri", "url_param", "hdr", "rdp-cookie"}));
}

// What is refused says nothing, and nothing is said of what it would have led to.
bool TakeBalance(BuildContext& context, KeywordUse& use) {
  if (TakeAlgorithm(context, use)) return true;
  Config(context).balance = BalanceAlgorithm::kRoundRobin;
  return false;
}

// hash-type METHOD [FUNCTION [avalanche]]
bool TakeHashType(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 3, "'map-based' or 'consistent'")) return false;
  HashConfig& hash = Config(context).hash;
  size_t method = 0;
  if (!TakeArgument(use, 0, ParseOneOf(use.argument(0), {"map-based", "consistent"}), method)) {
    return false;
  }
  hash.method = method == 0 ? HashMethod::kMapBased : HashMethod::kConsistent;
  hash.function = HashFunction::kSdbm;
  // Without a function, the ring wants its keys spread.
  hash.avalanche = use.arguments() == 1 && hash.method == HashMethod::kConsistent;
  if (use.arguments() >= 2 &&
      !TakeArgument(use, 1, ParseOneOf(use.argument(1), {"sdbm", "djb2", "wt6", "crc32", "none"}),
                    hash.function)) {
    return false;
  }
  if (use.arguments() < 3) return true;
  if (use.argument(2) != "avalanche") {
    return Refuse(use, 2, "unknown modifier '" + std::string(use.argument(2)) + "'",
                  "the only one is 'avalanche'");
  }
  hash.avalanche = true;
  return true;
}

bool TakeBalanceFactor(BuildContext& context, KeywordUse& use) {
  uint32_t& factor = Config(context).hash.balance_factor;
  if (!HasArguments(use, 1, 1, "a percentage") ||
      !TakeArgument(use, 0, ParseInteger(use.argument(0), 0, INT_MAX), factor)) {
    return false;
  }
  if (factor != 0 && factor <= 100) {
    return Refuse(use, 0, "expects 0 or a percentage above 100");
  }
  return true;
}

}  // namespace

void RegisterBalanceKeywords(BuildKeywords& keywords) {
  keywords.Add({"balance", kDefBack}, TakeBalance);
  keywords.Add({.words = "persist rdp-cookie", .scopes = kDefBack, .parentheses = true},
               TakePersist);
  keywords.Add({"hash-type", kDefBack}, TakeHashType);
  keywords.Add({"hash-balance-factor", kDefBack}, TakeBalanceFactor);
  keywords.Add({"hash-preserve-affinity", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "'always', 'maxconn' or 'maxqueue'") &&
           TakeArgument(use, 0, ParseOneOf(use.argument(0), {"always", "maxconn", "maxqueue"}),
                        Config(context).hash.affinity);
  });
  keywords.Add({"option allbackups", kDefBack, Support::kWorks, kAllowsBoth},
               [](BuildContext& context, KeywordUse& use) {
                 Config(context).all_backups = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"hash-key", scope::kServer | scope::kDefaultServer}, [](BuildContext& context,
                                                                        KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "'id', 'id32', 'addr', 'addr-port' or 'guid'")) {
      return false;
    }
    return TakeArgument(use, 0,
                        ParseOneOf(use.argument(0), {"id", "id32", "addr", "addr-port", "guid"}),
                        context.server->hash_key);
  });
}

void FinishBalance(BuildContext& context, ProxyDraft& draft) {
  ProxyConfig& config = *draft.config;
  if (!config.is_backend || config.balance != BalanceAlgorithm::kHash) return;
  const bool is_for_all =
      config.hash.input == HashInput::kSource || config.hash.input == HashInput::kExpression;
  if (is_for_all || config.mode == Mode::kHttp) return;
  context.diagnostics.Warning(At(config.place),
                              config.kind + " '" + config.name +
                                  "' balances by what a request says, which needs 'mode http': "
                                  "falling back to round robin");
  config.balance = BalanceAlgorithm::kRoundRobin;
}

}  // namespace engine
