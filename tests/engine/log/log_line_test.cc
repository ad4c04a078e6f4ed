#include "engine/log/log_line.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <string>

#include "shard/net/address.h"

namespace engine {
namespace {

template <typename F>
std::string Written(F write, size_t bytes = 200) {
  std::string buffer(bytes, '?');
  LogLine line(buffer.data(), bytes);
  write(line);
  return std::string(line.view());
}

TEST(LogLine, Numbers) {
  struct Row {
    std::string written;
    std::string_view expected;
  } const rows[] = {
      {Written([](LogLine& line) { line.Number(0); }), "0"},
      {Written([](LogLine& line) { line.Number(UINT64_MAX); }), "18446744073709551615"},
      {Written([](LogLine& line) { line.Signed(-1); }), "-1"},
      {Written([](LogLine& line) { line.Signed(INT64_MIN); }), "-9223372036854775808"},
      {Written([](LogLine& line) { line.Padded(7, 3); }), "007"},
      {Written([](LogLine& line) { line.Padded(0, 3); }), "000"},
      {Written([](LogLine& line) { line.Padded(1234, 3); }), "1234"},
      {Written([](LogLine& line) { line.Padded(5, 1); }), "5"},
      {Written([](LogLine& line) { line.Hex(0, 4); }), "0000"},
      {Written([](LogLine& line) { line.Hex(0x1a2b3c, 4); }), "1A2B3C"},
      {Written([](LogLine& line) { line.Hex(UINT64_MAX, 2); }), "FFFFFFFFFFFFFFFF"},
  };
  for (const Row& row : rows) EXPECT_EQ(row.written, row.expected);
}

TEST(LogLine, PeersBytesAreMadeHarmless) {
  const std::string text("a\"#\\]\x7f\x01\xff z", 10);
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(text, LogEscape::kHash); }),
            "a#22#23\\]#7F#01#FF z");
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(text, LogEscape::kHashBackslash); }),
            "a#22#23\\\\\\]#7F#01#FF z");
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(text, LogEscape::kControls); }),
            "a\"#\\]#7F#01#FF z");
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(text, LogEscape::kControlsBackslash); }),
            "a\\\"#\\\\\\]#7F#01#FF z");
  // In a message only what could end its lines: controls, but not the tab.
  const std::string message("a\"#\\]\t\x7f\x01\xff\r\n\0z", 13);
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(message, LogEscape::kPercent); }),
            "a\"#\\]\t%7F%01\xff%0D%0A%00z");
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(message, LogEscape::kPercentBackslash); }),
            "a\\\"#\\\\\\]\t%7F%01\xff%0D%0A%00z");
  // What stays here is nobody's line.
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(message, LogEscape::kNone); }), message);
  EXPECT_EQ(Written([&](LogLine& line) { line.Escaped(message, LogEscape::kBackslash); }),
            std::string("a\\\"#\\\\\\]\t\x7f\x01\xff\r\n\0z", 16));
}

TEST(LogLine, Addresses) {
  const shard::Address v4 = shard::Address::V4(0x7f000001, 80);
  shard::Address v6;
  v6.family = AF_INET6;
  ASSERT_EQ(inet_pton(AF_INET6, "2001:db8::1", &v6.v6), 1);
  EXPECT_EQ(Written([&](LogLine& line) { line.Ip(v4); }), "127.0.0.1");
  EXPECT_EQ(Written([&](LogLine& line) { line.HexIp(v4); }), "7F000001");
  EXPECT_EQ(Written([&](LogLine& line) { line.Ip(v6); }), "2001:db8::1");
  EXPECT_EQ(Written([&](LogLine& line) { line.HexIp(v6); }), "20010DB8000000000000000000000001");
  EXPECT_EQ(Written([&](LogLine& line) { line.Ip({}); }), "-");
}

TEST(LogLine, WhatDoesNotFitIsCut) {
  const auto write = [](LogLine& line) {
    line.Text("status=").Number(12345).Char('!').Padded(1, 9).Escaped("###", LogEscape::kHash);
  };
  const std::string whole = Written(write);
  for (size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    EXPECT_EQ(Written(write, bytes), whole.substr(0, bytes));
  }
}

}  // namespace
}  // namespace engine
