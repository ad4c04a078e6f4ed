#include "engine/log/console.h"

#include <unistd.h>

#include "base/text.h"

namespace engine {

std::string Console::Render(std::string_view label, std::string_view text, int pid) {
  std::string line = base::Format("%-10.*s (%d) : ", int(label.size()), label.data(),
                                  pid != 0 ? pid : int(getpid()));
  while (text.ends_with('\n')) text.remove_suffix(1);
  for (char c : text) {
    if (c == '\n') {
      line += "\n   | ";
    } else {
      const bool control = uint8_t(c) < 0x20 || c == 0x7f;
      line += control ? '?' : c;
    }
  }
  line += '\n';
  return line;
}

void Console::Say(std::string_view label, std::string_view text) {
  const std::string line = Render(label, text);
  if (record_ != nullptr) *record_ += line;
  if (verbosity_ == Verbosity::kQuiet) return;
  std::fwrite(line.data(), 1, line.size(), out_);
  std::fflush(out_);
}

void Console::Detail(std::string_view text) {
  if (verbosity_ == Verbosity::kVerbose) Say("[NOTICE]", text);
}

}  // namespace engine
