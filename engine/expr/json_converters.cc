#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

// One step of a path: a member's name, or an element's number.
struct JsonStep {
  std::string name;
  int64_t index = -1;  // not negative: an element
};

struct JsonPath {
  std::vector<JsonStep> steps;
  bool as_integer = false;
};

// "$.a.b[0]['c d']"; a backslash keeps a dot in a name. False: `*why` says what is wrong.
bool ReadPath(std::string_view text, std::vector<JsonStep>* steps, std::string* why) {
  *why = "a path is '$' with '.name' and '[number]' behind it";
  if (!text.starts_with('$')) return false;
  text.remove_prefix(1);
  while (!text.empty()) {
    JsonStep step;
    if (text[0] == '.') {
      size_t at = 1;
      for (; at < text.size() && text[at] != '.' && text[at] != '['; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        step.name += text[at];
      }
      text.remove_prefix(at);
      if (step.name.empty()) return false;
    } else if (text[0] == '[') {
      const size_t close = text.find(']');
      if (close == text.npos) return false;
      std::string_view inside = text.substr(1, close - 1);
      text.remove_prefix(close + 1);
      const bool quoted = inside.size() >= 2 && inside[0] == inside.back() &&
                          (inside[0] == '\'' || inside[0] == '"');
      const auto number = base::ParseUnsigned(inside);
      if (!quoted && (!number || *number > INT32_MAX)) return false;
      if (quoted) {
        step.name = inside.substr(1, inside.size() - 2);
      } else {
        step.index = int64_t(*number);
      }
    } else {
      return false;
    }
    steps->push_back(std::move(step));
  }
  return true;
}

// Goes over JSON text without taking it apart (RFC 8259). Whatever is not asked for is only
// skipped, so what stands there is not checked.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : rest_(text) {}

  // The text of the value that the path leads to.
  bool Find(const std::vector<JsonStep>& steps, std::string_view* value) {
    for (const JsonStep& step : steps) {
      SkipBlanks();
      if (step.index >= 0 ? !EnterElement(step.index) : !EnterMember(step.name)) return false;
    }
    return TakeValue(value);
  }

 private:
  static constexpr int kDepthMax = 64;

  void SkipBlanks() {
    const size_t at = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(at, rest_.size()));
  }
  bool Take(char c) {
    SkipBlanks();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // With its quotes.
  bool TakeString(std::string_view* text) {
    SkipBlanks();
    if (rest_.empty() || rest_[0] != '"') return false;
    for (size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '\\') {
        ++at;
      } else if (rest_[at] == '"') {
        *text = rest_.substr(0, at + 1);
        rest_.remove_prefix(at + 1);
        return true;
      }
    }
    return false;
  }
  // An object or an array, by its brackets; strings may hold some.
  bool TakeNested(std::string_view* text) {
    const std::string_view start = rest_;
    int depth = 0;
    while (!rest_.empty()) {
      const char c = rest_[0];
      std::string_view string;
      if (c == '"') {
        if (!TakeString(&string)) return false;
        continue;
      }
      rest_.remove_prefix(1);
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth > kDepthMax) return false;
      if (depth > 0) continue;
      *text = start.substr(0, start.size() - rest_.size());
      return true;
    }
    return false;
  }
  bool TakeValue(std::string_view* text) {
    SkipBlanks();
    if (rest_.empty()) return false;
    if (rest_[0] == '"') return TakeString(text);
    if (rest_[0] == '{' || rest_[0] == '[') return TakeNested(text);
    const size_t end = std::min(rest_.find_first_of(",]} \t\r\n"), rest_.size());
    *text = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return end > 0;
  }
  bool EnterMember(std::string_view name) {
    if (!Take('{')) return false;
    std::string_view key, skipped;
    while (TakeString(&key) && Take(':')) {
      if (key.substr(1, key.size() - 2) == name) return true;
      if (!TakeValue(&skipped) || !Take(',')) return false;
    }
    return false;
  }
  bool EnterElement(int64_t index) {
    if (!Take('[')) return false;
    std::string_view skipped;
    for (; index > 0; --index) {
      if (!TakeValue(&skipped) || !Take(',')) return false;
    }
    SkipBlanks();
    return !rest_.empty() && rest_[0] != ']';
  }

  std::string_view rest_;
};

size_t WriteUtf8(uint32_t code, char* to) {
  if (code < 0x80) {
    to[0] = char(code);
    return 1;
  }
  if (code < 0x800) {
    to[0] = char(0xc0 | code >> 6);
    to[1] = char(0x80 | (code & 63));
    return 2;
  }
  if (code < 0x10000) {
    to[0] = char(0xe0 | code >> 12);
    to[1] = char(0x80 | (code >> 6 & 63));
    to[2] = char(0x80 | (code & 63));
    return 3;
  }
  to[0] = char(0xf0 | code >> 18);
  to[1] = char(0x80 | (code >> 12 & 63));
  to[2] = char(0x80 | (code >> 6 & 63));
  to[3] = char(0x80 | (code & 63));
  return 4;
}

