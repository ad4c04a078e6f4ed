#include "engine/server/http_keywords.h"

#include <arpa/inet.h>

#include <algorithm>
#include <climits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/server/build_context.h"
#include "engine/server/expression_words.h"
#include "engine/server/forwarded_expressions.h"
#include "engine/server/http_replies.h"
#include "engine/server/http_reply_keywords.h"
#include "engine/server/process_keywords.h"
#include "engine/server/rule_config.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

using scope::kAll;
using scope::kDefBack;
using scope::kDefFront;
using scope::kGlobal;
using scope::kServers;

HttpConfig& Http(BuildContext& context) { return context.proxy->config->http; }

// Connections -------------------------------------------------------------------------------------

void AddTimeout(BuildKeywords& keywords, const char* words, uint32_t HttpConfig::*field) {
  keywords.Add({words, kAll}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Http(context).*field);
  });
}

// An option that is on or off; "default" is what a HttpConfig starts with.
void AddOption(BuildKeywords& keywords, const char* words, Scopes scopes, bool HttpConfig::*field) {
  keywords.Add({words, scopes, Support::kWorks, kAllowsBoth},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 Http(context).*field =
                     use.prefix == kAllowsDefault ? HttpConfig().*field : use.prefix == kNoPrefix;
                 return true;
               });
}

// Each replaces the others; taking back one that is not in force changes nothing (manual 4.2).
void AddConnectionMode(BuildKeywords& keywords, const char* words, ConnectionMode mode) {
  keywords.Add({words, kAll, Support::kWorks, kAllowsBoth},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 ConnectionMode& current = Http(context).connection_mode;
                 if (use.prefix == kNoPrefix) {
                   current = mode;
                 } else if (current == mode) {
                   current = ConnectionMode::kKeepAlive;
                 }
                 return true;
               });
}

bool TakeReuse(BuildContext& context, KeywordUse& use) {
  size_t policy = 0;
  if (!HasArguments(use, 1, 1, "'never', 'safe', 'aggressive' or 'always'") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"never", "safe", "aggressive", "always"}),
                    policy)) {
    return false;
  }
  Http(context).reuse = ReusePolicy(policy);
  return true;
}

struct RetryWord {
  std::string_view word;
  uint32_t bits;
};
constexpr RetryWord kRetryWords[] = {
    {"none", 0},
    {"conn-failure", kRetryConnFailure},
    {"empty-response", kRetryEmptyResponse},
    {"junk-response", kRetryJunkResponse},
    {"response-timeout", kRetryResponseTimeout},
    {"0rtt-rejected", kRetry0RttRejected},
    {"all-retryable-errors", kRetryConnFailure | kRetryEmptyResponse | kRetryJunkResponse |
                                 kRetryResponseTimeout | kRetry0RttRejected | kRetry500 |
                                 kRetry502 | kRetry503 | kRetry504},
    {"401", kRetry401},
    {"403", kRetry403},
    {"404", kRetry404},
    {"408", kRetry408},
    {"421", kRetry421},
    {"425", kRetry425},
    {"429", kRetry429},
    {"500", kRetry500},
    {"501", kRetry501},
    {"502", kRetry502},
    {"503", kRetry503},
    {"504", kRetry504},
};

bool TakeRetryOn(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "at least one condition such as 'conn-failure'")) {
    return false;
  }
  uint32_t bits = 0;
  for (size_t i = 0; i < use.arguments(); ++i) {
    const auto* found =
        std::find_if(std::begin(kRetryWords), std::end(kRetryWords),
                     [&](const RetryWord& one) { return one.word == use.argument(i); });
    if (found == std::end(kRetryWords)) {
      std::vector<std::string_view> names;
      for (const RetryWord& one : kRetryWords) names.push_back(one.word);
      return Refuse(use, i, "unknown condition " + InQuotes(use.argument(i)),
                    Suggest(use.argument(i), names));
    }
    if (found->bits == 0 && use.arguments() > 1) return Refuse(use, i, "'none' stands alone");
    if (found->bits == kRetry0RttRejected) {
      use.diagnostics.Warning(use.line.At(use.first_argument + i),
                              "'retry-on': '0rtt-rejected' has no effect, as no early data is "
                              "ever sent to servers");
    }
    bits |= found->bits;
  }
  Http(context).retry_on = bits;
  return true;
}

