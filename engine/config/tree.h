// tree.h - the configuration files as sections of lines, conditions applied, variables expanded.
//
// Owns:    the text of every file, the sections and their lines. Lines view the text: keep the Tree
//          for as long as a Line or a Section of it is in use.
// Threads: start-up while reading; immutable afterwards. A reload reads a Tree of its own.
// Units:   lines from 1, bytes.
// Errors:  all of them go to Diagnostics and reading goes on, so one run shows every fault. A file
//          that cannot be read, is binary or too large is one error.
// States:  none. setenv and its kin (manual 3.1) are executed while reading, and stay in the tree.
//
//   Tree tree;
//   tree.ReadPaths({"/etc/ringway"}, {environment, facts, diagnostics});  // -f FILE|DIR ...
//   for (const Section& section : tree.sections()) ...

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/condition.h"
#include "engine/config/diagnostics.h"
#include "engine/config/environment.h"
#include "engine/config/lexer.h"

namespace engine {

inline constexpr size_t kFileBytesMax = size_t{64} << 20;
inline constexpr size_t kConditionalDepthMax = 100;  // nested `.if`, as haproxy's limit

// Every word that starts a section, in the order the manual describes them (3 to 12).
enum class SectionKind : uint8_t {
  kGlobal,
  kDefaults,
  kFrontend,
  kBackend,
  kListen,
  kResolvers,
  kCache,
  kLogProfile,
  kFcgiApp,
  kPeers,
  kTraces,
  kUserlist,
  kMailers,
  kHttpErrors,
  kRing,
  kLogForward,
  kCrtStore,
  kAcme,
  kHealthcheck,
  kCount
};

std::string_view SectionName(SectionKind kind);
// kCount when `word` starts no section.
SectionKind FindSectionKind(std::string_view word);
// The section words, for suggestions.
const std::vector<std::string_view>& SectionWords();

struct Section {
  SectionKind kind = SectionKind::kGlobal;
  std::string name;        // empty: anonymous, or a kind without a name
  std::string from;        // the defaults section it asks for; empty: none asked for
  uint32_t from_word = 0;  // its place in `header`
  bool is_whole = true;    // no line of it was lost to an error, its header means one thing
  Line header;             // the line that starts it
  std::vector<Line> lines;

  bool is_proxy() const {
    return kind == SectionKind::kFrontend || kind == SectionKind::kBackend ||
           kind == SectionKind::kListen;
  }
  // How messages name it: "frontend 'www'", or "global".
  std::string Title() const;
};

struct ReadContext {
  Environment& environment;
  const ConditionFacts& facts;
  Diagnostics& diagnostics;
  bool expand_bare_addresses = false;  // LexContext::expand_bare_words, in lines with addresses
  bool has_local_peer = false;         // -L was given: `localpeer` changes nothing
};

class Tree {
 public:
  Tree();
  ~Tree();
  Tree(Tree&&) noexcept;
  Tree& operator=(Tree&&) noexcept;

  // Files in the order given; a directory stands for its *.cfg files, hidden ones left out, in the
  // byte order of their names. False when an error was reported.
  bool ReadPaths(const std::vector<std::string>& paths, const ReadContext& context);
  // The same for text already in memory, named `path` in messages.
  bool ReadText(std::string path, std::string text, const ReadContext& context);

  const std::vector<Section>& sections() const { return sections_; }
  // Whether `line` was read before `other`.
  bool IsBefore(const Line& line, const Line& other) const;
  // What was read, in order; HAPROXY_CFGFILES lists their paths.
  const std::vector<std::unique_ptr<SourceFile>>& files() const { return files_; }

 private:
  friend class FileReader;
  std::vector<std::unique_ptr<SourceFile>> files_;
  std::vector<Section> sections_;
};

// The characters a proxy's name, and most others, may consist of (manual 4): the first one that is
// not permitted, or '\0'.
char ForbiddenNameByte(std::string_view name);

}  // namespace engine
