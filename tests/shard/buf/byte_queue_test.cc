#include "shard/buf/byte_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>

namespace shard {
namespace {

// What the queue holds, read through each of its views.
std::string TextOf(const ByteQueue& queue) {
  std::string text(queue.size(), '\0');
  EXPECT_EQ(queue.Peek(text.data(), text.size() + 10), text.size());
  std::string by_slices;
  for (const SliceNode* node = queue.head(); node != nullptr; node = node->next) {
    EXPECT_GT(node->slice.length, 0U) << "no slice is empty";
    EXPECT_LE(node->slice.offset + node->slice.length, node->slice.chunk->capacity);
    by_slices += node->slice.view();
  }
  EXPECT_EQ(by_slices, text);
  EXPECT_EQ(queue.empty(), text.empty());
  return text;
}

TEST(ByteQueue, AnEmptySliceIsDroppedAtOnce) {
  ChunkPool pool(16, 2);
  SlicePool slices;
  ByteQueue queue(slices);
  queue.Push({pool.Take(), 3, 0});
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(slices.in_use(), 0U);
}

TEST(ByteQueue, AppendFillsTheTailThenNewChunksUntilThePoolIsDry) {
  ChunkPool pool(8, 2);
  SlicePool slices;
  ByteQueue queue(slices);
  EXPECT_EQ(queue.Append("abc", pool), 3U);
  EXPECT_EQ(queue.Append("defghij", pool), 7U);
  EXPECT_EQ(pool.in_use(), 2U);
  EXPECT_EQ(queue.Append("0123456789", pool), 6U);
  EXPECT_EQ(TextOf(queue), "abcdefghij012345");
}

TEST(ByteQueue, AppendLeavesASharedChunkAlone) {
  ChunkPool pool(8, 4);
  SlicePool slices;
  ByteQueue queue(slices), other(slices);
  queue.Append("abc", pool);
  other.PushShared(queue.front());
  queue.Append("def", pool);
  EXPECT_EQ(TextOf(other), "abc");
  EXPECT_EQ(TextOf(queue), "abcdef");
  other.Append("xyz", pool);
  EXPECT_EQ(TextOf(queue), "abcdef");
}

TEST(ByteQueue, SmallSlicesShareAChunkAndWhatASendNamesStays) {
  ChunkPool pool(64, 8);
  SlicePool slices;
  ByteQueue queue(slices), wire(slices);
  for (char c : std::string_view("abcdef")) {  // as a peer sends them: one to a buffer
    Chunk* chunk = pool.Take();
    chunk->data[0] = c;
    queue.Push({chunk, 0, 1});
  }
  EXPECT_EQ(pool.in_use(), 1U);
  EXPECT_EQ(TextOf(queue), "abcdef");
  wire.MoveFrom(queue, 3);
  iovec sending;
  ASSERT_EQ(wire.Fill(&sending, 1), 1);
  EXPECT_EQ(wire.MoveFrom(queue), 3U);  // both halves share the chunk: not joined
  queue.Append("ghi", pool);
  EXPECT_EQ(wire.MoveFrom(queue), 3U);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(std::string_view(static_cast<char*>(sending.iov_base), sending.iov_len), "abc");
  wire.Consume(sending.iov_len);
  EXPECT_EQ(TextOf(wire), "defghi");
  wire.Clear();
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(slices.in_use(), 0U);
}

TEST(ByteQueue, PiecesOfOneChunkMoveUpOverWhatLiesBetween) {
  ChunkPool pool(4096, 8);
  SlicePool slices;
  ByteQueue in(slices), out(slices), other(slices);
  in.Append("head 1\r\na\r\n2\r\nbc\r\nnext", pool);
  Chunk* const chunk = in.front().chunk;
  out.PushBehind({chunk, 8, 1});
  out.PushBehind({chunk, 14, 2});
  in.Consume(18);
  EXPECT_EQ(TextOf(out), "abc");
  EXPECT_EQ(out.head()->next, nullptr) << "one slice";
  EXPECT_EQ(TextOf(in), "next");
  EXPECT_EQ(std::string_view(chunk->data, 5), "head ");
  other.Append("x", pool);
  out.PushBehind(other.front());  // another chunk
  out.PushBehind({chunk, 18, 4});
  EXPECT_EQ(TextOf(out), "abcxnext");
  out.PushBehind({chunk, 0, 4});  // in front of the last
  EXPECT_EQ(TextOf(out), "abcxnexthead");
  out.Clear();
  in.Clear();
  other.Clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ByteQueue, ASmallSliceIsNotJoinedToAFullOrASharedChunk) {
  ChunkPool pool(8, 8);
  SlicePool slices;
  ByteQueue queue(slices), other(slices);
  queue.Append("12345678", pool);
  other.Append("9", pool);
  EXPECT_EQ(queue.MoveFrom(other), 1U);
  EXPECT_EQ(pool.in_use(), 2U);
  other.PushShared(queue.head()->next->slice);
  other.Append("0", pool);
  EXPECT_EQ(TextOf(queue), "123456789");
  EXPECT_EQ(queue.MoveFrom(other, 2), 2U);
  EXPECT_EQ(TextOf(queue), "12345678990");
}

TEST(ByteQueue, MoveSplitsASliceAndSharesItsChunk) {
  ChunkPool pool(100, 4);
  SlicePool slices;
  ByteQueue from(slices), to(slices);
  from.Append("hello world", pool);
  EXPECT_EQ(to.MoveFrom(from, 5), 5U);
  EXPECT_EQ(TextOf(to), "hello");
  EXPECT_EQ(TextOf(from), " world");
  EXPECT_EQ(pool.in_use(), 1U);
  from.Clear();
  EXPECT_EQ(pool.in_use(), 1U);
  to.Clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ByteQueue, MovedHalvesDoNotGrowIntoEachOther) {
  ChunkPool pool(100, 4);
  SlicePool slices;
  ByteQueue from(slices), to(slices);
  from.Append("hello world", pool);
  to.MoveFrom(from, 5);
  to.Append("!!!!", pool);  // the chunk's tail belongs to `from`
  EXPECT_EQ(TextOf(from), " world");
  from.Clear();  // now `to` alone holds it
  to.Append("????", pool);
  EXPECT_EQ(TextOf(to), "hello!!!!????");
}

TEST(ByteQueue, FillNamesTheFrontUpToItsLimit) {
  ChunkPool pool(4, 8);
  SlicePool slices;
  ByteQueue queue(slices);
  queue.Append("aaaabbbbcccc", pool);
  iovec vecs[8];
  ASSERT_EQ(queue.Fill(vecs, 2), 2);
  EXPECT_EQ(std::string_view(static_cast<char*>(vecs[1].iov_base), vecs[1].iov_len), "bbbb");
  queue.Consume(6);
  ASSERT_EQ(queue.Fill(vecs, 8), 2);
  EXPECT_EQ(std::string_view(static_cast<char*>(vecs[0].iov_base), vecs[0].iov_len), "bb");
}

TEST(ByteQueue, CompactFreesBigChunksAndKeepsAllWhenItCannot) {
  ChunkPool big(1000, 4), little(16, 2);
  SlicePool slices;
  ByteQueue queue(slices);
  for (int i = 0; i < 4; ++i) {
    Chunk* chunk = big.Take();
    std::memcpy(chunk->data, "12345678", 8);
    queue.Push({chunk, 0, 8});
  }
  queue.Compact(little);
  EXPECT_EQ(big.in_use(), 0U);
  EXPECT_EQ(little.in_use(), 2U);
  EXPECT_EQ(TextOf(queue), "12345678123456781234567812345678");

  ByteQueue other(slices);
  other.Append("abc", big);
  other.Compact(little);  // no room there
  EXPECT_EQ(TextOf(other), "abc");
  EXPECT_EQ(big.in_use(), 1U);
  EXPECT_EQ(little.in_use(), 2U);
}

// Every operation on a few queues, against strings.
class QueueModel {
 public:
  explicit QueueModel(uint64_t seed) : random_(seed) {
    for (auto& queue : queues_) queue = std::make_unique<ByteQueue>(slices_);
  }
  ~QueueModel() {
    for (auto& queue : queues_) queue.reset();
    EXPECT_EQ(small_.in_use(), 0U);
    EXPECT_EQ(large_.in_use(), 0U);
    EXPECT_EQ(slices_.in_use(), 0U);
  }
  void Step() {
    const size_t i = Below(kQueues);
    const size_t j = (i + 1 + Below(kQueues - 1)) % kQueues;
    ByteQueue& queue = *queues_[i];
    ByteQueue& other = *queues_[j];
    std::string& model = models_[i];
    ChunkPool& pool = Below(2) == 0 ? small_ : large_;
    switch (Below(9)) {
      case 0:
        return Append(queue, model, pool);
      case 1:
        return Receive(queue, model, pool);
      case 2:
        if (other.empty()) return;
        queue.PushShared(other.front());
        model += other.front().view();
        return;
      case 3:
      case 4: {
        const size_t max = Below(4) == 0 ? SIZE_MAX : Below(200);
        const size_t n = queue.MoveFrom(other, max);
        ASSERT_EQ(n, std::min(max, models_[j].size()));
        model += models_[j].substr(0, n);
        models_[j].erase(0, n);
        return;
      }
      case 5: {
        const size_t n = Below(4) == 0 ? model.size() : Below(model.size() + 1);
        queue.Consume(n);
        model.erase(0, n);
        return;
      }
      case 6:
        if (Below(4) != 0) return;
        queue.Prepend(other);
        model.insert(0, models_[j]);
        models_[j].clear();
        return;
      case 7:
        return queue.Compact(pool);
      case 8:
        return Peek(queue, model);
    }
  }
  void Compare() {
    for (size_t i = 0; i < kQueues; ++i) {
      ASSERT_EQ(queues_[i]->size(), models_[i].size());
      ASSERT_EQ(TextOf(*queues_[i]), models_[i]);
    }
  }

