// One direction: its limit, its ends, and what is held.

#include "shard/stream/channel.h"

#include <gtest/gtest.h>

namespace shard {
namespace {

class ChannelTest : public testing::Test {
 protected:
  SlicePool slices_;
  ChunkPool chunks_{256, 100};
  Channel channel_{slices_, 1000};
};

TEST_F(ChannelTest, RoomShrinksToZeroAndComesBack) {
  EXPECT_EQ(channel_.room(), 1000u);
  channel_.bytes().Append(std::string(600, 'x'), chunks_);
  EXPECT_EQ(channel_.room(), 400u);
  channel_.bytes().Append(std::string(600, 'x'), chunks_);  // producers may bring a little more
  EXPECT_EQ(channel_.room(), 0u);
  channel_.bytes().Consume(700);
  EXPECT_EQ(channel_.room(), 500u);
}

TEST_F(ChannelTest, DrainedIsEndedAndEmptyAndNotHeldOrShut) {
  channel_.bytes().Append("x", chunks_);
  channel_.End();
  EXPECT_FALSE(channel_.drained());
  channel_.bytes().Clear();
  EXPECT_TRUE(channel_.drained());
  channel_.Hold();
  EXPECT_FALSE(channel_.drained());
  channel_.Shut();
  EXPECT_TRUE(channel_.drained());
}

TEST_F(ChannelTest, ShutDropsWhatIsLeft) {
  channel_.bytes().Append(std::string(500, 'x'), chunks_);
  channel_.Shut();
  EXPECT_TRUE(channel_.bytes().empty());
  EXPECT_EQ(chunks_.in_use(), 0u);
}

}  // namespace
}  // namespace shard
