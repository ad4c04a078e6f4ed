#include "engine/session/rdp_cookie.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(RdpCookie, NamesAnAddress) {
  // [MS-RDPBCGR] 3.2.5.3.1: 217.0.1.164 and port 3389.
  const auto address = AddressOfRdpCookie("2751529177.15629.0000");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->ToString(), "217.0.1.164:3389");
  EXPECT_EQ(AddressOfRdpCookie("16777343.20480.0000")->ToString(), "127.0.0.1:80");
}

TEST(RdpCookie, AnythingElseNamesNone) {
  for (const char* text : {"", "user", "1.2", "4294967296.1.0", "1.65536.0", "-1.1.0", "a.1.0",
                           "1.b.0", "..", "1..0"}) {
    EXPECT_FALSE(AddressOfRdpCookie(text)) << text;
  }
}

}  // namespace
}  // namespace engine
