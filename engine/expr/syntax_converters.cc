#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

using kind::kBinary;
using kind::kBoolean;
using kind::kText;

// Control characters ------------------------------------------------------------------------------

bool PrepareControl(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(0);
  constexpr int64_t kAny = 0x1ffffffff;
  unit.number = kAny & ~(int64_t{1} << '\t');
  if (text.empty()) return true;
  if (text == "any") {
    unit.number = kAny;
    return true;
  }
  if (text == "http") {
    unit.number = 0x2401;
    return true;
  }
  unit.number = 0;
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  for (const char c : hex ? text.substr(2) : text) {
    const char lower = base::ToLower(c);
    const bool letter = hex && lower >= 'a' && lower <= 'f';
    if (!base::IsDigit(c) && !letter) unit.number = kAny + 1;
    if (unit.number > kAny) break;
    unit.number = unit.number * (hex ? 16 : 10) + (letter ? lower - 'a' + 10 : c - '0');
  }
  if (unit.number <= kAny) return true;
  *why = "a mask is a number of 33 bits, 'any' or 'http'";
  return false;
}

bool HasControl(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const bool has = std::any_of(sample.text.begin(), sample.text.end(), [&](char c) {
    const auto byte = uint8_t(c);
    const int bit = byte < 32 ? byte : byte == 127 ? 32 : -1;
    return bit >= 0 && (unit.number >> bit & 1) != 0;
  });
  sample.SetBoolean(has);
  return true;
}

// JSON text ---------------------------------------------------------------------------------------

enum JsonMode : int64_t { kAscii = 0, kUtf8 = 1, kPermissive = 2, kSilent = 4 };

bool PrepareJson(PreparedUnit& unit, std::string* why) {
  const std::string_view code = unit.arguments.text(0, "ascii");
  if (code == "ascii") {
    unit.number = kAscii;
  } else if (code == "utf8") {
    unit.number = kUtf8;
  } else if (code == "utf8s") {
    unit.number = kUtf8 | kSilent;
  } else if (code == "utf8p") {
    unit.number = kUtf8 | kPermissive;
  } else if (code == "utf8ps") {
    unit.number = kUtf8 | kPermissive | kSilent;
  } else {
    *why = "the codes are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'";
    return false;
  }
  return true;
}

struct Decoded {
  uint32_t code = 0;
  size_t bytes = 1;
  bool broken = false;
  bool overlong = false;
};

// The character that `text` begins with. A broken one ends before the first byte that does not
// belong to it.
Decoded DecodeUtf8(std::string_view text) {
  const auto first = uint8_t(text[0]);
  if (first < 0x80) return {first};
  const size_t length = first >= 0xfc   ? 6
                        : first >= 0xf8 ? 5
                        : first >= 0xf0 ? 4
                        : first >= 0xe0 ? 3
                        : first >= 0xc0 ? 2
                                        : 0;
  if (length == 0 || first >= 0xfe) return {0, 1, true};
  uint32_t code = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size() || (uint8_t(text[i]) & 0xc0) != 0x80) return {0, i, true};
    code = code << 6 | (uint8_t(text[i]) & 0x3f);
  }
  constexpr uint32_t kLeast[7] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
  // Halves of pairs, and what is no character.
  const bool outside =
      code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || code == 0xfffe || code == 0xffff;
  return {code, length, outside, code < kLeast[length]};
}

// What is written for one character; at most 6 bytes.
size_t EscapeJson(uint32_t code, char* to) {
  constexpr std::string_view kPlain = "\"\\/";
  constexpr std::string_view kControls = "\b\f\n\r\t";
  constexpr std::string_view kLetters = "bfnrt";
  constexpr char kDigits[] = "0123456789abcdef";
  if (code < 128 && kPlain.find(char(code)) != kPlain.npos) {
    to[0] = '\\';
    to[1] = char(code);
    return 2;
  }
  if (code < 128 && code > 0) {
    if (const size_t at = kControls.find(char(code)); at != kControls.npos) {
      to[0] = '\\';
      to[1] = kLetters[at];
      return 2;
    }
    if (code >= 32 && code < 127) {
      to[0] = char(code);
      return 1;
    }
  }
  to[0] = '\\';
  to[1] = 'u';
  for (int i = 0; i < 4; ++i) to[2 + i] = kDigits[code >> (12 - 4 * i) & 15];
  return 6;
}

bool Json(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  Scratch& scratch = context.scratch();
  const size_t room = scratch.left();
  char* out = scratch.Take(room);
  size_t used = 0;
  bool good = true;
  for (std::string_view rest = sample.text; !rest.empty() && good;) {
    Decoded one = unit.number == kAscii ? Decoded{uint8_t(rest[0])} : DecodeUtf8(rest);
    rest.remove_prefix(one.bytes);
    const bool tolerated = one.overlong && (unit.number & kPermissive) != 0;
    const bool wrong = one.broken || (one.overlong && !tolerated) || one.code > 0xffff;
    if (wrong) {
      good = (unit.number & kSilent) != 0;
      continue;
    }
    good = room - used >= 6;
    if (good) used += EscapeJson(one.code, out + used);
  }
  scratch.Shrink(out, good ? used : 0);
  sample.SetString({out, used});
  return good;
}

