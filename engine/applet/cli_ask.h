// cli_ask.h - a command that asks one shard after the other and says what they answer.
//
// Owns:    the question under way, by its worker's Questions.
// Threads: shard-local; the questions travel.
// Units:   none.
// Errors:  none: every shard answers.
// States:  asking shard 0 .. N-1, each until it has nothing to add, then done. One question at a
//          time, so that the memory an answer takes does not grow with what there is to say.

#pragma once

#include <memory>

#include "engine/applet/cli.h"
#include "engine/session/worker.h"

namespace engine {

// Q is the question; it is made anew for each part of an answer.
template <typename Q>
class AskShards : public CliCommand {
 public:
  AskShards(Cli& cli, uint32_t first_shard, uint32_t shards)
      : worker_(cli.worker()), shard_(first_shard), end_(first_shard + shards) {}
  explicit AskShards(Cli& cli) : AskShards(cli, 0, cli.worker().shard().board().shards()) {}
  ~AskShards() override {
    if (asked_ != nullptr) worker_.questions().Drop(asked_);
  }

  CliStep Run(Cli& cli) final {
    if (asked_ != nullptr) {
      if (!asked_->answered()) return CliStep::kAnswer;
      const bool has_more = Take(cli, *asked_);
      worker_.questions().Drop(asked_);
      asked_ = nullptr;
      if (!has_more) ++shard_;
      return CliStep::kAgain;
    }
    if (shard_ == end_) return Finish(cli);
    asked_ = worker_.questions().Ask(Make(), shard_, *cli.peer().applet);
    return CliStep::kAnswer;
  }

 protected:
  virtual std::unique_ptr<Q> Make() = 0;
  // True: the same shard is to be asked again.
  virtual bool Take(Cli& cli, Q& answered) = 0;
  // All have answered. Called until it is done.
  virtual CliStep Finish(Cli&) { return CliStep::kDone; }
  uint32_t shard() const { return shard_; }

 private:
  Worker& worker_;
  Q* asked_ = nullptr;
  uint32_t shard_;
  const uint32_t end_;
};

}  // namespace engine
