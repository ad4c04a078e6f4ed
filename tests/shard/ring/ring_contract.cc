#include "tests/shard/ring/ring_contract.h"

#include <algorithm>

namespace shard {

std::unique_ptr<RingWorld> MakeWorld(std::string_view driver, const RingWorldOptions& options,
                                     std::string* why) {
  if (driver == "fake") return MakeFakeWorld(options);
  return MakeKernelWorld(driver, options, why);
}

void Answers::Turn(uint64_t wait_us) {
  const uint64_t deadline_us = wait_us == 0 ? 0 : world_.NowMicros() + wait_us;
  for (const Completion& completion : world_.ring().Turn(deadline_us)) {
    Answer answer = {completion.op, completion.result, completion.more, {}};
    if (completion.chunk != nullptr) {
      EXPECT_GT(completion.result, 0) << "a chunk without bytes";
      EXPECT_EQ(completion.chunk->references, 1U);
      answer.bytes.assign(completion.chunk->data, size_t(completion.result));
      if (keep_) {
        kept_.push_back(completion.chunk);
      } else {
        ChunkPool::Drop(completion.chunk);
      }
    }
    all_.push_back(std::move(answer));
  }
}

bool Answers::TurnUntil(const std::function<bool()>& done) {
  const uint64_t give_up_us = world_.NowMicros() + 2000000;
  while (!done()) {
    if (world_.NowMicros() >= give_up_us) return false;
    Turn(20000);
  }
  return true;
}

void Answers::TurnFor(uint64_t us) {
  const uint64_t until_us = world_.NowMicros() + us;
  for (uint64_t now_us = world_.NowMicros(); now_us < until_us; now_us = world_.NowMicros()) {
    Turn(until_us - now_us);
  }
}

size_t Answers::CountOf(OpId op) const {
  return size_t(std::count_if(all_.begin(), all_.end(), [&](auto& a) { return a.op == op; }));
}

size_t Answers::FinalsOf(OpId op) const {
  return size_t(
      std::count_if(all_.begin(), all_.end(), [&](auto& a) { return a.op == op && !a.more; }));
}

const Answer* Answers::LastOf(OpId op) const {
  for (auto it = all_.rbegin(); it != all_.rend(); ++it) {
    if (it->op == op) return &*it;
  }
  return nullptr;
}

std::string Answers::BytesOf(OpId op) const {
  std::string bytes;
  for (const Answer& answer : all_) {
    if (answer.op == op) bytes += answer.bytes;
  }
  return bytes;
}

void Answers::DropKept() {
  for (Chunk* chunk : kept_) ChunkPool::Drop(chunk);
  kept_.clear();
}

}  // namespace shard
