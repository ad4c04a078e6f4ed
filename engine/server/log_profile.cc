#include <algorithm>
#include <string>

#include "base/text.h"
#include "engine/expr/places.h"
#include "engine/server/build_context.h"
#include "engine/server/expression_words.h"
#include "engine/server/log_config.h"
#include "engine/server/log_keywords.h"

namespace engine {
namespace {

// The steps by name; those without an origin are kept apart.
struct StepName {
  std::string_view name;
  LogOrigin origin;
};
constexpr StepName kSteps[] = {
    {"accept", LogOrigin::kAccept},
    {"request", LogOrigin::kRequest},
    {"connect", LogOrigin::kConnect},
    {"response", LogOrigin::kResponse},
    {"close", LogOrigin::kClose},
    {"tcp-req-conn", LogOrigin::kTcpConnectionRule},
    {"tcp-req-sess", LogOrigin::kTcpSessionRule},
    {"tcp-req-cont", LogOrigin::kTcpContentRule},
    {"tcp-res-cont", LogOrigin::kTcpResponseRule},
    {"http-req", LogOrigin::kHttpRequestRule},
    {"http-res", LogOrigin::kHttpResponseRule},
    {"http-after-res", LogOrigin::kHttpAfterRule},
    {"quic-init", LogOrigin::kUnspecified},
};

LogProfile& Profile(BuildContext& context) { return *context.configuration.log_profiles.back(); }

// Null: there is no such step.
LogStep* FindStep(LogProfile& profile, std::string_view name) {
  if (name == "any") return &profile.any;
  if (name == "error") return &profile.error;
  for (const StepName& step : kSteps) {
    if (step.name == name) return &profile.steps[size_t(step.origin)];
  }
  return nullptr;
}

// on STEP [drop] [format FORMAT] [sd FORMAT]
bool TakeStep(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "a step such as 'close'")) return false;
  LogStep* step = FindStep(Profile(context), use.argument(0));
  if (step == nullptr) {
    std::vector<std::string_view> names = {"any", "error"};
    for (const StepName& one : kSteps) names.push_back(one.name);
    return Refuse(use, 0, "unknown step '" + std::string(use.argument(0)) + "'",
                  Suggest(use.argument(0), names));
  }
  LogStep made{.given = true, .drop = false, .format = {}, .structured_data = {}};
  for (size_t i = 1; i < use.arguments(); ++i) {
    const std::string_view word = use.argument(i);
    if (word == "drop") {
      made.drop = true;
      continue;
    }
    if (word != "format" && word != "sd") {
      return Refuse(use, i, "unexpected '" + std::string(word) + "'",
                    "'on' takes 'drop', 'format' and 'sd'");
    }
    if (++i == use.arguments()) {
      return Refuse(use, i, "'" + std::string(word) + "' expects a format");
    }
    const LogFormatDraft draft{&use.line, use.first_argument + i, place::kLog};
    if (!CompileFormat(context, draft, word == "sd" ? made.structured_data : made.format)) {
      return false;
    }
  }
  // A step of QUIC is read and forgotten.
  if (step != &Profile(context).steps[size_t(LogOrigin::kUnspecified)]) *step = std::move(made);
  return true;
}

template <typename Visit>
void ForEachStep(const LogProfile& profile, const Visit& visit) {
  visit(profile.any);
  visit(profile.error);
  for (const LogStep& step : profile.steps) visit(step);
}

}  // namespace

const LogStep* LogProfile::Find(LogOrigin origin, bool is_error) const {
  if (is_error && error.given) return &error;
  const LogStep& step = steps[size_t(origin)];
  if (step.given) return &step;
  return any.given ? &any : nullptr;
}

const LogProfile* ProxyLog::FindProfile(std::string_view one) const {
  for (const auto& profile : profiles) {
    if (profile->name == one) return profile.get();
  }
  return nullptr;
}

std::optional<size_t> ProxyLog::ValuesOf(const LogFormat& one) const {
  for (const auto& [format, values] : profile_values) {
    if (format == &one) return values;
  }
  return std::nullopt;
}

bool TakeLogSteps(const KeywordUse& use, uint32_t* steps) {
  constexpr StepName kAll{"all", LogOrigin::kUnspecified};
  uint32_t taken = 0;
  std::string_view rest = use.argument(0);
  while (true) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, comma);
    std::vector<std::string_view> names = {kAll.name};
    bool known = word == kAll.name;
    for (const StepName& step : kSteps) {
      if (step.origin > LogOrigin::kClose || step.origin == LogOrigin::kUnspecified) continue;
      names.push_back(step.name);
      if (word != step.name && word != kAll.name) continue;
      known = true;
      taken |= 1u << uint32_t(step.origin);
    }
    if (!known) {
      std::string hint = Suggest(word, names);
      if (hint.empty())
        hint = "there are 'accept', 'request', 'connect', 'response', 'close', 'all'";
      return Refuse(use, 0, "unknown step " + InQuotes(word), hint);
    }
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  *steps = taken;
  return true;
}

void ReadLogProfile(BuildContext& context, const Section& section) {
  auto& profiles = context.configuration.log_profiles;
  if (FindLogProfile(context.configuration, section.name) >= 0) {
    context.diagnostics.Error(section.header.At(1),
                              "log-profile section '" + section.name + "' already exists");
    return;
  }
  profiles.push_back(std::make_shared<LogProfile>());
  profiles.back()->name = section.name;
  for (const Line& line : section.lines) {
    context.keywords.Run(context, line, scope::kLogProfile, context.diagnostics);
  }
}

int32_t FindLogProfile(const Configuration& configuration, std::string_view name) {
  const auto& profiles = configuration.log_profiles;
  for (size_t i = 0; i < profiles.size(); ++i) {
    if (profiles[i]->name == name) return int32_t(i);
  }
  return -1;
}

bool SettleLogProfile(BuildContext& context, const WordPlace& place, std::string_view name,
                      int32_t* profile) {
  *profile = FindLogProfile(context.configuration, name);
  if (*profile >= 0) return true;
  std::vector<std::string_view> names;
  for (const auto& one : context.configuration.log_profiles) names.push_back(one->name);
  context.diagnostics.Error(place.At(), "no log-profile is named '" + std::string(name) + "'",
                            Suggest(name, names));
  return false;
}

// What the formats of its loggers' profiles need is kept as for its own.
void AddProfiles(const Configuration& configuration, ProxyLog& log) {
  size_t values = log.structured_values() + log.structured_data.expressions().size();
  log.profiles.assign(configuration.log_profiles.begin(), configuration.log_profiles.end());
  std::vector<int32_t> seen;
  for (const Logger& logger : log.loggers) {
    if (logger.profile < 0) continue;
    log.has_profiles = true;
    if (std::find(seen.begin(), seen.end(), logger.profile) != seen.end()) continue;
    seen.push_back(logger.profile);
    ForEachStep(*configuration.log_profiles[size_t(logger.profile)], [&](const LogStep& step) {
      for (const LogFormat* format : {&step.format, &step.structured_data}) {
        log.needs |= format->needs();
        if (format->expressions().empty()) continue;
        log.profile_values.emplace_back(format, values);
        values += format->expressions().size();
      }
    });
  }
}

void RegisterLogProfileKeywords(BuildKeywords& keywords) {
  keywords.Add({"on", scope::kLogProfile}, TakeStep);
  keywords.Add({"log-tag", scope::kLogProfile}, [](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "a tag")) return false;
    Profile(context).tag = use.argument(0);
    return true;
  });
}

}  // namespace engine
