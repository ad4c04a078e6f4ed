#include "engine/config/lexer.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace engine {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameByte(char c) { return IsNameStart(c) || base::IsDigit(c); }

class Lexer {
 public:
  Lexer(const LexContext& context, Line& line, LexProblem& problem)
      : context_(context), line_(line), raw_(line.raw), problem_(problem) {}

  bool Run() {
    if (raw_.size() > kLineBytesMax) {
      return Fail(0, base::Format("this line has %zu bytes, at most %zu are accepted", raw_.size(),
                                  kLineBytesMax));
    }
    // A file edited on Windows ends its lines with CR LF.
    if (!raw_.empty() && raw_.back() == '\r') raw_.remove_suffix(1);
    while (at_ < raw_.size() && !(quote_ == 0 && raw_[at_] == '#')) {
      if (!Step()) return false;
    }
    if (quote_ != 0) {
      return Fail(quote_at_, base::Format("unmatched quote at position %zu", quote_at_ + 1));
    }
    return EndWord(at_);
  }

 private:
  bool Step() {
    const char c = raw_[at_];
    if (c == '\0') {
      return Fail(at_, base::Format("stray NUL byte at position %zu", at_ + 1),
                  "the file is binary or was damaged");
    }
    if (quote_ == '\'') {
      if (c == '\'') return Toggle('\'');
      return Append(c);
    }
    if (c == '"') return Toggle('"');
    if (c == '\\') return Escape();
    if (c == '$' && WantsVariable()) return Variable();
    if (quote_ == '"') return Append(c);
    if (c == '\'') return Toggle('\'');
    if (IsSpace(c)) {
      const size_t end = at_++;
      return EndWord(end);
    }
    return Append(c);
  }

  bool Append(char c) {
    Begin(at_);
    ++at_;
    word_.text += c;
    return CheckSize();
  }

  bool Toggle(char quote) {
    Begin(at_);
    word_.quoted = true;
    quote_at_ = at_++;
    quote_ = quote_ == 0 ? quote : 0;
    return true;
  }

  // at_ stands on a backslash.
  bool Escape() {
    Begin(at_);
    const char next = at_ + 1 < raw_.size() ? raw_[at_ + 1] : '\0';
    char result = '\0';
    switch (next) {
      case ' ':
      case '\t':
      case '\\':
      case '#':
      case '\'':
      case '"':
        result = next;
        break;
      case '$':
        result = quote_ == '"' || context_.expand_bare_words ? '$' : '\0';
        break;
      case 'n':
        result = '\n';
        break;
      case 'r':
        result = '\r';
        break;
      case 't':
        result = '\t';
        break;
      case 'x':
        return HexEscape();
      default:
        break;
    }
    if (result == '\0') {
      // Not an escape: the backslash is an ordinary character, and so is what follows it.
      word_.text += '\\';
      ++at_;
      return CheckSize();
    }
    word_.quoted = true;
    word_.text += result;
    at_ += 2;
    return CheckSize();
  }

  bool HexEscape() {
    const int high = at_ + 2 < raw_.size() ? base::HexDigit(raw_[at_ + 2]) : -1;
    const int low = at_ + 3 < raw_.size() ? base::HexDigit(raw_[at_ + 3]) : -1;
    if (high < 0 || low < 0) {
      return Fail(
          at_, base::Format("truncated or invalid hexadecimal sequence at position %zu", at_ + 1),
          "\\x takes exactly two hexadecimal digits");
    }
    if (high == 0 && low == 0) {
      // HAProxy ends the word here without a word about it; whatever was meant, it is not that.
      return Fail(at_, base::Format("a NUL byte cannot be part of a word (position %zu)", at_ + 1));
    }
    word_.quoted = true;
    word_.text += char(high * 16 + low);
    at_ += 4;
    return CheckSize();
  }

  bool WantsVariable() const {
    if (quote_ == '"') return true;
    if (!context_.expand_bare_words || at_ + 1 >= raw_.size()) return false;
    const size_t first = raw_[at_ + 1] == '{' ? at_ + 2 : at_ + 1;
    return first < raw_.size() && (IsNameStart(raw_[first]) || raw_[first] == '.');
  }

