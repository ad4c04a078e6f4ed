#include "engine/server/log_keywords.h"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/expr/places.h"
#include "engine/server/build_context.h"
#include "engine/server/capture_keywords.h"
#include "engine/server/expression_words.h"
#include "engine/server/log_config.h"

namespace engine {
namespace {

using scope::kAll;
using scope::kDefFront;

constexpr uint16_t kSyslogPort = 514;

// The section that is being read.
LogDraft& LogOf(BuildContext& context) {
  return context.proxy != nullptr ? context.proxy->log : context.log;
}

// Targets -----------------------------------------------------------------------------------------

bool TakeFd(const KeywordUse& use, std::string_view text, LogTarget& target) {
  target.kind = LogTarget::Kind::kFd;
  if (!TakeArgument(use, 0, ParseInteger(text, 0, INT_MAX), target.fd)) return false;
  // Whoever starts the process is to leave it open; stdout and stderr may be closed on purpose.
  if (target.fd > STDERR_FILENO && fcntl(target.fd, F_GETFD) < 0) {
    use.diagnostics.Warning(
        use.line.At(use.first_argument),
        "descriptor " + std::to_string(target.fd) + " is not open: what is logged there is lost");
  }
  return true;
}

// `address` is what follows a prefix that says nothing about the family, or all there is; it stands
// in `argument`.
bool TakeAddress(BuildContext& context, const KeywordUse& use, size_t argument,
                 const std::string& address, sockaddr_storage* storage, socklen_t* length) {
  const Parsed<AddressWord> word = ParseAddress(address, kServerAddress);
  if (!word) return Refuse(use, argument, word.error);
  const Parsed<shard::Address> resolved = Resolve(context, word.value);
  if (!resolved) return Refuse(use, argument, resolved.error);
  shard::Address where = resolved.value;
  if (where.is_ip() && where.port == 0) where.port = kSyslogPort;
  *length = where.ToSockaddr(storage);
  return *length != 0 || Refuse(use, argument, "the path of the socket is too long");
}

bool TakeDatagramAddress(BuildContext& context, const KeywordUse& use, const std::string& address,
                         LogTarget& target) {
  target.kind = LogTarget::Kind::kDatagram;
  return TakeAddress(context, use, 0, address, &target.address, &target.address_length);
}

// With or without one of the prefixes of streams (manual 11.1). `*is_stream`: with one.
std::string WithoutStreamPrefix(const std::string& text, bool* is_stream) {
  const std::pair<std::string_view, std::string_view> kPrefixes[] = {
      {"tcp@", ""}, {"tcp4@", "ipv4@"}, {"tcp6@", "ipv6@"}, {"uxst@", "unix@"}};
  for (const auto& [prefix, family] : kPrefixes) {
    *is_stream = text.starts_with(prefix);
    if (*is_stream) return std::string(family) + text.substr(prefix.size());
  }
  return text;
}

// A ring of its own, and its server (manual 4.2, log).
bool TakeStreamTarget(BuildContext& context, const KeywordUse& use, const std::string& address,
                      LoggerDraft& draft) {
  draft.target.kind = LogTarget::Kind::kRing;
  draft.stream.name = use.argument(0);
  return TakeAddress(context, use, 0, address, &draft.stream.address, &draft.stream.address_length);
}

bool TakeTarget(BuildContext& context, const KeywordUse& use, LoggerDraft& draft) {
  const std::string text(use.argument(0));
  const size_t at = text.find('@');
  const std::string prefix = at == std::string::npos ? "" : text.substr(0, at);
  const std::string rest = at == std::string::npos ? text : text.substr(at + 1);
  LogTarget& target = draft.target;
  if (text == "stdout" || text == "stderr")
    return TakeFd(use, text == "stdout" ? "1" : "2", target);
  if (prefix == "fd") return TakeFd(use, rest, target);
  if (prefix == "ring") {
    draft.ring = rest;
    target.kind = LogTarget::Kind::kRing;
    return !rest.empty() || Refuse(use, 0, "expects the name of a ring");
  }
  if (prefix == "backend") {
    return Refuse(use, 0, "a target '" + prefix + "@' is not supported yet");
  }
  bool is_stream = false;
  const std::string address = WithoutStreamPrefix(text, &is_stream);
  if (is_stream) return TakeStreamTarget(context, use, address, draft);
  if (prefix == "udp") return TakeDatagramAddress(context, use, rest, target);
  if (prefix == "udp4") return TakeDatagramAddress(context, use, "ipv4@" + rest, target);
  if (prefix == "udp6") return TakeDatagramAddress(context, use, "ipv6@" + rest, target);
  if (prefix == "uxdg") return TakeDatagramAddress(context, use, "unix@" + rest, target);
  return TakeDatagramAddress(context, use, text, target);
}

// `2-3,8:10`
bool TakeSample(const KeywordUse& use, size_t argument, LogSample& sample) {
  const std::string_view text = use.argument(argument);
  const size_t colon = text.find(':');
  const auto refuse = [&](const std::string& why) {
    return Refuse(use, argument, "'sample' " + why, "it is written as '<ranges>:<sample_size>'");
  };
  if (colon == std::string_view::npos) return refuse("expects the size of the sample");
  const Parsed<int64_t> size = ParseInteger(text.substr(colon + 1), 1, INT_MAX);
  if (!size) return refuse("size " + size.error);
  sample.size = uint32_t(size.value);
  for (const std::string_view one : base::Split(text.substr(0, colon), ',')) {
    const size_t dash = one.find('-');
    const Parsed<int64_t> low = ParseInteger(one.substr(0, dash), 1, size.value);
    if (!low) return refuse("range " + low.error);
    Parsed<int64_t> high = low;
    if (dash != std::string_view::npos) {
      high = ParseInteger(one.substr(dash + 1), low.value, size.value);
    }
    if (!high) return refuse("range " + high.error);
    for (const LogSample::Range& other : sample.ranges) {
      if (low.value <= other.high && high.value >= other.low) return refuse("ranges overlap");
    }
    sample.ranges.push_back({uint32_t(low.value), uint32_t(high.value)});
  }
  return true;
}

// [len <length>] [format <format>] [sample <ranges>:<size>] [profile <prof>]; `*next` is what
// follows.
constexpr std::string_view kLogOptions[] = {"len", "format", "sample", "profile"};

bool TakeLogOptions(const KeywordUse& use, size_t* next, LoggerDraft& draft) {
  Logger& logger = draft.logger;
  for (; *next < use.arguments(); *next += 2) {
    const std::string_view word = use.argument(*next);
    if (std::find(std::begin(kLogOptions), std::end(kLogOptions), word) == std::end(kLogOptions)) {
      return true;
    }
    const size_t value = *next + 1;
    if (value >= use.arguments()) {
      return Refuse(use, value, InQuotes(word) + " expects an argument");
    }
    if (word == "profile") {
      draft.profile = use.argument(value);
      draft.profile_word = use.first_argument + value;
    }
    if (word == "sample" && !TakeSample(use, value, logger.sample)) return false;
    if (word == "len" &&
        !TakeArgument(use, value, ParseInteger(use.argument(value), 80, kLogLineBytesMax),
                      logger.line_bytes_max)) {
      return false;
    }
    if (word != "format") continue;
    const int format = FindSyslogFormat(use.argument(value));
    if (format < 0) {
      return Refuse(use, value, "unknown format " + InQuotes(use.argument(value)),
                    "the formats are local, rfc3164, rfc5424, priority, short, timed, iso, raw");
    }
    logger.format = SyslogFormat(format);
  }
  return true;
}

bool TakeLevel(const KeywordUse& use, size_t argument, LogLevel& level) {
  if (argument >= use.arguments()) return true;
  const int found = FindLogLevel(use.argument(argument));
  if (found < 0) {
    return Refuse(use, argument, "unknown level " + InQuotes(use.argument(argument)),
                  Suggest(use.argument(argument),
                          {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}));
  }
  level = LogLevel(found);
  return true;
}

bool TakeFacility(const KeywordUse& use, size_t argument, Logger& logger) {
  if (argument >= use.arguments()) {
    return Refuse(use, argument, "expects a facility such as 'local0'");
  }
  const int facility = FindFacility(use.argument(argument));
  if (facility < 0) {
    std::vector<std::string_view> names;
    for (uint32_t i = 0; i < kFacilities; ++i) names.push_back(FacilityName(i));
    if (argument == 1) names.insert(names.end(), std::begin(kLogOptions), std::end(kLogOptions));
    return Refuse(use, argument, "unknown facility " + InQuotes(use.argument(argument)),
                  Suggest(use.argument(argument), names));
  }
  logger.facility = uint8_t(facility);
  return true;
}

bool TakeLog(BuildContext& context, KeywordUse& use) {
  LogDraft& draft = LogOf(context);
  if (use.is_no()) {
    if (use.arguments() > 0) return Refuse(use, 0, "'no log' takes no argument");
    draft.loggers.clear();
    return true;
  }
  if (!HasArguments(use, 1, SIZE_MAX, "a target, and a facility such as 'local0'")) return false;
  LoggerDraft logger;
  logger.line = &use.line;
  logger.word = use.first_argument;
  if (use.argument(0) == "global" && context.proxy != nullptr) {
    if (use.arguments() > 1) return Refuse(use, 1, "'log global' takes no other argument");
    for (const LoggerDraft& other : draft.loggers) {
      if (other.is_global) return true;  // inherited, or said twice
    }
    logger.is_global = true;
    draft.loggers.push_back(std::move(logger));
    return true;
  }
  if (use.arguments() == 1) {
    return Refuse(use, 1, "expects a facility such as 'local0'",
                  Suggest(use.argument(0), {"global"}));
  }
  size_t next = 1;
  logger.logger.format = SyslogFormat::kCount;  // as log-send-hostname says
  if (!TakeTarget(context, use, logger) || !TakeLogOptions(use, &next, logger) ||
      !TakeFacility(use, next, logger.logger) ||
      !TakeLevel(use, next + 1, logger.logger.level_max) ||
      !TakeLevel(use, next + 2, logger.logger.level_min)) {
    return false;
  }
  if (next + 3 < use.arguments()) {
    return Refuse(use, next + 3, "unexpected " + InQuotes(use.argument(next + 3)));
  }
  draft.loggers.push_back(std::move(logger));
  return true;
}

// Formats and options -----------------------------------------------------------------------------

void AddFormatOption(BuildKeywords& keywords, const char* words, LogFormatKind plain,
                     LogFormatKind clf) {
  keywords.Add({words, kDefFront}, [=](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 0, 1)) return false;
    if (use.arguments() == 1 && use.argument(0) != "clf") {
      return Refuse(use, 0, "only takes 'clf', not " + InQuotes(use.argument(0)));
    }
    LogDraft& draft = LogOf(context);
    draft.kind = use.arguments() == 1 ? clf : plain;
    draft.format = {&use.line, use.first_word};
    return true;
  });
}