bool TakeAbortOnClose(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 0)) return false;
  context.proxy->has_abort_on_close = use.prefix != kAllowsDefault;
  Http(context).abort_on_close = use.prefix == kNoPrefix;
  return true;
}

void RegisterConnections(BuildKeywords& keywords) {
  AddTimeout(keywords, "timeout http-request", &HttpConfig::request_ms);
  AddTimeout(keywords, "timeout http-keep-alive", &HttpConfig::keep_alive_ms);
  AddConnectionMode(keywords, "option http-keep-alive", ConnectionMode::kKeepAlive);
  AddConnectionMode(keywords, "option http-server-close", ConnectionMode::kServerClose);
  AddConnectionMode(keywords, "option httpclose", ConnectionMode::kClose);
  keywords.Add({"http-reuse", kDefBack}, TakeReuse);
  keywords.Add({"retry-on", kDefBack}, TakeRetryOn);
  keywords.Add({"option abortonclose", kAll, Support::kWorks, kAllowsBoth}, TakeAbortOnClose);
  AddOption(keywords, "option http-pretend-keepalive", kDefBack, &HttpConfig::pretend_keepalive);
  AddOption(keywords, "option prefer-last-server", kDefBack, &HttpConfig::prefer_last_server);
  keywords.Add({"max-keep-alive-queue", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a number of requests, or -1") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), -1, INT_MAX),
                        Http(context).max_keep_alive_queue);
  });
  AddOption(keywords, "option http-no-delay", kAll, &HttpConfig::no_delay);
  AddOption(keywords, "option http-buffer-request", kAll, &HttpConfig::buffer_request);
  AddOption(keywords, "option http-ignore-probes", kDefFront, &HttpConfig::ignore_probes);
  AddOption(keywords, "option http-use-proxy-header", kDefFront, &HttpConfig::use_proxy_header);
  AddOption(keywords, "option idle-close-on-response", kDefFront,
            &HttpConfig::idle_close_on_response);
  keywords.Add({"option dontlognull", kDefFront, Support::kWorks, kAllowsBoth},
               [](BuildContext& context, KeywordUse& use) {
                 context.proxy->config->dont_log_null = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
}

// Messages ----------------------------------------------------------------------------------------

bool TakeNetwork(const KeywordUse& use, size_t argument, IpNetwork& network) {
  const std::string text(use.argument(argument));
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  network = {};
  int bits_max = 32;
  if (inet_pton(AF_INET, address.c_str(), network.bytes) == 1) {
    network.family = AF_INET;
  } else if (inet_pton(AF_INET6, address.c_str(), network.bytes) == 1) {
    network.family = AF_INET6;
    bits_max = 128;
  } else {
    return Refuse(use, argument, InQuotes(text) + " is not a network such as '10.0.0.0/8'");
  }
  network.bits = uint8_t(bits_max);
  if (slash == std::string::npos) return true;
  const std::string mask = text.substr(slash + 1);
  in_addr dotted{};
  if (network.family == AF_INET && inet_pton(AF_INET, mask.c_str(), &dotted) == 1) {
    const uint32_t host_order = ntohl(dotted.s_addr);
    const uint32_t ones = uint32_t(__builtin_popcount(host_order));
    if (host_order != (ones == 0 ? 0 : UINT32_MAX << (32 - ones))) {
      return Refuse(use, argument, InQuotes(mask) + " is not a network mask");
    }
    network.bits = uint8_t(ones);
  } else if (!TakeArgument(use, argument, ParseInteger(mask, 0, bits_max), network.bits)) {
    return false;
  }
  for (size_t i = 0; i < sizeof(network.bytes); ++i) {
    const int kept = std::clamp(int(network.bits) - int(i) * 8, 0, 8);
    network.bytes[i] &= uint8_t(0xff00u >> kept);
  }
  return true;
}

// A field's name. Those that say where the message ends are never handed out.
bool TakeFieldName(const KeywordUse& use, size_t argument, std::string& name) {
  if (!proto::IsToken(use.argument(argument))) {
    return Refuse(use, argument, InQuotes(use.argument(argument)) + " is not the name of a field");
  }
  name = use.argument(argument);
  return true;
}

// Each line stands for itself: what an earlier one said is gone. Of several `except` the last one
// counts, as haproxy 2.6 does it.
bool TakeForward(KeywordUse& use, const char* header, bool has_if_none, ForwardOption& out) {
  ForwardOption option{.enabled = true, .if_none = false, .header = header, .except = {}};
  for (size_t i = 0; i < use.arguments(); ++i) {
    const std::string_view word = use.argument(i);
    if (word == "if-none" && has_if_none) {
      option.if_none = true;
    } else if (word == "except" && i + 1 < use.arguments()) {
      option.except.resize(1);
      if (!TakeNetwork(use, ++i, option.except[0])) return false;
    } else if (word == "header" && i + 1 < use.arguments()) {
      if (!TakeFieldName(use, ++i, option.header)) return false;
    } else if (word == "except" || word == "header") {
      return Refuse(use, i + 1, InQuotes(word) + " expects an argument");
    } else {
      return Refuse(use, i, "unexpected " + InQuotes(word),
                    has_if_none ? "it takes 'except', 'header' and 'if-none'"
                                : "it takes 'except' and 'header'");
    }
  }
  out = std::move(option);
  return true;
}

// The words of `option forwarded`; each also takes an expression, as "by-expr".
struct ForwardedWord {
  std::string_view word;
  bool ForwardedOption::*field;
  std::optional<Expression> ForwardedExpressions::*made;  // null: `proto` takes none
};
constexpr ForwardedWord kForwardedWords[] = {
    {"proto", &ForwardedOption::proto, nullptr},
    {"host", &ForwardedOption::host, &ForwardedExpressions::host},
    {"by", &ForwardedOption::by, &ForwardedExpressions::by},
    {"by_port", &ForwardedOption::by_port, &ForwardedExpressions::by_port},
    {"for", &ForwardedOption::from, &ForwardedExpressions::from},
    {"for_port", &ForwardedOption::from_port, &ForwardedExpressions::from_port},
};

const ForwardedWord* FindForwardedWord(std::string_view word, bool* has_expression) {
  constexpr std::string_view kExpression = "-expr";
  *has_expression = word.ends_with(kExpression);
  if (*has_expression) word.remove_suffix(kExpression.size());
  for (const ForwardedWord& known : kForwardedWords) {
    if (known.word == word && !(*has_expression && known.made == nullptr)) return &known;
  }
  return nullptr;
}

bool TakeForwardedWord(BuildContext& context, const KeywordUse& use, size_t& i,
                       ForwardedOption& option, ForwardedExpressions& made) {
  const std::string_view word = use.argument(i);
  bool has_expression = false;
  const ForwardedWord* known = FindForwardedWord(word, &has_expression);
  if (known == nullptr) {
    return Refuse(use, i, "unexpected " + InQuotes(word),
                  Suggest(word, {"proto", "host", "host-expr", "by", "by-expr", "by_port",
                                 "by_port-expr", "for", "for-expr", "for_port", "for_port-expr"}));
  }
  if (option.*known->field) {
    return Refuse(use, i, InQuotes(known->word) + " has been given already");
  }
  option.*known->field = true;
  if (!has_expression) return true;
  std::optional<Expression> expression = ParseExpression(context, use, ++i, place::kHttpRequest);
  if (!expression) return false;
  made.*known->made = std::move(expression);
  return true;
}

bool TakeForwarded(BuildContext& context, KeywordUse& use) {
  ForwardedOption option;
  ForwardedExpressions made;
  option.enabled = use.prefix == kNoPrefix;
  if (use.arguments() == 0) option.proto = option.from = true;
  for (size_t i = 0; i < use.arguments(); ++i) {
    if (!TakeForwardedWord(context, use, i, option, made)) return false;
  }
  const auto ignore = [&](bool& port, bool has_name, const char* words) {
    if (!port || has_name) return;
    port = false;
    use.diagnostics.Warning(use.line.At(use.first_word), words);
  };
  ignore(option.by_port, option.by,
         "'option forwarded': 'by_port' is ignored without 'by' or 'by-expr'");
  ignore(option.from_port, option.from,
         "'option forwarded': 'for_port' is ignored without 'for' or 'for-expr'");
  if (made.host || made.by || made.by_port || made.from || made.from_port) {
    option.made = std::make_shared<const ForwardedExpressions>(std::move(made));
  }
  Http(context).forwarded = std::move(option);
  return true;
}

bool TakeHeaderNames(BuildContext& context, KeywordUse& use) {
  size_t rule = 0;
  if (!HasArguments(use, 1, 1, "'preserve', 'delete' or 'reject'") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"preserve", "delete", "reject"}), rule)) {
    return false;
  }
  Http(context).header_names = HeaderNameRule(rule);
  return true;
}

