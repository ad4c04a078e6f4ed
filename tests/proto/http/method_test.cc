#include "proto/http/method.h"

#include <gtest/gtest.h>

namespace proto {
namespace {

TEST(MethodTest, TextAndEnumGoBothWays) {
  for (int i = 1; i < int(Method::kCount); ++i) {
    EXPECT_EQ(FindMethod(MethodText(Method(i))), Method(i));
  }
}

TEST(MethodTest, UnknownOrOtherwiseSpelledIsOther) {
  for (const char* text : {"", "get", "Get", "GETS", "GE", "PUX", "HEAT", "POSH", "TRACK", "PATCG",
                           "DELETF", "CONNECX", "OPTIONT", "PROPFIND"}) {
    EXPECT_EQ(FindMethod(text), Method::kOther) << text;
  }
}

TEST(MethodTest, SafeAndIdempotentAreTheRfcs) {
  EXPECT_TRUE(IsSafe(Method::kGet) && IsSafe(Method::kHead) && IsSafe(Method::kOptions));
  EXPECT_FALSE(IsSafe(Method::kPut) || IsSafe(Method::kPost) || IsSafe(Method::kOther));
  EXPECT_TRUE(IsIdempotent(Method::kPut) && IsIdempotent(Method::kDelete));
  EXPECT_FALSE(IsIdempotent(Method::kPost) || IsIdempotent(Method::kPatch) ||
               IsIdempotent(Method::kOther));
}

}  // namespace
}  // namespace proto
