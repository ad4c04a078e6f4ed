#include "engine/run/known_words.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/acl/acl.h"
#include "engine/applet/cli_command.h"
#include "engine/applet/echo.h"
#include "engine/applet/prometheus.h"
#include "engine/config/not_yet.h"
#include "engine/expr/log_item.h"
#include "engine/fetch/units.h"
#include "engine/rules/actions.h"
#include "engine/run/master_cli.h"
#include "engine/run/options.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

void AddActions(WordList& words) {
  for (const ActionSpec* action : AllActions().all()) {
    words.Add({WordKind::kAction, std::string(action->name), action->places,
               action->idle_because.empty() ? Support::kWorks : Support::kTunesOnly,
               std::string(action->idle_because)});
  }
}

void AddAcls(WordList& words) {
  const std::vector<std::string_view> methods = MethodNames();
  words.AddWorking(WordKind::kMatch, std::span(methods));
  const std::vector<std::string_view> comparisons = ComparisonNames();
  words.AddWorking(WordKind::kAclOperator, std::span(comparisons));
  words.AddWorking(WordKind::kAclFlag, {"-i", "-f", "-m", "-n", "-M", "-u", "--"});
  const std::vector<std::string_view> predefined = PredefinedAclNames(AllUnits());
  words.AddWorking(WordKind::kPredefinedAcl, std::span(predefined));
  const std::vector<std::string> criteria = AclCriterionNames(AllUnits());
  for (const KnownWord& word : std::vector<KnownWord>(words.all())) {
    if (word.kind != WordKind::kAclCriterion) continue;
    if (std::find(criteria.begin(), criteria.end(), word.words) == criteria.end()) continue;
    words.AddWorking(WordKind::kAclCriterion, {std::string_view(word.words)});
  }
}

void AddCommands(WordList& words) {
  for (const CliCommandSpec& command : CliCommands()) {
    words.AddWorking(WordKind::kCommand, {command.words}, kAnywhere, command.purpose);
  }
}

Support SupportOf(FlagState state) {
  return state == FlagState::kWorks ? Support::kWorks : Support::kTunesOnly;
}

void AddOptions(WordList& words) {
  std::vector<std::string> names = {"--help", "--once", "--quickstart"};  // ours
  for (const KnownWord& word : words.all()) {
    if (word.kind == WordKind::kOption) names.push_back(word.words);
  }
  for (const std::string& name : names) {
    const FlagInfo* flag = FindFlagInfo(name);
    if (flag == nullptr) continue;
    words.Add(
        {WordKind::kOption, name, kAnywhere, SupportOf(flag->state), std::string(flag->note)});
  }
}

// A fetch stands in the manual's section of its layer; one that the manual does not have is ours.
void AddUnits(WordList& words) {
  const std::vector<KnownWord> manual = words.all();
  for (const std::string_view name : AllUnits().fetch_names()) {
    Places places = 0;
    for (const KnownWord& word : manual) {
      if (word.kind == WordKind::kFetch && word.words == name) places |= word.places;
    }
    words.AddWorking(WordKind::kFetch, {name}, places == 0 ? fetch_at::kInternal : places);
  }
  const std::vector<std::string_view> converters = AllUnits().converter_names();
  words.AddWorking(WordKind::kConverter, std::span(converters));
}

void AddReasons(WordList& words) {
  const std::vector<KnownWord> all = words.all();
  for (KnownWord word : all) {
    const bool is_unit = word.kind == WordKind::kFetch || word.kind == WordKind::kConverter ||
                         word.kind == WordKind::kAction;
    if (!is_unit || word.support != Support::kNotSupportedYet || !word.note.empty()) continue;
    const bool of_quic = word.kind == WordKind::kAction && word.places == ruleset::kQuicInitial;
    word.note = of_quic ? "needs QUIC" : WhyNotYet(word.words);
    if (!word.note.empty()) words.Add(word);
  }
}

}  // namespace

WordList KnownWords() {
  WordList words;
  AddActions(words);
  AddAcls(words);
  AddCommands(words);
  AddOptions(words);
  const std::vector<std::string_view> tags = LogTagNames();
  words.AddWorking(WordKind::kLogTag, std::span(tags));
  words.AddWorking(WordKind::kMasterCommand, MasterCli::CommandWords());
  words.AddWorking(WordKind::kLogFlag, {"Q", "X", "E", "bin", "json", "cbor"});
  AddUnits(words);
  AddReasons(words);
  words.AddWorking(WordKind::kService, {EchoApplet().name(), kExporterName});
  return words;
}

}  // namespace engine
