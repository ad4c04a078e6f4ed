// ocsp_view.h - an OCSP response (RFC 6960 section 4.2.1), read in place.
//
// Owns:    nothing: every text views the DER given.
// Threads: immutable (pure).
// Units:   seconds since 1970.
// Errors:  false for what is no response; no signature is verified here.
// States:  none.
//
//   OcspView view;
//   if (!ReadOcspResponse(der, &view) || view.status != 0) return;
//   OcspAnswer answer;
//   while (NextOcspAnswer(view.answers, &answer)) Use(answer);

#pragma once

#include <cstdint>
#include <string_view>

#include "proto/tls/certificate_view.h"

namespace proto {

struct OcspView {
  uint8_t status = 0;  // 0: successful; only then there are answers
  DerReader answers;
};
[[nodiscard]] bool ReadOcspResponse(std::string_view der, OcspView* view);

enum class OcspStatus : uint8_t { kGood, kRevoked, kUnknown };

// About one certificate.
struct OcspAnswer {
  std::string_view hash;         // which made the two below; its identifier, encoded
  std::string_view issuer_name;  // hash of the issuer's name
  std::string_view issuer_key;
  std::string_view serial;  // without the zero that keeps it positive
  OcspStatus status = OcspStatus::kUnknown;
  int64_t this_update_s = 0;
  int64_t next_update_s = 0;  // 0: not said
};
// False at the end, and at what is no answer: then `answers.rest` is not empty.
[[nodiscard]] bool NextOcspAnswer(DerReader& answers, OcspAnswer* answer);

// "YYYYMMDDHHMMSSZ", the only form that RFC 5280 section 4.1.2.5.2 allows. False for another.
[[nodiscard]] bool ReadGeneralizedTime(std::string_view text, int64_t* seconds);

}  // namespace proto