bool TakeSendName(BuildContext& context, KeywordUse& use) {
  std::string name;
  if (!HasArguments(use, 1, 1, "the name of a field") || !TakeFieldName(use, 0, name)) return false;
  for (const std::string_view ours :
       {"host", "content-length", "transfer-encoding", "connection"}) {
    if (base::EqualsIgnoreCase(name, ours)) {
      return Refuse(use, 0, InQuotes(name) + " cannot carry the name of a server");
    }
  }
  Http(context).send_name_header = name;
  return true;
}

void AddUnsafe(BuildKeywords& keywords, const char* words, const char* old_words, Scopes scopes,
               bool HttpConfig::*field) {
  AddOption(keywords, words, scopes, field);
  keywords.Add({old_words, scopes, Support::kWorks, kAllowsBoth},
               [=, name = std::string(words)](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 use.diagnostics.Warning(use.line.At(use.first_word),
                                         "'" + use.keyword->words + "' is deprecated",
                                         InQuotes(name) + " took its place");
                 Http(context).*field = use.prefix == kNoPrefix;
                 return true;
               });
}

void RegisterMessages(BuildKeywords& keywords) {
  keywords.Add({"option forwardfor", kAll}, [](BuildContext& context, KeywordUse& use) {
    return TakeForward(use, "X-Forwarded-For", true, Http(context).forward_for);
  });
  keywords.Add({"option originalto", kAll}, [](BuildContext& context, KeywordUse& use) {
    return TakeForward(use, "X-Original-To", false, Http(context).original_to);
  });
  keywords.Add({"option forwarded", kDefBack, Support::kWorks, kAllowsBoth}, TakeForwarded);
  keywords.Add({"option http-restrict-req-hdr-names", kAll}, TakeHeaderNames);
  keywords.Add({"http-send-name-header", kDefBack}, TakeSendName);
  keywords.Add({"monitor-uri", kDefFront}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a URI")) return false;
    Http(context).monitor_uri = use.argument(0);
    return true;
  });
  AddOption(keywords, "option checkcache", kDefBack, &HttpConfig::check_cache);
  AddOption(keywords, "option http-drop-request-trailers", kDefBack,
            &HttpConfig::drop_request_trailers);
  AddOption(keywords, "option http-drop-response-trailers", kDefFront,
            &HttpConfig::drop_response_trailers);
  AddOption(keywords, "option h1-case-adjust-bogus-client", kDefFront,
            &HttpConfig::adjust_case_client);
  AddOption(keywords, "option h1-case-adjust-bogus-server", kDefBack,
            &HttpConfig::adjust_case_server);
  AddUnsafe(keywords, "option accept-unsafe-violations-in-http-request",
            "option accept-invalid-http-request", kDefFront, &HttpConfig::accept_unsafe_request);
  AddUnsafe(keywords, "option accept-unsafe-violations-in-http-response",
            "option accept-invalid-http-response", kDefBack, &HttpConfig::accept_unsafe_response);
}

