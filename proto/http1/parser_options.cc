#include "proto/http1/parser_options.h"

namespace proto {

std::string_view HeadErrorText(HeadError error) {
  switch (error) {
    case HeadError::kNone:
      return "none";
    case HeadError::kTooManyEmptyLines:
      return "too_many_empty_lines";
    case HeadError::kBadMethod:
      return "bad_method";
    case HeadError::kBadTargetByte:
      return "bad_target_byte";
    case HeadError::kFragment:
      return "fragment";
    case HeadError::kBadTarget:
      return "bad_target";
    case HeadError::kBadAuthority:
      return "bad_authority";
    case HeadError::kBadVersion:
      return "bad_version";
    case HeadError::kHttp2Preface:
      return "http2_preface";
    case HeadError::kBadStatus:
      return "bad_status";
    case HeadError::kBadReason:
      return "bad_reason";
    case HeadError::kBareCr:
      return "bare_cr";
    case HeadError::kBareLf:
      return "bare_lf";
    case HeadError::kBlankBeforeFirstField:
      return "blank_before_first_field";
    case HeadError::kObsFold:
      return "obs_fold";
    case HeadError::kEmptyName:
      return "empty_field_name";
    case HeadError::kBadNameByte:
      return "bad_field_name_byte";
    case HeadError::kBlankBeforeColon:
      return "blank_before_colon";
    case HeadError::kMissingColon:
      return "missing_colon";
    case HeadError::kBadValueByte:
      return "bad_field_value_byte";
    case HeadError::kMissingHost:
      return "missing_host";
    case HeadError::kRepeatedHost:
      return "repeated_host";
    case HeadError::kBadHost:
      return "bad_host";
    case HeadError::kHostMismatch:
      return "host_mismatch";
    case HeadError::kHeadTooLarge:
      return "head_too_large";
    case HeadError::kTooManyFields:
      return "too_many_fields";
    case HeadError::kCount:
      break;
  }
  return "unknown";
}

HeadError FromTargetError(TargetError error) {
  switch (error) {
    case TargetError::kNone:
      return HeadError::kNone;
    case TargetError::kBadForm:
      return HeadError::kBadTarget;
    case TargetError::kBadAuthority:
      return HeadError::kBadAuthority;
    case TargetError::kMissingHost:
      return HeadError::kMissingHost;
    case TargetError::kRepeatedHost:
      return HeadError::kRepeatedHost;
    case TargetError::kBadHost:
      return HeadError::kBadHost;
    case TargetError::kHostMismatch:
      return HeadError::kHostMismatch;
    case TargetError::kCount:
      break;
  }
  return HeadError::kBadTarget;
}

ParserOptions UnsafeRequestOptions() {
  ParserOptions options;
  options.accept_bad_field_names = true;
  options.accept_nul_in_values = true;
  options.accept_high_target_bytes = true;
  options.accept_fragment = true;
  options.accept_odd_version = true;
  options.target.accept_any_connect_authority = true;
  options.target.accept_host_mismatch = true;
  options.accept_obs_fold = true;
  return options;
}

ParserOptions ResponseOptions() {
  ParserOptions options;
  options.accept_obs_fold = true;
  return options;
}

ParserOptions UnsafeResponseOptions() {
  ParserOptions options = ResponseOptions();
  options.accept_bad_field_names = true;
  options.accept_nul_in_values = true;
  options.accept_odd_version = true;
  options.accept_long_status = true;
  return options;
}

}  // namespace proto
