// diagnostics.h - everything a reading of the configuration has to say, collected and then printed.
//
// Owns:    a copy of every message and of the source line it points at; no reference into the tree.
// Threads: start-up (one reader at a time; a reload makes its own).
// Units:   lines and columns count from 1; a column counts bytes of the raw line. 0 means "none".
// Errors:  it is where errors go, so it has none: past kMessagesMax messages are counted, not kept.
// States:  none. The same message for the same word is kept once, because the lines of a defaults
//          section are read again for every proxy that inherits them.
//
//   diagnostics.Error(line.At(1), "unknown proxy mode 'htp'", Suggest("htp", {"tcp", "http"}));
//   if (!quiet) diagnostics.Print(stderr);
//   if (diagnostics.errors() > 0 || (zero_warning && diagnostics.strict_warnings() > 0)) return 1;

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

enum class Severity : uint8_t {
  kDiag,     // printed with -dD only (manual 2.4, `.diag`)
  kNotice,   // never counted
  kWarning,  // fatal only under -dW or `zero-warning`
  kAlert,    // the configuration is refused
  kCount
};

// Where a message points. Views are copied by Diagnostics, so they need not outlive the call.
struct Location {
  std::string_view file;         // empty: the message is about no file
  uint32_t line = 0;             // 0: about the file as a whole
  uint32_t column = 0;           // 0: about the whole line, no caret
  uint32_t length_bytes = 0;     // of the raw word under the caret; at least one caret is drawn
  std::string_view source_line;  // the raw text of the line; empty: nothing to show
};

struct Diagnostic {
  Severity severity = Severity::kAlert;
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
  uint32_t length_bytes = 0;
  std::string source_line;
  std::string message;
  std::string hint;  // one sentence, or several lines
};

class Diagnostics {
 public:
  // What is kept; a larger number is a broken generator, not something to read.
  static constexpr size_t kMessagesMax = 2000;

  void Error(const Location& where, std::string_view message, std::string_view hint = {});
  void Warning(const Location& where, std::string_view message, std::string_view hint = {});
  void Notice(const Location& where, std::string_view message, std::string_view hint = {});
  void Diag(const Location& where, std::string_view message, std::string_view hint = {});
  void Error(std::string_view message) { Error(Location{}, message); }
  void Warning(std::string_view message) { Warning(Location{}, message); }

  // A keyword we accept without effect: one warning per keyword and run, left out of
  // strict_warnings(), because -dW must not refuse a file that HAProxy starts with.
  void NoEffect(std::string_view keyword, const Location& where, std::string_view message);

  // No further message is kept: what it would cost to make a good one is better saved.
  bool is_full() const { return messages_.size() >= kMessagesMax; }
  size_t errors() const { return errors_; }
  size_t warnings() const { return warnings_; }
  size_t strict_warnings() const { return strict_warnings_; }  // what -dW turns into a refusal
  const std::vector<Diagnostic>& all() const { return messages_; }

  // The process id shown in each line; 0, the default, asks the kernel when printing.
  void set_pid(int pid) { pid_ = pid; }
  void set_show_diag(bool show) { show_diag_ = show; }  // -dD

  // One message as printed, and all of them with the closing lines of a refused configuration.
  std::string Render(const Diagnostic& diagnostic) const;
  std::string Render() const;
  // A line of the same shape that is not part of the run's messages.
  std::string RenderPlain(Severity severity, std::string_view message) const;
  void Print(FILE* out) const;

 private:
  bool Add(Severity severity, const Location& where, std::string_view message,
           std::string_view hint);
  std::string Prefix(Severity severity) const;

  std::vector<Diagnostic> messages_;
  std::set<std::string> seen_;  // keys of what was already said
  std::set<std::string, std::less<>> no_effect_;
  std::set<std::string, std::less<>> bad_files_;
  size_t errors_ = 0;
  size_t warnings_ = 0;
  size_t strict_warnings_ = 0;
  size_t dropped_ = 0;
  int pid_ = 0;
  bool show_diag_ = false;
};

// The candidate nearest to `word` by edit distance, case ignored, or empty when none is near enough
// to be what was meant. The first of equals wins.
std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates);
// "did you mean 'X'?", or empty; so it is where `word` is one of the candidates.
std::string Suggest(std::string_view word, std::span<const std::string_view> candidates);
std::string Suggest(std::string_view word, std::initializer_list<std::string_view> candidates);

// `text` between single quotes, as every message shows a word; a monster is cut.
std::string InQuotes(std::string_view text);

// `text` with bytes that could drive a terminal, and broken UTF-8, replaced by '?'.
std::string Printable(std::string_view text);

}  // namespace engine
