// condition.h - the expressions of `.if`, `.elif` and `-cc` (manual 2.4).
//
// Owns:    nothing.
// Threads: any-thread (pure: everything it may ask is in its arguments).
// Units:   positions in bytes of the expression, from 0.
// Errors:  kUnparsable with a message and a position; the caller turns it into an alert or exit 2.
// States:  none.
//
//   const Condition c = EvaluateCondition("feature(QUIC) && !defined(A)", environment, facts);
//   if (c.result == ConditionResult::kUnparsable) Report(c.message, c.position);
//
// The whole expression must parse, whichever way it turns out, but the arguments of a predicate
// that cannot matter any more (after `0 &&`) are not looked at: that is how a file guards a name
// this version does not know.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/environment.h"

namespace engine {

inline constexpr int kConditionDepthMax = 100;  // nested parentheses

// What the predicates can be asked about. The defaults are the process contract's.
struct ConditionFacts {
  std::string version = "3.5";               // compatible version
  std::vector<std::string> features;         // names shown as +NAME by -vv
  std::vector<std::string> enabled_options;  // of those enabled() knows: "SPLICE", "REUSEPORT", ...
  std::string ssl_library = "OpenSSL";       // the API we speak, not the library's own name
  std::string openssl_version = "3.0.0";
  std::optional<uint64_t> awslc_api;  // none: the library is not AWS-LC
  bool fips_mode = false;
};

enum class ConditionResult : uint8_t { kFalse, kTrue, kUnparsable };

struct Condition {
  ConditionResult result = ConditionResult::kFalse;
  size_t position = 0;  // of the fault, when unparsable
  std::string message;
  std::string hint;
};

[[nodiscard]] Condition EvaluateCondition(std::string_view text, const Environment& environment,
                                          const ConditionFacts& facts);

// Negative, zero or positive as `a` is older than, equal to or newer than `b`; nullopt when one of
// them is no version. Missing parts count as zero and "2.4-dev19" comes before "2.4.0".
std::optional<int> CompareVersions(std::string_view a, std::string_view b);
// The same for "1.1.1", "1.1.1w", "3.0.0-beta1".
std::optional<int> CompareOpensslVersions(std::string_view a, std::string_view b);

}  // namespace engine
