// question.h - ask another shard, and go on with other work until it has answered.
//
// Owns:    Questions owns every question of its shard until whoever asked has dropped it and the
//          answer is back. So the asked shard always writes into memory that is there, and an
//          answer for an applet that is gone finds nobody to wake.
// Threads: Questions is shard-local. A Question belongs to its home shard, except between Ask() and
//          its answer, when it belongs to the asked one.
// Units:   none.
// Errors:  a full mailbox delays: the message is tried again in the next turn.
// States:  asked -> answered, each possibly without asker; freed when answered and dropped.
//
//   auto question = std::make_unique<CountStreams>();
//   asked_ = worker.questions().Ask(std::move(question), shard, applet);   // Work() comes again
//   if (asked_->answered()) { ...; worker.questions().Drop(asked_); }

#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "engine/server/generation.h"
#include "shard/loop/mailbox.h"
#include "shard/loop/run_queue.h"
#include "shard/stream/applet.h"

namespace engine {

class ProcessControl;
class Worker;

class Question {
 public:
  virtual ~Question() = default;
  // On the asked shard, once. Must end within a turn's budget: a long answer is several questions.
  virtual void Answer(Worker& asked) = 0;
  // On the main thread, for a question that was asked with AskMain().
  virtual void AnswerMain(ProcessControl&) {}
  // What tells the home shard that it is answered.
  shard::Message AnswerMessage();
  uint32_t home() const { return home_; }
  bool answered() const { return answered_; }

 private:
  friend class Questions;
  GenerationPin pin_;               // what it names stays until it is freed
  shard::Applet* asker_ = nullptr;  // null: dropped
  uint32_t home_ = 0;
  bool answered_ = false;  // the home shard's
};

class Questions final : shard::Task {
 public:
  explicit Questions(Worker& worker) : worker_(worker) {}

  // `asker` is woken when the answer is there; one's own shard answers at once. `asker` must
  // Drop() what it asked before it goes.
  template <typename Q>
  Q* Ask(std::unique_ptr<Q> question, uint32_t shard, shard::Applet& asker) {
    Q* asked = question.get();
    Send(std::move(question), shard, asker);
    return asked;
  }
  // The same for the main thread; null when it takes no more.
  template <typename Q>
  Q* AskMain(std::unique_ptr<Q> question, shard::Applet& asker) {
    Q* asked = question.get();
    return SendMain(std::move(question), asker) ? asked : nullptr;
  }
  void Drop(Question* question);
  size_t open() const { return questions_.size(); }

 private:
  struct Unsent {
    uint32_t shard;
    shard::Message message;
  };
  void Send(std::unique_ptr<Question> question, uint32_t shard, shard::Applet& asker);
  bool SendMain(std::unique_ptr<Question> question, shard::Applet& asker);
  void Post(uint32_t shard, const shard::Message& message);
  void Free(Question* question);
  void Run() noexcept override;  // tries again what a full mailbox refused
  static void HandleQuestion(shard::Shard& shard, const shard::Message& message) noexcept;
  static void HandleAnswer(shard::Shard& shard, const shard::Message& message) noexcept;

  friend class Question;

  Worker& worker_;
  std::list<std::unique_ptr<Question>> questions_;  // a few: one per asking applet at a time
  std::vector<Unsent> unsent_;
};

}  // namespace engine
