#include "engine/config/tree.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/background_thread.h"
#include "base/check.h"
#include "base/start_rights.h"
#include "base/text.h"

namespace engine {
namespace {

enum class NameRule : uint8_t { kNone, kOptional, kRequired };

struct SectionSpec {
  std::string_view word;
  NameRule name;
  bool takes_from;
  bool name_checked;  // against the characters of manual 4; haproxy lets some kinds choose freely
};

// Indexed by SectionKind.
constexpr SectionSpec kSections[] = {
    {"global", NameRule::kNone, false, false},
    {"defaults", NameRule::kOptional, true, false},  // checked when something refers to it
    {"frontend", NameRule::kRequired, true, true},
    {"backend", NameRule::kRequired, true, true},
    {"listen", NameRule::kRequired, true, true},
    {"resolvers", NameRule::kRequired, false, true},
    {"cache", NameRule::kRequired, false, false},
    {"log-profile", NameRule::kRequired, false, true},
    {"fcgi-app", NameRule::kRequired, false, true},
    {"peers", NameRule::kRequired, false, true},
    {"traces", NameRule::kNone, false, false},
    {"userlist", NameRule::kRequired, false, true},
    {"mailers", NameRule::kRequired, false, true},
    {"http-errors", NameRule::kRequired, false, true},
    {"ring", NameRule::kRequired, false, true},
    {"log-forward", NameRule::kRequired, false, true},
    {"crt-store", NameRule::kOptional, false, true},
    {"acme", NameRule::kRequired, false, true},
    {"healthcheck", NameRule::kRequired, false, true},
};
static_assert(std::size(kSections) == size_t(SectionKind::kCount));

constexpr std::string_view kDirectives[] = {".if",   ".elif",   ".else",    ".endif",
                                            ".diag", ".notice", ".warning", ".alert"};

Location AboutFile(std::string_view path) {
  Location where;
  where.file = path;
  return where;
}

// How long a pipe may be silent, its first byte included.

// Reads a whole file, a pipe or a terminal included (`-f <(...)`), into `text`.
bool LoadFile(const std::string& path, std::string& text, Diagnostics& diagnostics) {
  using base::StartRights;
  const int result = StartRights::Current().ReadFile(path, &text, kFileBytesMax);
  if (result == -ETIMEDOUT) {
    diagnostics.Error(AboutFile(path),
                      base::Format("nobody has written to this pipe for %d seconds",
                                   StartRights::kPipeSilenceMsMax / 1000));
  } else if (result == -EFBIG) {
    diagnostics.Error(
        AboutFile(path),
        base::Format("this file has more than %zu bytes, is it a configuration?", kFileBytesMax));
  } else if (result < 0) {
    diagnostics.Error("Cannot open configuration file/directory " + path + " : " +
                      std::strerror(-result));
  }
  return result >= 0;
}

// The *.cfg files of a directory in the byte order of their names (management.txt 3, `-f`).
bool ListDirectory(const std::string& path, std::vector<std::string>& files,
                   Diagnostics& diagnostics) {
  base::StartRights& rights = base::StartRights::Current();
  std::vector<std::string> names;
  if (const int result = rights.List(path, &names); result < 0) {
    diagnostics.Error("Cannot open configuration file/directory " + path + " : " +
                      std::strerror(-result));
    return false;
  }
  std::erase_if(names, [](const std::string& name) {
    return name.starts_with('.') || !name.ends_with(".cfg");
  });
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    std::string full = path.ends_with('/') ? path + name : path + '/' + name;
    if (rights.IsFolder(full)) continue;
    files.push_back(std::move(full));
  }
  return true;
}

// One error for a file that is not text at all, rather than one per line of it.
bool LooksLikeText(const SourceFile& file, Diagnostics& diagnostics) {
  const size_t nul = file.text.find('\0');
  if (nul != std::string::npos) {
    const size_t start = nul == 0 ? 0 : file.text.rfind('\n', nul - 1) + 1;
    Location where = AboutFile(file.path);
    where.line =
        uint32_t(1 + std::count(file.text.begin(), file.text.begin() + std::ptrdiff_t(nul), '\n'));
    diagnostics.Error(where, base::Format("stray NUL byte at position %zu", nul - start + 1),
                      "the file is binary or was damaged: nothing of it was read");
    return false;
  }
  const std::string_view head = std::string_view(file.text).substr(0, 4096);
  const auto controls = size_t(std::count_if(head.begin(), head.end(), [](char c) {
    return (uint8_t(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  }));
  if (controls > head.size() / 16) {
    diagnostics.Error(AboutFile(file.path), "this file is not text: nothing of it was read");
    return false;
  }
  return true;
}

// HAProxy expands variables in addresses once more, where they stand bare: `bind *:$PORT`.
// In other words a bare `$` stays: it starts the salt of a password and ends a regular expression.
bool HoldsAddresses(std::string_view raw) {
  const std::string_view word = FirstRawWord(raw);
  if (word == "stats") return raw.find("socket") != raw.npos;
  for (const std::string_view known :
       {"bind", "server", "source", "log", "peer", "dispatch", "nameserver"}) {
    if (word == known) return true;
  }
  return false;
}

}  // namespace

// Reads one file into the tree. The states of a line are: inside a block that is skipped, a
// directive, the start of a section, a line of a section, or stray.
class FileReader {
 public:
  FileReader(Tree& tree, const SourceFile& file, const ReadContext& context)
      : tree_(tree), file_(file), context_(context), diagnostics_(context.diagnostics) {}

  void Run() {
    std::string_view rest = file_.text;
    // An editor's byte order mark says nothing we need.
    if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      ++number_;
      OnLine(rest.substr(0, end));
      base::GiveWay();
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    for (const Block& block : blocks_) {
      diagnostics_.Error(block.opened, "non-terminated '.if' block", "add the missing '.endif'");
    }
  }

 private:
  enum class Branch : uint8_t {
    kTaken,    // its lines count
    kPending,  // skipped; a later branch may still be taken
    kDone,     // skipped; an earlier branch was taken
    kDead,     // skipped whatever comes: the block stands in a skipped one, or its `.if` is faulty
  };
  struct Block {
    Branch branch;
    bool has_else;
    Location opened;
  };
  enum class Place : uint8_t {
    kOutside,  // no section yet in this file
    kInSection,
    kSwallowing,  // after a fault that makes the following lines meaningless
  };

  // A line of the section that is being read cannot be told.
  void Lose() {
    if (place_ == Place::kInSection) tree_.sections_.back().is_whole = false;
  }

  bool IsSkipping() const { return !blocks_.empty() && blocks_.back().branch != Branch::kTaken; }

  void OnLine(std::string_view raw) {
    Line line;
    line.source = &file_;
    line.number = number_;
    line.raw = raw;
    if (IsSkipping()) {
      // What is skipped may be in a language we do not know yet: look for the block's end only.
      const std::string_view word = FirstRawWord(raw);
      if (word == ".if") return Open(line, Branch::kDead);
      if (word != ".elif" && word != ".else" && word != ".endif") return;
    }
    LexContext lex;
    lex.environment = &context_.environment;
    lex.section = section_name_;
    lex.expand_bare_words = context_.expand_bare_addresses && HoldsAddresses(raw);
    LexProblem problem;
    if (!LexLine(lex, line, problem)) return OnBadLine(line, problem);
    if (line.words.empty()) return;
    if (line.text(0).empty()) {
      diagnostics_.Error(line.At(0), "this line starts with an empty word",
                         "an environment variable without a value?");
      return Lose();
    }
    if (line.text(0).front() == '.') return OnDirective(line);
    const SectionKind kind = FindSectionKind(line.text(0));
    if (kind != SectionKind::kCount) return OnSection(kind, std::move(line));
    OnStatement(std::move(line));
  }

  // Keeps the blocks balanced, so that one fault is one message.
  void OnBadLine(const Line& line, const LexProblem& problem) {
    const std::string_view word = FirstRawWord(line.raw);
    if (!IsSkipping() || (word == ".elif" && blocks_.back().branch == Branch::kPending)) {
      Location where = line.At();
      where.column = problem.column;
      where.length_bytes = 1;
      // A line that long is not worth showing.
      if (line.raw.size() > kLineBytesMax) where.source_line = {};
      diagnostics_.Error(where, problem.message, problem.hint);
      if (FindSectionKind(word) == SectionKind::kCount) Lose();
    }
    if (word == ".if") return Open(line, Branch::kDead);
    if (word == ".elif" && !blocks_.empty()) blocks_.back().branch = Branch::kDead;
    if (word == ".else") return Else(line);
    if (word == ".endif") return Endif(line);
    const SectionKind kind = FindSectionKind(word);
    if (kind != SectionKind::kCount && !IsSkipping()) place_ = Place::kSwallowing;
  }

  void OnDirective(const Line& line) {
    const std::string_view word = line.text(0);
    if (word == ".if") return Open(line, Evaluate(line));
    if (word == ".elif") return Elif(line);
    if (word == ".else") {
      RefuseArguments(line);
      return Else(line);
    }
    if (word == ".endif") {
      RefuseArguments(line);
      return Endif(line);
    }
    Severity severity;
    if (word == ".diag") {
      severity = Severity::kDiag;
    } else if (word == ".notice") {
      severity = Severity::kNotice;
    } else if (word == ".warning") {
      severity = Severity::kWarning;
    } else if (word == ".alert") {
      severity = Severity::kAlert;
    } else {
      diagnostics_.Error(line.At(0), "unknown directive " + InQuotes(word),
                         Suggest(word, kDirectives));
      return;
    }
    if (line.size() > 2) {
      diagnostics_.Error(line.At(2),
                         "unexpected argument " + InQuotes(line.text(2)) + " for " + InQuotes(word),
                         "use quotes if the message should contain spaces");
      return;
    }
    // No excerpt: the message is the whole point of the line.
    Location where = line.At();
    where.source_line = {};
    const std::string message = InQuotes(line.text(1));
    switch (severity) {
      case Severity::kDiag:
        return diagnostics_.Diag(where, message);
      case Severity::kNotice:
        return diagnostics_.Notice(where, message);
      case Severity::kWarning:
        return diagnostics_.Warning(where, message);
      case Severity::kAlert:
        return diagnostics_.Error(where, message);
      case Severity::kCount:
        return;
    }
  }

  void RefuseArguments(const Line& line) {
    if (line.size() < 2) return;
    diagnostics_.Error(line.At(1), "unexpected argument " + InQuotes(line.text(1)) + " for " +
                                       InQuotes(line.text(0)));
  }

  void Open(const Line& line, Branch branch) {
    if (blocks_.size() == kConditionalDepthMax && !too_deep_) {
      too_deep_ = true;
      diagnostics_.Error(line.At(),
                         base::Format("too many nested '.if', max is %zu", kConditionalDepthMax));
    }
    if (blocks_.size() >= kConditionalDepthMax) branch = Branch::kDead;
    blocks_.push_back({branch, false, line.At()});
  }

  void Elif(const Line& line) {
    if (blocks_.empty()) return Lone(line);
    Block& block = blocks_.back();
    if (block.has_else) {
      diagnostics_.Error(line.At(0), "'.elif' after '.else' is not permitted");
      return;
    }
    if (block.branch == Branch::kTaken) block.branch = Branch::kDone;
    if (block.branch == Branch::kPending) block.branch = Evaluate(line);
  }

  void Else(const Line& line) {
    if (blocks_.empty()) return Lone(line);
    Block& block = blocks_.back();
    if (block.has_else) {
      diagnostics_.Error(line.At(0), "'.else' after '.else' is not permitted");
      return;
    }
    block.has_else = true;
    if (block.branch == Branch::kTaken) {
      block.branch = Branch::kDone;
    } else if (block.branch == Branch::kPending) {
      block.branch = Branch::kTaken;
    }
  }

  void Endif(const Line& line) {
    if (blocks_.empty()) return Lone(line);
    blocks_.pop_back();
  }

  void Lone(const Line& line) {
    const std::string word(FirstRawWord(line.raw));
    diagnostics_.Error(line.At(0), "lone " + InQuotes(word) + " with no matching '.if'");
  }

  // The words after the directive, joined by single spaces, are the expression (manual 2.4).
  Branch Evaluate(const Line& line) {
    std::string text;
    std::vector<size_t> starts;  // of words[1 + i] within the text
    for (size_t i = 1; i < line.size(); ++i) {
      if (i > 1) text += ' ';
      starts.push_back(text.size());
      text += line.text(i);
    }
    const Condition condition = EvaluateCondition(text, context_.environment, context_.facts);
    if (condition.result == ConditionResult::kTrue) return Branch::kTaken;
    if (condition.result == ConditionResult::kFalse) return Branch::kPending;
    size_t word = 1;
    while (word < starts.size() && starts[word] <= condition.position) ++word;
    Location where = line.At(word);
    if (word < line.size() && !line.words[word].quoted) {
      where.column += uint32_t(condition.position - starts[word - 1]);
      where.length_bytes = 1;
    }
    diagnostics_.Error(where,
                       condition.message + " in " + InQuotes(line.text(0)) +
                           base::Format(" at position %zu", condition.position + 1),
                       condition.hint);
    Lose();
    return Branch::kDead;
  }

  void OnSection(SectionKind kind, Line line) {
    const SectionSpec& spec = kSections[size_t(kind)];
    place_ = Place::kInSection;
    const size_t errors_before = diagnostics_.errors();
    Section section;
    section.kind = kind;
    size_t next = 1;
    const bool starts_with_from =
        spec.name == NameRule::kOptional && spec.takes_from && line.text(1) == "from" &&
        line.size() > 2;  // "defaults from BASE" has no name; "defaults from" is named "from"
    if (spec.name != NameRule::kNone && !starts_with_from) {
      section.name = line.text(1);
      if (section.name.empty() && (spec.name == NameRule::kRequired || line.size() > 1)) {
        diagnostics_.Error(line.At(1), InQuotes(spec.word) + " expects a name");
      }
      next = std::min<size_t>(2, line.size());
    }
    if (const char bad = ForbiddenNameByte(section.name); spec.name_checked && bad != '\0') {
      diagnostics_.Error(line.At(1),
                         "character '" + std::string(1, bad) + "' is not permitted in " +
                             InQuotes(spec.word) + " name " + InQuotes(section.name),
                         "names are made of letters, digits, '-', '_', '.' and ':'");
    }
    if (spec.takes_from && next < line.size() && line.text(next) == "from") {
      section.from = line.text(next + 1);
      section.from_word = uint32_t(next + 1);
      if (section.from.empty()) {
        diagnostics_.Error(line.At(next + 1), "'from' expects the name of a 'defaults' section");
      }
      next = std::min(next + 2, line.size());
    }
    if (next < line.size()) OnExtraWord(spec, line, next);
    section.is_whole = diagnostics_.errors() == errors_before;
    section_name_ = section.name.empty() ? std::string(spec.word) : section.name;
    section.header = std::move(line);
    tree_.sections_.push_back(std::move(section));
  }

  void OnExtraWord(const SectionSpec& spec, const Line& line, size_t word) {
    std::string hint;
    if ((spec.word == "listen" || spec.word == "frontend") && word == 2) {
      hint = Suggest(line.text(word), {"from"});
      if (hint.empty()) hint = "listening addresses belong on a 'bind' line";
    }
    diagnostics_.Error(
        line.At(word),
        InQuotes(spec.word) + " cannot handle unexpected argument " + InQuotes(line.text(word)),
        hint);
  }

  void OnStatement(Line line) {
    switch (place_) {
      case Place::kSwallowing:
        return;
      case Place::kOutside:
        OnStray(line);
        place_ = Place::kSwallowing;
        return;
      case Place::kInSection:
        break;
    }
    if (line.text(0) == "program") {
      // Was a section up to 3.2; without this its lines would count for the section before.
      OnStray(line);
      place_ = Place::kSwallowing;
      return;
    }
    Section& section = tree_.sections_.back();
    if (section.kind == SectionKind::kGlobal && Environment::IsDirective(line.text(0))) {
      context_.environment.Execute(line, diagnostics_);
    }
    if (section.kind == SectionKind::kGlobal && line.text(0) == "localpeer") SetLocalPeer(line);
    section.lines.push_back(std::move(line));
  }

  // manual 3.1, localpeer.
  void SetLocalPeer(const Line& line) {
    if (line.text(1).empty()) return;  // its builder says so
    const char* why = context_.has_local_peer ? "because '-L' was given" : nullptr;
    for (const Section& section : tree_.sections_) {
      if (section.kind == SectionKind::kPeers) why = "because a 'peers' section stands before it";
    }
    if (why != nullptr) {
      diagnostics_.Warning(line.At(0), std::string("'localpeer' is ignored ") + why);
      return;
    }
    context_.environment.Preset("HAPROXY_LOCALPEER", line.text(1), Environment::kFixed);
  }

  void OnStray(const Line& line) {
    const std::string_view word = line.text(0);
    if (word == "program") {
      diagnostics_.Error(line.At(0), "the 'program' section does not exist any more",
                         "run other programs from the service manager");
      return;
    }
    std::string hint = Suggest(word, SectionWords());
    if (!hint.empty()) hint += '\n';
    hint += "lines up to the next section are not read";
    diagnostics_.Error(line.At(0), "unknown keyword " + InQuotes(word) + " out of section", hint);
  }

  Tree& tree_;
  const SourceFile& file_;
  const ReadContext& context_;
  Diagnostics& diagnostics_;
  uint32_t number_ = 0;
  Place place_ = Place::kOutside;
  bool too_deep_ = false;
  std::string section_name_;  // ${.SECTION}
  std::vector<Block> blocks_;
};

Tree::Tree() = default;
// With pauses: of a large file these are many.
Tree::~Tree() {
  for (Section& section : sections_) {
    section.lines = {};
    base::GiveWay();
  }
}
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;

bool Tree::ReadText(std::string path, std::string text, const ReadContext& context) {
  const size_t errors_before = context.diagnostics.errors();
  auto& file = files_.emplace_back(std::make_unique<SourceFile>());
  file->path = std::move(path);
  file->text = std::move(text);
  if (LooksLikeText(*file, context.diagnostics)) FileReader(*this, *file, context).Run();
  return context.diagnostics.errors() == errors_before;
}

bool Tree::ReadPaths(const std::vector<std::string>& paths, const ReadContext& context) {
  const size_t errors_before = context.diagnostics.errors();
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (base::StartRights::Current().IsFolder(path)) {
      ListDirectory(path, files, context.diagnostics);
    } else {
      files.push_back(path);
    }
  }
  for (const std::string& file : files) {
    std::string text;
    if (LoadFile(file, text, context.diagnostics)) ReadText(file, std::move(text), context);
  }
  return context.diagnostics.errors() == errors_before;
}

bool Tree::IsBefore(const Line& line, const Line& other) const {
  if (line.source == other.source) return line.number < other.number;
  for (const auto& file : files_) {
    if (file.get() == line.source) return true;
    if (file.get() == other.source) return false;
  }
  return false;
}

std::string_view SectionName(SectionKind kind) {
  MUST(kind < SectionKind::kCount);
  return kSections[size_t(kind)].word;
}

SectionKind FindSectionKind(std::string_view word) {
  for (size_t i = 0; i < std::size(kSections); ++i) {
    if (kSections[i].word == word) return SectionKind(i);
  }
  return SectionKind::kCount;
}

const std::vector<std::string_view>& SectionWords() {
  static const std::vector<std::string_view> words = [] {
    std::vector<std::string_view> list;
    for (const SectionSpec& spec : kSections) list.push_back(spec.word);
    return list;
  }();
  return words;
}

std::string Section::Title() const {
  std::string title(SectionName(kind));
  if (!name.empty()) title += " '" + name + "'";
  return title;
}

char ForbiddenNameByte(std::string_view name) {
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !base::IsDigit(c) && c != '-' && c != '_' && c != '.' && c != ':') return c;
  }
  return '\0';
}

}  // namespace engine
