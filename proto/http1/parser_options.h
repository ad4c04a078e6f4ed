// parser_options.h - what the HTTP/1 parsers share: limits, relaxations, results, errors.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   limits in bytes and in fields.
// Errors:  HeadError names what was wrong; its text is stable, for logs and tests.
// States:  none.
//
// The accept_* flags are the manual's lists under `option accept-unsafe-violations-in-http-request`
// and `-response`, one flag each; UnsafeRequestOptions() and UnsafeResponseOptions() set them
// together.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http/field_list.h"
#include "proto/http/target.h"

namespace proto {

enum class ParseResult : uint8_t {
  kDone,
  kNeedMore,  // nothing is wrong so far
  kBad,
  kTooLarge  // head_bytes_max or fields_max was reached
};

enum class HeadError : uint8_t {
  kNone,
  kTooManyEmptyLines,  // before the request line
  kBadMethod,
  kBadTargetByte,
  kFragment,
  kBadTarget,
  kBadAuthority,
  kBadVersion,
  kHttp2Preface,  // "PRI * HTTP/2.0": another mux's business
  kBadStatus,
  kBadReason,
  kBareCr,
  kBareLf,
  kBlankBeforeFirstField,
  kObsFold,
  kEmptyName,
  kBadNameByte,
  kBlankBeforeColon,
  kMissingColon,
  kBadValueByte,
  kMissingHost,
  kRepeatedHost,
  kBadHost,
  kHostMismatch,
  kHeadTooLarge,
  kTooManyFields,
  kCount
};
std::string_view HeadErrorText(HeadError error);
// The parser's name for what ParseTarget or CheckHost found.
HeadError FromTargetError(TargetError error);

struct ParserOptions {
  size_t head_bytes_max = 16384;  // from the first byte given to the last of the empty line
  uint32_t fields_max = FieldList::kFieldsMaxDefault;
  uint32_t empty_lines_max = 8;  // CRLFs before a request line, RFC 9112 section 2.2

  bool accept_bad_field_names = false;  // the field is dropped
  bool accept_nul_in_values = false;
  bool accept_high_target_bytes = false;  // 128 to 255
  bool accept_fragment = false;
  bool accept_odd_version = false;  // HTTP/0.9, other protocol names, several digits
  bool accept_long_status = false;  // four or five digits, up to 65535
  TargetOptions target;
  // RFC 9112 section 5.2: line folding is refused, or each fold becomes spaces. A response is
  // always mended, as the manual (1.3.2) has it; a request only together with the other
  // relaxations.
  bool accept_obs_fold = false;
};

ParserOptions UnsafeRequestOptions();
ParserOptions ResponseOptions();
ParserOptions UnsafeResponseOptions();

}  // namespace proto
