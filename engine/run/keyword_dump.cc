#include "engine/run/keyword_dump.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "engine/run/known_words.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

struct WordClass {
  std::string_view name;
  std::string_view title;            // as HAProxy's own heading
  WordKind kind = WordKind::kCount;  // kCount: configuration keywords
  std::string_view suffix = {};
};

// HAProxy's classes in its order, then ours.
constexpr WordClass kClasses[] = {
    {"acl", "ACL keywords", WordKind::kAclCriterion},
    {"cfg", "configuration keywords"},
    {"cli", "CLI keywords", WordKind::kCommand, " [WORKER]"},
    {"cnv", "sample converter functions", WordKind::kConverter},
    {"flt", "filter names", WordKind::kFilter},
    {"smp", "sample fetch functions", WordKind::kFetch},
    {"svc", "service names", WordKind::kService},
    {"act", "actions, behind their rule set", WordKind::kAction},
    {"log", "log-format tags", WordKind::kLogTag},
};

std::string Help() {
  std::string text = "# List of supported keyword classes:\nall: list all keywords\n";
  for (const WordClass& one : kClasses) {
    text += std::string(one.name) + ": " + std::string(one.title) + "\n";
  }
  return text;
}

// The words that work in one place, each with `before` in front of it.
void Collect(std::set<std::string>& lines, Scopes one, std::string_view before) {
  for (const KeywordSpec& spec : AllKeywords().all()) {
    if (spec.support != Support::kWorks || spec.ignored || (spec.scopes & one) == 0) continue;
    lines.insert("\t" + std::string(before) + spec.words + "\n");
  }
}

// In the shape of a configuration file: a section, and below it what it may hold.
std::string ConfigurationKeywords() {
  std::string text;
  for (size_t i = 0; i < size_t(SectionKind::kCount); ++i) {
    const Scopes one = scope::Of(SectionKind(i));
    std::set<std::string> lines;
    Collect(lines, one, "");
    if (lines.empty()) continue;
    text += std::string(SectionName(SectionKind(i))) + "\n";
    for (const std::string& line : lines) text += line;
    if ((one & scope::kListen) == 0) continue;
    std::set<std::string> options;
    Collect(options, scope::kBind, "bind <addr> ");
    Collect(options, scope::kServer, "server <name> <addr> ");
    for (const std::string& line : options) text += line;
  }
  return text;
}

std::string ListOf(const WordClass& one, const WordList& words) {
  std::set<std::string> lines;
  for (const KnownWord& word : words.all()) {
    if (word.kind != one.kind || word.support != Support::kWorks) continue;
    for (size_t bit = 0; bit < ruleset::kCount; ++bit) {
      if ((word.places >> bit & 1) == 0) continue;
      // A fetch works wherever it is registered; only actions are told apart by their place.
      const std::string_view place =
          one.kind == WordKind::kAction ? PlaceName(one.kind, Places{1} << bit) : "";
      lines.insert(std::string(place) + (place.empty() ? "" : " ") + word.words +
                   std::string(one.suffix) + "\n");
    }
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace

std::string KeywordDump(std::span<const std::string> classes, std::string* unknown_class) {
  const WordList words = KnownWords();
  std::string text;
  for (const std::string& asked : classes) {
    const auto is_asked = [&](const WordClass& one) { return asked == "all" || asked == one.name; };
    if (asked == "help") {
      text += Help();
    } else if (std::none_of(std::begin(kClasses), std::end(kClasses), is_asked)) {
      if (unknown_class->empty()) *unknown_class = asked;
    }
    for (const WordClass& one : kClasses) {
      if (!is_asked(one)) continue;
      text += "# List of registered " + std::string(one.title) + ":\n";
      text += one.kind == WordKind::kCount ? ConfigurationKeywords() : ListOf(one, words);
    }
  }
  return text;
}

}  // namespace engine