void AddLogOption(BuildKeywords& keywords, const char* words, bool LogDraft::*field) {
  keywords.Add({words, kDefFront, Support::kWorks, kAllowsBoth},
               [=](BuildContext& context, KeywordUse& use) {
                 LogOf(context).*field = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
}

bool TakeTag(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a tag")) return false;
  if (use.argument(0).empty()) return Refuse(use, 0, "expects a tag");
  LogOf(context).tag = use.argument(0);
  return true;
}

bool TakeHostname(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 1)) return false;
  std::string& hostname = context.configuration.logs.hostname;
  if (use.arguments() == 1) {
    hostname = use.argument(0);
    return true;
  }
  char name[256] = {};
  hostname = gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
  return true;
}

// Rings -------------------------------------------------------------------------------------------

LogRingPlan& Ring(BuildContext& context) { return context.configuration.logs.rings.back(); }

// `server <name> <address> [log-proto <proto>]`
bool TakeRingServer(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, SIZE_MAX, "a name and an address")) return false;
  LogRingServer server;
  server.name = use.argument(0);
  if (const char bad = ForbiddenNameByte(server.name); bad != '\0') {
    return Refuse(use, 0,
                  "character '" + std::string(1, bad) + "' is not permitted in a server name");
  }
  for (const LogRingServer& other : Ring(context).servers) {
    if (other.name != server.name) continue;
    return Refuse(use, 0, "this ring has a server '" + server.name + "' already");
  }
  bool is_stream = false;
  const std::string address = WithoutStreamPrefix(std::string(use.argument(1)), &is_stream);
  if (!TakeAddress(context, use, 1, address, &server.address, &server.address_length)) return false;
  for (size_t word = 2; word < use.arguments(); word += 2) {
    if (use.argument(word) != "log-proto") {
      return Refuse(use, word,
                    InQuotes(use.argument(word)) + " is not supported for a server of a ring",
                    "such a server knows 'log-proto octet-count' and 'log-proto legacy'");
    }
    const std::string_view proto = word + 1 < use.arguments() ? use.argument(word + 1) : "";
    server.octet_count = proto == "octet-count";
    if (!server.octet_count && proto != "legacy") {
      return Refuse(use, word + 1 < use.arguments() ? word + 1 : word,
                    "'log-proto' expects 'octet-count' or 'legacy'" +
                        (proto.empty() ? "" : ", not " + InQuotes(proto)));
    }
  }
  Ring(context).servers.push_back(std::move(server));
  return true;
}

