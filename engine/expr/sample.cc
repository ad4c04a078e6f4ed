#include "engine/expr/sample.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/text.h"

namespace engine {
namespace {

bool ToText(Sample& sample, Scratch& scratch) {
  switch (sample.type) {
    case SampleType::kBoolean:
    case SampleType::kInteger: {
      constexpr size_t kDigitsMax = 20;
      char* text = scratch.Take(kDigitsMax);
      if (text == nullptr) return false;
      char* end = std::to_chars(text, text + kDigitsMax, sample.number).ptr;
      scratch.Shrink(text, size_t(end - text));
      sample.SetString({text, size_t(end - text)});
      return true;
    }
    case SampleType::kAddress: {
      char* text = scratch.Take(INET6_ADDRSTRLEN);
      if (text == nullptr) return false;
      const void* bytes = sample.address.family == AF_INET
                              ? static_cast<const void*>(&sample.address.v4)
                              : static_cast<const void*>(&sample.address.v6);
      if (inet_ntop(sample.address.family, bytes, text, INET6_ADDRSTRLEN) == nullptr) return false;
      const size_t length = std::strlen(text);
      scratch.Shrink(text, length);
      sample.SetString({text, length});
      return true;
    }
    case SampleType::kString:
    case SampleType::kBinary:
    case SampleType::kMethod:
      sample.SetString(sample.text);
      return true;
  }
  return false;
}

bool ToInteger(Sample& sample) {
  switch (sample.type) {
    case SampleType::kBoolean:
    case SampleType::kInteger:
      sample.SetInteger(sample.number);
      return true;
    case SampleType::kAddress:
      if (sample.address.family != AF_INET) return false;
      sample.SetInteger(int64_t(ntohl(sample.address.v4.s_addr)));
      return true;
    case SampleType::kString:
      if (sample.text.empty()) return false;
      sample.SetInteger(base::LeadingNumber(sample.text));
      return true;
    case SampleType::kBinary:
    case SampleType::kMethod:
      break;
  }
  return false;
}

bool ToAddress(Sample& sample) {
  switch (sample.type) {
    case SampleType::kAddress:
      return true;
    case SampleType::kInteger:
      sample = Sample::Address(shard::Address::V4(uint32_t(sample.number), 0));
      return true;
    case SampleType::kString: {
      shard::Address address;
      if (ReadIpv4(sample.text, &address) == 0) address = shard::Address::FromText(sample.text);
      if (address.family == AF_UNSPEC) return false;
      sample = Sample::Address(address);
      return true;
    }
    case SampleType::kBinary: {
      shard::Address address;
      if (sample.text.size() == sizeof(address.v4)) {
        address.family = AF_INET;
        std::memcpy(&address.v4, sample.text.data(), sizeof(address.v4));
      } else if (sample.text.size() == sizeof(address.v6)) {
        address.family = AF_INET6;
        std::memcpy(&address.v6, sample.text.data(), sizeof(address.v6));
      } else {
        return false;
      }
      sample = Sample::Address(address);
      return true;
    }
    case SampleType::kBoolean:
    case SampleType::kMethod:
      break;
  }
  return false;
}

bool ToBinary(Sample& sample, Scratch& scratch) {
  switch (sample.type) {
    case SampleType::kBoolean:
    case SampleType::kInteger: {
      char* bytes = scratch.Take(sizeof(uint64_t));
      if (bytes == nullptr) return false;
      for (size_t i = 0; i < sizeof(uint64_t); ++i) {
        bytes[i] = char(uint64_t(sample.number) >> (56 - 8 * i));
      }
      sample.SetBinary({bytes, sizeof(uint64_t)});
      return true;
    }
    case SampleType::kAddress: {
      const bool v4 = sample.address.family == AF_INET;
      const size_t length = v4 ? sizeof(in_addr) : sizeof(in6_addr);
      char* bytes = scratch.Take(length);
      if (bytes == nullptr) return false;
      std::memcpy(bytes, v4 ? static_cast<const void*>(&sample.address.v4) : &sample.address.v6,
                  length);
      sample.SetBinary({bytes, length});
      return true;
    }
    case SampleType::kString:
    case SampleType::kBinary:
    case SampleType::kMethod:
      sample.SetBinary(sample.text);
      return true;
  }
  return false;
}

}  // namespace

size_t ReadIpv4(std::string_view text, shard::Address* address) {
  uint32_t bits = 0;
  size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (at == text.size() || text[at++] != '.')) return 0;
    const size_t begin = at;
    uint32_t number = 0;
    for (; at < text.size() && base::IsDigit(text[at]); ++at) {
      number = number * 10 + uint32_t(text[at] - '0');
      if (number > 255) return 0;
    }
    if (at == begin) return 0;
    bits = bits << 8 | number;
  }
  if (at < text.size() && text[at] == '.') return 0;
  *address = shard::Address::V4(bits, 0);
  return at;
}

const char* Sample::type_name() const {
  switch (type) {
    case SampleType::kBoolean:
      return "bool";
    case SampleType::kInteger:
      return "sint";
    case SampleType::kAddress:
      return address.family == AF_INET6 ? "ipv6" : "ipv4";
    case SampleType::kString:
      return "str";
    case SampleType::kBinary:
      return "bin";
    case SampleType::kMethod:
      return "meth";
  }
  return "any";
}

std::string_view KindName(SampleKind kind) {
  static constexpr std::string_view kNames[] = {"boolean", "integer", "address", "string",
                                                "binary",  "method",  "any",     "same"};
  return kNames[size_t(kind)];
}

bool IsCastable(SampleKind from, SampleKind to) {
  using enum SampleKind;
  if (from == to || to == kAny || to == kSame || from == kAny) return true;
  switch (to) {
    case kBoolean:
      return from == kInteger || from == kString;
    case kInteger:
      return from == kBoolean || from == kAddress || from == kString;
    case kAddress:
      return from == kInteger || from == kString || from == kBinary;
    case kMethod:
      return from == kString || from == kBinary;
    case kString:
    case kBinary:
      return true;
    case kAny:
    case kSame:
      break;
  }
  return true;
}

bool Cast(Sample& sample, SampleKind to, Scratch& scratch) {
  switch (to) {
    case SampleKind::kBoolean:
      if (sample.type == SampleType::kAddress || !ToInteger(sample)) return false;
      sample.SetBoolean(sample.number != 0);
      return true;
    case SampleKind::kInteger:
      return ToInteger(sample);
    case SampleKind::kAddress:
      return ToAddress(sample);
    case SampleKind::kString:
      return ToText(sample, scratch);
    case SampleKind::kBinary:
      return ToBinary(sample, scratch);
    case SampleKind::kMethod:
      if (sample.type != SampleType::kString && sample.type != SampleType::kBinary) {
        return sample.type == SampleType::kMethod;
      }
      sample = Sample::Method(sample.text);
      return true;
    case SampleKind::kAny:
    case SampleKind::kSame:
      return true;
  }
  return false;
}

}  // namespace engine
