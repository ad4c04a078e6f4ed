// The conversation alone: commands of the test, no shard behind them.

#include "engine/applet/cli.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "engine/applet/cli_commands.h"

namespace engine {
namespace {

// Says as many bytes as its argument asks for, in many runs, and waits once before the end.
class Long final : public CliCommand {
 public:
  explicit Long(size_t left) : left_(left) {}
  CliStep Run(Cli& cli) override {
    if (left_ == 0 && !waited_) {
      waited_ = true;
      return CliStep::kAnswer;
    }
    if (left_ == 0) return CliStep::kDone;
    const size_t now = std::min<size_t>(left_, 1000);
    cli.SayLine(std::string(now - 1, 'x'));
    left_ -= now;
    return CliStep::kAgain;
  }

 private:
  size_t left_;
  bool waited_ = false;
};

std::unique_ptr<CliCommand> StartLong(Cli&, const CliCall& call) {
  return std::make_unique<Long>(std::stoul(std::string(call.argument(0))));
}
std::unique_ptr<CliCommand> StartSilent(Cli&, const CliCall&) { return nullptr; }
std::unique_ptr<CliCommand> StartPayload(Cli& cli, const CliCall& call) {
  cli.Say("<" + call.payload + ">");
  return nullptr;
}

constexpr CliCommandSpec kTestSpecs[] = {
    {"echo", CliLevel::kUser, "", "", StartEcho},
    {"level", CliLevel::kUser, "", "", StartShowCliLevel},
    {"long", CliLevel::kUser, "", "", StartLong},
    {"operator", CliLevel::kUser, "", "", StartOperator},
    {"payload", CliLevel::kUser, "", "", StartPayload},
    {"prompt", CliLevel::kUser, "", "", StartPrompt},
    {"quit", CliLevel::kUser, "", "", StartQuit},
    {"secret", CliLevel::kAdmin, "", "", StartSilent},
    {"silent", CliLevel::kUser, "", "", StartSilent},
    {"user", CliLevel::kUser, "", "", StartUser},
};

class CliTest : public ::testing::Test {
 protected:
  void Begin(CliLevel level, size_t line_max = 1000) {
    cli_ = std::make_unique<Cli>(kTestSpecs, level, CliPeer{}, line_max);
  }
  // What is said until the conversation waits for more input, or is over.
  std::string Drain() {
    std::string said;
    for (int i = 0; i < 100000; ++i) {
      last_ = cli_->Run();
      said += cli_->output();
      cli_->output().clear();
      if (last_ == Cli::Wait::kInput || last_ == Cli::Wait::kFinished) return said;
      if (last_ == Cli::Wait::kAnswer) ++waits_;
    }
    ADD_FAILURE() << "it never rests";
    return said;
  }
  std::string Say(std::string_view text) {
    cli_->Feed(text);
    return Drain();
  }
  // A whole conversation with a client that half-closes.
  std::string Ask(std::string_view text, CliLevel level = CliLevel::kAdmin) {
    Begin(level);
    cli_->Feed(text);
    cli_->EndInput();
    const std::string said = Drain();
    EXPECT_EQ(last_, Cli::Wait::kFinished);
    return said;
  }

  std::unique_ptr<Cli> cli_;
  Cli::Wait last_ = Cli::Wait::kInput;
  int waits_ = 0;
};

TEST_F(CliTest, EveryAnswerEndsWithAnEmptyLine) {
  EXPECT_EQ(Ask("echo a b\n"), "a b\n\n");
  EXPECT_EQ(Ask("silent\n"), "\n");
  EXPECT_EQ(Ask("echo a;silent;echo b\n"), "a\n\n\nb\n\n");
  EXPECT_EQ(Ask("\n"), "\n");
  EXPECT_EQ(Ask(""), "");
}

TEST_F(CliTest, LastLineNeedsNoLineFeed) { EXPECT_EQ(Ask("echo a"), "a\n\n"); }

TEST_F(CliTest, OneLineIsAllOfASilentConversation) {
  EXPECT_EQ(Ask("echo a\necho b\n"), "a\n\n");
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("echo a\n"), "a\n\n");  // the client need not half-close
  EXPECT_EQ(last_, Cli::Wait::kFinished);
}

TEST_F(CliTest, LineMayComeInPieces) {
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("ec"), "");
  EXPECT_EQ(Say("ho a"), "");
  EXPECT_EQ(last_, Cli::Wait::kInput);
  EXPECT_EQ(Say("\n"), "a\n\n");
}

