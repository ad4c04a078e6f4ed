#include "engine/expr/arguments.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/xxh64.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

constexpr std::string_view kScopeNames[] = {"proc", "sess", "txn", "req", "res", "check"};
static_assert(std::size(kScopeNames) == size_t(VariableScope::kCount));

bool IsVariableByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || base::IsDigit(c) || c == '_' ||
         c == '.';
}

// One argument being cut; the quotes and backslashes of manual 2.2 are taken off.
struct Cutter {
  std::string_view text;
  size_t at = 0;
  std::string piece;

  // Behind an opening quote. False: it is never closed.
  bool TakeQuoted(char quote) {
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (c == quote) {
        ++at;
        return true;
      }
      if (c == '\\' && quote == '"' && at + 1 < text.size() &&
          (text[at + 1] == '"' || text[at + 1] == '\\')) {
        ++at;
      }
      piece += text[at];
    }
    return false;
  }
  void TakeEscaped() {
    if (at == text.size()) {
      piece += '\\';
      return;
    }
    const char c = text[at++];
    static constexpr std::string_view kPlain = ",()\\'\" ";
    if (kPlain.find(c) == kPlain.npos) piece += '\\';
    piece += c;
  }
};

std::string Expects(std::string_view name, const ArgumentSpec& spec, std::string_view what,
                    std::string_view got) {
  return InQuotes(name) + " expects " + std::string(what) + " as <" + std::string(spec.name) +
         ">, not " + InQuotes(got);
}

std::string Usage(std::string_view name, std::span<const ArgumentSpec> spec) {
  std::string usage = std::string(name) + "(";
  std::string closing;
  for (size_t i = 0; i < spec.size(); ++i) {
    const std::string comma = i == 0 ? "" : ",";
    if (spec[i].optional) {
      usage += "[" + comma + "<" + std::string(spec[i].name) + ">";
      closing += "]";
    } else {
      usage += comma + "<" + std::string(spec[i].name) + ">";
    }
  }
  return usage + closing + ")";
}

bool ReadOne(std::string_view name, const ArgumentSpec& spec, Argument& argument,
             std::string* why) {
  const std::string& text = argument.text;
  if (spec.type == ArgumentType::kInteger || spec.type == ArgumentType::kNumberOrVariable) {
    if (const auto number = base::ParseSigned(text)) {
      argument.number = *number;
      return true;
    }
    if (spec.type == ArgumentType::kInteger) {
      *why = Expects(name, spec, "an integer", text);
      return false;
    }
  }
  if (spec.type != ArgumentType::kVariable && spec.type != ArgumentType::kNumberOrVariable) {
    return true;
  }
  std::string wrong;
  argument.variable = ParseVariable(text, &wrong);
  if (argument.variable) return true;
  *why = spec.type == ArgumentType::kVariable
             ? Expects(name, spec, "a variable", text) + ": " + wrong
             : Expects(name, spec, "an integer or a variable", text) + ": " + wrong;
  return false;
}

}  // namespace

std::optional<VariableName> ParseVariable(std::string_view text, std::string* why) {
  const size_t dot = text.find('.');
  const std::string_view scope = text.substr(0, dot);
  const auto found = std::find(std::begin(kScopeNames), std::end(kScopeNames), scope);
  if (dot == text.npos || found == std::end(kScopeNames)) {
    *why = "its name begins with one of 'proc.', 'sess.', 'txn.', 'req.', 'res.' and 'check.'";
    return std::nullopt;
  }
  const std::string_view name = text.substr(dot + 1);
  if (name.empty() || !std::all_of(name.begin(), name.end(), IsVariableByte)) {
    *why = "its name holds letters, digits, '_' and '.'";
    return std::nullopt;
  }
  // Configurations are read by one thread at a time.
  static std::set<std::string, std::less<>> names;
  return VariableName{VariableScope(found - std::begin(kScopeNames)), &*names.emplace(name).first,
                      base::Xxh64(name)};
}

bool CutArguments(std::string_view text, std::vector<std::string>* arguments,
                  std::string_view* rest, std::string* why) {
  Cutter cutter{.text = text, .at = 0, .piece = {}};
  bool any = false;
  while (cutter.at < text.size()) {
    const char c = text[cutter.at++];
    if (c == ')') {
      if (any || !cutter.piece.empty() || !arguments->empty()) arguments->push_back(cutter.piece);
      *rest = text.substr(cutter.at);
      return true;
    }
    if (c == ',') {
      arguments->push_back(std::move(cutter.piece));
      cutter.piece.clear();
      any = false;
    } else if (c == '"' || c == '\'') {
      any = true;
      if (!cutter.TakeQuoted(c)) break;
    } else if (c == '\\') {
      cutter.TakeEscaped();
    } else {
      cutter.piece += c;
    }
  }
  *why = "its arguments have no closing ')'";
  return false;
}

bool ReadArguments(std::string_view name, std::span<const ArgumentSpec> spec,
                   const std::vector<std::string>& given, Arguments* arguments, std::string* why) {
  if (given.size() > spec.size()) {
    *why = spec.empty() ? InQuotes(name) + " takes no argument"
                        : InQuotes(name) + " has too many arguments; it is " + Usage(name, spec);
    return false;
  }
  arguments->all.assign(spec.size(), Argument());
  for (size_t i = 0; i < spec.size(); ++i) {
    // An optional one may be left out by writing nothing between the commas.
    const bool here = i < given.size() && !(given[i].empty() && spec[i].optional);
    if (!here) {
      if (spec[i].optional) continue;
      *why = InQuotes(name) + " lacks its <" + std::string(spec[i].name) + ">; it is " +
             Usage(name, spec);
      return false;
    }
    Argument& argument = arguments->all[i];
    argument.given = true;
    argument.text = given[i];
    if (!ReadOne(name, spec[i], argument, why)) return false;
  }
  return true;
}

}  // namespace engine
