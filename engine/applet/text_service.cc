#include "engine/applet/text_service.h"

namespace engine {

void TextService::Work(shard::Applet& applet) const {
  if (applet.state == nullptr) {
    applet.state = Begin(applet).release();
    if (applet.state == nullptr) return applet.Fail(shard::CloseReason::kClientAbort);
  }
  TextAnswer& answer = *static_cast<TextAnswer*>(applet.state);
  answer.Take(applet.input(), applet.input_ended());
  // One piece in each turn: others go first.
  if (answer.text_.empty() && !answer.done_ && applet.output_room() > 0) {
    const TextStep step = answer.Run(answer.text_);
    answer.done_ = step == TextStep::kDone;
    if (step == TextStep::kMore) applet.Wake();
  }
  if (answer.head() != nullptr && !answer.head_told_) {
    answer.head_told_ = true;
    applet.TellHead();
  }
  const size_t given = applet.output().Append(
      std::string_view(answer.text_).substr(0, applet.output_room()), *applet.context().small);
  answer.text_.erase(0, given);
  if (!answer.text_.empty()) {
    // Room wakes the applet by itself; a pool that ran dry does not.
    if (applet.output_room() > 0) applet.Wake();
    return;
  }
  if (answer.done_) applet.EndOutput();
}

}  // namespace engine