// Elsewhere than in a ring.
bool TakeLogProto(BuildContext&, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "'octet-count' or 'legacy'")) return false;
  use.diagnostics.Warning(use.line.At(use.first_word),
                          "'log-proto' only has an effect on the servers of a 'ring' section");
  return use.argument(0) == "octet-count" || use.argument(0) == "legacy" ||
         Refuse(use, 0, "expects 'octet-count' or 'legacy', not " + InQuotes(use.argument(0)));
}

void AddRingTimeout(BuildKeywords& keywords, const char* words, uint32_t LogRingPlan::*field) {
  keywords.Add({words, scope::kRing}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Ring(context).*field);
  });
}

void RegisterRing(BuildKeywords& keywords) {
  keywords.Add({"server", scope::kRing}, TakeRingServer);
  keywords.Add({"log-proto", scope::kServer | scope::kDefaultServer}, TakeLogProto);
  AddRingTimeout(keywords, "timeout connect", &LogRingPlan::connect_ms);
  AddRingTimeout(keywords, "timeout server", &LogRingPlan::server_ms);
  keywords.Add({"description", scope::kRing}, [](BuildContext& context, KeywordUse& use) {
    return TakeDescription(use, Ring(context).description);
  });
  keywords.Add({"format", scope::kRing}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a format")) return false;
    const int format = FindSyslogFormat(use.argument(0));
    if (format < 0) return Refuse(use, 0, "unknown format " + InQuotes(use.argument(0)));
    Ring(context).format = SyslogFormat(format);
    return true;
  });
  keywords.Add({"maxlen", scope::kRing}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a length in bytes") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, kLogLineBytesMax),
                        Ring(context).line_bytes_max);
  });
  keywords.Add({"size", scope::kRing}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a size in bytes") &&
           TakeArgument(use, 0, ParseSize(use.argument(0), uint64_t{1} << 32),
                        Ring(context).size_bytes);
  });
}

