#include "engine/applet/typed_field.h"

#include <algorithm>

#include "base/text.h"

namespace engine {
namespace {

// The words that JSON has for the letters of the tags.
struct Word {
  char letter;
  std::string_view word;
};
constexpr Word kOrigins[] = {
    {'M', "Metric"}, {'S', "Status"}, {'K', "Key"}, {'C', "Config"}, {'P', "Product"}};
constexpr Word kNatures[] = {{'A', "Age"},   {'a', "Avg"},    {'C', "Counter"}, {'D', "Duration"},
                             {'G', "Gauge"}, {'L', "Limit"},  {'M', "Max"},     {'m', "Min"},
                             {'N', "Name"},  {'O', "Output"}, {'R', "Rate"},    {'T', "Time"}};
constexpr Word kScopes[] = {{'C', "Cluster"}, {'P', "Process"}, {'S', "Service"}, {'s', "System"}};
constexpr Word kPersistences[] = {{'V', "Volatile"}, {'P', "Persistent"}};

template <size_t N>
std::string_view WordOf(const Word (&words)[N], std::string_view tags, size_t position) {
  for (const Word& one : words) {
    if (position < tags.size() && one.letter == tags[position]) return one.word;
  }
  return "Unknown";
}

// How many bytes the character at the beginning of `text` has; 0: it is no UTF-8.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return uint8_t(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than it need be, a surrogate, or past the end (RFC 3629, section 4).
  const bool is_bad = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) >= 0xa0) ||
                      (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90);
  return is_bad ? 0 : length;
}

}  // namespace

std::string JsonText(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const size_t length = CharacterBytes(text);
    const uint8_t first = uint8_t(text[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      quoted += base::Format("\\u%04x", first);
    } else {
      if (first == '"' || first == '\\') quoted += '\\';
      quoted += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return quoted + '"';
}

std::string TypedLine(std::string_view object, const TypedField& field, bool with_purpose) {
  std::string line(object);
  line += std::to_string(field.position) + '.';
  line += field.name;
  line += ".1:";
  line += field.tags;
  line += ':';
  line += field.type;
  line += ':';
  line += field.value;
  if (with_purpose) {
    line += ":\"";
    line += field.purpose;
    line += '"';
  }
  return line + '\n';
}

std::string JsonField(std::string_view members, const TypedField& field) {
  std::string object = "{";
  object += members;
  object += "\"field\":{\"pos\":" + std::to_string(field.position) + ",\"name\":";
  object += JsonText(field.name);
  object += "},\"processNum\":1,\"tags\":{\"origin\":";
  object += JsonText(WordOf(kOrigins, field.tags, 0));
  object += ",\"nature\":";
  object += JsonText(WordOf(kNatures, field.tags, 1));
  object += ",\"scope\":";
  object += JsonText(WordOf(kScopes, field.tags, 2));
  object += ",\"persistence\":";
  object += JsonText(WordOf(kPersistences, field.tags, 3));
  object += "},\"value\":{\"type\":";
  object += JsonText(field.type);
  object += ",\"value\":";
  object += field.type == "str" ? JsonText(field.value) : std::string(field.value);
  return object + "}}";
}

std::string_view JsonSchema() {
  static constexpr std::string_view kSchema =
      R"({"$schema":"http://json-schema.org/draft-04/schema#",)"
      R"("title":"show info json, show stat json","oneOf":[)"
      R"({"title":"Info","type":"array","items":{"$ref":"#/definitions/infoItem"}},)"
      R"({"title":"Stat","type":"array","items":{"type":"array",)"
      R"("items":{"$ref":"#/definitions/statItem"}}},)"
      R"({"title":"Error","type":"object","properties":{"errorStr":{"type":"string"}},)"
      R"("required":["errorStr"]}],)"
      R"("definitions":{)"
      R"("field":{"type":"object","properties":{"pos":{"type":"integer","minimum":0},)"
      R"("name":{"type":"string"}},"required":["pos","name"]},)"
      R"("tags":{"type":"object","properties":{)"
      R"("origin":{"enum":["Metric","Status","Key","Config","Product","Unknown"]},)"
      R"("nature":{"enum":["Age","Avg","Counter","Duration","Gauge","Limit","Max","Min","Name",)"
      R"("Output","Rate","Time","Unknown"]},)"
      R"("scope":{"enum":["Cluster","Process","Service","System","Unknown"]},)"
      R"("persistence":{"enum":["Volatile","Persistent","Unknown"]}},)"
      R"("required":["origin","nature","scope"]},)"
      R"("value":{"type":"object","oneOf":[)"
      R"({"properties":{"type":{"enum":["u32"]},)"
      R"("value":{"type":"integer","minimum":0,"maximum":4294967295}}},)"
      R"({"properties":{"type":{"enum":["u64"]},"value":{"type":"integer","minimum":0}}},)"
      R"({"properties":{"type":{"enum":["s32","s64"]},"value":{"type":"integer"}}},)"
      R"({"properties":{"type":{"enum":["flt"]},"value":{"type":"number"}}},)"
      R"({"properties":{"type":{"enum":["str"]},"value":{"type":"string"}}}],)"
      R"("required":["type","value"]},)"
      R"("infoItem":{"type":"object","properties":{"field":{"$ref":"#/definitions/field"},)"
      R"("processNum":{"type":"integer","minimum":1},"tags":{"$ref":"#/definitions/tags"},)"
      R"("value":{"$ref":"#/definitions/value"}},)"
      R"("required":["field","processNum","tags","value"]},)"
      R"("statItem":{"allOf":[{"$ref":"#/definitions/infoItem"},{"type":"object","properties":{)"
      R"("objType":{"enum":["Frontend","Backend","Listener","Server"]},)"
      R"("proxyId":{"type":"integer","minimum":0},"id":{"type":"integer","minimum":0}},)"
      R"("required":["objType","proxyId","id"]}]}}})";
  return kSchema;
}

}  // namespace engine
