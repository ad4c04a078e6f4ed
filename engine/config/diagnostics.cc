#include "engine/config/diagnostics.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace engine {
namespace {

// Width of the excerpt of a source line, in characters: a long line is cut around its caret.
constexpr size_t kExcerptMax = 110;
constexpr size_t kLead = 50;  // characters kept before the caret of a long line
// Raw bytes looked at on either side of the caret, so that a 1 MB line costs nothing.
constexpr size_t kExcerptBytes = 4 * kExcerptMax;

// Length of the well-formed UTF-8 sequence at text[at], or 0. Good enough for display: it refuses
// the C1 controls (U+0080 to U+009F), which terminals obey, and does not look for overlong forms.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  const uint8_t first = byte(at);
  size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xc2 && byte(at + 1) < 0xa0) return 0;
  return length;
}

// `raw` made printable, with the number of bytes and of characters each piece takes.
struct Cell {
  std::string text;
  size_t raw_offset;
};
std::vector<Cell> Cells(std::string_view raw) {
  std::vector<Cell> cells;
  for (size_t i = 0; i < raw.size();) {
    const char c = raw[i];
    if (c == '\t') {
      cells.push_back({" ", i++});
    } else if (c >= 0x20 && c < 0x7f) {
      cells.push_back({std::string(1, c), i++});
    } else if (const size_t length = SequenceLength(raw, i); length != 0) {
      cells.push_back({std::string(raw.substr(i, length)), i});
      i += length;
    } else {
      cells.push_back({"?", i++});
    }
  }
  return cells;
}

// The source line and its caret, each indented by two columns, as HAProxy shows them.
std::string Excerpt(const Diagnostic& diagnostic) {
  std::string_view raw = diagnostic.source_line;
  while (!raw.empty() && (raw.back() == '\r' || raw.back() == '\n')) raw.remove_suffix(1);
  const size_t indent = std::min(raw.find_first_not_of(" \t"), raw.size());
  size_t caret = diagnostic.column == 0 ? 0 : diagnostic.column - 1;
  if (diagnostic.column != 0 && caret < indent) return {};
  raw.remove_prefix(indent);
  caret = diagnostic.column == 0 ? 0 : std::min(caret - indent, raw.size());
  if (raw.empty()) return {};
  bool cut_left = false;
  if (caret > kExcerptBytes) {
    raw.remove_prefix(caret - kExcerptBytes);
    caret = kExcerptBytes;
    cut_left = true;
  }
  bool cut_right = raw.size() > caret + kExcerptBytes;
  if (cut_right) raw = raw.substr(0, caret + kExcerptBytes);

  std::vector<Cell> cells = Cells(raw);
  const auto cell_at = [&](size_t offset) {
    return size_t(std::count_if(cells.begin(), cells.end(),
                                [&](const Cell& cell) { return cell.raw_offset < offset; }));
  };
  size_t start = cell_at(caret);
  size_t end = cell_at(caret + std::max<uint32_t>(diagnostic.length_bytes, 1));
  if (start > kExcerptMax - kLead / 2) {
    const size_t gone = start - kLead;
    cells.erase(cells.begin(), cells.begin() + std::ptrdiff_t(gone));
    start -= gone;
    end -= gone;
    cut_left = true;
  }
  if (cells.size() > kExcerptMax) {
    cells.resize(kExcerptMax);
    cut_right = true;
  }
  end = std::clamp(end, start + 1, std::max(cells.size(), start + 1));

  std::string out = cut_left ? "  ..." : "  ";
  for (const Cell& cell : cells) out += cell.text;
  if (cut_right) out += "...";
  out += '\n';
  if (diagnostic.column != 0) {
    out += std::string((cut_left ? 5 : 2) + start, ' ') + '^' + std::string(end - start - 1, '~');
    out += '\n';
  }
  return out;
}

}  // namespace

std::string InQuotes(std::string_view text) {
  // Appended piece by piece: g++ 12 warns falsely (-Wrestrict) about "'" + std::string.
  constexpr size_t kShownMax = 160;
  std::string quoted(1, '\'');
  quoted.append(text.substr(0, kShownMax));
  if (text.size() > kShownMax) quoted.append("...");
  return quoted.append(1, '\'');
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const Cell& cell : Cells(text)) out += cell.text;
  return out;
}

