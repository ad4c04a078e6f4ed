// environment.h - the environment as the configuration sees and edits it (manual 2.3, 3.1).
//
// Owns:    a copy of every variable. The real environment changes only when Export() is called, at
//          a start: while shards run nobody may write it, so each configuration has its own.
// Threads: start-up, and main thread at a reload; immutable once its configuration is in use.
// Units:   none.
// Errors:  setenv and its kin report into Diagnostics; an unknown variable is an ordinary null.
// States:  none. `setenv` and the others act at once, so that the next line sees them.
//
//   Environment environment = Environment::FromProcess();
//   environment.Preset("HAPROXY_BRANCH", "3.5", Environment::kFixed);
//   if (const std::string* value = environment.Find("PORT")) Use(*value);

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/config/diagnostics.h"

namespace engine {

struct Line;

class Environment {
 public:
  enum Access : uint8_t {
    kOpen,   // an ordinary variable
    kFixed,  // set by us; setenv, unsetenv and resetenv leave it as it is (manual 2.3, the matrix)
    kUnlisted,  // set by us for the configuration alone, which may change it
  };

  static Environment FromProcess();
  // Of words "NAME=value"; others are left out.
  static Environment From(const std::vector<std::string>& variables);

  // Of the configuration that is being built, for what is made of its words; null: of none.
  static const std::shared_ptr<const Environment>& Current() { return current_; }
  static void SetCurrent(std::shared_ptr<const Environment> current) {
    current_ = std::move(current);
  }

  // The result is valid until the variable changes.
  const std::string* Find(std::string_view name) const;
  // Null also for what is unlisted.
  const std::string* FindListed(std::string_view name) const;
  void Set(std::string_view name, std::string_view value);
  void Preset(std::string_view name, std::string_view value, Access access);
  void Unset(std::string_view name);
  // Removes all but `kept` and those set by us.
  void Reset(const std::vector<std::string_view>& kept);

  // True for the four words of the global section that are executed while reading.
  static bool IsDirective(std::string_view word);
  // Executes such a line; false when an error was reported.
  bool Execute(const Line& line, Diagnostics& diagnostics);

  // "NAME=value" in the order of the names, without the unlisted ones.
  std::vector<std::string> List() const;
  // Makes the process's environment equal to List(). Not thread-safe: before the shards start.
  void Export() const;
  // The answer of `show env` (management 9.3), `name` empty: all variables.
  std::string Shown(std::string_view name) const;

 private:
  struct Variable {
    std::string value;
    Access access = kOpen;
  };
  std::map<std::string, Variable, std::less<>> variables_;
  static std::shared_ptr<const Environment> current_;
};

}  // namespace engine
