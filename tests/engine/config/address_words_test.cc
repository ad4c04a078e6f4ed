#include "engine/config/address_words.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace engine {
namespace {

// "kind family host|literal|path low-high", or the error.
std::string Show(std::string_view text, uint32_t use) {
  const Parsed<AddressWord> parsed = ParseAddress(text, use);
  if (!parsed) return "error: " + parsed.error;
  const AddressWord& word = parsed.value;
  std::string shown;
  switch (word.kind) {
    case AddressKind::kHost:
      shown = word.is_literal ? word.literal.Ip() : "name " + word.host;
      if (!word.is_literal && word.family == AF_INET) shown += " v4";
      if (!word.is_literal && word.family == AF_INET6) shown += " v6";
      break;
    case AddressKind::kUnix:
      return "unix " + word.path;
    case AddressKind::kAbstract:
      return "abstract " + std::string(word.path.c_str()) + " of " +
             std::to_string(word.path.size());
    case AddressKind::kFd:
      return "fd " + std::to_string(word.fd);
  }
  if (!word.has_port) return shown + " no port";
  shown += base::Format(" %u", word.port_low);
  if (word.port_high != word.port_low) shown += base::Format("-%u", word.port_high);
  return shown;
}

struct Row {
  const char* name;
  uint32_t use;
  const char* text;
  const char* shown;
};

constexpr Row kRows[] = {
    {"PortAlone", kBindAddress, ":80", "0.0.0.0 80"},
    {"Star", kBindAddress, "*:80", "0.0.0.0 80"},
    {"Zero", kBindAddress, "0:80", "0.0.0.0 80"},
    {"ZeroOfIpv6", kBindAddress, "ipv6@0:80", "error: invalid address: '0' in 'ipv6@0:80'"},
    {"ZeroWithoutPort", kBindAddress, "0", "error: missing port specification in '0'"},
    {"BracketsOfAny", kBindAddress, "[::]:80", ":: 80"},
    {"Ipv4", kBindAddress, "127.0.0.1:8080", "127.0.0.1 8080"},
    {"AnyIpv6", kBindAddress, ":::80", ":: 80"},
    {"Ipv6IsCutAtTheLastColon", kBindAddress, "::1:80", "::1 80"},
    {"Brackets", kBindAddress, "[::1]:80", "::1 80"},
    {"BracketsWithoutPort", kServerAddress, "[::1]", "::1 no port"},
    {"BracketsNeedAPortOnBind", kBindAddress, "[::1]",
     "error: missing port specification in '[::1]'"},
    {"Ipv6WithoutBracketsOrPort", kServerAddress, "::1", "error: invalid address: ':' in '::1'"},
    {"TwoColonsAndAPort", kBindAddress, "::80", "error: invalid address: ':' in '::80'"},
    {"Range", kBindAddress, ":8000-8010", "0.0.0.0 8000-8010"},
    {"RangeOfOne", kBindAddress, ":8000-8000", "0.0.0.0 8000"},
    {"RangeBackwards", kBindAddress, ":90-80", "error: invalid port range '90-80' in ':90-80'"},
    {"RangeOpen", kBindAddress, ":90-", "error: invalid port '' in ':90-'"},
    {"RangeOnServer", kServerAddress, "1.2.3.4:80-90",
     "error: port range not permitted here in '1.2.3.4:80-90'"},
    {"PortZero", kBindAddress, ":0", "error: invalid port '0' in ':0'"},
    {"PortZeroAsSource", kSourceAddress, "1.2.3.4:0", "1.2.3.4 0"},
    {"PortZeroOfServer", kServerAddress, "0.0.0.0:0", "0.0.0.0 0"},
    {"PortTooLarge", kBindAddress, ":70000", "error: invalid port '70000' in ':70000'"},
    {"PortWithLetter", kBindAddress, ":8a", "error: invalid port '8a' in ':8a'"},
    {"PortOffsetOnBind", kBindAddress, ":+3", "error: port offset not permitted here in ':+3'"},
    {"PortOffsetOnServer", kServerAddress, "1.2.3.4:+1", "1.2.3.4 no port"},
    {"NoPort", kServerAddress, "1.2.3.4", "1.2.3.4 no port"},
    {"EmptyPort", kServerAddress, "1.2.3.4:", "1.2.3.4 no port"},
    {"EmptyPortOnBind", kBindAddress,
     "1.2.3.4:", "error: missing port specification in '1.2.3.4:'"},
    {"NumberAlone", kBindAddress, "8080", "error: invalid address: '8080'"},
    {"Name", kServerAddress, "localhost:80", "name localhost 80"},
    {"NameOfIpv6Only", kServerAddress, "ipv6@localhost:80", "name localhost v6 80"},
    {"NameWithSpace", kServerAddress, "a b:80", "error: invalid address: 'a b' in 'a b:80'"},
    {"ShortIpv4", kServerAddress, "127.1:80", "error: invalid address: '127.1' in '127.1:80'"},
    {"PrefixIp", kServerAddress, "ip@1.2.3.4:5", "1.2.3.4 5"},
    {"PrefixIpv4", kBindAddress, "ipv4@:80", "0.0.0.0 80"},
    {"PrefixIpv6", kBindAddress, "ipv6@:80", ":: 80"},
    {"PrefixIpv6Star", kBindAddress, "ipv6@*:80", ":: 80"},
    {"PrefixTcp6", kBindAddress, "tcp6@[::1]:80", "::1 80"},
    {"PrefixStream", kBindAddress, "stream+ipv4@1.2.3.4:80", "1.2.3.4 80"},
    {"WrongFamily4", kBindAddress, "ipv4@::1:80", "error: invalid address: '::1' in 'ipv4@::1:80'"},
    {"WrongFamily6", kBindAddress, "ipv6@1.2.3.4:80",
     "error: invalid address: '1.2.3.4' in 'ipv6@1.2.3.4:80'"},
    {"Path", kBindAddress, "/tmp/a.sock", "unix /tmp/a.sock"},
    {"PrefixUnix", kServerAddress, "unix@rel/a.sock", "unix rel/a.sock"},
    {"PrefixUxst", kServerAddress, "uxst@/a", "unix /a"},
    {"EmptyPath", kServerAddress, "unix@",
     "error: the path of a unix socket is missing in 'unix@'"},
    {"PaddedAbstractName", kServerAddress, "abns@x", "abstract x of 107"},
    {"TightAbstractName", kServerAddress, "abnsz@x", "abstract x of 1"},
    {"Fd", kBindAddress, "fd@5", "fd 5"},
    {"FdWithType", kBindAddress, "stream+fd@7", "fd 7"},
    {"FdEmpty", kBindAddress, "fd@", "error: file descriptor '' is not a valid integer in 'fd@'"},
    {"FdOnServer", kServerAddress, "fd@5",
     "error: a file descriptor is not acceptable here in 'fd@5'"},
    {"Sockpair", kBindAddress, "sockpair@5",
     "error: 'sockpair@' addresses are not supported yet in 'sockpair@5'"},
    {"Udp", kBindAddress, "udp@:80", "error: 'udp@' addresses are not supported yet in 'udp@:80'"},
    {"Quic", kBindAddress, "quic4@:80",
     "error: 'quic4@' addresses are not supported yet in 'quic4@:80'"},
    {"Datagram", kBindAddress, "dgram+ipv4@:80",
     "error: 'dgram+' addresses are not supported yet in 'dgram+ipv4@:80'"},
    {"UnknownPrefix", kBindAddress, "foo@1.2.3.4:80",
     "error: unknown address prefix in 'foo@1.2.3.4:80'"},
    {"Empty", kBindAddress, "",
     "error: '' resolves to an empty address (environment variable missing?)"},
    {"BadBrackets", kBindAddress, "[::1:80", "error: invalid address: '[::1' in '[::1:80'"},
    {"NameInBrackets", kBindAddress, "[localhost]:80",
     "error: invalid address: 'localhost' in '[localhost]:80'"},
};

TEST(AddressWords, EveryFormOfTheManual) {
  for (const Row& row : kRows) {
    EXPECT_EQ(Show(row.text, row.use), row.shown) << row.name;
  }
}

// A parser must not read past its text, wherever it is cut.
TEST(AddressWords, EveryPrefixOfEveryFormIsAnswered) {
  for (const Row& row : kRows) {
    const std::string text = row.text;
    for (size_t length = 0; length <= text.size(); ++length) {
      const Parsed<AddressWord> parsed =
          ParseAddress(std::string_view(text).substr(0, length), row.use);
      EXPECT_EQ(bool(parsed), parsed.error.empty()) << row.name << " " << length;
    }
  }
}

TEST(AddressWords, ListEndsAtTheLastPieceWithText) {
  EXPECT_EQ(SplitAddressList(":80,:81,").size(), 2u);
  EXPECT_EQ(SplitAddressList(":80").size(), 1u);
  EXPECT_EQ(SplitAddressList("").size(), 1u);
  EXPECT_EQ(SplitAddressList(",:80").size(), 2u);
}

TEST(AddressWords, LiteralKeepsItsPortWhenResolved) {
  const Parsed<AddressWord> word = ParseAddress("127.0.0.1:8080", kServerAddress);
  ASSERT_TRUE(bool(word)) << word.error;
  const Parsed<shard::Address> address = ResolveAddress(word.value);
  ASSERT_TRUE(bool(address)) << address.error;
  EXPECT_EQ(address.value.ToString(), "127.0.0.1:8080");
}

TEST(AddressWords, UnixAddressPointsToTheTextItWasMovedTo) {
  Parsed<AddressWord> word = ParseAddress("/tmp/x", kServerAddress);
  Parsed<shard::Address> address = ResolveAddress(word.value);
  std::string owner;
  MoveUnixPath(std::move(word.value), owner, address.value);
  EXPECT_EQ(owner, "/tmp/x");
  EXPECT_EQ(address.value.local.path, owner.data());
  EXPECT_EQ(address.value.ToString(), "unix:/tmp/x");
}

TEST(AddressWords, PathThatFitsNoSocketAddressIsRefused) {
  const std::string longest = "/" + std::string(kUnixPathBytesMax - 1, 'a');
  EXPECT_TRUE(bool(ParseAddress(longest, kBindAddress)));
  EXPECT_FALSE(bool(ParseAddress(longest + "a", kBindAddress)));
}

}  // namespace
}  // namespace engine
