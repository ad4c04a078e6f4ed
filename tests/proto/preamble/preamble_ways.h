// preamble_ways.h - runs one header through a parser whole, byte by byte and split at each offset.
//
// Owns:    nothing beyond a call.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a way that disagrees with the whole one is a test failure that names the way.
// States:  none.
//
// The text is the whole input: what follows the header in it must stay unread.

#pragma once

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <string>
#include <string_view>

#include "proto/preamble/preamble.h"
#include "tests/fake/guard_page.h"

namespace proto {

inline std::string EndpointText(PreambleFamily family, const PreambleEndpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family == PreambleFamily::kIpv4 ? AF_INET : AF_INET6, endpoint.ip, text, sizeof(text));
  return std::string(text) + " " + std::to_string(endpoint.port);
}

// "1.2.3.4 10 5.6.7.8 20", "none", or what is wrong.
inline std::string MeaningOf(const PreambleParse& parse, const Preamble& preamble) {
  if (parse.result == PreambleResult::kNeedMore) return "more";
  if (parse.result == PreambleResult::kBad) {
    constexpr const char* kNames[] = {"bad without a reason", "not a header", "malformed",
                                      "protocol"};
    return kNames[size_t(parse.error)];
  }
  if (preamble.family == PreambleFamily::kNone) return "none";
  return EndpointText(preamble.family, preamble.source) + " " +
         EndpointText(preamble.family, preamble.destination);
}

struct PreambleOutcome {
  std::string meaning;
  size_t bytes = 0;
  friend bool operator==(const PreambleOutcome&, const PreambleOutcome&) = default;
};

// `parse(bytes)` gives a PreambleOutcome; "more" means that it waits.
template <typename Parse>
PreambleOutcome ParseAllWays(std::string_view text, Parse parse) {
  static fake::GuardPage guard(1 << 17);
  const PreambleOutcome whole = parse(guard.Place(text));
  const auto decided = [&](size_t bytes) {
    PreambleOutcome outcome = parse(guard.Place(text.substr(0, bytes)));
    if (outcome.meaning == "more") {
      EXPECT_GT(outcome.bytes, bytes) << "of " << bytes;
    }
    return outcome;
  };
  PreambleOutcome bytewise{"more", 0};
  // Long padding need not be cut everywhere: past 600 bytes every 97th offset is.
  const auto next = [](size_t offset) { return offset < 600 ? offset + 1 : offset + 97; };
  for (size_t i = 0; i < text.size() && bytewise.meaning == "more"; i = next(i)) {
    bytewise = decided(i);
  }
  if (bytewise.meaning == "more") bytewise = parse(guard.Place(text));
  EXPECT_EQ(bytewise.meaning, whole.meaning) << "byte by byte";
  if (whole.meaning != "more") {
    EXPECT_EQ(bytewise.bytes, whole.bytes) << "byte by byte";
  }
  for (size_t i = 0; i < text.size(); i = next(i)) {
    const PreambleOutcome part = decided(i);
    if (part.meaning == "more") continue;
    EXPECT_TRUE(part == whole) << "split at " << i << ": " << part.meaning;
    if (!(part == whole)) break;
  }
  return whole;
}

}  // namespace proto
