#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

// FIX: "8=FIX.4.4<SOH>9=...<SOH>35=...<SOH> ... 10=123<SOH>" --------------------------------------

constexpr char kFieldEnd = '\x01';
constexpr int64_t kBeginString = 8;
constexpr int64_t kBodyLength = 9;
constexpr int64_t kMessageType = 35;
constexpr int64_t kCheckSum = 10;

struct FixField {
  int64_t tag = 0;
  std::string_view value;
  size_t begin = 0;  // in the message
  size_t end = 0;    // behind its SOH
};

class FixReader {
 public:
  explicit FixReader(std::string_view message) : message_(message) {}
  // False at the end, and at what is no field.
  bool Next(FixField* field) {
    const size_t end = message_.find(kFieldEnd, at_);
    const size_t equals = message_.find('=', at_);
    if (end == message_.npos || equals == message_.npos || equals + 1 >= end) return false;
    const auto tag = base::ParseUnsigned(message_.substr(at_, equals - at_));
    if (!tag || *tag == 0 || *tag > INT32_MAX) return false;
    *field = {int64_t(*tag), message_.substr(equals + 1, end - equals - 1), at_, end + 1};
    at_ = end + 1;
    return true;
  }
  size_t at() const { return at_; }

 private:
  const std::string_view message_;
  size_t at_ = 0;
};

bool IsFixVersion(std::string_view text) {
  constexpr std::string_view kVersions[] = {"FIX.4.0", "FIX.4.1", "FIX.4.2",
                                            "FIX.4.3", "FIX.4.4", "FIXT.1.1"};
  return std::find(std::begin(kVersions), std::end(kVersions), text) != std::end(kVersions);
}

bool IsFix(std::string_view message) {
  FixReader reader(message);
  FixField field, length, type;
  if (!reader.Next(&field) || field.tag != kBeginString || !IsFixVersion(field.value)) return false;
  if (!reader.Next(&length) || length.tag != kBodyLength) return false;
  if (!reader.Next(&type) || type.tag != kMessageType) return false;
  const auto body = base::ParseUnsigned(length.value);
  if (!body || *body > message.size() - length.end) return false;
  const size_t sum_at = length.end + size_t(*body);
  FixField sum = type;
  while (sum.tag != kCheckSum) {
    if (!reader.Next(&sum)) return false;
  }
  uint8_t wanted = 0;
  for (const char c : message.substr(0, sum_at)) wanted = uint8_t(wanted + uint8_t(c));
  const auto given = base::ParseUnsigned(sum.value);
  return sum.begin == sum_at && sum.value.size() == 3 && given && *given == wanted;
}

bool FixIsValid(const PreparedUnit&, Sample& sample, EvalContext&) {
  sample.SetBoolean(IsFix(sample.text));
  return true;
}

bool FixTag(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  FixReader reader(sample.text);
  for (FixField field; reader.Next(&field);) {
    if (field.tag != unit.number) continue;
    sample.SetBinary(field.value);
    return true;
  }
  return false;
}

bool PrepareFixTag(PreparedUnit& unit, std::string* why) {
  struct Name {
    std::string_view name;
    int64_t tag;
  };
  constexpr Name kNames[] = {{"BeginString", 8}, {"BodyLength", 9},    {"MsgType", 35},
                             {"CheckSum", 10},   {"SenderCompID", 49}, {"TargetCompID", 56}};
  const std::string_view text = unit.arguments.text(0);
  for (const Name& one : kNames) {
    if (one.name == text) {
      unit.number = one.tag;
      return true;
    }
  }
  const auto number = base::ParseUnsigned(text);
  if (number && *number > 0 && *number <= INT32_MAX) {
    unit.number = int64_t(*number);
    return true;
  }
  *why =
      "a tag is a number, or one of BeginString, BodyLength, MsgType, SenderCompID, "
      "TargetCompID and CheckSum";
  return false;
}

// MQTT 3.1, 3.1.1, 5.0: the first packets of either side ------------------------------------------