 private:
  static constexpr size_t kQueues = 3;
  size_t Below(size_t n) { return size_t(random_() % n); }
  std::string Text(size_t n) {
    std::string bytes;
    for (; n > 0; --n) bytes += next_ = next_ == 'z' ? 'a' : char(next_ + 1);
    return bytes;
  }
  void Append(ByteQueue& queue, std::string& model, ChunkPool& pool) {
    const std::string bytes = Text(Below(100));
    const size_t n = queue.Append(bytes, pool);
    ASSERT_LE(n, bytes.size());
    if (n < bytes.size()) {
      ASSERT_EQ(pool.in_use(), pool.capacity());
    }
    model += bytes.substr(0, n);
  }
  // As a receive does: bytes in some part of a chunk.
  void Receive(ByteQueue& queue, std::string& model, ChunkPool& pool) {
    Chunk* chunk = pool.Take();
    if (chunk == nullptr) return;
    const uint32_t offset = uint32_t(Below(chunk->capacity));
    const uint32_t length = uint32_t(Below(chunk->capacity - offset + 1));
    const std::string bytes = Text(length);
    std::memcpy(chunk->data + offset, bytes.data(), length);
    queue.Push({chunk, offset, length});
    model += bytes;
  }
  void Peek(const ByteQueue& queue, const std::string& model) {
    const size_t offset = Below(model.size() + 2);
    std::string got(Below(100), '\0');
    const size_t max = got.size();
    got.resize(queue.Peek(got.data(), max, offset));
    ASSERT_EQ(got, offset < model.size() ? model.substr(offset, max) : "");
  }

  std::mt19937_64 random_;
  ChunkPool small_{32, 40};
  ChunkPool large_{256, 12};
  SlicePool slices_;
  std::unique_ptr<ByteQueue> queues_[kQueues];
  std::string models_[kQueues];
  char next_ = 'a';
};

TEST(ByteQueue, RandomUseAgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    QueueModel model(seed);
    for (int step = 0; step < 3000; ++step) {
      model.Step();
      model.Compare();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace shard
