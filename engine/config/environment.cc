#include "engine/config/environment.h"

#include <algorithm>
#include <cstdlib>

#include "engine/config/lexer.h"

extern char** environ;

namespace engine {
namespace {

// What the C library would refuse as well.
bool IsSettable(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos;
}

}  // namespace

std::shared_ptr<const Environment> Environment::current_;

Environment Environment::FromProcess() {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    variables.emplace_back(*entry);
  }
  return From(variables);
}

Environment Environment::From(const std::vector<std::string>& variables) {
  Environment environment;
  for (const std::string_view text : variables) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.Set(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

const std::string* Environment::Find(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? nullptr : &found->second.value;
}

const std::string* Environment::FindListed(std::string_view name) const {
  const auto found = variables_.find(name);
  const bool is_listed = found != variables_.end() && found->second.access != kUnlisted;
  return is_listed ? &found->second.value : nullptr;
}

void Environment::Set(std::string_view name, std::string_view value) {
  variables_[std::string(name)].value = value;
}

void Environment::Preset(std::string_view name, std::string_view value, Access access) {
  variables_[std::string(name)] = Variable{std::string(value), access};
}

void Environment::Unset(std::string_view name) {
  if (const auto found = variables_.find(name); found != variables_.end()) variables_.erase(found);
}

void Environment::Reset(const std::vector<std::string_view>& kept) {
  std::erase_if(variables_, [&](const auto& entry) {
    return entry.second.access == kOpen &&
           std::find(kept.begin(), kept.end(), entry.first) == kept.end();
  });
}

bool Environment::IsDirective(std::string_view word) {
  return word == "setenv" || word == "presetenv" || word == "unsetenv" || word == "resetenv";
}

bool Environment::Execute(const Line& line, Diagnostics& diagnostics) {
  const std::string_view directive = line.text(0);
  const auto is_fixed = [&](size_t word) {
    const auto found = variables_.find(line.text(word));
    if (found == variables_.end() || found->second.access != kFixed) return false;
    diagnostics.Warning(line.At(word),
                        InQuotes(line.text(word)) + " is set by the process and stays as it is");
    return true;
  };

  if (directive == "resetenv") {
    std::vector<std::string_view> kept;
    for (size_t i = 1; i < line.size(); ++i) kept.push_back(line.text(i));
    Reset(kept);
    return true;
  }
  if (directive == "unsetenv") {
    if (line.size() < 2) {
      diagnostics.Error(line.At(0), "'unsetenv' expects at least one variable name");
      return false;
    }
    for (size_t i = 1; i < line.size(); ++i) {
      if (!is_fixed(i)) Unset(line.text(i));
    }
    return true;
  }
  if (line.size() < 3) {
    diagnostics.Error(line.At(line.size() - 1),
                      InQuotes(directive) + " expects a name and a value");
    return false;
  }
  if (!IsSettable(line.text(1))) {
    diagnostics.Error(line.At(1), InQuotes(line.text(1)) + " cannot name an environment variable");
    return false;
  }
  if (line.size() > 3) {
    // HAProxy 2.6 drops the words in silence, so refusing them would break a file that starts.
    diagnostics.Warning(line.At(3), InQuotes(directive) + " takes one value, the rest is ignored",
                        "use quotes if the value contains spaces");
  }
  if (is_fixed(1)) return true;
  if (directive == "setenv" || Find(line.text(1)) == nullptr) Set(line.text(1), line.text(2));
  return true;
}

std::vector<std::string> Environment::List() const {
  std::vector<std::string> list;
  for (const auto& [name, variable] : variables_) {
    if (variable.access != kUnlisted) list.push_back(name + '=' + variable.value);
  }
  return list;
}

void Environment::Export() const {
  std::vector<std::string> gone;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const auto found = variables_.find(name);
    if (found == variables_.end() || found->second.access == kUnlisted) gone.emplace_back(name);
  }
  for (const std::string& name : gone) unsetenv(name.c_str());
  for (const auto& [name, variable] : variables_) {
    if (variable.access != kUnlisted) setenv(name.c_str(), variable.value.c_str(), 1);
  }
}

std::string Environment::Shown(std::string_view name) const {
  if (!name.empty()) {
    const std::string* value = FindListed(name);
    return value == nullptr ? "Variable not found\n" : std::string(name) + "=" + *value + "\n";
  }
  std::string text;
  for (std::string& line : List()) {
    // An empty line would look like the end of the answer.
    for (size_t at = 0; (at = line.find("\n\n", at)) != std::string::npos;) line.erase(at, 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace engine
