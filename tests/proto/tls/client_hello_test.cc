#include "proto/tls/client_hello.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/proto/tls/hello_text.h"

namespace proto {
namespace {

TEST(ClientHello, ReadsWhatItSays) {
  const std::string bytes = HelloText({.server_name = "www.example.com",
                                       .alpn = {"h2", "http/1.1"},
                                       .ticket = "abc",
                                       .versions = std::string("\x03\x04\x03\x03", 4),
                                       .groups = std::string("\x00\x1d\x00\x17", 4)});
  ClientHello hello;
  ASSERT_EQ(ReadClientHello(bytes, &hello), HelloResult::kDone);
  EXPECT_EQ(hello.record_version, 0x0301);
  EXPECT_EQ(hello.version, 0x0303);
  EXPECT_EQ(hello.server_name, "www.example.com");
  EXPECT_EQ(hello.alpn, std::string("\x02h2\x08http/1.1"));
  EXPECT_TRUE(hello.has_ticket);
  EXPECT_TRUE(hello.has_ticket_data);
  EXPECT_TRUE(hello.has_groups);
  EXPECT_EQ(hello.groups, std::string("\x00\x1d\x00\x17", 4));
  EXPECT_EQ(hello.cipher_suites.size(), 4u);
  uint8_t type = 0;
  EXPECT_EQ(ReadHelloType(bytes, &type), HelloResult::kDone);
  EXPECT_EQ(type, 1);
}

TEST(ClientHello, WaitsForTheWholeMessage) {
  const std::string bytes = HelloText({.server_name = "h.example"});
  ClientHello hello;
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(ReadClientHello(std::string_view(bytes).substr(0, cut), &hello),
              HelloResult::kNeedMore)
        << cut;
  }
  EXPECT_EQ(ReadClientHello(bytes + "more", &hello), HelloResult::kDone);
}

// The records that `hello`, which is one, becomes with `piece` bytes in each.
std::string InPieces(const std::string& hello, size_t piece) {
  const std::string message = hello.substr(5);
  std::string records;
  for (size_t at = 0; at < message.size(); at += piece) {
    records += hello.substr(0, 3) + Counted(2, message.substr(at, piece));
  }
  return records;
}

// RFC 8446 section 5.1.
TEST(ClientHello, MayLieInSeveralRecords) {
  const std::string hello_text = HelloText({.server_name = "www.example.com", .alpn = {"h2"}});
  for (size_t piece = 1; piece < hello_text.size(); ++piece) {
    const std::string bytes = InPieces(hello_text, piece);
    ClientHello hello;
    uint8_t type = 0;
    for (size_t cut = 0; cut < bytes.size(); cut += 1 + piece / 2) {
      const std::string_view some = std::string_view(bytes).substr(0, cut);
      ASSERT_EQ(ReadClientHello(some, &hello), HelloResult::kNeedMore) << piece << ' ' << cut;
      ASSERT_EQ(ReadHelloType(some, &type), HelloResult::kNeedMore);
      ASSERT_EQ(HelloJoinBytes(some), 0u);
    }
    const std::string and_more = bytes + "more";
    std::vector<char> join(HelloJoinBytes(and_more));
    ASSERT_EQ(ReadHelloType(bytes, &type), HelloResult::kDone);
    EXPECT_EQ(type, 1);
    ASSERT_EQ(ReadClientHello(and_more, &hello, join), HelloResult::kDone) << piece;
    EXPECT_EQ(hello.record_version, 0x0301);
    EXPECT_EQ(hello.server_name, "www.example.com");
    EXPECT_EQ(hello.alpn, std::string("\x02h2"));
    const bool is_split = piece < hello_text.size() - 5;
    EXPECT_EQ(join.empty(), !is_split);
    if (!is_split) continue;
    join.pop_back();
    EXPECT_EQ(ReadClientHello(bytes, &hello, join), HelloResult::kBad);
  }
}

TEST(ClientHello, IsRefusedAsSoonAsItIsNone) {
  ClientHello hello;
  const std::string first = InPieces(HelloText({}), 8).substr(0, 13);
  EXPECT_EQ(ReadClientHello(first, &hello), HelloResult::kNeedMore);
  std::string other = first;
  other[5] = 11;  // a certificate
  EXPECT_EQ(ReadClientHello(other, &hello), HelloResult::kBad);
  other = first;
  other[6] = 0x7f;  // millions of bytes
  EXPECT_EQ(ReadClientHello(other, &hello), HelloResult::kBad);
  EXPECT_EQ(ReadClientHello(first + std::string("\x17\x03\x03\x00\x01x", 6), &hello),
            HelloResult::kBad);
  EXPECT_EQ(ReadClientHello(first + std::string("\x16\x03\x01\x00\x00", 5), &hello),
            HelloResult::kBad);
}

// No flipped byte may lead it out of the message; what it says then is another matter.
TEST(ClientHello, StaysInsideWhateverIsWrong) {
  const std::string good = HelloText({.server_name = "h.example", .alpn = {"h2"}});
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0xff}) {
      std::string bad = good;
      bad[at] = char(value);
      // Behind the bytes stands nothing that may be read.
      const auto copy = std::make_unique<char[]>(bad.size());
      std::copy(bad.begin(), bad.end(), copy.get());
      ClientHello hello;
      if (ReadClientHello({copy.get(), bad.size()}, &hello) != HelloResult::kDone) continue;
      for (const std::string_view one : {hello.server_name, hello.alpn, hello.cipher_suites}) {
        if (one.empty()) continue;
        EXPECT_GE(one.data(), copy.get());
        EXPECT_LE(one.data() + one.size(), copy.get() + bad.size());
      }
    }
  }
}

TEST(ClientHello, IsNotSomethingElse) {
  ClientHello hello;
  EXPECT_EQ(ReadClientHello("GET / HTTP/1.1\r\n", &hello), HelloResult::kBad);
  EXPECT_EQ(ReadClientHello(std::string("\x16\x02\x01\x00\x10", 5), &hello), HelloResult::kBad);
  EXPECT_EQ(ReadClientHello(std::string("\x16\x03\x01\xff\xff", 5), &hello), HelloResult::kBad);
  std::string server = HelloText({});
  server[5] = 2;  // a server's hello
  EXPECT_EQ(ReadClientHello(server, &hello), HelloResult::kBad);
  uint8_t type = 0;
  EXPECT_EQ(ReadHelloType(server, &type), HelloResult::kDone);
  EXPECT_EQ(type, 2);
}

}  // namespace
}  // namespace proto
