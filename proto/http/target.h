// target.h - request targets and authorities: which form, which parts, and whether they agree with
// Host.
//
// Owns:    nothing: parts are views of the text given.
// Threads: immutable.
// Units:   none.
// Errors:  TargetError; the TargetOptions are the relaxations the manual lists under `option
//          accept-unsafe-violations-in-http-request`.
// States:  none.
//
//   TargetError error = ParseTarget(text, options, head);  // head.method is set, bytes are checked
//   if (error == TargetError::kNone) error = CheckHost(head, options);  // once the fields are in

#pragma once

#include <cstdint>
#include <string_view>

#include "proto/http/head.h"

namespace proto {

enum class TargetError : uint8_t {
  kNone,
  kBadForm,       // no form fits, or the form does not go with the method
  kBadAuthority,  // of the target: bytes, port, userinfo, empty host
  kMissingHost,   // HTTP/1.1 or later without Host
  kRepeatedHost,
  kBadHost,       // the field's value is not host [":" port]
  kHostMismatch,  // Host names another authority than the target
  kCount
};

struct TargetOptions {
  bool accept_any_connect_authority = false;
  bool accept_host_mismatch = false;
};

struct Authority {
  std::string_view host;     // with the brackets of an IP literal
  std::string_view port;     // digits, may be empty
  uint16_t port_number = 0;  // 0: none given
};

// RFC 9110 section 7.2: host [":" port]; no userinfo, which section 4.2.4 wants
// refused. An empty host passes: whoever needs one tests for it.
[[nodiscard]] bool ParseAuthority(std::string_view text, Authority* authority);

// Sets target, target_form, scheme, authority, path, query, has_query of `head`. Looks at structure
// and at the authority's bytes; the caller has seen to control bytes, spaces and '#'.
[[nodiscard]] TargetError ParseTarget(std::string_view target, const TargetOptions& options,
                                      RequestHead& head);

// RFC 9112 section 3.2: one Host in HTTP/1.1, valid, and the same as the target's authority.
[[nodiscard]] TargetError CheckHost(const RequestHead& head, const TargetOptions& options);

// True when `a` and `b` name the same place: case ignored, the scheme's default port optional.
bool SameAuthority(std::string_view a, std::string_view b, std::string_view scheme);

}  // namespace proto
