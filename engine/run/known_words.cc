#include "engine/run/known_words.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/applet/cli_command.h"
#include "engine/applet/echo.h"
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

// What the parser itself says of an option: no second list can differ from what it does.
std::optional<Support> AskParser(const std::vector<const char*>& arguments) {
  Options options;
  OptionError error;
  if (ParseOptions(arguments, false, &options, &error)) {
    return options.without_effect.empty() ? Support::kWorks : Support::kTunesOnly;
  }
  if (error.message.find("not supported yet") == std::string::npos) return std::nullopt;
  return Support::kNotSupportedYet;
}

void AddOptions(WordList& words) {
  std::vector<std::string> flags = {"--help", "--once", "--quickstart"};  // ours
  for (const KnownWord& word : words.all()) {
    if (word.kind == WordKind::kOption) flags.push_back(word.words);
  }
  for (const std::string& flag : flags) {
    const std::string glued = flag + "1";
    std::optional<Support> support = AskParser({"-f", "x", flag.c_str()});
    if (!support) support = AskParser({"-f", "x", flag.c_str(), "1"});
    if (!support) support = AskParser({"-f", "x", glued.c_str()});
    if (!support) support = AskParser({"--quickstart", flag.c_str()});
    if (support) words.Add({WordKind::kOption, flag, kAnywhere, *support});
  }
}

}  // namespace

WordList KnownWords() {
  WordList words;
  AddActions(words);
  AddCommands(words);
  AddOptions(words);
  words.AddWorking(WordKind::kService, {EchoApplet().name()});
  return words;
}

}  // namespace engine
