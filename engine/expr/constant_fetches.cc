#include <arpa/inet.h>

#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/config/environment.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

// What the argument says, made at start.
struct Constant {
  std::string bytes;
  Sample sample;
};

void Keep(PreparedUnit& unit, Sample sample, std::string bytes = {}) {
  auto constant = std::make_shared<Constant>();
  constant->bytes = std::move(bytes);
  constant->sample = sample;
  constant->sample.text = constant->bytes;
  unit.object = constant;
}

bool Give(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  const auto* constant = static_cast<const Constant*>(unit.object.get());
  if (constant == nullptr) return false;
  sample = constant->sample;
  return true;
}

template <bool kValue>
bool Always(const PreparedUnit&, Sample& sample, EvalContext&) {
  sample.SetBoolean(kValue);
  return true;
}

bool PrepareBoolean(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(0);
  const bool yes = text == "1" || base::EqualsIgnoreCase(text, "true");
  if (!yes && text != "0" && !base::EqualsIgnoreCase(text, "false")) {
    *why = "'true', 'false', '1' or '0' is expected";
    return false;
  }
  Keep(unit, Sample::Boolean(yes));
  return true;
}

bool PrepareInteger(PreparedUnit& unit, std::string*) {
  Keep(unit, Sample::Integer(unit.arguments.number(0, 0)));
  return true;
}

bool PrepareString(PreparedUnit& unit, std::string*) {
  Keep(unit, Sample::String({}), std::string(unit.arguments.text(0)));
  return true;
}

bool PrepareMethod(PreparedUnit& unit, std::string*) {
  Keep(unit, Sample::Method({}), std::string(unit.arguments.text(0)));
  return true;
}

bool PrepareBinary(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(0);
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const std::string pair(text.substr(i, 2));
    char* end = nullptr;
    bytes += char(std::strtoul(pair.c_str(), &end, 16));
    if (*end != '\0' || pair[0] == '-' || pair[0] == '+' || pair[0] == ' ') {
      *why = "hexadecimal digits are expected";
      return false;
    }
  }
  if (text.size() % 2 != 0) {
    *why = "an even number of hexadecimal digits is expected";
    return false;
  }
  Keep(unit, Sample::Binary({}), std::move(bytes));
  return true;
}

template <int kFamily>
bool PrepareAddress(PreparedUnit& unit, std::string* why) {
  shard::Address address;
  address.family = kFamily;
  void* bytes = kFamily == AF_INET ? static_cast<void*>(&address.v4) : &address.v6;
  if (inet_pton(kFamily, unit.arguments.all[0].text.c_str(), bytes) != 1) {
    *why = kFamily == AF_INET ? "an IPv4 address is expected" : "an IPv6 address is expected";
    return false;
  }
  Keep(unit, Sample::Address(address));
  return true;
}

// Read when the configuration is. Some of ours are set only when all of it is known (manual 2.3,
// HAPROXY_CLI): those are looked for again, as nobody writes its environment any more. One that is
// not set is no sample.
constexpr int64_t kIsEnvironment = 1;  // the unit's object is one

bool PrepareEnvironment(PreparedUnit& unit, std::string*) {
  std::shared_ptr<const Environment> environment = Environment::Current();
  if (environment == nullptr) {
    environment = std::make_shared<const Environment>(Environment::FromProcess());
  }
  if (const std::string* value = environment->FindListed(unit.arguments.all[0].text)) {
    Keep(unit, Sample::String({}), *value);
  } else {
    unit.object = std::move(environment);
    unit.number = kIsEnvironment;
  }
  return true;
}

bool GiveEnvironment(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  if (unit.number != kIsEnvironment) return Give(unit, sample, context);
  const auto& environment = *static_cast<const Environment*>(unit.object.get());
  const std::string* value = environment.FindListed(unit.arguments.all[0].text);
  if (value == nullptr) return false;
  sample.SetString(*value);
  return true;
}

bool RandomNumber(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  sample.SetInteger(int64_t(context.Random() % uint64_t(unit.number)));
  return true;
}

bool PrepareRandom(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.number(0, int64_t{1} << 32);
  if (unit.number > 0) return true;
  *why = "a range above 0 is expected";
  return false;
}

// How many microseconds one of the unit has; 0: there is no such unit.
int64_t MicrosOf(std::string_view unit) {
  if (unit == "s") return 1000000;
  if (unit == "ms") return 1000;
  return unit == "us" ? 1 : 0;
}

bool PrepareDate(PreparedUnit& unit, std::string* why) {
  unit.number = MicrosOf(unit.arguments.text(1, "s"));
  if (unit.number != 0) return true;
  *why = "a unit is one of 's', 'ms' and 'us'";
  return false;
}

bool Date(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  sample.SetInteger(int64_t(context.WallMicros()) / unit.number + unit.arguments.number(0, 0));
  return true;
}

bool DateMicros(const PreparedUnit&, Sample& sample, EvalContext& context) {
  sample.SetInteger(int64_t(context.WallMicros() % 1000000));
  return true;
}

constexpr ArgumentSpec kBoolWord[] = {{"bool", ArgumentType::kString}};
constexpr ArgumentSpec kHex[] = {{"hex", ArgumentType::kString}};
constexpr ArgumentSpec kNumberWord[] = {{"integer", ArgumentType::kInteger}};
constexpr ArgumentSpec kTextWord[] = {{"string", ArgumentType::kString, kOptional}};
constexpr ArgumentSpec kNameWord[] = {{"name", ArgumentType::kString}};
constexpr ArgumentSpec kMethod[] = {{"method", ArgumentType::kString}};
constexpr ArgumentSpec kV4[] = {{"ipv4", ArgumentType::kString}};
constexpr ArgumentSpec kV6[] = {{"ipv6", ArgumentType::kString}};
constexpr ArgumentSpec kRandomRange[] = {{"range", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kDate[] = {{"offset", ArgumentType::kInteger, kOptional},
                                  {"unit", ArgumentType::kString, kOptional}};

using needs::kNothing;
constexpr FetchSpec kConstantFetches[] = {
    {"always_false", SampleKind::kBoolean, {}, kNothing, &Always<false>},
    {"always_true", SampleKind::kBoolean, {}, kNothing, &Always<true>},
    {"bin", SampleKind::kBinary, kHex, kNothing, &Give, &PrepareBinary},
    {"bool", SampleKind::kBoolean, kBoolWord, kNothing, &Give, &PrepareBoolean},
    {"date", SampleKind::kInteger, kDate, kNothing, &Date, &PrepareDate},
    {"date_us", SampleKind::kInteger, {}, kNothing, &DateMicros},
    {"env", SampleKind::kString, kNameWord, kNothing, &GiveEnvironment, &PrepareEnvironment},
    {"int", SampleKind::kInteger, kNumberWord, kNothing, &Give, &PrepareInteger},
    {"ipv4", SampleKind::kAddress, kV4, kNothing, &Give, &PrepareAddress<AF_INET>},
    {"ipv6", SampleKind::kAddress, kV6, kNothing, &Give, &PrepareAddress<AF_INET6>},
    {"meth", SampleKind::kMethod, kMethod, kNothing, &Give, &PrepareMethod},
    {"rand", SampleKind::kInteger, kRandomRange, kNothing, &RandomNumber, &PrepareRandom},
    {"str", SampleKind::kString, kTextWord, kNothing, &Give, &PrepareString},
};

}  // namespace

std::span<const FetchSpec> ConstantFetches() { return kConstantFetches; }

}  // namespace engine
