// The table of endings is whole: names and counters are unique, letters are those of the manual.

#include "shard/conn/close_reason.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

namespace shard {
namespace {

TEST(CloseReasonTest, EveryReasonIsDescribedOnce) {
  std::set<std::string> names, counters;
  for (size_t i = 0; i < size_t(CloseReason::kCount); ++i) {
    const CloseReasonInfo& info = Info(CloseReason(i));
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(counters.insert(info.counter).second) << info.counter;
    EXPECT_EQ(info.name[0], 'k');
    EXPECT_EQ(std::strspn(info.counter, "abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::strlen(info.counter));
    EXPECT_NE(std::strchr("-CSPLRIKDUcs", info.log_letter), nullptr) << info.name;  // manual 8.5
    EXPECT_GT(std::strlen(info.text), 5u);
  }
  EXPECT_EQ(Info(CloseReason::kNone).log_letter, '-');
  EXPECT_STREQ(Info(CloseReason::kClientReset).name, "kClientReset");
}

TEST(CloseReasonTest, BlameAndLetterAgree) {
  for (size_t i = 0; i < size_t(CloseReason::kCount); ++i) {
    const CloseReasonInfo& info = Info(CloseReason(i));
    if (info.blame == Blame::kNobody) {
      EXPECT_EQ(info.log_letter, '-') << info.name;
    } else {
      EXPECT_NE(info.log_letter, '-') << info.name;
    }
    if (info.log_letter == 'C' || info.log_letter == 'c') {
      EXPECT_EQ(info.blame, Blame::kClient) << info.name;
    }
    // Nowhere to go is told like a server that is not there: "SC" (manual 8.5).
    const bool nowhere = CloseReason(i) == CloseReason::kNoBackend;
    if ((info.log_letter == 'S' || info.log_letter == 's') && !nowhere) {
      EXPECT_EQ(info.blame, Blame::kServer) << info.name;
    }
  }
}

}  // namespace
}  // namespace shard
