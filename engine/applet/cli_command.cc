#include "engine/applet/cli_command.h"

#include "engine/config/words.h"

namespace engine {
namespace {

// Where the purposes begin in `help`.
constexpr size_t kUsageWidth = 42;

// Takes the next word off `words`; empty at the end.
std::string_view NextWord(std::string_view& words) {
  const size_t space = words.find(' ');
  const std::string_view word = words.substr(0, space);
  words = space == std::string_view::npos ? std::string_view() : words.substr(space + 1);
  return word;
}

// How many of `given`, from `first` on, stand at the beginning of `words`.
size_t CommonWords(std::string_view words, const std::vector<std::string>& given, size_t first) {
  size_t common = 0;
  while (!words.empty() && first + common < given.size()) {
    if (NextWord(words) != given[first + common]) break;
    ++common;
  }
  return common;
}

size_t CountWords(std::string_view words) {
  size_t count = 0;
  while (!words.empty()) {
    NextWord(words);
    ++count;
  }
  return count;
}

}  // namespace

const CliCommandSpec* FindCliCommand(std::span<const CliCommandSpec> commands,
                                     const std::vector<std::string>& words, size_t* count) {
  const CliCommandSpec* best = nullptr;
  *count = 0;
  for (const CliCommandSpec& command : commands) {
    const size_t length = CountWords(command.words);
    if (length <= *count || CommonWords(command.words, words, 0) != length) continue;
    best = &command;
    *count = length;
  }
  return best;
}

bool IsManualCommand(const std::vector<std::string>& words) {
  std::string begin;
  for (const std::string& word : words) {
    begin += (begin.empty() ? "" : " ") + word;
    if (ManualStateOf(WordKind::kCommand, begin)) return true;
  }
  return false;
}

std::string CliHelp(std::span<const CliCommandSpec> commands, const std::vector<std::string>& words,
                    size_t first_word, CliLevel level) {
  std::string text;
  for (const CliCommandSpec& command : commands) {
    if (command.level > level) continue;
    if (CommonWords(command.words, words, first_word) != words.size() - first_word) continue;
    std::string usage = "  " + std::string(command.words);
    if (!command.arguments.empty()) usage += " " + std::string(command.arguments);
    if (usage.size() < kUsageWidth) usage.append(kUsageWidth - usage.size(), ' ');
    text += usage + ": " + std::string(command.purpose) + "\n";
  }
  return text;
}

}  // namespace engine
