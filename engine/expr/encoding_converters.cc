#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "base/text.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

using kind::kBinary;
using kind::kText;
constexpr char kHexDigits[] = "0123456789ABCDEF";

// ---- base64 (RFC 4648, sections 4 and 5) ------------------------------------------------------

constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kForUrls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

template <bool kUrl>
bool EncodeBase64(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const char* alphabet = kUrl ? kForUrls : kStandard;
  const std::string_view from = sample.text;
  char* text = context.scratch().Take((from.size() + 2) / 3 * 4);
  if (text == nullptr) return false;
  char* to = text;
  for (size_t at = 0; at < from.size(); at += 3) {
    const size_t bytes = std::min<size_t>(3, from.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < bytes ? uint8_t(from[at + i]) : 0);
    for (size_t i = 0; i <= bytes; ++i) *to++ = alphabet[group >> (18 - 6 * i) & 63];
    // The form for URLs goes without padding (section 5).
    for (size_t i = bytes + 1; i < 4 && !kUrl; ++i) *to++ = '=';
  }
  context.scratch().Shrink(text, size_t(to - text));
  sample.SetString({text, size_t(to - text)});
  return true;
}

template <bool kUrl>
int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == (kUrl ? '-' : '+')) return 62;
  return c == (kUrl ? '_' : '/') ? 63 : -1;
}