// What can be said once everything was read -------------------------------------------------------

// The ring of a `log tcp@` line. Lines that say the same server share one.
uint32_t ImplicitRing(BuildContext& context, const LogRingServer& server) {
  std::vector<LogRingPlan>& rings = context.configuration.logs.rings;
  for (size_t i = 0; i < rings.size(); ++i) {
    if (rings[i].is_implicit && rings[i].servers[0] == server) return uint32_t(i);
  }
  LogRingPlan ring;
  ring.name = server.name;
  ring.description = "lines on their way to " + server.name;
  ring.size_bytes = std::max<uint64_t>(context.configuration.global.bufsize, kLogLineBytesMax + 1);
  ring.line_bytes_max = kLogLineBytesMax;
  ring.servers.push_back(server);
  ring.is_implicit = true;
  rings.push_back(std::move(ring));
  return uint32_t(rings.size() - 1);
}

// False: what it names does not exist, and that was reported.
bool Settle(BuildContext& context, LoggerDraft& draft, Logger* logger) {
  LogPlan& plan = context.configuration.logs;
  if (draft.stream.address_length != 0) {
    draft.target.ring = ImplicitRing(context, draft.stream);
  } else if (draft.target.kind == LogTarget::Kind::kRing) {
    size_t index = 0;
    while (index < plan.rings.size() && plan.rings[index].name != draft.ring) ++index;
    if (index == plan.rings.size()) {
      std::vector<std::string_view> names;
      for (const LogRingPlan& ring : plan.rings) names.push_back(ring.name);
      context.diagnostics.Error(draft.line->At(draft.word),
                                "'log': no ring is named " + InQuotes(draft.ring),
                                Suggest(draft.ring, names));
      return false;
    }
    draft.target.ring = uint32_t(index);
  }
  if (!draft.profile.empty() && !SettleLogProfile(context, {draft.line, draft.profile_word},
                                                  draft.profile, &draft.logger.profile)) {
    return false;
  }
  *logger = draft.logger;
  if (logger->format == SyslogFormat::kCount) {
    logger->format = plan.hostname.empty() ? SyslogFormat::kLocal : SyslogFormat::kRfc3164;
  }
  logger->target = plan.AddTarget(draft.target);
  if (!logger->sample.ranges.empty()) {
    logger->sample.count = std::make_shared<LogSample::Count>();
  }
  return true;
}

