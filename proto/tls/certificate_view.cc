#include "proto/tls/certificate_view.h"

#include <charconv>

#include "proto/tls/der_tags.h"

namespace proto {
namespace {

using std::string_view_literals::operator""sv;

using der::kGeneralizedTime;
using der::kIdentifier;
using der::kInteger;
using der::kOctets;
using der::kSequence;
using der::kSet;
using der::kUtcTime;

constexpr uint8_t kVersionTag = 0xa0;
constexpr uint8_t kExtensionsTag = 0xa3;

struct ShortName {
  std::string_view identifier;
  std::string_view name;
};

constexpr ShortName kAttributes[] = {
    {"\x55\x04\x03"sv, "CN"},
    {"\x55\x04\x04"sv, "SN"},
    {"\x55\x04\x05"sv, "serialNumber"},
    {"\x55\x04\x06"sv, "C"},
    {"\x55\x04\x07"sv, "L"},
    {"\x55\x04\x08"sv, "ST"},
    {"\x55\x04\x09"sv, "street"},
    {"\x55\x04\x0a"sv, "O"},
    {"\x55\x04\x0b"sv, "OU"},
    {"\x55\x04\x0c"sv, "title"},
    {"\x55\x04\x0d"sv, "description"},
    {"\x55\x04\x0f"sv, "businessCategory"},
    {"\x55\x04\x11"sv, "postalCode"},
    {"\x55\x04\x14"sv, "telephoneNumber"},
    {"\x55\x04\x29"sv, "name"},
    {"\x55\x04\x2a"sv, "GN"},
    {"\x55\x04\x2b"sv, "initials"},
    {"\x55\x04\x2c"sv, "generationQualifier"},
    {"\x55\x04\x2e"sv, "dnQualifier"},
    {"\x55\x04\x41"sv, "pseudonym"},
    {"\x55\x04\x61"sv, "organizationIdentifier"},
    {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"sv, "UID"},
    {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"sv, "DC"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"sv, "emailAddress"},
};

constexpr ShortName kAlgorithms[] = {
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"sv, "rsaEncryption"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"sv, "RSA-MD5"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"sv, "RSA-SHA1"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"sv, "RSASSA-PSS"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"sv, "RSA-SHA256"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"sv, "RSA-SHA384"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"sv, "RSA-SHA512"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"sv, "RSA-SHA224"},
    {"\x2a\x86\x48\xce\x3d\x02\x01"sv, "id-ecPublicKey"},
    {"\x2a\x86\x48\xce\x3d\x04\x01"sv, "ecdsa-with-SHA1"},
    {"\x2a\x86\x48\xce\x3d\x04\x03\x01"sv, "ecdsa-with-SHA224"},
    {"\x2a\x86\x48\xce\x3d\x04\x03\x02"sv, "ecdsa-with-SHA256"},
    {"\x2a\x86\x48\xce\x3d\x04\x03\x03"sv, "ecdsa-with-SHA384"},
    {"\x2a\x86\x48\xce\x3d\x04\x03\x04"sv, "ecdsa-with-SHA512"},
    {"\x2b\x65\x70"sv, "ED25519"},
    {"\x2b\x65\x71"sv, "ED448"},
};

template <size_t kRows>
std::string_view FindName(const ShortName (&rows)[kRows], std::string_view identifier) {
  for (const ShortName& row : rows) {
    if (row.identifier == identifier) return row.name;
  }
  return {};
}

// A time without its century: what both encodings have in common.
bool TakeTime(DerReader& reader, std::string_view* time) {
  uint8_t tag = 0;
  if (!reader.Next(&tag, time)) return false;
  if (tag == kGeneralizedTime && time->size() > 2) {
    time->remove_prefix(2);
    return true;
  }
  return tag == kUtcTime;
}

bool TakeAlgorithm(DerReader& reader, std::string_view* identifier) {
  std::string_view sequence;
  if (!reader.Take(kSequence, &sequence)) return false;
  DerReader inside{sequence};
  return inside.Take(kIdentifier, identifier);
}

}  // namespace

bool DerReader::Next(uint8_t* tag, std::string_view* value) {
  if (rest.size() < 2) return false;
  *tag = uint8_t(rest[0]);
  if ((*tag & 0x1f) == 0x1f) return false;  // tags of several bytes do not occur here
  size_t length = uint8_t(rest[1]);
  size_t header = 2;
  if (length >= 0x80) {
    const size_t count = length & 0x7f;
    if (count == 0 || count > 4 || rest.size() < 2 + count) return false;
    length = 0;
    for (size_t i = 0; i < count; ++i) length = length << 8 | uint8_t(rest[2 + i]);
    header += count;
  }
  if (length > rest.size() - header) return false;
  *value = rest.substr(header, length);
  rest.remove_prefix(header + length);
  return true;
}

bool DerReader::Take(uint8_t tag, std::string_view* value) {
  uint8_t found = 0;
  return Next(&found, value) && found == tag;
}

bool ReadCertificate(std::string_view der, CertificateView* view) {
  *view = {};
  std::string_view certificate, body, value;
  DerReader whole{der};
  if (!whole.Take(kSequence, &certificate)) return false;
  DerReader outer{certificate};
  if (!outer.Take(kSequence, &body)) return false;
  DerReader reader{body};
  if (!body.empty() && uint8_t(body[0]) == kVersionTag) {
    uint8_t tag = 0;
    if (!reader.Next(&tag, &value)) return false;
    DerReader inside{value};
    std::string_view number;
    if (!inside.Take(kInteger, &number) || number.size() != 1) return false;
    view->version = uint8_t(number[0]) + 1;
  }
  if (!reader.Take(kInteger, &view->serial) || !TakeAlgorithm(reader, &view->signature) ||
      !reader.Take(kSequence, &view->issuer) || !reader.Take(kSequence, &value)) {
    return false;
  }
  if (view->serial.size() > 1 && view->serial[0] == 0) view->serial.remove_prefix(1);
  DerReader validity{value};
  if (!TakeTime(validity, &view->not_before) || !TakeTime(validity, &view->not_after) ||
      !reader.Take(kSequence, &view->subject) || !reader.Take(kSequence, &value)) {
    return false;
  }
  DerReader key{value};
  if (!TakeAlgorithm(key, &view->key)) return false;
  // Unique identifiers, which nobody uses, may stand before the extensions.
  for (uint8_t tag = 0; reader.Next(&tag, &value);) {
    if (tag != kExtensionsTag) continue;
    DerReader inside{value};
    return inside.Take(kSequence, &view->extensions);
  }
  return reader.rest.empty();
}

std::string_view FindExtension(const CertificateView& view, std::string_view identifier) {
  DerReader all{view.extensions};
  for (std::string_view one; all.Take(kSequence, &one);) {
    DerReader inside{one};
    std::string_view id, value;
    if (!inside.Take(kIdentifier, &id)) return {};
    if (id != identifier) continue;
    for (uint8_t tag = 0; inside.Next(&tag, &value);) {
      if (tag == kOctets) return value;  // behind the flag that says whether it is critical
    }
    return {};
  }
  return {};
}

bool NameReader::Next(NameEntry* entry) {
  std::string_view set;
  if (set_.rest.empty() && !sets_.Take(kSet, &set)) return false;
  if (set_.rest.empty()) set_.rest = set;
  std::string_view pair;
  uint8_t tag = 0;
  if (!set_.Take(kSequence, &pair)) return false;
  DerReader inside{pair};
  if (!inside.Take(kIdentifier, &entry->identifier) || !inside.Next(&tag, &entry->value)) {
    return false;
  }
  entry->name = FindName(kAttributes, entry->identifier);
  return true;
}

std::string_view AlgorithmName(std::string_view identifier) {
  return FindName(kAlgorithms, identifier);
}

size_t WriteIdentifier(std::string_view identifier, char* out, size_t bytes_max) {
  char* at = out;
  char* const end = out + bytes_max;
  uint64_t number = 0;
  bool first = true, open = false;
  for (const char c : identifier) {
    if (number >> 57 != 0) return 0;
    number = number << 7 | (uint8_t(c) & 0x7f);
    open = (uint8_t(c) & 0x80) != 0;
    if (open) continue;
    if (first) {
      const uint64_t root = number < 80 ? number / 40 : 2;
      const auto written = std::to_chars(at, end, root);
      if (written.ec != std::errc()) return 0;
      at = written.ptr;
      number -= root * 40;
      first = false;
    }
    if (at == end) return 0;
    *at++ = '.';
    const auto written = std::to_chars(at, end, number);
    if (written.ec != std::errc()) return 0;
    at = written.ptr;
    number = 0;
  }
  return open ? 0 : size_t(at - out);
}

}  // namespace proto