TEST_F(CliTest, PromptGoesOnUntilQuit) {
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("prompt\n"), "\n> ");
  EXPECT_EQ(Say("echo a\n"), "a\n\n> ");
  EXPECT_EQ(Say("\n"), "\n> ");
  EXPECT_EQ(Say("quit;echo b\n"), "");
  EXPECT_EQ(last_, Cli::Wait::kFinished);
}

TEST_F(CliTest, InteractiveModeHasNoPromptAndEndsWithTheInput) {
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("prompt i\n"), "\n");
  EXPECT_EQ(Say("echo a\necho b\n"), "a\n\nb\n\n");
  EXPECT_EQ(last_, Cli::Wait::kInput);
  cli_->EndInput();
  EXPECT_EQ(Drain(), "");
  EXPECT_EQ(last_, Cli::Wait::kFinished);
}

TEST_F(CliTest, PromptTurnedOffEndsWithTheLine) {
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("prompt\n"), "\n> ");
  EXPECT_EQ(Say("prompt\n"), "\n");
  EXPECT_EQ(last_, Cli::Wait::kFinished);
}

TEST_F(CliTest, LevelIsEnforcedAndOnlyFalls) {
  EXPECT_EQ(Ask("secret\n"), "\n");
  EXPECT_EQ(Ask("secret\n", CliLevel::kOperator), "Permission denied\n\n");
  EXPECT_EQ(Ask("operator;level;user;level;operator;level\n"),
            "\noperator\n\n\nuser\n\nPermission denied\n\nuser\n\n");
}

TEST_F(CliTest, UnknownCommandListsWhatThereIs) {
  EXPECT_TRUE(Ask("frobnicate\n").starts_with("Unknown command: 'frobnicate'"));
  EXPECT_EQ(Ask("frobnicate\n", CliLevel::kUser).find("secret"), std::string::npos);
  EXPECT_EQ(Ask("frobnicate\n").find("not supported yet"), std::string::npos);
  EXPECT_TRUE(Ask("show ssl cert x\n")
                  .starts_with("Unknown command: 'show ssl cert x' (not supported yet)"));
}

TEST_F(CliTest, PayloadGoesToTheLastCommand) {
  EXPECT_EQ(Ask("payload;payload <<\na\nb\n\n"), "<>\n\n<a\nb\n>\n\n");
  EXPECT_EQ(Ask("payload <<EOF\na\n\nb\nEOF\n"), "<a\n\nb\n>\n\n");
  EXPECT_EQ(Ask("payload <<EOF\na\n"), "The payload has no end.\n\n");
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("prompt\n"), "\n> ");
  EXPECT_EQ(Say("payload <<\na\n"), "+ + ");
  EXPECT_EQ(Say("\n"), "<a\n>\n\n> ");
}

TEST_F(CliTest, TooLongALineEndsIt) {
  Begin(CliLevel::kAdmin, 100);
  EXPECT_EQ(Say(std::string(101, 'x')), "The line is too long.\n\n");
  EXPECT_EQ(last_, Cli::Wait::kFinished);
  Begin(CliLevel::kAdmin, 100);
  EXPECT_EQ(Say("echo " + std::string(95, 'x') + "\n"), std::string(95, 'x') + "\n\n");
}

TEST_F(CliTest, TooLargeAPayloadEndsIt) {
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("payload <<\n" + std::string(Cli::kPayloadMax + 1, 'x')),
            "The payload is too large.\n\n");
  EXPECT_EQ(last_, Cli::Wait::kFinished);
}

TEST_F(CliTest, LongAnswerIsTakenInPieces) {
  Begin(CliLevel::kAdmin);
  cli_->Feed("long 100000;echo after\n");
  size_t largest = 0;
  std::string said;
  while ((last_ = cli_->Run()) != Cli::Wait::kFinished) {
    largest = std::max(largest, cli_->output().size());
    said += cli_->output();
    cli_->output().clear();
  }
  EXPECT_LT(largest, kCliRunBytes + 1000);
  EXPECT_EQ(said.size(), 100000u + 1 + 7);
  EXPECT_TRUE(said.ends_with("x\n\nafter\n\n"));
}

TEST_F(CliTest, OutputNotTakenStopsTheCommand) {
  Begin(CliLevel::kAdmin);
  cli_->Feed("long 100000\n");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(cli_->Run(), Cli::Wait::kOutput);
  EXPECT_LT(cli_->output().size(), kCliRunBytes + 1000);
}

TEST_F(CliTest, WaitingCommandIsRunAgain) {
  Begin(CliLevel::kAdmin);
  EXPECT_EQ(Say("long 0\n"), "\n");
  EXPECT_EQ(waits_, 1);
}

}  // namespace
}  // namespace engine
