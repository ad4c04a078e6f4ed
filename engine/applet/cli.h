// cli.h - the runtime command line as a conversation: lines in, answers out (management 9.3).
//
// Owns:    the command that is running and the text not yet taken.
// Threads: shard-local.
// Units:   bytes.
// Errors:  told to the user; a line or payload that is too long ends the conversation.
// States:  reading a line -> (reading its payload) -> running its commands one after another
//          -> reading the next line, or finished where the mode is not interactive.
//
//   Cli cli(CliCommands(), CliLevel::kAdmin, peer, bufsize);
//   cli.Feed(bytes);  while (cli.Run() == Cli::Wait::kOutput) TakeFrom(cli.output());
//
// It knows nothing of shards and streams; what commands need of them is in CliPeer.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/applet/cli_command.h"
#include "engine/applet/cli_line.h"
#include "engine/server/generation.h"

namespace engine {

// What stands before a message that is no data (manual 5.1, severity-output): nothing, "[3]: "
// or "[err]: ".
enum class CliSeverityOutput : uint8_t { kNone, kNumber, kString };

// Whom the command line answers; null in tests of the conversation alone.
struct CliPeer {
  Worker* worker = nullptr;
  Stream* stream = nullptr;
  shard::Applet* applet = nullptr;
};

class Cli {
 public:
  static constexpr size_t kPayloadMax = 128 * 1024;  // tune.cli.max-payload-size

  // What Run() is waiting for when it returns.
  enum class Wait : uint8_t {
    kInput,
    kOutput,  // output() must be taken first
    kAgain,   // has done enough for one turn
    kAnswer,  // of another shard
    kFinished
  };
  // Silent: the line's answers, then the end. Interactive modes go on, with or without a prompt.
  enum class Mode : uint8_t { kSilent, kInteractive, kPrompt };

  Cli(std::span<const CliCommandSpec> commands, CliLevel level, CliPeer peer, size_t line_max)
      : commands_(commands), level_(level), peer_(peer), line_max_(line_max) {}
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  // True while Feed() is useful: input that comes while commands run stays with the caller.
  bool wants_input() const { return state_ == State::kLine || state_ == State::kPayload; }
  void Feed(std::string_view bytes) { input_ += bytes; }
  // Nothing more will be fed: a last line without a line feed counts.
  void EndInput() { input_ended_ = true; }
  Wait Run();
  std::string& output() { return output_; }

  // For commands. Something was typed behind the command that runs; it can be thrown away.
  bool has_input() const;
  void DropInput();
  void Say(std::string_view text);
  // Say(), then a line feed where there is none; for one-line answers.
  void SayLine(std::string_view text);
  // The same for what went wrong.
  void SayError(std::string_view text);
  // What the running order says is no error.
  void Inform() { message_is_error_ = false; }
  void SetSeverityOutput(CliSeverityOutput output) { severity_output_ = output; }
  // Of this connection (management 9.3).
  bool experimental() const { return experimental_; }
  void SetExperimental(bool on) { experimental_ = on; }
  bool expert() const { return expert_; }
  void SetExpert(bool on) { expert_ = on; }
  CliLevel level() const { return level_; }
  void LowerLevel(CliLevel level) {
    level_ = level < level_ ? level : level_;
    expert_ = false;
  }
  // Says so when it is not given.
  bool Needs(CliLevel level);
  Mode mode() const { return mode_; }
  void SetMode(Mode mode) { mode_ = mode; }
  bool timed() const { return timed_; }
  void SetTimed(bool timed) { timed_ = timed; }
  // What is left of the line is dropped.
  void Quit() { quit_ = true; }
  bool is_only_command() const { return line_.commands.size() == 1; }
  const CliPeer& peer() const { return peer_; }
  Worker& worker() { return *peer_.worker; }
  std::span<const CliCommandSpec> commands() const { return commands_; }

 private:
  enum class State : uint8_t { kLine, kPayload, kCommands, kFinished };
  // How many pieces of work one Run() does.
  static constexpr int kStepsMax = 16;

  bool TakeInputLine(std::string* line);
  Wait Step();
  Wait ReadLine();
  Wait ReadPayload();
  Wait RunCommand();
  void StartCommand();
  void EndCommand();
  void GiveUp(std::string_view text);
  void Prompt(std::string_view prompt);

  const std::span<const CliCommandSpec> commands_;
  CliLevel level_;
  const CliPeer peer_;
  const size_t line_max_;
  State state_ = State::kLine;
  Mode mode_ = Mode::kSilent;
  bool timed_ = false;
  bool quit_ = false;
  bool experimental_ = false;
  bool expert_ = false;
  CliSeverityOutput severity_output_ = CliSeverityOutput::kNone;
  bool owes_severity_ = false;  // it stands before what is said next
  bool message_is_error_ = true;
  bool input_ended_ = false;
  std::string input_;
  std::string output_;
  CliLine line_;
  size_t next_command_ = 0;
  std::string payload_;
  GenerationPin pin_;  // what the running command names stays
  std::unique_ptr<CliCommand> running_;
  char last_said_ = '\n';  // the last byte of this answer
  bool prompted_ = false;
};

}  // namespace engine
