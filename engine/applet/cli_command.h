// cli_command.h - one command of the runtime command line: its name, who may use it, what it does.
//
// Owns:    nothing; a running command belongs to its Cli.
// Threads: the tables are immutable; a running command is shard-local.
// Units:   bytes of answer.
// Errors:  told to the user as text.
// States:  a command that cannot answer at once is an object that is run again and again, until it
//          is done. Each run says a few kilobytes at most, so that no turn gets long.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/proxy_config.h"

namespace shard {
class Applet;
}

namespace engine {

class Cli;
class Stream;
class Worker;

// What one Run() of a command should stay near.
inline constexpr size_t kCliRunBytes = 8192;

enum class CliStep : uint8_t {
  kDone,
  kAgain,   // there is more to say, once what was said has left
  kAnswer,  // waits for a question it has asked; Run() is called when something has come
};

class CliCommand {
 public:
  virtual ~CliCommand() = default;
  virtual CliStep Run(Cli& cli) = 0;
};

struct CliCall {
  const std::vector<std::string>& words;
  size_t first_argument = 0;  // behind the command's own words
  const std::string& payload;

  size_t arguments() const { return words.size() - first_argument; }
  // Empty where there is none.
  std::string_view argument(size_t i) const {
    return i < arguments() ? std::string_view(words[first_argument + i]) : std::string_view();
  }
};

struct CliCommandSpec {
  std::string_view words;  // "show servers state"
  CliLevel level = CliLevel::kUser;
  std::string_view arguments;  // "[<backend>]"
  std::string_view purpose;
  // Answers, or returns what goes on answering; null when all is said.
  std::unique_ptr<CliCommand> (*start)(Cli& cli, const CliCall& call) = nullptr;
};

// Every command, in the order of `help`.
std::span<const CliCommandSpec> CliCommands();
// The longest command that `words` begin with, and how many words it has; or null.
const CliCommandSpec* FindCliCommand(std::span<const CliCommandSpec> commands,
                                     const std::vector<std::string>& words, size_t* count);
// True when `words` begin with a command of the manual, whether we have it or not.
bool IsManualCommand(const std::vector<std::string>& words);
// The commands whose words begin with `words`, all of them for none, as far as `level` reaches.
std::string CliHelp(std::span<const CliCommandSpec> commands, const std::vector<std::string>& words,
                    size_t first_word, CliLevel level);

}  // namespace engine
