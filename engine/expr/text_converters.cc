#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

using kind::kText;

// `sample` becomes a text as long as its own, byte by byte.
template <char (*kChange)(char)>
bool Change(const PreparedUnit&, Sample& sample, EvalContext& context) {
  char* text = context.scratch().Take(sample.text.size());
  if (text == nullptr) return false;
  std::transform(sample.text.begin(), sample.text.end(), text, kChange);
  sample.SetString({text, sample.text.size()});
  return true;
}
char ToUpper(char c) { return c >= 'a' && c <= 'z' ? char(c & ~0x20) : c; }

bool Reverse(const PreparedUnit&, Sample& sample, EvalContext& context) {
  char* text = context.scratch().Take(sample.text.size());
  if (text == nullptr) return false;
  std::reverse_copy(sample.text.begin(), sample.text.end(), text);
  sample.SetString({text, sample.text.size()});
  return true;
}

// "www.example.com" becomes "com.example.www".
bool ReverseDomain(const PreparedUnit&, Sample& sample, EvalContext& context) {
  std::string_view rest = sample.text;
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  char* text = context.scratch().Take(rest.size());
  if (text == nullptr || rest.empty()) return false;
  const size_t length = rest.size();
  char* to = text;
  for (bool last = false; !last;) {
    const size_t dot = rest.rfind('.');
    last = dot == rest.npos;
    const std::string_view label = last ? rest : rest.substr(dot + 1);
    if (label.empty()) return false;
    std::memcpy(to, label.data(), label.size());
    to += label.size();
    if (!last) {
      *to++ = '.';
      rest = rest.substr(0, dot);
    }
  }
  sample.SetString({text, length});
  return true;
}

bool Length(const PreparedUnit&, Sample& sample, EvalContext&) {
  sample.SetInteger(int64_t(sample.text.size()));
  return true;
}

bool TrimLeft(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const size_t start = sample.text.find_first_not_of(unit.arguments.text(0));
  sample.SetString(start == sample.text.npos ? std::string_view() : sample.text.substr(start));
  return true;
}

bool TrimRight(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const size_t last = sample.text.find_last_not_of(unit.arguments.text(0));
  sample.SetString(last == sample.text.npos ? std::string_view() : sample.text.substr(0, last + 1));
  return true;
}

bool CutLines(const PreparedUnit&, Sample& sample, EvalContext&) {
  sample.SetString(sample.text.substr(0, sample.text.find_first_of("\r\n")));
  return true;
}

bool Choose(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  sample.SetString(unit.arguments.text(sample.number != 0 ? 0 : 1));
  return true;
}

// Of a Host field (RFC 9110 section 7.2): where the port's ':' stands, or npos.
size_t PortMark(std::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  if (colon == host.npos || (bracket != host.npos && colon < bracket)) return host.npos;
  return colon;
}

bool HostOnly(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  sample.SetString(sample.text.substr(0, PortMark(sample.text)));
  return Change<&base::ToLower>(unit, sample, context);
}

bool PortOnly(const PreparedUnit&, Sample& sample, EvalContext&) {
  const size_t mark = PortMark(sample.text);
  const auto port =
      mark == sample.text.npos ? std::nullopt : base::ParseUnsigned(sample.text.substr(mark + 1));
  sample.SetInteger(port && *port <= 65535 ? int64_t(*port) : 0);
  return true;
}

// ---- field, word ------------------------------------------------------------------------------

constexpr ArgumentSpec kPiece[] = {{"index", ArgumentType::kInteger},
                                   {"delimiters", ArgumentType::kString},
                                   {"count", ArgumentType::kInteger, kOptional}};

bool PreparePiece(PreparedUnit& unit, std::string* why) {
  if (unit.arguments.number(0, 0) == 0) {
    *why = "pieces are counted from 1, or from -1 at the end";
    return false;
  }
  if (unit.arguments.text(1).empty()) {
    *why = "a delimiter is expected";
    return false;
  }
  if (unit.arguments.number(2, 1) < 0) {
    *why = "a count of pieces is not negative";
    return false;
  }
  return true;
}

// The piece that begins at `at`; `*next` is where the one behind it begins, npos when it is the
// last. Words are pieces between runs of delimiters.
struct Pieces {
  std::string_view text;
  std::string_view delimiters;
  bool words;

