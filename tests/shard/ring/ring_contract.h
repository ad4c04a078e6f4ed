// ring_contract.h - the world a driver of shard::Ring is tested in: one contract, many drivers.
//
// Owns:    a RingWorld owns pools, ring and what the ring's descriptors talk to.
// Threads: the test's thread, but for what a test says.
// Units:   microseconds of the world's clock (virtual under the fake).
// Errors:  a world that cannot be built says why; its tests are skipped then, never passed.
// States:  none.
//
//   const auto world = MakeWorld("uring", {});
//   Answers answers(*world);
//   world->ring().Recv(op, fd, ...);
//   answers.TurnUntil([&] { return answers.CountOf(op) == 1; });

#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shard/buf/chunk_pool.h"
#include "shard/ring/ring.h"

namespace shard {

// The other end of a stream that the ring under test has one end of. Nothing here blocks.
class RingPeer {
 public:
  virtual ~RingPeer() = default;
  virtual size_t Write(std::string_view bytes) = 0;  // how many were taken
  virtual std::string Read(size_t max) = 0;
  virtual bool AtEnd() = 0;  // nothing to read, and the ring's side has ended
  virtual void CloseWrite() = 0;
  virtual void Close() = 0;
  virtual void Reset() = 0;
};

struct RingWorldOptions {
  uint32_t entries = 256;
  uint32_t small_chunks = 512;
  uint32_t large_chunks = 32;
  uint32_t small_bytes = 4096;
  uint32_t large_bytes = 32768;
  uint64_t seed = 0;  // fake only; 0: no mischief
};

class RingWorld {
 public:
  explicit RingWorld(const RingWorldOptions& options)
      : small_(options.small_bytes, options.small_chunks),
        large_(options.large_bytes, options.large_chunks) {}
  virtual ~RingWorld() = default;

  Ring& ring() { return *ring_; }
  ChunkPool& small() { return small_; }
  ChunkPool& large() { return large_; }
  // Ends the ring, and with it every loan.
  void DropRing() { ring_.reset(); }

  virtual bool is_kernel() const = 0;
  virtual uint64_t NowMicros() = 0;
  // A connected stream: the ring's descriptor, and its peer.
  virtual int Pair(std::unique_ptr<RingPeer>* peer) = 0;
  virtual int Listen(sockaddr_in* address) = 0;
  virtual std::unique_ptr<RingPeer> Dial(const sockaddr_in& address) = 0;
  virtual sockaddr_in RefusingAddress() = 0;
  // Where a connect never ends by itself.
  virtual sockaddr_in SilentAddress() = 0;
  virtual void CloseNow(int fd) = 0;

 protected:
  ChunkPool small_;
  ChunkPool large_;
  std::unique_ptr<Ring> ring_;
};

// "uring", "poll" or "fake". Null with the reason when this machine cannot.
std::unique_ptr<RingWorld> MakeWorld(std::string_view driver, const RingWorldOptions& options,
                                     std::string* why);
std::unique_ptr<RingWorld> MakeKernelWorld(std::string_view driver, const RingWorldOptions& options,
                                           std::string* why);
std::unique_ptr<RingWorld> MakeFakeWorld(const RingWorldOptions& options);

struct Answer {
  OpId op;
  int result = 0;
  bool more = false;
  std::string bytes;
};

// Collects what comes out of Turn(). Chunks are copied and dropped, or kept when asked to.
class Answers {
 public:
  explicit Answers(RingWorld& world) : world_(world) {}
  ~Answers() { DropKept(); }

  void Turn(uint64_t wait_us);
  // Turns until `done`, at most about two seconds of the world's clock.
  bool TurnUntil(const std::function<bool()>& done);
  // Turns for that long, whatever comes.
  void TurnFor(uint64_t us);

  const std::vector<Answer>& all() const { return all_; }
  size_t CountOf(OpId op) const;
  size_t FinalsOf(OpId op) const;  // answers without `more`: one per operation, never two
  const Answer* LastOf(OpId op) const;
  std::string BytesOf(OpId op) const;
  void Forget() { all_.clear(); }

  void KeepChunks(bool keep) { keep_ = keep; }
  size_t kept() const { return kept_.size(); }
  void DropKept();

 private:
  RingWorld& world_;
  std::vector<Answer> all_;
  std::vector<Chunk*> kept_;
  bool keep_ = false;
};

inline OpId Op(OpKind kind, uint32_t slot) { return {kind, {slot, 0xabcdef}}; }

// Bytes in which a misplaced piece shows.
inline std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = char('a' + (state >> 24) % 26);
  }
  return text;
}

inline iovec Vec(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

// The fixture of both test files; its parameter is the driver's name.
class RingContract : public testing::TestWithParam<const char*> {
 protected:
  bool Open(const RingWorldOptions& options = {}) {
    std::string why;
    world_ = MakeWorld(GetParam(), options, &why);
    if (world_ == nullptr) why_ = why;
    return world_ != nullptr;
  }
  // Ends the world, and checks that nothing is left of it.
  void TearDown() override {
    if (world_ == nullptr) return;
    world_->DropRing();
    EXPECT_EQ(world_->small().in_use(), 0U);
    EXPECT_EQ(world_->large().in_use(), 0U);
  }
  Ring& ring() { return world_->ring(); }
  void SendOne(OpId op, int fd, std::string_view bytes, SendMode mode) {
    const iovec vec = Vec(bytes);
    ring().Send(op, fd, {&vec, 1}, mode);
  }

  std::unique_ptr<RingWorld> world_;
  std::string why_;
};

#define OPEN_OR_SKIP(...) \
  if (!Open(__VA_ARGS__)) GTEST_SKIP() << why_

}  // namespace shard
