#include "proto/tls/ocsp_view.h"

#include "proto/tls/der_tags.h"

namespace proto {
namespace {

using der::kEnumerated;
using der::kGeneralizedTime;
using der::kIdentifier;
using der::kInteger;
using der::kOctets;
using der::kSequence;

constexpr uint8_t kZero = 0xa0;           // [0] around something
constexpr uint8_t kGoodStatus = 0x80;     // [0] IMPLICIT NULL
constexpr uint8_t kRevokedStatus = 0xa1;  // [1] IMPLICIT RevokedInfo
constexpr uint8_t kUnknownStatus = 0x82;  // [2] IMPLICIT NULL
// id-pkix-ocsp-basic
constexpr std::string_view kBasic = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01";

bool NextIs(const DerReader& reader, uint8_t tag) {
  return !reader.rest.empty() && uint8_t(reader.rest[0]) == tag;
}

bool ReadBasic(std::string_view der, OcspView* view) {
  DerReader whole{der};
  std::string_view basic, data, skipped, answers;
  if (!whole.Take(kSequence, &basic)) return false;
  DerReader parts{basic};
  if (!parts.Take(kSequence, &data)) return false;
  DerReader reader{data};
  uint8_t tag = 0;
  if (NextIs(reader, kZero) && !reader.Next(&tag, &skipped)) return false;  // version
  // Who answers, and when it was made.
  if (!reader.Next(&tag, &skipped) || !reader.Take(kGeneralizedTime, &skipped) ||
      !reader.Take(kSequence, &answers)) {
    return false;
  }
  view->answers = {answers};
  return true;
}

bool TakeCertificateId(DerReader& reader, OcspAnswer* answer) {
  std::string_view id, algorithm;
  if (!reader.Take(kSequence, &id)) return false;
  DerReader parts{id};
  if (!parts.Take(kSequence, &algorithm) || !parts.Take(kOctets, &answer->issuer_name) ||
      !parts.Take(kOctets, &answer->issuer_key) || !parts.Take(kInteger, &answer->serial)) {
    return false;
  }
  if (answer->serial.size() > 1 && answer->serial[0] == 0) answer->serial.remove_prefix(1);
  DerReader inside{algorithm};
  return inside.Take(kIdentifier, &answer->hash);
}

bool TakeTime(DerReader& reader, int64_t* seconds) {
  std::string_view text;
  return reader.Take(kGeneralizedTime, &text) && ReadGeneralizedTime(text, seconds);
}

// Days since 1970 of a date of the Gregorian calendar.
int64_t DaysOf(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) --year;  // a year that begins in March has its odd day at its end
  const int64_t era = year / 400;
  const int64_t of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

}  // namespace

bool ReadGeneralizedTime(std::string_view text, int64_t* seconds) {
  if (text.size() != 15 || text.back() != 'Z') return false;
  for (const char digit : text.substr(0, 14)) {
    if (digit < '0' || digit > '9') return false;
  }
  const auto number = [&](size_t at, size_t digits) {
    int64_t value = 0;
    for (size_t i = 0; i < digits; ++i) value = value * 10 + (text[at + i] - '0');
    return value;
  };
  const int64_t month = number(4, 2);
  const int64_t day = number(6, 2);
  const int64_t hour = number(8, 2);
  const int64_t minute = number(10, 2);
  const int64_t second = number(12, 2);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) {
    return false;
  }
  *seconds = ((DaysOf(number(0, 4), month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return true;
}

bool ReadOcspResponse(std::string_view der, OcspView* view) {
  *view = {};
  DerReader whole{der};
  std::string_view response, status, bytes, inside, kind, basic;
  if (!whole.Take(kSequence, &response) || !whole.rest.empty()) return false;
  DerReader parts{response};
  if (!parts.Take(kEnumerated, &status) || status.size() != 1) return false;
  view->status = uint8_t(status[0]);
  if (view->status != 0) return true;
  if (!parts.Take(kZero, &bytes)) return false;
  DerReader wrapped{bytes};
  if (!wrapped.Take(kSequence, &inside)) return false;
  DerReader typed{inside};
  return typed.Take(kIdentifier, &kind) && kind == kBasic && typed.Take(kOctets, &basic) &&
         ReadBasic(basic, view);
}

bool NextOcspAnswer(DerReader& answers, OcspAnswer* answer) {
  *answer = {};
  const DerReader before = answers;
  std::string_view one, skipped;
  const auto read = [&] {
    if (!answers.Take(kSequence, &one)) return false;
    DerReader reader{one};
    uint8_t status = 0;
    if (!TakeCertificateId(reader, answer) || !reader.Next(&status, &skipped)) return false;
    switch (status) {
      case kGoodStatus:
        answer->status = OcspStatus::kGood;
        break;
      case kRevokedStatus:
        answer->status = OcspStatus::kRevoked;
        break;
      case kUnknownStatus:
        break;
      default:
        return false;
    }
    if (!TakeTime(reader, &answer->this_update_s)) return false;
    if (!NextIs(reader, kZero)) return true;
    std::string_view next;
    if (!reader.Take(kZero, &next)) return false;
    DerReader inside{next};
    return TakeTime(inside, &answer->next_update_s);
  };
  if (read()) return true;
  answers = before;
  return false;
}

}  // namespace proto
