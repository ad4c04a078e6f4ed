#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "engine/expr/converters.h"
#include "proto/http/chars.h"

namespace engine {
namespace {

// RFC 7239 section 4: elements with commas between, pairs with semicolons between, a token or a
// quoted string as the value.
struct Pair {
  std::string_view name;
  std::string_view value;  // without its quotes
};

struct Cursor {
  std::string_view rest;

  void SkipBlanks() {
    while (!rest.empty() && proto::IsBlank(rest[0])) rest.remove_prefix(1);
  }
  bool Take(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  std::string_view TakeToken() {
    size_t length = 0;
    while (length < rest.size() && proto::IsTokenChar(rest[length])) ++length;
    const std::string_view token = rest.substr(0, length);
    rest.remove_prefix(length);
    return token;
  }
  // None of what these values may hold needs a backslash, so one is no part of a node or a host.
  std::optional<std::string_view> TakeQuoted() {
    if (!Take('"')) return std::nullopt;
    const size_t end = rest.find('"');
    if (end == rest.npos || rest.substr(0, end).find('\\') != rest.npos) return std::nullopt;
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return text;
  }
  std::optional<Pair> TakePair() {
    Pair pair;
    pair.name = TakeToken();
    if (pair.name.empty() || !Take('=')) return std::nullopt;
    if (!rest.empty() && rest[0] == '"') {
      const auto quoted = TakeQuoted();
      if (!quoted) return std::nullopt;
      pair.value = *quoted;
      return pair;
    }
    pair.value = TakeToken();
    return pair.value.empty() ? std::nullopt : std::optional(pair);
  }
};

// Nodes (section 6) -------------------------------------------------------------------------------

bool IsObfuscated(std::string_view text) {
  return text.size() >= 2 && text[0] == '_' &&
         std::all_of(text.begin() + 1, text.end(), [](char c) {
           return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z') ||
                  c == '.' || c == '_' || c == '-';
         });
}

struct Node {
  std::string_view name;  // without brackets
  std::string_view port;  // empty: none
  bool is_v6 = false;
};

bool IsPort(std::string_view text) {
  if (IsObfuscated(text)) return true;
  const auto number = base::ParseUnsigned(text);
  return text.size() <= 5 && number && *number <= 65535;
}

std::optional<Node> ReadNode(std::string_view text) {
  Node node;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == text.npos) return std::nullopt;
    node.is_v6 = true;
    node.name = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    node.name = text.substr(0, colon);
    text.remove_prefix(colon);
  }
  if (!text.empty()) {
    if (text[0] != ':' || !IsPort(text.substr(1))) return std::nullopt;
    node.port = text.substr(1);
  }
  if (!node.is_v6 && (node.name == "unknown" || IsObfuscated(node.name))) return node;
  const shard::Address address = shard::Address::FromText(node.name);
  if (address.family == AF_UNSPEC) return std::nullopt;
  const bool v6 = address.family == AF_INET6;
  return v6 == node.is_v6 ? std::optional(node) : std::nullopt;
}

// A host as RFC 9110 has it: a name or an address, and a port.
bool IsHost(std::string_view text) {
  if (text.empty()) return false;
  if (const auto node = ReadNode(text); node && node->name != "unknown") return true;
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  if (name.empty() || !proto::AllOf(name, proto::kRegNameClass)) return false;
  const auto port = base::ParseUnsigned(text.substr(std::min(colon + 1, text.size())));
  return colon == text.size() || (port && *port <= 65535);
}

bool IsValidPair(const Pair& pair) {
  if (base::EqualsIgnoreCase(pair.name, "proto")) {
    return base::EqualsIgnoreCase(pair.value, "http") ||
           base::EqualsIgnoreCase(pair.value, "https");
  }
  if (base::EqualsIgnoreCase(pair.name, "host")) return IsHost(pair.value);
  if (base::EqualsIgnoreCase(pair.name, "for") || base::EqualsIgnoreCase(pair.name, "by")) {
    return ReadNode(pair.value).has_value();
  }
  return false;
}

// The pairs of one element; a list of several is not one.
bool ReadElement(std::string_view text, std::string_view wanted, Pair* found) {
  Cursor cursor{text};
  uint32_t seen = 0;
  cursor.SkipBlanks();
  for (;;) {
    const auto pair = cursor.TakePair();
    if (!pair || !IsValidPair(*pair)) return false;
    constexpr std::string_view kNames[] = {"proto", "host", "for", "by"};
    for (size_t i = 0; i < std::size(kNames); ++i) {
      if (!base::EqualsIgnoreCase(pair->name, kNames[i])) continue;
      if ((seen >> i & 1) != 0) return false;  // each once at most
      seen |= 1u << i;
    }
    if (base::EqualsIgnoreCase(pair->name, wanted)) *found = *pair;
    cursor.SkipBlanks();
    if (cursor.rest.empty()) return true;
    if (!cursor.Take(';')) return false;
    cursor.SkipBlanks();
    if (cursor.rest.empty()) return true;
  }
}

bool IsValid(const PreparedUnit&, Sample& sample, EvalContext&) {
  Pair unused;
  sample.SetBoolean(ReadElement(sample.text, {}, &unused));
  return true;
}

bool Field(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  Pair found;
  if (!ReadElement(sample.text, unit.arguments.text(0), &found) || found.name.empty()) return false;
  sample.SetString(found.value);
  return true;
}

bool PrepareForwardedField(PreparedUnit& unit, std::string* why) {
  const std::string_view field = unit.arguments.text(0);
  if (field == "proto" || field == "host" || field == "for" || field == "by") return true;
  *why = "the fields are 'proto', 'host', 'for' and 'by'";
  return false;
}

bool NodeName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const auto node = ReadNode(sample.text);
  if (!node) return false;
  sample.SetString(node->name);
  if (node->name == "unknown" || IsObfuscated(node->name)) return true;
  return Cast(sample, SampleKind::kAddress, context.scratch());
}

