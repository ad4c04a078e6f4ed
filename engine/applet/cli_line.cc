#include "engine/applet/cli_line.h"

#include <utility>

namespace engine {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Takes ` <<PATTERN` off the end of `line`.
void TakePayloadMark(std::string_view& line, CliLine& out) {
  const size_t at = line.rfind("<<");
  if (at == std::string_view::npos) return;
  const std::string_view pattern = line.substr(at + 2);
  const bool glued = at > 0 && !IsBlank(line[at - 1]);
  if (glued || pattern.size() > kPayloadPatternMax) return;
  for (const char c : pattern) {
    if (IsBlank(c)) return;
  }
  out.has_payload = true;
  out.payload_end = pattern;
  line = line.substr(0, at);
}

}  // namespace

CliLine ParseCliLine(std::string_view line) {
  CliLine out;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  TakePayloadMark(line, out);
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  const auto end_word = [&] {
    if (in_word) words.push_back(std::move(word));
    word.clear();
    in_word = false;
  };
  const auto end_command = [&] {
    end_word();
    if (!words.empty()) out.commands.push_back(std::move(words));
    words.clear();
  };
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      word += line[++i];
      in_word = true;
    } else if (line[i] == ';') {
      end_command();
    } else if (IsBlank(line[i])) {
      end_word();
    } else {
      word += line[i];
      in_word = true;
    }
  }
  end_command();
  return out;
}

}  // namespace engine