template <bool kUrl>
bool DecodeBase64(const PreparedUnit&, Sample& sample, EvalContext& context) {
  std::string_view from = sample.text;
  if (!kUrl && from.size() % 4 != 0) return false;
  for (int i = 0; i < 2 && !from.empty() && from.back() == '='; ++i) from.remove_suffix(1);
  if (from.size() % 4 == 1) return false;
  char* text = context.scratch().Take(from.size() * 3 / 4 + 3);
  if (text == nullptr) return false;
  char* to = text;
  uint32_t group = 0;
  unsigned bits = 0;
  for (const char c : from) {
    const int value = Base64Value<kUrl>(c);
    if (value < 0) return false;
    group = group << 6 | uint32_t(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    *to++ = char(group >> bits);
  }
  context.scratch().Shrink(text, size_t(to - text));
  const std::string_view bytes(text, size_t(to - text));
  // As the manual's table has it: the one gives a string, the other one bytes.
  sample = kUrl ? Sample::String(bytes) : Sample::Binary(bytes);
  return true;
}

// ---- hexadecimal, decimal, binary digits --------------------------------------------------------

bool HexToInteger(const PreparedUnit&, Sample& sample, EvalContext&) {
  uint64_t number = 0;
  for (const char c : sample.text) {
    const int value = base::HexDigit(c);
    if (value < 0 || number >> 60 != 0) {
      sample.SetInteger(0);
      return true;
    }
    number = number << 4 | uint64_t(value);
  }
  sample.SetInteger(int64_t(number));
  return true;
}

bool ToBits(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const std::string_view from = sample.text;
  char* text = context.scratch().Take(from.size() * 8);
  if (text == nullptr) return false;
  for (size_t i = 0; i < from.size() * 8; ++i) {
    text[i] = char('0' + (uint8_t(from[i / 8]) >> (7 - i % 8) & 1));
  }
  sample.SetString({text, from.size() * 8});
  return true;
}

constexpr ArgumentSpec kChunksWithSeparator[] = {{"separator", ArgumentType::kString, kOptional},
                                                 {"chunk_size", ArgumentType::kInteger},
                                                 {"truncate", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kChunks[] = {{"separator", ArgumentType::kString, kOptional},
                                    {"chunk_size", ArgumentType::kInteger, kOptional},
                                    {"truncate", ArgumentType::kInteger, kOptional}};

template <int64_t kMax>
bool PrepareChunks(PreparedUnit& unit, std::string* why) {
  const int64_t size = unit.arguments.number(1, 1);
  if (size >= 1 && size <= kMax) return true;
  *why = "a chunk has 1 to " + std::to_string(kMax) + " bytes";
  return false;
}

// Visits the chunks of `bytes`; the last one may be shorter unless `truncate`.
template <typename Write>
char* WriteChunks(const PreparedUnit& unit, std::string_view bytes, size_t size, char* to,
                  Write write) {
  const std::string_view separator = unit.arguments.text(0);
  const bool truncate = unit.arguments.number(2, 0) != 0;
  for (size_t at = 0; at < bytes.size(); at += size) {
    const std::string_view chunk = bytes.substr(at, size);
    if (truncate && chunk.size() < size) break;
    if (at != 0 && !separator.empty()) {
      std::memcpy(to, separator.data(), separator.size());
      to += separator.size();
    }
    to = write(chunk, to);
  }
  return to;
}

template <bool kLittleEndian>
bool ToDecimal(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  constexpr size_t kDigitsMax = 20;
  const size_t size = size_t(unit.arguments.number(1, 1));
  const size_t chunks = (sample.text.size() + size - 1) / size;
  char* text = context.scratch().Take(chunks * (kDigitsMax + unit.arguments.text(0).size()));
  if (text == nullptr) return false;
  char* end = WriteChunks(unit, sample.text, size, text, [](std::string_view chunk, char* to) {
    uint64_t number = 0;
    for (size_t i = 0; i < chunk.size(); ++i) {
      number = number << 8 | uint8_t(kLittleEndian ? chunk[chunk.size() - 1 - i] : chunk[i]);
    }
    return std::to_chars(to, to + kDigitsMax, number).ptr;
  });
  context.scratch().Shrink(text, size_t(end - text));
  sample.SetString({text, size_t(end - text)});
  return true;
}

bool ToHex(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  // Without chunks there is nothing to separate.
  const bool chunked = unit.arguments.has(1);
  const size_t size = chunked ? size_t(unit.arguments.number(1, 1)) : 1;
  const size_t bytes = sample.text.size();
  char* text = context.scratch().Take(bytes * 2 + bytes / size * unit.arguments.text(0).size());
  if (text == nullptr) return false;
  char* end = WriteChunks(unit, sample.text, size, text, [](std::string_view chunk, char* to) {
    for (const char c : chunk) {
      *to++ = kHexDigits[uint8_t(c) >> 4];
      *to++ = kHexDigits[c & 15];
    }
    return to;
  });
  context.scratch().Shrink(text, size_t(end - text));
  sample.SetString({text, size_t(end - text)});
  return true;
}

// ---- URLs (RFC 3986 section 2.1) --------------------------------------------------------------

constexpr ArgumentSpec kInForm[] = {{"in_form", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kEncodingType[] = {{"enc_type", ArgumentType::kString, kOptional}};

bool DecodeUrl(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  char* text = context.scratch().Take(sample.text.size());
  if (text == nullptr) return false;
  bool in_query = unit.arguments.number(0, 0) != 0;
  char* to = text;
  for (size_t i = 0; i < sample.text.size(); ++i) {
    const char c = sample.text[i];
    if (c == '%') {
      const int high = i + 2 < sample.text.size() ? base::HexDigit(sample.text[i + 1]) : -1;
      const int low = high >= 0 ? base::HexDigit(sample.text[i + 2]) : -1;
      if (low < 0) return false;
      *to++ = char(high << 4 | low);
      i += 2;
    } else {
      in_query = in_query || c == '?';
      *to++ = c == '+' && in_query ? ' ' : c;
    }
  }
  context.scratch().Shrink(text, size_t(to - text));
  sample.SetString({text, size_t(to - text)});
  return true;
}

bool PrepareUrlEncoding(PreparedUnit& unit, std::string* why) {
  if (unit.arguments.text(0, "query") == "query") return true;
  *why = "the only type of encoding is 'query'";
  return false;
}

bool EncodeUrl(const PreparedUnit&, Sample& sample, EvalContext& context) {
  static constexpr std::string_view kUnreserved = "-._~";
  char* text = context.scratch().Take(sample.text.size() * 3);
  if (text == nullptr) return false;
  char* to = text;
  for (const char c : sample.text) {
    const char lower = base::ToLower(c);
    const bool plain = (lower >= 'a' && lower <= 'z') || base::IsDigit(c) ||
                       kUnreserved.find(c) != kUnreserved.npos;
    if (plain) {
      *to++ = c;
      continue;
    }
    *to++ = '%';
    *to++ = kHexDigits[uint8_t(c) >> 4];
    *to++ = kHexDigits[c & 15];
  }
  context.scratch().Shrink(text, size_t(to - text));
  sample.SetString({text, size_t(to - text)});
  return true;
}

// ---- bytes, addresses ---------------------------------------------------------------------------

constexpr ArgumentSpec kRange[] = {{"offset", ArgumentType::kNumberOrVariable},
                                   {"length", ArgumentType::kNumberOrVariable, kOptional}};

bool Bytes(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  int64_t offset, length = INT64_MAX;
  if (!NumberOf(unit, 0, context, &offset)) return false;
  if (unit.arguments.has(1) && !NumberOf(unit, 1, context, &length)) return false;
  // What is out of range gives an empty sample (manual).
  const bool valid = offset >= 0 && uint64_t(offset) < sample.text.size() && length >= 0;
  sample.SetBinary(valid ? sample.text.substr(size_t(offset), size_t(length)) : std::string_view());
  return true;
}

struct Masks {
  bool has_v6 = false;
  in_addr v4{};
  in6_addr v6{};
};

void SetBits(uint8_t* bytes, int64_t count) {
  for (int64_t i = 0; i < count; ++i) bytes[i / 8] |= uint8_t(0x80 >> i % 8);
}

// "24" or an address; `family` decides.
bool ParseMask(const std::string& text, int family, void* mask) {
  const int64_t bits = family == AF_INET ? 32 : 128;
  if (const auto count = base::ParseUnsigned(text)) {
    if (int64_t(*count) > bits) return false;
    SetBits(static_cast<uint8_t*>(mask), int64_t(*count));
    return true;
  }
  return inet_pton(family, text.c_str(), mask) == 1;
}

constexpr ArgumentSpec kIpMask[] = {{"mask4", ArgumentType::kString},
                                    {"mask6", ArgumentType::kString, kOptional}};

bool PrepareMask(PreparedUnit& unit, std::string* why) {
  auto masks = std::make_shared<Masks>();
  if (!ParseMask(unit.arguments.all[0].text, AF_INET, &masks->v4)) {
    *why = "a mask such as '24' or '255.255.255.0' is expected";
    return false;
  }
  masks->has_v6 = unit.arguments.has(1);
  if (masks->has_v6 && !ParseMask(unit.arguments.all[1].text, AF_INET6, &masks->v6)) {
    *why = "a mask such as '64' or 'ffff:ffff::' is expected";
    return false;
  }
  unit.object = masks;
  return true;
}

bool Mask(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const Masks& masks = *static_cast<const Masks*>(unit.object.get());
  if (sample.address.family == AF_INET) {
    sample.address.v4.s_addr &= masks.v4.s_addr;
    return true;
  }
  if (!masks.has_v6) return false;  // manual: for backwards compatibility
  for (int i = 0; i < 16; ++i) sample.address.v6.s6_addr[i] &= masks.v6.s6_addr[i];
  return true;
}

constexpr ConverterSpec kEncodingConverters[] = {
    {"b64dec", kText, kBinary, {}, &DecodeBase64<false>},
    {"base2", kBinary, kText, {}, &ToBits},
    {"base64", kBinary, kText, {}, &EncodeBase64<false>},
    {"be2dec", kBinary, kText, kChunksWithSeparator, &ToDecimal<false>, &PrepareChunks<8>},
    {"be2hex", kBinary, kText, kChunks, &ToHex, &PrepareChunks<1 << 20>},
    {"bytes", kBinary, kBinary, kRange, &Bytes},
    {"hex", kBinary, kText, {}, &ToHex},
    {"hex2i", kBinary, SampleKind::kInteger, {}, &HexToInteger},
    {"ipmask", SampleKind::kAddress, SampleKind::kAddress, kIpMask, &Mask, &PrepareMask},
    {"le2dec", kBinary, kText, kChunksWithSeparator, &ToDecimal<true>, &PrepareChunks<8>},
    {"ub64dec", kText, kText, {}, &DecodeBase64<true>},
    {"ub64enc", kText, kText, {}, &EncodeBase64<true>},
    {"url_dec", kText, kText, kInForm, &DecodeUrl},
    {"url_enc", kText, kText, kEncodingType, &EncodeUrl, &PrepareUrlEncoding},
};

}  // namespace

const ConverterSpec& ConverterOf(std::span<const ConverterSpec> family, std::string_view name) {
  const auto found = std::find_if(family.begin(), family.end(),
                                  [name](const ConverterSpec& one) { return one.name == name; });
  MUST(found != family.end());
  return *found;
}

std::span<const ConverterSpec> EncodingConverters() { return kEncodingConverters; }

}  // namespace engine