// Reports an item that has no value in mode tcp.
void CheckMode(BuildContext& context, const ProxyConfig& config, const LogFormatDraft& draft,
               const LogFormat& format) {
  if (config.mode == Mode::kHttp || format.http_item().empty()) return;
  context.diagnostics.Error(draft.line->At(draft.word), "log format: '" +
                                                            std::string(format.http_item()) +
                                                            "' needs mode http, " + config.kind +
                                                            " '" + config.name + "' has mode tcp");
}

// What a peer has sent is gone when the line is written: forwarded, or dropped with its buffer.
void TellOfBytesGone(BuildContext& context, const LogFormatDraft& draft, const LogFormat& format) {
  for (const Expression& one : format.expressions()) {
    if ((one.needs() & needs::kNoHttp) == 0) continue;
    const std::string name(one.fetch().name);
    const bool of_response = (one.needs() & needs::kResponseBytes) != 0;
    context.diagnostics.Warning(
        draft.line->At(draft.word),
        "log format: '" + name +
            "' is always empty, because what was received is not kept until "
            "the line is written",
        "keep it with 'tcp-" + std::string(of_response ? "response" : "request") +
            " content set-var(txn.NAME) " + name + "' and log '%[var(txn.NAME)]'");
  }
}

void CompileBuiltIn(std::string_view text, LogFormat& format) {
  LogFormatError error;
  MUST(format.Compile(text, &error));
}

// It is an error only where the registry has no units of TLS.
void CompileHttps(BuildContext& context, const LogFormatDraft& draft, LogFormat& format) {
  LogFormatError error;
  if (format.Compile(kHttpsLogFormat, &UnitsOf(context), place::kLog, &error)) return;
  context.diagnostics.Error(draft.line->At(draft.word), "'option httpslog': " + error.message);
}