bool Diagnostics::Add(Severity severity, const Location& where, std::string_view message,
                      std::string_view hint) {
  std::string key = base::Format("%d:%u:%u:", int(severity), where.line, where.column);
  key.append(where.file).append(1, '\0').append(message);
  if (seen_.size() < 2 * kMessagesMax && !seen_.insert(std::move(key)).second) return false;
  if (severity == Severity::kAlert) {
    ++errors_;
    if (!where.file.empty()) bad_files_.insert(std::string(where.file));
  }
  if (severity == Severity::kWarning) ++warnings_;
  if (messages_.size() >= kMessagesMax) {
    ++dropped_;
    return true;
  }
  Diagnostic& kept = messages_.emplace_back();
  kept.severity = severity;
  kept.file = where.file;
  kept.line = where.line;
  kept.column = where.column;
  kept.length_bytes = where.length_bytes;
  // Keep what Excerpt() may show: all of an ordinary line, none of a monster.
  if (where.source_line.size() <= 64 * 1024) kept.source_line = where.source_line;
  kept.message = message;
  kept.hint = hint;
  return true;
}

void Diagnostics::Error(const Location& where, std::string_view message, std::string_view hint) {
  Add(Severity::kAlert, where, message, hint);
}

void Diagnostics::Warning(const Location& where, std::string_view message, std::string_view hint) {
  if (Add(Severity::kWarning, where, message, hint)) ++strict_warnings_;
}

void Diagnostics::Notice(const Location& where, std::string_view message, std::string_view hint) {
  Add(Severity::kNotice, where, message, hint);
}

void Diagnostics::Diag(const Location& where, std::string_view message, std::string_view hint) {
  Add(Severity::kDiag, where, message, hint);
}

void Diagnostics::NoEffect(std::string_view keyword, const Location& where,
                           std::string_view message) {
  if (!no_effect_.insert(std::string(keyword)).second) return;
  Add(Severity::kWarning, where, message, {});
}

std::string Diagnostics::Prefix(Severity severity) const {
  static constexpr const char* kNames[] = {"[DIAG]", "[NOTICE]", "[WARNING]", "[ALERT]"};
  static_assert(std::size(kNames) == size_t(Severity::kCount));
  return base::Format("%-10s (%d) : ", kNames[size_t(severity)], pid_ != 0 ? pid_ : int(getpid()));
}

std::string Diagnostics::RenderPlain(Severity severity, std::string_view message) const {
  return Prefix(severity) + Printable(message) + '\n';
}

std::string Diagnostics::Render(const Diagnostic& diagnostic) const {
  std::string out = Prefix(diagnostic.severity) + "config : ";
  if (!diagnostic.file.empty()) {
    out += "parsing [" + Printable(diagnostic.file);
    if (diagnostic.line != 0) out += base::Format(":%u", diagnostic.line);
    out += "] : ";
  }
  out += Printable(diagnostic.message);
  out += '\n';
  if (!diagnostic.source_line.empty()) out += Excerpt(diagnostic);
  if (!diagnostic.hint.empty()) {
    for (std::string_view line : base::Split(diagnostic.hint, '\n')) {
      out += "   | " + Printable(line) + '\n';
    }
  }
  return out;
}

std::string Diagnostics::Render() const {
  std::string out;
  for (const Diagnostic& diagnostic : messages_) {
    if (diagnostic.severity == Severity::kDiag && !show_diag_) continue;
    out += Render(diagnostic);
  }
  if (dropped_ != 0) {
    out += RenderPlain(Severity::kNotice,
                       base::Format("config : %zu more messages are not shown.", dropped_));
  }
  if (errors_ == 0) return out;
  for (const std::string& file : bad_files_) {
    out += RenderPlain(Severity::kAlert, "config : Error(s) found in configuration file : " + file);
  }
  out += RenderPlain(Severity::kAlert, "config : Fatal errors found in configuration.");
  return out;
}

void Diagnostics::Print(FILE* out) const {
  const std::string text = Render();
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > 64) return {};
  // A third of the word may be wrong, two letters of four, one of less; two that are swapped count
  // as one: "conect" finds "connect", "ctr" finds "crt", and "foo" finds nothing by chance.
  uint32_t best = std::max(uint32_t(word.size() / 3), word.size() < 4 ? 1u : 2u) + 1;
  std::string_view nearest;
  for (std::string_view candidate : candidates) {
    const size_t longer = std::max(candidate.size(), word.size());
    const size_t shorter = std::min(candidate.size(), word.size());
    if (longer - shorter >= best) continue;  // cannot win, spare the table
    const uint32_t distance = base::EditDistance(word, candidate);
    if (distance >= best || 2 * distance > shorter) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

std::string Suggest(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view nearest = NearestWord(word, candidates);
  // What is near to itself is right, and something else is wrong.
  if (nearest.empty() || nearest == word) return {};
  return "did you mean " + InQuotes(nearest) + "?";
}

std::string Suggest(std::string_view word, std::initializer_list<std::string_view> candidates) {
  return Suggest(word, std::span<const std::string_view>(candidates.begin(), candidates.size()));
}

}  // namespace engine