enum class MqttField : uint8_t {
  kFlags,
  kProtocolName,
  kProtocolVersion,
  kClientId,
  kWillTopic,
  kWillPayload,
  kUser,
  kPassword,
  kKeepAlive,
  kReason,
  kProperty,
};

// Bytes of a packet, from the front.
struct MqttCursor {
  std::string_view rest;
  bool good = true;

  std::string_view Take(size_t bytes) {
    good = good && bytes <= rest.size();
    if (!good) return {};
    const std::string_view taken = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return taken;
  }
  uint32_t Number(size_t bytes) {
    uint32_t number = 0;
    for (const char c : Take(bytes)) number = number << 8 | uint8_t(c);
    return number;
  }
  std::string_view Counted() { return Take(Number(2)); }
  // Seven bits in each byte, lowest first; four bytes at most.
  uint32_t Varint() {
    uint32_t number = 0;
    for (int shift = 0; shift < 28; shift += 7) {
      const uint32_t byte = Number(1);
      number |= (byte & 0x7f) << shift;
      if (!good || (byte & 0x80) == 0) return number;
    }
    good = false;
    return 0;
  }
};

enum class MqttShape : uint8_t { kNone, kByte, kShort, kLong, kVarint, kBytes, kPair };

MqttShape ShapeOf(uint32_t property) {
  switch (property) {
    case 1:
    case 23:
    case 25:
    case 36:
    case 37:
    case 40:
    case 41:
    case 42:
      return MqttShape::kByte;
    case 19:
    case 33:
    case 34:
      return MqttShape::kShort;
    case 2:
    case 17:
    case 24:
    case 39:
      return MqttShape::kLong;
    case 11:
      return MqttShape::kVarint;
    case 3:
    case 8:
    case 9:
    case 18:
    case 21:
    case 22:
    case 26:
    case 28:
    case 31:
      return MqttShape::kBytes;
    case 38:
      return MqttShape::kPair;
    default:
      return MqttShape::kNone;
  }
}

// What a reading looks for, and what it found.
struct MqttWanted {
  MqttField field = MqttField::kFlags;
  uint32_t property = 0;
  bool found = false;
  bool is_text = false;
  std::string_view text;
  uint32_t number = 0;

  void Give(MqttField what, std::string_view value) {
    if (what != field || found) return;
    found = is_text = true;
    text = value;
  }
  void Give(MqttField what, uint32_t value) {
    if (what != field || found) return;
    found = true;
    number = value;
  }
};

void TakeProperties(MqttCursor& cursor, MqttWanted& wanted) {
  MqttCursor list{cursor.Take(cursor.Varint())};
  while (cursor.good && list.good && !list.rest.empty()) {
    const uint32_t property = list.Varint();
    const MqttField what = property == wanted.property ? MqttField::kProperty : MqttField::kFlags;
    const bool is_it = what == MqttField::kProperty && wanted.field == MqttField::kProperty;
    uint32_t number = 0;
    switch (ShapeOf(property)) {
      case MqttShape::kByte:
        number = list.Number(1);
        break;
      case MqttShape::kShort:
        number = list.Number(2);
        break;
      case MqttShape::kLong:
        number = list.Number(4);
        break;
      case MqttShape::kVarint:
        number = list.Varint();
        break;
      case MqttShape::kBytes: {
        const std::string_view text = list.Counted();
        if (is_it) wanted.Give(MqttField::kProperty, text);
        continue;
      }
      case MqttShape::kPair:
        (void)list.Counted();
        (void)list.Counted();
        continue;
      case MqttShape::kNone:
        list.good = false;
        continue;
    }
    if (is_it) wanted.Give(MqttField::kProperty, number);
  }
  cursor.good = cursor.good && list.good;
}

constexpr uint32_t kMqtt5 = 5;