void FinishTrafficFormat(BuildContext& context, const ProxyConfig& config, const LogDraft& draft,
                         LogFormat& format) {
  LogFormatKind kind = draft.kind;
  const bool for_http = kind == LogFormatKind::kHttp || kind == LogFormatKind::kHttpClf ||
                        kind == LogFormatKind::kHttps;
  if (for_http && config.mode != Mode::kHttp) {
    const std::string option = kind == LogFormatKind::kHttps ? "httpslog" : "httplog";
    context.diagnostics.Warning(draft.format.line->At(draft.format.word),
                                "'option " + option + "' not usable with " + config.kind + " '" +
                                    config.name + "' (needs 'mode http'): 'option tcplog' is used");
    kind = kind == LogFormatKind::kHttpClf ? LogFormatKind::kTcpClf : LogFormatKind::kTcp;
  }
  switch (kind) {
    case LogFormatKind::kDefault:
      return;
    case LogFormatKind::kText:
      (void)FinishFormat(context, config, draft.format, format);
      return;
    case LogFormatKind::kTcp:
      return CompileBuiltIn(kTcpLogFormat, format);
    case LogFormatKind::kTcpClf:
      return CompileBuiltIn(kTcpClfLogFormat, format);
    case LogFormatKind::kHttp:
      return CompileBuiltIn(kHttpLogFormat, format);
    case LogFormatKind::kHttpClf:
      return CompileBuiltIn(kHttpClfLogFormat, format);
    case LogFormatKind::kHttps:
      return CompileHttps(context, draft.format, format);
  }
}

void FinishProxyLog(BuildContext& context, ProxyDraft& proxy) {
  LogDraft& draft = proxy.log;
  ProxyConfig& config = *proxy.config;
  auto log = std::make_shared<ProxyLog>();
  if (config.is_frontend) {
    FinishTrafficFormat(context, config, draft, log->format);
    (void)FinishFormat(context, config, draft.error_format, log->error_format);
    (void)FinishFormat(context, config, draft.structured_data, log->structured_data);
    // At a step on the way it may still be there.
    if (draft.steps == 0) {
      if (draft.kind == LogFormatKind::kText) {
        TellOfBytesGone(context, draft.format, log->format);
      }
      TellOfBytesGone(context, draft.error_format, log->error_format);
      TellOfBytesGone(context, draft.structured_data, log->structured_data);
    }
  }
  for (LoggerDraft& one : draft.loggers) {
    if (one.is_global) {
      const std::vector<Logger>& global = context.configuration.logs.global;
      log->loggers.insert(log->loggers.end(), global.begin(), global.end());
      continue;
    }
    Logger logger;
    if (Settle(context, one, &logger)) log->loggers.push_back(std::move(logger));
  }
  log->tag = draft.tag;
  log->steps = draft.steps;
  log->as_soon_as_possible = draft.as_soon_as_possible;
  log->separate_errors = draft.separate_errors;
  log->skip_normal = draft.skip_normal;
  log->needs =
      kNeedsClient | log->format.needs() | log->error_format.needs() | log->structured_data.needs();
  if (log->is_default()) log->needs |= kDefaultLogNeeds;
  if (config.is_frontend) AddProfiles(context.configuration, *log);
  if (!log->loggers.empty()) config.log = std::move(log);
}

}  // namespace

bool CompileFormat(BuildContext& context, const LogFormatDraft& draft, LogFormat& format) {
  LogFormatError error;
  const std::string_view text = draft.line->text(draft.word);
  if (format.Compile(text, &UnitsOf(context), draft.offers, &error)) {
    const WordPlace place{draft.line, draft.word};
    for (const Expression& one : format.expressions()) NoteNamed(context, place, one);
    return true;
  }
  std::string hint = error.hint.empty() ? "" : error.hint + "; ";
  hint += "at: " + std::string(text.substr(error.at, 40));
  context.diagnostics.Error(draft.line->At(draft.word), "log format: " + error.message, hint);
  return false;
}

bool TakeFormatText(BuildContext& context, KeywordUse& use, Needs offers, LogFormatDraft& draft) {
  if (!HasArguments(use, 1, 1, "a format; put it between quotes")) return false;
  if (use.argument(0).empty()) return Refuse(use, 0, "expects a format");
  draft = {&use.line, use.first_argument, offers};
  LogFormat unused;
  return CompileFormat(context, draft, unused);
}

bool FinishFormat(BuildContext& context, const ProxyConfig& config, const LogFormatDraft& draft,
                  LogFormat& out) {
  if (draft.line == nullptr || !CompileFormat(context, draft, out)) return false;
  CheckMode(context, config, draft, out);
  return true;
}

