#include "engine/applet/invalid_text.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace engine {
namespace {

// The example of management 9.3, show errors, in lines as wide as may be.
TEST(InvalidText, LinesCarryTheirPositions) {
  const std::string long_line(90, 'z');
  EXPECT_EQ(DumpText("HTTP/1.0 200 OK\r\nheader/bizarre:blah\r\nLong: " + long_line + "\r\n\r\n"),
            "  00000  HTTP/1.0 200 OK\\r\\n\n"
            "  00017  header/bizarre:blah\\r\\n\n"
            "  00038  Long: " +
                std::string(64, 'z') +
                "\n"
                "  00108+ " +
                std::string(26, 'z') +
                "\\r\\n\n"
                "  00136  \\r\\n\n");
}

TEST(InvalidText, BytesAreEncodedAndNoLineIsTooWide) {
  EXPECT_EQ(DumpText(std::string("\t\x1b\\\xff\0", 5)), "  00000  \\t\\e\\\\\\xFF\\x00\n");
  const std::string dump = DumpText(std::string(1000, '\x80'));
  for (const std::string_view line : base::Split(dump, '\n')) EXPECT_LE(line.size(), 79u);
  EXPECT_EQ(DumpText(""), "");
}

TEST(InvalidText, SaysWhoMetItAndFromWhom) {
  // Appended, because g++ 12 warns of an assignment it imagines otherwise.
  ProxyConfig front, back;
  front.name.append("fe");
  front.id = 2;
  back.name.append("be");
  back.id = 3;
  ServerConfig server;
  server.name.append("s1");
  server.id = 1;
  InvalidMessage message;
  message.proxy.Set(back);
  message.is_response = true;
  message.frontend.Set(front);
  message.server.Set(server);
  message.client = shard::Address::V4(0x7f000001, 80);
  message.session = 54;
  message.number = 7;
  message.bytes.append("x\n");
  message.position = 1;
  const std::string text = InvalidText(message);
  EXPECT_NE(text.find("] backend be (#3) : invalid response\n"
                      "  src 127.0.0.1, session #54, frontend fe (#2), server s1 (#1), event #7\n"
                      "  response length 2 bytes, error at position 1:\n  \n"
                      "  00000  x\\n\n"),
            std::string::npos)
      << text;
  message.is_response = false;
  message.proxy.Set(front);
  message.server.Clear();
  EXPECT_NE(InvalidText(message).find("] frontend fe (#2) : invalid request\n"
                                      "  src 127.0.0.1, session #54, backend <NONE> (#-1), "
                                      "server <NONE> (#-1), event #7\n"),
            std::string::npos);
}

}  // namespace
}  // namespace engine
