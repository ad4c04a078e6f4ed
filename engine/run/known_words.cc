#include "engine/run/known_words.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/applet/cli_command.h"
#include "engine/applet/echo.h"
#include "engine/expr/log_item.h"
#include "engine/fetch/units.h"
#include "engine/run/master_cli.h"
#include "engine/run/options.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

// A rule's action is a keyword of its own as long as rules are not evaluated:
// "http-request return", "tcp-request content use-service".
void AddActions(WordList& words) {
  for (const KeywordSpec& spec : AllKeywords().all()) {
    if (spec.support != Support::kWorks) continue;
    for (const RuleLine& line : RuleLines()) {
      const std::string head = std::string(line.words) + " ";
      if (!spec.words.starts_with(head)) continue;
      words.AddWorking(WordKind::kAction, {std::string_view(spec.words).substr(head.size())},
                       line.place);
    }
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

}  // namespace

WordList KnownWords() {
  WordList words;
  AddActions(words);
  AddCommands(words);
  AddOptions(words);
  const std::vector<std::string_view> tags = LogTagNames();
  words.AddWorking(WordKind::kLogTag, std::span(tags));
  words.AddWorking(WordKind::kMasterCommand, MasterCli::CommandWords());
  words.AddWorking(WordKind::kLogFlag, {"Q", "X", "E", "bin", "json", "cbor"});
  AddUnits(words);
  words.AddWorking(WordKind::kService, {EchoApplet().name()});
  return words;
}

}  // namespace engine