bool NodePort(const PreparedUnit&, Sample& sample, EvalContext&) {
  const auto node = ReadNode(sample.text);
  if (!node || node->port.empty()) return false;
  if (const auto number = base::ParseUnsigned(node->port)) {
    sample.SetInteger(int64_t(*number));
  } else {
    sample.SetString(node->port);
  }
  return true;
}

bool GiveObfuscated(Sample& sample, EvalContext& context) {
  char* text = context.scratch().Take(sample.text.size() + 1);
  if (text == nullptr) return false;
  text[0] = '_';
  std::memcpy(text + 1, sample.text.data(), sample.text.size());
  sample.SetString({text, sample.text.size() + 1});
  return IsObfuscated(sample.text);
}

bool MakeName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  if (sample.type == SampleType::kAddress) {
    const bool v6 = sample.address.family == AF_INET6;
    if (!Cast(sample, SampleKind::kString, context.scratch())) return false;
    if (!v6) return true;
    char* text = context.scratch().Take(sample.text.size() + 2);
    if (text == nullptr) return false;
    text[0] = '[';
    std::memcpy(text + 1, sample.text.data(), sample.text.size());
    text[sample.text.size() + 1] = ']';
    sample.SetString({text, sample.text.size() + 2});
    return true;
  }
  if (!Cast(sample, SampleKind::kString, context.scratch())) return false;
  if (sample.text.empty()) {
    sample.SetString("unknown");
    return true;
  }
  return GiveObfuscated(sample, context);
}

bool MakePort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  if (sample.type == SampleType::kInteger) {
    return sample.number >= 0 && sample.number <= 65535 &&
           Cast(sample, SampleKind::kString, context.scratch());
  }
  return Cast(sample, SampleKind::kString, context.scratch()) && !sample.text.empty() &&
         GiveObfuscated(sample, context);
}

constexpr ArgumentSpec kForwardedField[] = {{"field", ArgumentType::kString}};

using kind::kAny;
using kind::kText;

constexpr ConverterSpec kForwardedConverters[] = {
    {"rfc7239_field", kText, kText, kForwardedField, &Field, &PrepareForwardedField},
    {"rfc7239_is_valid", kText, SampleKind::kBoolean, {}, &IsValid},
    {"rfc7239_n2nn", kText, kAny, {}, &NodeName},
    {"rfc7239_n2np", kText, kAny, {}, &NodePort},
    {"rfc7239_nn", kAny, kText, {}, &MakeName},
    {"rfc7239_np", kAny, kText, {}, &MakePort},
};

}  // namespace

std::span<const ConverterSpec> ForwardedConverters() { return kForwardedConverters; }

}  // namespace engine