  bool Next(size_t* at, size_t* start, size_t* end) const {
    if (words) *at = std::min(text.find_first_not_of(delimiters, *at), text.size() + 1);
    if (*at > text.size() || (words && *at == text.size())) return false;
    *start = *at;
    *end = std::min(text.find_first_of(delimiters, *at), text.size());
    *at = *end + 1;
    return true;
  }
  bool Previous(size_t* at, size_t* start, size_t* end) const {
    // `*at` is one past the end of the piece looked for; npos: there is none before.
    if (*at == text.npos) return false;
    if (words) {
      while (*at > 0 && delimiters.find(text[*at - 1]) != delimiters.npos) --*at;
      if (*at == 0) return false;
    }
    *end = *at;
    const size_t mark = *at == 0 ? text.npos : text.find_last_of(delimiters, *at - 1);
    *start = mark == text.npos ? 0 : mark + 1;
    *at = mark;
    return true;
  }
};

// From the front: pieces [index, index + count). From the end likewise, counting backwards.
bool Extract(const Pieces& pieces, int64_t index, int64_t count, std::string_view* found) {
  const bool forward = index > 0;
  const uint64_t wanted = forward ? uint64_t(index) : uint64_t(-(index + 1)) + 1;
  size_t at = forward ? 0 : pieces.text.size();
  size_t start = 0, end = 0;
  for (uint64_t i = 0; i < wanted; ++i) {
    if (!(forward ? pieces.Next(&at, &start, &end) : pieces.Previous(&at, &start, &end))) {
      return false;
    }
  }
  size_t first = start, last = end;
  for (int64_t more = count - 1; count == 0 || more > 0; --more) {
    if (!(forward ? pieces.Next(&at, &start, &end) : pieces.Previous(&at, &start, &end))) break;
    first = std::min(first, start);
    last = std::max(last, end);
  }
  *found = pieces.text.substr(first, last - first);
  return true;
}

template <bool kWords>
bool Piece(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  std::string_view found;
  const Arguments& arguments = unit.arguments;
  const Pieces pieces{sample.text, arguments.text(1), kWords};
  if (!Extract(pieces, arguments.number(0, 1), arguments.number(2, 1), &found)) return false;
  sample.SetString(found);
  return true;
}

// ---- variables --------------------------------------------------------------------------------

constexpr ArgumentSpec kVariable[] = {{"var", ArgumentType::kVariable}};

// Negative, zero or positive, as strcmp() (manual).
bool Compare(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const Sample* found = context.FindVariable(*unit.arguments.all[0].variable);
  if (found == nullptr) return false;
  Sample other = *found;
  if (!Cast(other, kText, context.scratch())) return false;
  sample.SetInteger(sample.text.compare(other.text));
  return true;
}

constexpr ArgumentSpec kConcat[] = {{"start", ArgumentType::kString, kOptional},
                                    {"var", ArgumentType::kVariable, kOptional},
                                    {"end", ArgumentType::kString, kOptional}};

bool Concatenate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view middle;
  if (unit.arguments.has(1)) {
    const Sample* found = context.FindVariable(*unit.arguments.all[1].variable);
    Sample value = found != nullptr ? *found : Sample::String({});
    if (Cast(value, kText, context.scratch())) middle = value.text;
  }
  const std::string_view parts[] = {sample.text, unit.arguments.text(0), middle,
                                    unit.arguments.text(2)};
  size_t length = 0;
  for (std::string_view part : parts) length += part.size();
  char* text = context.scratch().Take(length);
  if (text == nullptr) return false;
  char* to = text;
  for (std::string_view part : parts) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  sample.SetString({text, length});
  return true;
}

constexpr ArgumentSpec kChars[] = {{"chars", ArgumentType::kString}};
constexpr ArgumentSpec kTrueFalse[] = {{"true", ArgumentType::kString},
                                       {"false", ArgumentType::kString}};

constexpr ConverterSpec kTextConverters[] = {
    {"concat", kText, kText, kConcat, &Concatenate},
    {"cut_crlf", kText, kText, {}, &CutLines},
    {"field", kText, kText, kPiece, &Piece<false>, &PreparePiece},
    {"host_only", kText, kText, {}, &HostOnly},
    {"iif", SampleKind::kBoolean, kText, kTrueFalse, &Choose},
    {"length", kText, SampleKind::kInteger, {}, &Length},
    {"lower", kText, kText, {}, &Change<&base::ToLower>},
    {"ltrim", kText, kText, kChars, &TrimLeft},
    {"port_only", kText, SampleKind::kInteger, {}, &PortOnly},
    {"reverse", kText, kText, {}, &Reverse},
    {"reverse_dom", kText, kText, {}, &ReverseDomain},
    {"rtrim", kText, kText, kChars, &TrimRight},
    {"strcmp", kText, SampleKind::kInteger, kVariable, &Compare},
    {"upper", kText, kText, {}, &Change<&ToUpper>},
    {"word", kText, kText, kPiece, &Piece<true>, &PreparePiece},
};

}  // namespace

std::span<const ConverterSpec> TextConverters() { return kTextConverters; }

}  // namespace engine