// Global and server lines -------------------------------------------------------------------------

using CaseMap = std::map<std::string, std::string, std::less<>>;

// The reason why not, or empty.
std::string AddCase(std::string_view from, std::string_view to, CaseMap& map) {
  if (!proto::IsToken(from)) return InQuotes(from) + " is not the name of a field";
  if (base::Lower(from) != from) return InQuotes(from) + " is not in lower case";
  if (base::Lower(to) != from) {
    return InQuotes(from) + " and " + InQuotes(to) + " differ in more than their case";
  }
  if (!map.emplace(from, to).second) return "duplicate entry " + InQuotes(from);
  return {};
}

bool TakeCaseAdjust(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, 2, "the name of a field in lower case, and as it is sent"))
    return false;
  const std::string error =
      AddCase(use.argument(0), use.argument(1), context.configuration.global.h1_case_adjust);
  return error.empty() || Refuse(use, 0, error);
}

bool TakeCaseAdjustFile(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a file")) return false;
  const std::string path = FilePath(context, use.line, use.argument(0));
  const Parsed<std::string> contents = ReadReplyFile(path, kReplyFileBytesMax);
  if (!contents) return Refuse(use, 0, InQuotes(path) + ": " + contents.error);
  CaseMap map;
  size_t number = 0;
  for (std::string_view line : base::Split(contents.value, '\n')) {
    ++number;
    line = base::Trim(line);
    if (line.empty() || line.front() == '#') continue;
    const size_t blank = line.find_first_of(" \t");
    const std::string_view from = line.substr(0, blank);
    const std::string_view to =
        blank == std::string_view::npos ? std::string_view() : base::Trim(line.substr(blank));
    const std::string error = to.empty() ? "expects two names" : AddCase(from, to, map);
    if (error.empty()) continue;
    return Refuse(use, 0, InQuotes(path) + ", line " + std::to_string(number) + ": " + error);
  }
  context.case_adjust_file = std::move(map);
  return true;
}

