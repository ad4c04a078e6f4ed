#include "base/errno_name.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace base {
namespace {

TEST(ErrnoName, NamesBothSigns) {
  EXPECT_STREQ(ErrnoName(ECONNREFUSED), "ECONNREFUSED");
  EXPECT_STREQ(ErrnoName(-ECONNREFUSED), "ECONNREFUSED");
  EXPECT_STREQ(ErrnoText(-ECONNREFUSED), "Connection refused");
}

TEST(ErrnoName, HasSomethingToSayOfTheUnknown) {
  EXPECT_STREQ(ErrnoName(99999), "E?");
  EXPECT_STREQ(ErrnoText(-99999), "unknown error");
}

}  // namespace
}  // namespace base