void ReadRing(BuildContext& context, const Section& section) {
  const Location where = section.header.At(section.name.empty() ? 0 : 1);
  if (section.name.empty()) return context.diagnostics.Error(where, "'ring' expects a name");
  std::vector<LogRingPlan>& rings = context.configuration.logs.rings;
  for (const LogRingPlan& other : rings) {
    if (other.name != section.name) continue;
    return context.diagnostics.Error(where, "ring section '" + section.name + "' already exists");
  }
  LogRingPlan ring;
  ring.name = ring.description = section.name;
  ring.size_bytes = 0;  // tune.bufsize, which may follow
  rings.push_back(std::move(ring));
  for (const Line& line : section.lines) {
    context.keywords.Run(context, line, scope::kRing, context.diagnostics);
  }
}

void FinishLogs(BuildContext& context) {
  LogPlan& plan = context.configuration.logs;
  for (LogRingPlan& ring : plan.rings) {
    if (ring.size_bytes == 0) ring.size_bytes = context.configuration.global.bufsize;
    if (ring.line_bytes_max < ring.size_bytes) continue;
    ring.line_bytes_max = uint32_t(ring.size_bytes) - 1;
  }
  plan.tag = context.log.tag;
  for (LoggerDraft& one : context.log.loggers) {
    Logger logger;
    if (Settle(context, one, &logger)) plan.global.push_back(std::move(logger));
  }
  for (const WordPlace& word : context.profile_words) {
    int32_t unused = 0;
    (void)SettleLogProfile(context, word, word.text(), &unused);
  }
  for (ProxyDraft& draft : context.drafts) {
    context.proxy = &draft;  // whose ACLs its formats may name
    FinishProxyLog(context, draft);
    FinishCaptures(context, draft);
  }
  context.proxy = nullptr;
}

void RegisterLogKeywords(BuildKeywords& keywords) {
  keywords.Add({"log", scope::kGlobal | kAll, Support::kWorks, kAllowsNo}, TakeLog);
  keywords.Add({"log-tag", scope::kGlobal | kAll}, TakeTag);
  keywords.Add({"log-send-hostname", scope::kGlobal}, TakeHostname);
  keywords.Add({"tune.http.logurilen", scope::kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, kLogLineBytesMax),
                        context.configuration.global.http_logurilen);
  });
  keywords.Add({"log-format", kDefFront}, [](BuildContext& context, KeywordUse& use) {
    LogOf(context).kind = LogFormatKind::kText;
    return TakeFormatText(context, use, place::kLog, LogOf(context).format);
  });
  keywords.Add({"error-log-format", kDefFront}, [](BuildContext& context, KeywordUse& use) {
    return TakeFormatText(context, use, place::kLog, LogOf(context).error_format);
  });
  keywords.Add({"log-format-sd", kDefFront}, [](BuildContext& context, KeywordUse& use) {
    return TakeFormatText(context, use, place::kLog, LogOf(context).structured_data);
  });
  AddFormatOption(keywords, "option tcplog", LogFormatKind::kTcp, LogFormatKind::kTcpClf);
  AddFormatOption(keywords, "option httplog", LogFormatKind::kHttp, LogFormatKind::kHttpClf);
  keywords.Add({"option httpslog", kDefFront}, [](BuildContext& context, KeywordUse& use) {
    LogDraft& draft = LogOf(context);
    draft.kind = LogFormatKind::kHttps;
    draft.format = {&use.line, use.first_word};
    return HasArguments(use, 0, 0);
  });
  AddLogOption(keywords, "option logasap", &LogDraft::as_soon_as_possible);
  AddLogOption(keywords, "option log-separate-errors", &LogDraft::separate_errors);
  AddLogOption(keywords, "option dontlog-normal", &LogDraft::skip_normal);
  keywords.Add({"log-steps", kDefFront}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "steps such as 'accept,close', or 'all'") &&
           TakeLogSteps(use, &LogOf(context).steps);
  });
  RegisterRing(keywords);
  RegisterLogProfileKeywords(keywords);
}

}  // namespace engine
