#include "engine/applet/cli.h"

#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// What it says is a message; what others say is what they were asked for.
bool IsOrder(std::string_view word) {
  for (const std::string_view order :
       {"clear", "disable", "enable", "reload", "set", "shutdown", "wait"}) {
    if (word == order) return true;
  }
  return false;
}

}  // namespace

void Cli::Say(std::string_view text) {
  if (text.empty()) return;
  if (owes_severity_) {
    owes_severity_ = false;
    const bool by_number = severity_output_ == CliSeverityOutput::kNumber;
    output_ += message_is_error_ ? (by_number ? "[3]: " : "[err]: ")
               : by_number       ? "[6]: "
                                 : "[info]: ";
  }
  output_ += text;
  last_said_ = text.back();
}

bool Cli::has_input() const {
  return !input_.empty() || (peer_.applet != nullptr && !peer_.applet->input().empty());
}

void Cli::DropInput() {
  input_.clear();
  if (peer_.applet != nullptr) peer_.applet->input().Clear();
}

void Cli::SayLine(std::string_view text) {
  Say(text);
  if (last_said_ != '\n') Say("\n");
}

void Cli::SayError(std::string_view text) {
  message_is_error_ = true;
  owes_severity_ = severity_output_ != CliSeverityOutput::kNone;
  SayLine(text);
}

bool Cli::Needs(CliLevel level) {
  if (level_ >= level) return true;
  SayError("Permission denied");
  return false;
}

void Cli::GiveUp(std::string_view text) {
  Say(text);
  Say("\n");
  state_ = State::kFinished;
}

// `[d:hh:mm:ss]` in front of the prompt where it was asked for (management 9.3, prompt).
void Cli::Prompt(std::string_view prompt) {
  if (mode_ != Mode::kPrompt || prompted_) return;
  prompted_ = true;
  if (timed_ && peer_.worker != nullptr) {
    const uint64_t seconds =
        (base::MonotonicMicros() - peer_.worker->process().started_us) / 1000000;
    Say(base::Format("\n[%llu:%02u:%02u:%02u]", static_cast<unsigned long long>(seconds / 86400),
                     unsigned(seconds / 3600 % 24), unsigned(seconds / 60 % 60),
                     unsigned(seconds % 60))
            .substr(1));
  }
  Say(prompt);
}

Cli::Wait Cli::Run() {
  for (int step = 0; step < kStepsMax; ++step) {
    if (output_.size() >= kCliRunBytes) return Wait::kOutput;
    const Wait wait = Step();
    if (wait == Wait::kAgain) continue;
    // What was said goes out before anything is waited for.
    return output_.empty() ? wait : Wait::kOutput;
  }
  return output_.empty() ? Wait::kAgain : Wait::kOutput;
}

Cli::Wait Cli::Step() {
  switch (state_) {
    case State::kLine:
      return ReadLine();
    case State::kPayload:
      return ReadPayload();
    case State::kCommands:
      return RunCommand();
    case State::kFinished:
      break;
  }
  return Wait::kFinished;
}

// The next line without its line feed; the last one may lack it.
bool Cli::TakeInputLine(std::string* line) {
  const size_t end = input_.find('\n');
  if (end == std::string::npos && (!input_ended_ || input_.empty())) return false;
  *line = input_.substr(0, end);
  input_.erase(0, end == std::string::npos ? input_.size() : end + 1);
  return true;
}

Cli::Wait Cli::ReadLine() {
  Prompt("> ");
  std::string line;
  if (!TakeInputLine(&line)) {
    if (input_.size() > line_max_) {
      GiveUp("The line is too long.\n");
      return Wait::kAgain;
    }
    if (!input_ended_) return Wait::kInput;
    state_ = State::kFinished;
    return Wait::kAgain;
  }
  prompted_ = false;
  line_ = ParseCliLine(line);
  next_command_ = 0;
  payload_.clear();
  last_said_ = '\n';
  if (line_.commands.empty()) Say("\n");
  state_ = line_.has_payload ? State::kPayload : State::kCommands;
  return Wait::kAgain;
}

Cli::Wait Cli::ReadPayload() {
  Prompt("+ ");
  std::string line;
  if (!TakeInputLine(&line)) {
    if (payload_.size() + input_.size() > kPayloadMax) {
      GiveUp("The payload is too large.\n");
      return Wait::kAgain;
    }
    if (!input_ended_) return Wait::kInput;
    GiveUp("The payload has no end.\n");
    return Wait::kAgain;
  }
  prompted_ = false;
  const std::string_view text = base::Trim(line) == line_.payload_end ? line_.payload_end : line;
  if (text == line_.payload_end) {
    state_ = State::kCommands;
    return Wait::kAgain;
  }
  payload_ += line;
  payload_ += '\n';
  if (payload_.size() > kPayloadMax) GiveUp("The payload is too large.\n");
  return Wait::kAgain;
}

Cli::Wait Cli::RunCommand() {
  if (running_ == nullptr) {
    if (!quit_ && next_command_ < line_.commands.size()) {
      StartCommand();
      if (running_ == nullptr) EndCommand();
      return Wait::kAgain;
    }
    state_ = quit_ || mode_ == Mode::kSilent ? State::kFinished : State::kLine;
    return Wait::kAgain;
  }
  switch (running_->Run(*this)) {
    case CliStep::kAgain:
      return Wait::kAgain;
    case CliStep::kAnswer:
      return Wait::kAnswer;
    case CliStep::kDone:
      break;
  }
  EndCommand();
  return Wait::kAgain;
}

void Cli::StartCommand() {
  const std::vector<std::string>& words = line_.commands[next_command_++];
  const bool is_last = next_command_ == line_.commands.size();
  static const std::string kNoPayload;
  size_t count = 0;
  const CliCommandSpec* command = FindCliCommand(commands_, words, &count);
  if (command == nullptr) {
    // The nearest first: `show` alone, or with a second word nobody knows, lists every `show`.
    const std::vector<std::string> first{words.front()};
    std::string matches = CliHelp(commands_, first, 0, level_);
    const bool near = !matches.empty();
    if (!near) matches = CliHelp(commands_, {}, 0, level_);
    std::string name;
    for (const std::string& word : words) name += (name.empty() ? "" : " ") + word;
    message_is_error_ = false;
    owes_severity_ = severity_output_ != CliSeverityOutput::kNone;
    Say("Unknown command: '" + name + "'" + (IsManualCommand(words) ? " (not supported yet)" : "") +
        (near ? ", but one of these may be meant:\n"
              : ". Please enter one of the following commands only:\n"));
    return Say(matches);
  }
  if (!Needs(command->level)) return;
  message_is_error_ = true;
  owes_severity_ = severity_output_ != CliSeverityOutput::kNone && IsOrder(words.front());
  const CliCall call{words, count, is_last ? payload_ : kNoPayload};
  running_ = command->start(*this, call);
  if (running_ != nullptr && peer_.worker != nullptr) pin_ = peer_.worker->PinCurrent();
}

// An empty line ends every answer, so no answer may hold one.
void Cli::EndCommand() {
  running_ = nullptr;
  owes_severity_ = false;
  pin_.Release();
  if (last_said_ != '\n') Say("\n");
  if (!quit_) Say("\n");
  last_said_ = '\n';
}

}  // namespace engine
