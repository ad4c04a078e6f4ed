#include "engine/session/question.h"

#include <algorithm>

#include "engine/session/process_control.h"
#include "engine/session/worker.h"

namespace engine {

void Questions::Send(std::unique_ptr<Question> question, uint32_t shard, shard::Applet& asker) {
  Question* asked = question.get();
  asked->asker_ = &asker;
  asked->pin_ = worker_.PinCurrent();
  asked->home_ = worker_.index();
  questions_.push_back(std::move(question));
  if (shard == worker_.index()) {
    asked->Answer(worker_);
    asked->answered_ = true;
    asker.Wake();
    return;
  }
  Post(shard, {&HandleQuestion, {reinterpret_cast<uint64_t>(asked)}});
}

bool Questions::SendMain(std::unique_ptr<Question> question, shard::Applet& asker) {
  ProcessControl* control = worker_.process().control;
  question->asker_ = &asker;
  question->pin_ = worker_.PinCurrent();
  question->home_ = worker_.index();
  if (control == nullptr || !control->Submit(*question)) return false;
  questions_.push_back(std::move(question));
  return true;
}

shard::Message Question::AnswerMessage() {
  return {&Questions::HandleAnswer, {reinterpret_cast<uint64_t>(this)}};
}

void Questions::Drop(Question* question) {
  question->asker_ = nullptr;
  if (question->answered_) Free(question);
}

void Questions::Free(Question* question) {
  questions_.remove_if([question](const auto& one) { return one.get() == question; });
}

void Questions::Post(uint32_t shard, const shard::Message& message) {
  if (worker_.context().loop->TryPost(shard, message)) return;
  unsent_.push_back({shard, message});
  worker_.context().loop->run_queue().Add(this);
}

void Questions::Run() noexcept {
  std::vector<Unsent> unsent;
  unsent.swap(unsent_);
  for (const Unsent& one : unsent) Post(one.shard, one.message);
}

void Questions::HandleQuestion(shard::Shard& shard, const shard::Message& message) noexcept {
  auto* question = reinterpret_cast<Question*>(message.words[0]);
  Worker& worker = *static_cast<Worker*>(shard.app());
  const uint32_t home = question->home_;
  question->Answer(worker);
  worker.questions().Post(home, {&HandleAnswer, {message.words[0]}});
}

void Questions::HandleAnswer(shard::Shard& shard, const shard::Message& message) noexcept {
  auto* question = reinterpret_cast<Question*>(message.words[0]);
  question->answered_ = true;
  if (question->asker_ != nullptr) return question->asker_->Wake();
  static_cast<Worker*>(shard.app())->questions().Free(question);
}

}  // namespace engine