bool ReadConnect(MqttCursor cursor, MqttWanted& wanted) {
  const std::string_view name = cursor.Counted();
  const uint32_t version = cursor.Number(1);
  const uint32_t flags = cursor.Number(1);
  const uint32_t keep_alive = cursor.Number(2);
  if (!cursor.good || (flags & 1) != 0) return false;
  const bool known =
      (name == "MQIsdp" && version == 3) || (name == "MQTT" && (version == 4 || version == kMqtt5));
  if (!known) return false;
  wanted.Give(MqttField::kProtocolName, name);
  wanted.Give(MqttField::kProtocolVersion, version);
  wanted.Give(MqttField::kFlags, flags);
  wanted.Give(MqttField::kKeepAlive, keep_alive);
  if (version == kMqtt5) TakeProperties(cursor, wanted);
  wanted.Give(MqttField::kClientId, cursor.Counted());
  const bool has_will = (flags & 4) != 0;
  // Quality and retaining belong to a will; 3 is no quality.
  if ((!has_will && (flags & 0x38) != 0) || (flags & 0x18) == 0x18) return false;
  if (has_will) {
    if (version == kMqtt5) TakeProperties(cursor, wanted);
    wanted.Give(MqttField::kWillTopic, cursor.Counted());
    wanted.Give(MqttField::kWillPayload, cursor.Counted());
  }
  if ((flags & 0x80) != 0) wanted.Give(MqttField::kUser, cursor.Counted());
  if ((flags & 0x40) != 0) wanted.Give(MqttField::kPassword, cursor.Counted());
  return cursor.good && cursor.rest.empty();
}

bool ReadAnswer(MqttCursor cursor, MqttWanted& wanted) {
  const uint32_t flags = cursor.Number(1);
  const uint32_t reason = cursor.Number(1);
  if (!cursor.good || (flags & 0xfe) != 0) return false;
  wanted.Give(MqttField::kFlags, flags);
  wanted.Give(MqttField::kReason, reason);
  const bool is_5 = !cursor.rest.empty();
  wanted.Give(MqttField::kProtocolVersion, is_5 ? kMqtt5 : 4);
  if (is_5) TakeProperties(cursor, wanted);
  return cursor.good && cursor.rest.empty();
}

constexpr uint32_t kConnect = 1;
constexpr uint32_t kConnectAnswer = 2;

// `type` 0: whichever it is. False: that is no whole packet of this type.
bool ReadMqtt(std::string_view bytes, uint32_t type, MqttWanted& wanted) {
  MqttCursor cursor{bytes};
  const uint32_t head = cursor.Number(1);
  const std::string_view body = cursor.Take(cursor.Varint());
  if (!cursor.good || (head & 15) != 0 || (type != 0 && head >> 4 != type)) return false;
  if (head >> 4 == kConnect) return ReadConnect({body}, wanted);
  return head >> 4 == kConnectAnswer && ReadAnswer({body}, wanted);
}

bool MqttIsValid(const PreparedUnit&, Sample& sample, EvalContext&) {
  MqttWanted nothing;
  sample.SetBoolean(ReadMqtt(sample.text, 0, nothing));
  return true;
}

struct MqttQuery {
  uint32_t type = 0;
  MqttField field = MqttField::kFlags;
  uint32_t property = 0;
};

bool MqttValue(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const MqttQuery& query = *static_cast<const MqttQuery*>(unit.object.get());
  MqttWanted wanted;
  wanted.field = query.field;
  wanted.property = query.property;
  if (!ReadMqtt(sample.text, query.type, wanted) || !wanted.found) return false;
  if (wanted.is_text) {
    sample.SetBinary(wanted.text);
  } else {
    sample.SetInteger(wanted.number);
  }
  return true;
}