// Accept-Language ---------------------------------------------------------------------------------

// "q=0.8" as thousandths; 1000 where there is none or it is broken.
int QualityOf(std::string_view parameters) {
  const size_t at = parameters.find("q=");
  if (at == parameters.npos) return 1000;
  std::string_view text = base::Trim(parameters.substr(at + 2));
  if (text.empty() || !base::IsDigit(text[0])) return 1000;
  int quality = (text[0] - '0') * 1000;
  int unit = 100;
  for (size_t i = 2; i < text.size() && text[1] == '.' && base::IsDigit(text[i]); ++i) {
    quality += (text[i] - '0') * unit;
    unit /= 10;
  }
  return std::min(quality, 1000);
}

// The wanted language that an accepted one stands for: itself, else its base.
std::string_view FindLanguage(std::string_view wanted, std::string_view accepted) {
  const auto find = [&](std::string_view name) {
    for (std::string_view rest = wanted; !rest.empty();) {
      const size_t end = std::min(rest.find(';'), rest.size());
      if (rest.substr(0, end) == name) return rest.substr(0, end);
      rest = rest.substr(std::min(end + 1, rest.size()));
    }
    return std::string_view();
  };
  const std::string_view exact = find(accepted);
  const size_t dash = accepted.find('-');
  return !exact.empty() || dash == accepted.npos ? exact : find(accepted.substr(0, dash));
}

bool Language(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  std::string_view best;
  int best_quality = 0;
  for (std::string_view rest = sample.text; !rest.empty();) {
    const size_t end = std::min(rest.find(','), rest.size());
    const std::string_view one = base::Trim(rest.substr(0, end));
    rest = rest.substr(std::min(end + 1, rest.size()));
    const size_t semicolon = std::min(one.find(';'), one.size());
    const int quality = QualityOf(one.substr(semicolon));
    if (quality <= best_quality) continue;
    const std::string_view found =
        FindLanguage(unit.arguments.text(0), base::Trim(one.substr(0, semicolon)));
    if (found.empty()) continue;
    best = found;
    best_quality = quality;
  }
  if (best.empty()) {
    if (!unit.arguments.has(1)) return false;
    best = unit.arguments.text(1);
  }
  sample.SetString(best);
  return true;
}

// Parameters --------------------------------------------------------------------------------------

bool PrepareParameter(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(1, "&");
  const auto hex = [](char c) {
    const char lower = base::ToLower(c);
    return base::IsDigit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  if (text.size() == 4 && text.starts_with("0x") && hex(text[2]) >= 0 && hex(text[3]) >= 0) {
    unit.number = hex(text[2]) * 16 + hex(text[3]);
    return true;
  }
  if (text.size() == 1) {
    unit.number = uint8_t(text[0]);
    return true;
  }
  *why = "a delimiter is one character, or its code as '0xHH'";
  return false;
}

bool Parameter(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const std::string_view wanted = unit.arguments.text(0);
  std::string_view rest = sample.text;
  while (!rest.empty()) {
    const size_t end = rest.find(char(unit.number));
    const std::string_view one = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    const size_t equals = std::min(one.find('='), one.size());
    if (one.substr(0, equals) != wanted) continue;
    sample.SetString(equals == one.size() ? std::string_view() : one.substr(equals + 1));
    return true;
  }
  return false;
}

// Protocol buffers --------------------------------------------------------------------------------

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kCounted = 2, kFixed32 = 5 };

struct FieldType {
  std::string_view name;
  WireType wire;
  bool zigzag = false;
  bool is_float = false;
};
constexpr FieldType kFieldTypes[] = {
    {"int32", WireType::kVarint},
    {"int64", WireType::kVarint},
    {"uint32", WireType::kVarint},
    {"uint64", WireType::kVarint},
    {"bool", WireType::kVarint},
    {"enum", WireType::kVarint},
    {"sint32", WireType::kVarint, true},
    {"sint64", WireType::kVarint, true},
    {"fixed64", WireType::kFixed64},
    {"sfixed64", WireType::kFixed64},
    {"double", WireType::kFixed64, false, true},
    {"fixed32", WireType::kFixed32},
    {"sfixed32", WireType::kFixed32},
    {"float", WireType::kFixed32, false, true},
};

struct FieldPath {
  std::vector<uint64_t> numbers;
  const FieldType* type = nullptr;  // null: the bytes of the field
};

bool PrepareProtobufField(PreparedUnit& unit, std::string* why) {
  auto path = std::make_shared<FieldPath>();
  for (const std::string_view part : base::Split(unit.arguments.text(0), '.')) {
    const auto number = base::ParseUnsigned(part);
    if (!number || *number == 0 || *number >= uint64_t{1} << 29) {
      *why = "a field is numbers from 1 to 536870911 with dots between";
      return false;
    }
    path->numbers.push_back(*number);
  }
  if (unit.arguments.has(1)) {
    for (const FieldType& type : kFieldTypes) {
      if (type.name == unit.arguments.text(1)) path->type = &type;
    }
    if (path->type == nullptr) {
      *why = "unknown type '" + std::string(unit.arguments.text(1)) + "'";
      return false;
    }
  }
  unit.object = std::move(path);
  return true;
}