template <typename Field>
void AddServerNumber(BuildKeywords& keywords, const char* words, int64_t low,
                     Field ServerConfig::*field) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), low, INT_MAX),
                        context.server->*field);
  });
}

void AddPercent(BuildKeywords& keywords, const char* words, uint32_t GlobalConfig::*field) {
  keywords.Add({words, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a percentage") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 0, 100),
                        context.configuration.global.*field);
  });
}

void RegisterOthers(BuildKeywords& keywords) {
  keywords.Add({"tune.http.maxhdr", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, 32767),
                        context.configuration.global.http_maxhdr);
  });
  keywords.Add({"tune.idle-pool.shared", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    // One group of threads: "full" is "on".
    size_t word = 0;
    if (!HasArguments(use, 1, 1, "'full', 'on' or 'off'") ||
        !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"full", "on", "off"}), word)) {
      return false;
    }
    context.configuration.global.idle_pool_shared = word != 2;
    return true;
  });
  AddPercent(keywords, "tune.pool-low-fd-ratio", &GlobalConfig::pool_low_fd_percent);
  AddPercent(keywords, "tune.pool-high-fd-ratio", &GlobalConfig::pool_high_fd_percent);
  keywords.Add({"h1-case-adjust", kGlobal}, TakeCaseAdjust);
  keywords.Add({"h1-case-adjust-file", kGlobal}, TakeCaseAdjustFile);
  AddServerNumber(keywords, "pool-max-conn", -1, &ServerConfig::pool_max_conn);
  AddServerNumber(keywords, "pool-low-conn", 0, &ServerConfig::pool_low_conn);
  AddServerNumber(keywords, "max-reuse", -1, &ServerConfig::max_reuse);
  keywords.Add({"pool-purge-delay", kServers}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "a time") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), context.server->pool_purge_delay_ms);
  });
}