bool PrepareMqtt(PreparedUnit& unit, std::string* why) {
  struct Name {
    std::string_view name;
    uint32_t type;  // of the packets that have it; 0: both
    MqttField field;
  };
  constexpr Name kNames[] = {{"flags", 0, MqttField::kFlags},
                             {"protocol_version", 0, MqttField::kProtocolVersion},
                             {"protocol_name", kConnect, MqttField::kProtocolName},
                             {"client_identifier", kConnect, MqttField::kClientId},
                             {"will_topic", kConnect, MqttField::kWillTopic},
                             {"will_payload", kConnect, MqttField::kWillPayload},
                             {"username", kConnect, MqttField::kUser},
                             {"password", kConnect, MqttField::kPassword},
                             {"keepalive", kConnect, MqttField::kKeepAlive},
                             {"reason_code", kConnectAnswer, MqttField::kReason}};
  auto query = std::make_shared<MqttQuery>();
  const std::string_view type = unit.arguments.text(0);
  if (base::EqualsIgnoreCase(type, "connect") || type == "1") query->type = kConnect;
  if (base::EqualsIgnoreCase(type, "connack") || type == "2") query->type = kConnectAnswer;
  if (query->type == 0) {
    *why = "the packets are 'connect' and 'connack'";
    return false;
  }
  const std::string_view field = unit.arguments.text(1);
  const auto number = base::ParseUnsigned(field);
  bool known = number && ShapeOf(uint32_t(std::min<uint64_t>(*number, 255))) != MqttShape::kNone &&
               *number != 38;
  if (known) {
    query->field = MqttField::kProperty;
    query->property = uint32_t(*number);
  }
  for (const Name& one : kNames) {
    if (!base::EqualsIgnoreCase(one.name, field) || (one.type != 0 && one.type != query->type)) {
      continue;
    }
    query->field = one.field;
    known = true;
  }
  if (!known) {
    *why = "no field or property of such a packet is called '" + std::string(field) + "'";
    return false;
  }
  unit.object = std::move(query);
  return true;
}

// Items ------------------------------------------------------------------------------------------

// The sample, then the delimiter where both sides of it hold something.
bool AddItem(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view middle;
  if (unit.arguments.has(1)) {
    const Sample* found = context.FindVariable(*unit.arguments.all[1].variable);
    Sample value = found != nullptr ? *found : Sample::String({});
    if (Cast(value, SampleKind::kString, context.scratch())) middle = value.text;
  }
  const std::string_view suffix = unit.arguments.text(2);
  const bool delimits = !sample.text.empty() && (!middle.empty() || !suffix.empty());
  const std::string_view parts[] = {
      sample.text, delimits ? unit.arguments.text(0) : std::string_view(), middle, suffix};
  size_t length = 0;
  for (const std::string_view part : parts) length += part.size();
  char* text = context.scratch().Take(length);
  if (text == nullptr) return false;
  char* to = text;
  for (const std::string_view part : parts) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  sample.SetString({text, length});
  return true;
}

bool PrepareItem(PreparedUnit& unit, std::string* why) {
  if (unit.arguments.has(1) || unit.arguments.has(2)) return true;
  *why = "a <var> or a <suff> is expected";
  return false;
}

constexpr ArgumentSpec kTag[] = {{"tag", ArgumentType::kString}};
constexpr ArgumentSpec kPacketField[] = {{"packettype", ArgumentType::kString},
                                         {"fieldname_or_property_ID", ArgumentType::kString}};
constexpr ArgumentSpec kItem[] = {{"delim", ArgumentType::kString},
                                  {"var", ArgumentType::kVariable, kOptional},
                                  {"suff", ArgumentType::kString, kOptional}};

using kind::kBinary;
using kind::kText;

constexpr ConverterSpec kMessageConverters[] = {
    {"add_item", kText, kText, kItem, &AddItem, &PrepareItem},
    {"fix_is_valid", kBinary, SampleKind::kBoolean, {}, &FixIsValid},
    {"fix_tag_value", kBinary, kBinary, kTag, &FixTag, &PrepareFixTag},
    {"mqtt_field_value", kBinary, SampleKind::kAny, kPacketField, &MqttValue, &PrepareMqtt},
    {"mqtt_is_valid", kBinary, SampleKind::kBoolean, {}, &MqttIsValid},
};

}  // namespace

std::span<const ConverterSpec> MessageConverters() { return kMessageConverters; }

}  // namespace engine