bool ReadVarint(std::string_view* rest, uint64_t* number) {
  *number = 0;
  for (int shift = 0; shift < 64 && !rest->empty(); shift += 7) {
    const auto byte = uint8_t(rest->front());
    rest->remove_prefix(1);
    *number |= uint64_t(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// One field of a message: its number, how it is written, its bytes.
bool ReadField(std::string_view* rest, uint64_t* number, WireType* wire, std::string_view* value) {
  uint64_t key = 0;
  if (!ReadVarint(rest, &key)) return false;
  *number = key >> 3;
  *wire = WireType(key & 7);
  uint64_t length = 0;
  switch (*wire) {
    case WireType::kVarint: {
      const char* begin = rest->data();
      if (!ReadVarint(rest, &length)) return false;
      *value = {begin, size_t(rest->data() - begin)};
      return true;
    }
    case WireType::kFixed64:
      length = 8;
      break;
    case WireType::kFixed32:
      length = 4;
      break;
    case WireType::kCounted:
      if (!ReadVarint(rest, &length)) return false;
      break;
    default:
      return false;
  }
  if (length > rest->size()) return false;
  *value = rest->substr(0, length);
  rest->remove_prefix(length);
  return true;
}

bool GiveField(const FieldType* type, WireType wire, std::string_view value, Sample& sample) {
  if (type == nullptr) {
    sample.SetBinary(value);
    return true;
  }
  if (type->wire != wire) return false;
  if (wire == WireType::kVarint) {
    uint64_t number = 0;
    if (!ReadVarint(&value, &number)) return false;
    sample.SetInteger(type->zigzag ? int64_t(number >> 1) ^ -int64_t(number & 1) : int64_t(number));
    return true;
  }
  uint64_t number = 0;
  for (size_t i = 0; i < value.size(); ++i) number |= uint64_t(uint8_t(value[i])) << (8 * i);
  if (type->is_float) {
    const double real = wire == WireType::kFixed64 ? std::bit_cast<double>(number)
                                                   : double(std::bit_cast<float>(uint32_t(number)));
    // What does not fit an integer has none.
    if (!(real > -9.2e18 && real < 9.2e18)) return false;
    sample.SetInteger(int64_t(real));
    return true;
  }
  const bool is_signed = type->name[0] == 's';
  sample.SetInteger(wire == WireType::kFixed32 && is_signed ? int64_t(int32_t(number))
                                                            : int64_t(number));
  return true;
}

bool Protobuf(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const FieldPath& path = *static_cast<const FieldPath*>(unit.object.get());
  std::string_view rest = sample.text;
  size_t depth = 0;
  uint64_t number = 0;
  WireType wire{};
  std::string_view value;
  while (ReadField(&rest, &number, &wire, &value)) {
    if (number != path.numbers[depth]) continue;
    if (++depth == path.numbers.size()) return GiveField(path.type, wire, value, sample);
    if (wire != WireType::kCounted) return false;
    rest = value;
  }
  return false;
}

// gRPC over HTTP/2: a byte that says whether it is compressed, the length in four, the message.
bool Grpc(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  constexpr size_t kHeaderBytes = 5;
  if (sample.text.size() < kHeaderBytes || sample.text[0] != 0) return false;
  uint64_t length = 0;
  for (size_t i = 1; i < kHeaderBytes; ++i) length = length << 8 | uint8_t(sample.text[i]);
  sample.SetBinary(sample.text.substr(kHeaderBytes, length));
  return Protobuf(unit, sample, context);
}

// The table ---------------------------------------------------------------------------------------

constexpr ArgumentSpec kMask[] = {{"mask", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kCode[] = {{"input-code", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kLanguages[] = {{"value", ArgumentType::kString},
                                       {"default", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kNameDelimiter[] = {{"name", ArgumentType::kString},
                                           {"delim", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kProtobufField[] = {{"field_number", ArgumentType::kString},
                                           {"field_type", ArgumentType::kString, kOptional}};

constexpr ConverterSpec kSyntaxConverters[] = {
    {"has_ctl", kBinary, kBoolean, kMask, &HasControl, &PrepareControl},
    {"json", kText, kText, kCode, &Json, &PrepareJson},
    {"language", kText, kText, kLanguages, &Language},
    {"param", kText, kText, kNameDelimiter, &Parameter, &PrepareParameter},
    {"protobuf", kBinary, SampleKind::kAny, kProtobufField, &Protobuf, &PrepareProtobufField},
    {"ungrpc", kBinary, SampleKind::kAny, kProtobufField, &Grpc, &PrepareProtobufField},
};

}  // namespace

std::span<const ConverterSpec> SyntaxConverters() { return kSyntaxConverters; }

}  // namespace engine
