// Which hosts a name of a certificate stands for. Rows agree with HAProxy 2.6, unless their name
// says otherwise.

#include "proto/tls/host_pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

struct HostRow {
  const char* name;
  const char* pattern;
  const char* host;
  bool matches;
};

constexpr HostRow kHostRows[] = {
    {"itself", "a.test", "a.test", true},
    {"another", "a.test", "b.test", false},
    {"case of the host", "a.test", "A.TEST", true},
    {"case of the pattern", "UP.test", "up.test", true},
    {"dot at the end of the host", "a.test", "a.test.", false},
    {"dot at the end of the pattern", "*.wild.test.", "a.wild.test", false},
    {"dot at both ends", "a.test.", "a.test.", true},
    {"dot at the begin is no wildcard", ".wild.test", "a.wild.test", false},
    {"same dot at the begin", ".wild.test", ".wild.test", true},
    {"label", "*.wild.test", "foo.wild.test", true},
    {"label in other letters", "*.wild.test", "FOO.WILD.test", true},
    {"two labels", "*.wild.test", "a.b.wild.test", false},
    {"no label", "*.wild.test", "wild.test", false},
    {"empty label, which HAProxy takes", "*.wild.test", ".wild.test", false},
    {"encoded label", "*.wild.test", "xn--a.wild.test", true},
    {"asterisk in the host", "*.wild.test", "*.wild.test", true},
    {"asterisk and letters in the host", "*.wild.test", "f*.wild.test", true},
    {"top level", "*.test", "a.test", true},
    {"top level alone", "*.test", "test", false},
    {"everything", "*", "y", false},
    {"everything with a dot", "*", "a.test", false},
    {"nothing behind the dot", "*.", "y.", false},
    {"no dot", "*a", "ba", false},
    {"letters before", "f*.wild.test", "foo.wild.test", true},
    {"nothing but the letters before", "f*.wild.test", "f.wild.test", true},
    {"letters before, in capitals", "f*.wild.test", "F.wild.test", true},
    {"other letters before", "f*.wild.test", "g.wild.test", false},
    {"letters before, two labels", "f*.wild.test", "fo.o.wild.test", false},
    {"letters behind", "*o.wild.test", "foo.wild.test", true},
    {"nothing but the letters behind", "*o.wild.test", "o.wild.test", true},
    {"letters around", "f*o.wild.test", "fxxo.wild.test", true},
    {"nothing between", "f*o.wild.test", "fo.wild.test", true},
    {"letters that would overlap", "fo*o.wild.test", "fo.wild.test", false},
    {"two asterisks in a label", "f*o*.wild.test", "foo.wild.test", false},
    {"two asterisks side by side", "**.wild.test", "foo.wild.test", false},
    {"asterisks in two labels", "*.*.test", "a.b.test", false},
    {"asterisk in another label", "a.*.test", "a.b.test", false},
    {"the same text", "a.*.test", "a.*.test", true},
    {"encoded letters before", "xn--*.wild.test", "xn--a.wild.test", true},
    {"text of an address", "1.2.3.4", "1.2.3.4", true},
    {"empty host", "*.test", "", false},
    {"empty pattern", "", "a.test", false},
};

TEST(HostMatches, FollowsTheTable) {
  for (const HostRow& row : kHostRows) {
    EXPECT_EQ(HostMatches(row.pattern, row.host), row.matches) << row.name;
  }
}

}  // namespace
}  // namespace proto