  // at_ stands on '$'. $NAME, ${NAME}, ${NAME-default}, ${NAME[*]}, ${NAME[*]-default}.
  bool Variable() {
    Begin(at_);
    word_.quoted = true;
    size_t at = at_ + 1;
    const bool braced = at < raw_.size() && raw_[at] == '{';
    const size_t brace_at = at;
    if (braced) ++at;
    const size_t name_at = at;
    const bool pseudo = at < raw_.size() && raw_[at] == '.';
    if (pseudo) ++at;
    if (at >= raw_.size() || !IsNameStart(raw_[at])) {
      return Fail(at < raw_.size() ? at : at_,
                  base::Format("forbidden first character in environment variable name at position "
                               "%zu",
                               at + 1),
                  quote_ == '"' ? "write \\$ for a dollar sign, or use single quotes" : "");
    }
    while (at < raw_.size() && IsNameByte(raw_[at])) ++at;
    const std::string_view name = raw_.substr(name_at, at - name_at);

    bool is_list = false;
    std::string_view fallback;
    if (braced) {
      if (at < raw_.size() && raw_[at] == '[') {
        if (raw_.substr(at, 3) != "[*]") {
          return Fail(at,
                      base::Format("truncated or invalid word expansion sequence at position "
                                   "%zu",
                                   at + 1),
                      "a list is expanded with ${NAME[*]}");
        }
        is_list = true;
        at += 3;
      }
      const size_t close = raw_.find('}', at);
      if (close == std::string_view::npos || (close != at && raw_[at] != '-')) {
        return Fail(brace_at, base::Format("unmatched brace in environment variable name at "
                                           "position %zu",
                                           brace_at + 1));
      }
      if (close != at) fallback = raw_.substr(at + 1, close - at - 1);
      at = close + 1;
    }
    std::string pseudo_value;
    const std::string* found = nullptr;
    if (pseudo) {
      if (!FindPseudo(name, pseudo_value)) {
        return Fail(name_at, "unknown pseudo-variable " + InQuotes(name),
                    Suggest(name, {".FILE", ".LINE", ".SECTION"}));
      }
      found = &pseudo_value;
    } else if (context_.environment != nullptr) {
      found = context_.environment->Find(name);
    }
    if (!pseudo) word_.variable = name;
    // A default replaces what does not exist, not what is empty (manual 2.3).
    const std::string_view value = found != nullptr ? std::string_view(*found) : fallback;
    const size_t start = at_;
    at_ = at;
    return is_list ? AppendList(value, start) : AppendValue(value);
  }

  bool FindPseudo(std::string_view name, std::string& value) const {
    if (name == ".FILE") {
      value = line_.source != nullptr ? line_.source->path : "";
    } else if (name == ".LINE") {
      value = std::to_string(line_.number);
    } else if (name == ".SECTION") {
      value = context_.section;
    } else {
      return false;
    }
    return true;
  }

  bool AppendValue(std::string_view value) {
    has_scalar_ = true;
    word_.text += value;
    return CheckSize();
  }

  // The first piece joins the word so far, the last one is what the rest of the word joins.
  bool AppendList(std::string_view value, size_t start) {
    has_list_ = true;
    size_t at = 0;
    bool first = true;
    while (true) {
      while (at < value.size() && (IsSpace(value[at]) || value[at] == '\n')) ++at;
      if (at == value.size()) return true;
      size_t end = at;
      while (end < value.size() && !IsSpace(value[end]) && value[end] != '\n') ++end;
      if (!first) {
        if (!EndWord(at_)) return false;
        Begin(start);
        word_.quoted = true;
      }
      first = false;
      word_.text += value.substr(at, end - at);
      if (!CheckSize()) return false;
      at = end;
    }
  }

  void Begin(size_t at) {
    if (in_word_) return;
    in_word_ = true;
    has_list_ = false;
    has_scalar_ = false;
    word_ = Word{};
    word_.column = uint32_t(at + 1);
  }

  bool EndWord(size_t end) {
    if (!in_word_) return true;
    in_word_ = false;
    // "${LIST[*]}" of an empty list stands for no word at all, unlike "" and "$EMPTY".
    if (word_.text.empty() && has_list_ && !has_scalar_) return true;
    word_.length_bytes = uint32_t(end + 1 - word_.column);
    if (line_.words.size() >= kWordsMax) {
      return Fail(word_.column - 1,
                  base::Format("too many words on this line, at most %zu", kWordsMax));
    }
    finished_bytes_ += word_.text.size();
    line_.words.push_back(std::move(word_));
    return true;
  }

  bool CheckSize() {
    if (finished_bytes_ + word_.text.size() <= kExpandedBytesMax) return true;
    return Fail(word_.column - 1,
                base::Format("this line expands to more than %zu bytes", kExpandedBytesMax));
  }

  bool Fail(size_t at, std::string message, std::string hint = {}) {
    problem_ = {uint32_t(at + 1), std::move(message), std::move(hint)};
    return false;
  }

  const LexContext& context_;
  Line& line_;
  std::string_view raw_;
  LexProblem& problem_;

  size_t at_ = 0;
  char quote_ = 0;       // the open quote, or 0
  size_t quote_at_ = 0;  // where the last quote stood
  bool in_word_ = false;
  bool has_list_ = false;    // the word holds a ${NAME[*]}
  bool has_scalar_ = false;  // the word holds an ordinary variable
  Word word_;
  size_t finished_bytes_ = 0;
};

}  // namespace

Location Line::At(size_t word) const {
  Location where = At();
  if (word < words.size()) {
    where.column = words[word].column;
    where.length_bytes = words[word].length_bytes;
  } else if (!words.empty()) {
    where.column = words.back().column + words.back().length_bytes;
  }
  return where;
}

Location Line::At() const {
  Location where;
  if (source != nullptr) where.file = source->path;
  where.line = number;
  where.source_line = raw;
  return where;
}

bool LexLine(const LexContext& context, Line& line, LexProblem& problem) {
  line.words.clear();
  return Lexer(context, line, problem).Run();
}

std::string_view FirstRawWord(std::string_view raw) {
  const size_t start = std::min(raw.find_first_not_of(" \t"), raw.size());
  raw.remove_prefix(start);
  return raw.substr(0, raw.find_first_of(" \t\r#"));
}

}  // namespace engine