bool ReadHex4(std::string_view text, uint32_t* code) {
  if (text.size() < 4) return false;
  *code = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = base::ToLower(c);
    const bool letter = lower >= 'a' && lower <= 'f';
    if (!base::IsDigit(c) && !letter) return false;
    *code = *code << 4 | uint32_t(letter ? lower - 'a' + 10 : c - '0');
  }
  return true;
}

// What stands between the quotes, its escapes undone: never longer than it was.
bool Unescape(std::string_view text, Scratch& scratch, Sample& sample) {
  if (text.find('\\') == text.npos) {
    sample.SetString(text);
    return true;
  }
  char* out = scratch.Take(text.size());
  if (out == nullptr) return false;
  size_t used = 0;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c != '\\') {
      out[used++] = c;
      continue;
    }
    if (text.empty()) return false;
    const char escape = text[0];
    text.remove_prefix(1);
    constexpr std::string_view kFrom = "bfnrt\"\\/";
    constexpr std::string_view kTo = "\b\f\n\r\t\"\\/";
    if (const size_t at = kFrom.find(escape); at != kFrom.npos) {
      out[used++] = kTo[at];
      continue;
    }
    uint32_t code = 0, low = 0;
    if (escape != 'u' || !ReadHex4(text, &code)) return false;
    text.remove_prefix(4);
    if (code >= 0xd800 && code < 0xdc00 && text.starts_with("\\u") &&
        ReadHex4(text.substr(2), &low) && low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      text.remove_prefix(6);
    }
    used += WriteUtf8(code, out + used);
  }
  sample.SetString({out, used});
  return true;
}

bool IsInteger(std::string_view text) { return base::ParseSigned(text).has_value(); }

bool Query(const JsonPath& path, Sample& sample, Scratch& scratch) {
  std::string_view value;
  if (!JsonScanner(sample.text).Find(path.steps, &value)) return false;
  if (value[0] == '"') {
    if (!Unescape(value.substr(1, value.size() - 2), scratch, sample)) return false;
    return !path.as_integer || Cast(sample, SampleKind::kInteger, scratch);
  }
  if (value == "true" || value == "false") {
    sample.SetBoolean(value == "true");
    return !path.as_integer || Cast(sample, SampleKind::kInteger, scratch);
  }
  if (value[0] == '[') {
    sample.SetString(value);
    return !path.as_integer;
  }
  if (!base::IsDigit(value[0]) && value[0] != '-') return false;  // an object, or null
  // A number is its text; 'int' takes what stands before the point.
  const std::string_view whole = value.substr(0, std::min(value.find('.'), value.size()));
  sample.SetString(path.as_integer ? whole : value);
  return path.as_integer ? IsInteger(whole) && Cast(sample, SampleKind::kInteger, scratch) : true;
}

bool PrepareQuery(PreparedUnit& unit, std::string* why) {
  auto path = std::make_shared<JsonPath>();
  if (unit.arguments.has(0) && !ReadPath(unit.arguments.text(0), &path->steps, why)) return false;
  path->as_integer = unit.arguments.text(1) == "int";
  if (unit.arguments.has(1) && !path->as_integer) {
    *why = "the only <output_type> is 'int'";
    return false;
  }
  unit.object = std::move(path);
  return true;
}

bool QueryJson(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return Query(*static_cast<const JsonPath*>(unit.object.get()), sample, context.scratch());
}

// RFC 7515 section 7.1: parts in base64url with dots between.
template <int kPart, bool kSignedOnly>
bool QueryToken(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const auto dots = std::count(sample.text.begin(), sample.text.end(), '.');
  if (dots != 2 && (kSignedOnly || dots != 4)) return false;
  std::string_view part = sample.text;
  for (int i = 0; i < kPart; ++i) part.remove_prefix(part.find('.') + 1);
  static const ConverterSpec& decoder = *[] {
    const std::span<const ConverterSpec> all = EncodingConverters();
    return std::find_if(all.begin(), all.end(),
                        [](const ConverterSpec& one) { return one.name == "ub64dec"; });
  }();
  static const PreparedUnit kNoArguments;
  sample.SetString(part.substr(0, part.find('.')));
  if (!decoder.run(kNoArguments, sample, context)) return false;
  if (!unit.arguments.has(0)) {
    sample.SetString(sample.text);
    return true;
  }
  return QueryJson(unit, sample, context);
}

constexpr ArgumentSpec kPath[] = {{"json_path", ArgumentType::kString},
                                  {"output_type", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kOptionalPath[] = {{"json_path", ArgumentType::kString, kOptional},
                                          {"output_type", ArgumentType::kString, kOptional}};

using kind::kAny;
using kind::kText;

constexpr ConverterSpec kJsonConverters[] = {
    {"json_query", kText, kAny, kPath, &QueryJson, &PrepareQuery},
    {"jwt_header_query", kText, kAny, kOptionalPath, &QueryToken<0, false>, &PrepareQuery},
    {"jwt_payload_query", kText, kAny, kOptionalPath, &QueryToken<1, true>, &PrepareQuery},
};

}  // namespace

std::span<const ConverterSpec> JsonConverters() { return kJsonConverters; }

}  // namespace engine