// What HAProxy says about these words in a TCP proxy, which does without them.
void WarnOfTcp(BuildContext& context, const ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  const HttpConfig& http = config.http;
  const auto warn = [&](bool is_set, const char* what) {
    if (!is_set) return;
    context.diagnostics.Warning(draft.section->header.At(1), std::string(what) + " ignored for " +
                                                                 config.kind + " '" + config.name +
                                                                 "' as it requires 'mode http'");
  };
  warn(config.is_frontend && !http.monitor_uri.empty(), "'monitor-uri'");
  const auto has = [&config](RuleStage stage) {
    return config.rules != nullptr && !config.rules->set(stage).empty();
  };
  warn(has(RuleStage::kHttpRequest), "'http-request' rules");
  warn(has(RuleStage::kRedirect), "'redirect' rules");
  warn(has(RuleStage::kHttpResponse), "'http-response' rules");
  warn(has(RuleStage::kHttpAfter), "'http-after-response' rules");
  warn(http.forward_for.enabled, "'option forwardfor'");
  warn(http.original_to.enabled, "'option originalto'");
  warn(config.is_backend && http.forwarded.enabled, "'option forwarded'");
  warn(http.buffer_request, "'option http-buffer-request'");
  warn(config.is_frontend && http.ignore_probes, "'option http-ignore-probes'");
  warn(config.is_backend && http.pretend_keepalive, "'option http-pretend-keepalive'");
}

// What has become HTTP cannot go to servers of mode tcp (manual 4.4, switch-mode).
void WarnOfNoHttp(BuildContext& context, const ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  const auto speaks_http = [](const ProxyConfig* backend) {
    return backend != nullptr && backend->mode == Mode::kHttp;
  };
  bool leads_to_http = speaks_http(config.default_backend);
  for (const BackendRule& rule : draft.rules->use_backend) {
    leads_to_http = leads_to_http || !rule.name.is_constant() || speaks_http(rule.backend);
  }
  if (leads_to_http) return;
  context.diagnostics.Warning(
      draft.section->header.At(1),
      "'switch-mode http' in " + config.kind + " '" + config.name +
          "', which leads to no backend of 'mode http': what is upgraded has nowhere to go");
}

}  // namespace

void RegisterHttpKeywords(BuildKeywords& keywords) {
  RegisterHttpReplyKeywords(keywords);
  RegisterConnections(keywords);
  RegisterMessages(keywords);
  RegisterOthers(keywords);
}

void FinishHttp(BuildContext& context, ProxyDraft& draft) {
  ApplyReplySteps(context, draft);
  ProxyConfig& config = *draft.config;
  const bool is_http = config.mode == Mode::kHttp;
  if (!draft.has_abort_on_close) config.http.abort_on_close = is_http;
  FinishRuleReplies(context, draft);
  if (is_http) return;
  if (draft.rules != nullptr && draft.rules->SwitchesMode()) return WarnOfNoHttp(context, draft);
  WarnOfTcp(context, draft);
  // Of a connection that is upgraded for its backend's sake that one alone has a say (manual 4).
  HttpConfig& http = config.http;
  http.monitor_uri.clear();
  http.forward_for = http.original_to = {};
  http.buffer_request = http.ignore_probes = false;
  if (draft.rules == nullptr) return;
  for (const RuleStage stage : {RuleStage::kHttpRequest, RuleStage::kRedirect, RuleStage::kStats,
                                RuleStage::kHttpResponse, RuleStage::kHttpAfter}) {
    draft.rules->set(stage).rules.clear();
  }
  draft.rules->stats_admin.clear();
}

void FinishHttpGlobal(BuildContext& context) {
  // Both ways to write it may be used; a name that both have is the section's.
  context.configuration.global.h1_case_adjust.insert(context.case_adjust_file.begin(),
                                                     context.case_adjust_file.end());
  CheckReplySizes(context);
}

}  // namespace engine
