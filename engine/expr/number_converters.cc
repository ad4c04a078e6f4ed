#include <cstdint>
#include <limits>

#include "engine/expr/converters.h"

namespace engine {
namespace {

constexpr ArgumentSpec kValue[] = {{"value", ArgumentType::kNumberOrVariable}};
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

// A result that does not fit stays at the end of the range it left by.
int64_t Add(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? kMax : kMin;
}
int64_t Subtract(int64_t a, int64_t b) {
  int64_t difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? kMax : kMin;
}
int64_t Multiply(int64_t a, int64_t b) {
  int64_t product;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? kMax : kMin;
}
// By zero: the largest number (manual). The one quotient that does not fit likewise.
int64_t Divide(int64_t a, int64_t b) {
  if (b == 0 || (a == kMin && b == -1)) return kMax;
  return a / b;
}
// By zero: zero (manual, mod).
int64_t Modulo(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t And(int64_t a, int64_t b) { return a & b; }
int64_t Or(int64_t a, int64_t b) { return a | b; }
int64_t Xor(int64_t a, int64_t b) { return a ^ b; }

template <int64_t (*kOperation)(int64_t, int64_t)>
bool Binary(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  int64_t value;
  if (!NumberOf(unit, 0, context, &value)) return false;
  sample.SetInteger(kOperation(sample.number, value));
  return true;
}

int64_t Negate(int64_t a) { return Subtract(0, a); }
int64_t Complement(int64_t a) { return ~a; }
template <int64_t (*kOperation)(int64_t)>
bool Unary(const PreparedUnit&, Sample& sample, EvalContext&) {
  sample.SetInteger(kOperation(sample.number));
  return true;
}

bool IsSet(int64_t a) { return a != 0; }
bool IsClear(int64_t a) { return a == 0; }
bool IsOdd(int64_t a) { return (a & 1) != 0; }
bool IsEven(int64_t a) { return (a & 1) == 0; }
template <bool (*kTest)(int64_t)>
bool Test(const PreparedUnit&, Sample& sample, EvalContext&) {
  sample.SetBoolean(kTest(sample.number));
  return true;
}

bool ToNetworkOrder(const PreparedUnit&, Sample& sample, EvalContext& context) {
  char* bytes = context.scratch().Take(sizeof(uint32_t));
  if (bytes == nullptr) return false;
  for (int i = 0; i < 4; ++i) bytes[i] = char(uint32_t(sample.number) >> (24 - 8 * i));
  sample.SetBinary({bytes, sizeof(uint32_t)});
  return true;
}

using kind::kNumber;
constexpr ConverterSpec kNumberConverters[] = {
    {"add", kNumber, kNumber, kValue, &Binary<&Add>},
    {"and", kNumber, kNumber, kValue, &Binary<&And>},
    {"bool", kNumber, SampleKind::kBoolean, {}, &Test<&IsSet>},
    {"cpl", kNumber, kNumber, {}, &Unary<&Complement>},
    {"div", kNumber, kNumber, kValue, &Binary<&Divide>},
    {"even", kNumber, SampleKind::kBoolean, {}, &Test<&IsEven>},
    {"htonl", kNumber, SampleKind::kBinary, {}, &ToNetworkOrder},
    {"mod", kNumber, kNumber, kValue, &Binary<&Modulo>},
    {"mul", kNumber, kNumber, kValue, &Binary<&Multiply>},
    {"neg", kNumber, kNumber, {}, &Unary<&Negate>},
    {"not", kNumber, SampleKind::kBoolean, {}, &Test<&IsClear>},
    {"odd", kNumber, SampleKind::kBoolean, {}, &Test<&IsOdd>},
    {"or", kNumber, kNumber, kValue, &Binary<&Or>},
    {"sub", kNumber, kNumber, kValue, &Binary<&Subtract>},
    {"xor", kNumber, kNumber, kValue, &Binary<&Xor>},
};

}  // namespace

std::span<const ConverterSpec> NumberConverters() { return kNumberConverters; }

}  // namespace engine
