#include "proto/http/status.h"

#include <gtest/gtest.h>

namespace proto {
namespace {

TEST(StatusTest, ReasonsAreTheRegistrys) {
  EXPECT_EQ(StatusReason(200), "OK");
  EXPECT_EQ(StatusReason(413), "Content Too Large");
  EXPECT_EQ(StatusReason(503), "Service Unavailable");
  EXPECT_EQ(StatusReason(299), "");
  EXPECT_EQ(StatusReason(65535), "");
}

TEST(StatusTest, SwitchingProtocolsIsFinal) {
  EXPECT_TRUE(IsInterim(100));
  EXPECT_TRUE(IsInterim(103));
  EXPECT_FALSE(IsInterim(101));
  EXPECT_FALSE(IsInterim(200));
}

}  // namespace
}  // namespace proto
