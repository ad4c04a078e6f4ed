#include "engine/log/log_hub.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "base/clock.h"

namespace engine {
namespace {

// Takes what it is told to take.
class FakeDatagrams final : public Datagrams {
 public:
  int Open(const sockaddr*, socklen_t) override {
    ++opened;
    return open_error != 0 ? open_error : 100;
  }
  int Send(int, std::span<const iovec> lines) override {
    ++sends;
    if (!errors.empty()) {
      const int error = errors.front();
      errors.erase(errors.begin());
      return error;
    }
    const size_t count = std::min(lines.size(), take_max);
    for (size_t i = 0; i < count; ++i) {
      sent.emplace_back(static_cast<const char*>(lines[i].iov_base), lines[i].iov_len);
    }
    return int(count);
  }
  void Close(int) override { ++closed; }

  int open_error = 0;
  std::vector<int> errors;
  size_t take_max = kBatchMax;
  std::vector<std::string> sent;
  int opened = 0, closed = 0, sends = 0;
};

Logger RawLogger(uint32_t target = 0) {
  Logger logger;
  logger.target = target;
  logger.format = SyslogFormat::kRaw;
  return logger;
}

class LogHubTest : public testing::Test {
 protected:
  LogHubTest() {
    LogTarget target;
    target.address_length = 16;
    plan_.targets.push_back(target);
  }
  void Make() {
    hub_ = std::make_unique<LogHub>(plan_, 1, datagrams_);
    log_ = std::make_unique<ShardLog>(*hub_, 0);
    log_->Sync(1000000);
  }
  void Say(const Logger& logger, std::string_view text, LogLevel level = LogLevel::kInfo) {
    log_->Say({&logger, 1}, {.level = level, .tag = "t", .structured_data = {}}, text);
  }
  void TearDown() override {
    log_.reset();
    if (hub_ != nullptr) hub_->Stop();
  }

  FakeDatagrams datagrams_;
  LogPlan plan_;
  std::unique_ptr<LogHub> hub_;
  std::unique_ptr<ShardLog> log_;
};

TEST_F(LogHubTest, LinesOfATurnTravelInOneCall) {
  Make();
  for (int i = 0; i < 10; ++i) Say(RawLogger(), std::to_string(i));
  EXPECT_EQ(datagrams_.sends, 0);
  log_->Flush();
  EXPECT_EQ(datagrams_.sends, 1);
  ASSERT_EQ(datagrams_.sent.size(), 10u);
  EXPECT_EQ(datagrams_.sent[3], "3\n");
  log_->Flush();
  EXPECT_EQ(datagrams_.sends, 1);
}

TEST_F(LogHubTest, AFullBatchGoesEarlyAndLosesNothing) {
  Make();
  datagrams_.take_max = 7;
  for (int i = 0; i < 1000; ++i) Say(RawLogger(), std::to_string(i));
  log_->Flush();
  ASSERT_EQ(datagrams_.sent.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(datagrams_.sent[size_t(i)], std::to_string(i) + "\n");
  EXPECT_EQ(hub_->Dropped(), 0u);
}

TEST_F(LogHubTest, AFullSocketLosesTheRestAndCounts) {
  Make();
  datagrams_.take_max = 3;
  for (int i = 0; i < 5; ++i) Say(RawLogger(), "x");
  datagrams_.errors = {-EAGAIN};
  log_->Flush();
  EXPECT_EQ(hub_->Dropped(), 5u);
  Say(RawLogger(), "again");
  log_->Flush();
  EXPECT_EQ(datagrams_.sent.back(), "again\n");
  EXPECT_EQ(hub_->Dropped(), 5u);
}

TEST_F(LogHubTest, ALineThatIsTooLongIsLostAlone) {
  Make();
  Say(RawLogger(), "long");
  Say(RawLogger(), "short");
  datagrams_.errors = {-EMSGSIZE};
  log_->Flush();
  EXPECT_EQ(datagrams_.sent, std::vector<std::string>{"short\n"});
  EXPECT_EQ(hub_->Dropped(), 1u);
}

TEST_F(LogHubTest, ASocketThatVanishesIsOpenedAgain) {
  Make();
  Say(RawLogger(), "1");
  log_->Flush();
  // Gone for good: lines are lost until it is tried again, a hundred times a second.
  datagrams_.errors = {-ECONNREFUSED};
  datagrams_.open_error = -ECONNREFUSED;
  log_->Sync(2000000);
  Say(RawLogger(), "2");
  log_->Flush();
  EXPECT_EQ(hub_->Dropped(), 1u);
  const int opened = datagrams_.opened;
  datagrams_.open_error = 0;
  log_->Sync(2009999);
  Say(RawLogger(), "3");
  log_->Flush();
  EXPECT_EQ(datagrams_.opened, opened);
  EXPECT_EQ(hub_->Dropped(), 2u);
  log_->Sync(2010000);
  Say(RawLogger(), "4");
  log_->Flush();
  EXPECT_EQ(datagrams_.sent.back(), "4\n");
  EXPECT_EQ(hub_->Dropped(), 2u);
}

TEST_F(LogHubTest, AnErrorOfAnEarlierDatagramCostsNoLine) {
  Make();
  Say(RawLogger(), "1");
  log_->Flush();
  datagrams_.errors = {-ECONNREFUSED};
  log_->Sync(5000000);
  Say(RawLogger(), "2");
  log_->Flush();
  EXPECT_EQ(datagrams_.sent.back(), "2\n");
  EXPECT_EQ(hub_->Dropped(), 0u);
}

TEST_F(LogHubTest, LevelsLengthAndSamples) {
  Make();
  Logger logger = RawLogger();
  logger.level_max = LogLevel::kNotice;
  Say(logger, "left out");
  Say(logger, "notice", LogLevel::kNotice);
  logger = RawLogger();
  logger.format = SyslogFormat::kShort;
  logger.level_min = LogLevel::kWarning;
  Say(logger, "capped", LogLevel::kAlert);
  logger = RawLogger();
  logger.line_bytes_max = 80;
  Say(logger, std::string(100, 'x'));
  logger = RawLogger();
  logger.sample = {
      .ranges = {{1, 1}, {3, 4}}, .size = 4, .count = std::make_shared<LogSample::Count>()};
  for (int i = 1; i <= 8; ++i) Say(logger, std::to_string(i));
  log_->Flush();
  EXPECT_EQ(datagrams_.sent,
            (std::vector<std::string>{"notice\n", "<4>capped\n", std::string(80, 'x') + "\n", "1\n",
                                      "3\n", "4\n", "5\n", "7\n", "8\n"}));
}

TEST_F(LogHubTest, SamplesCountTheLinesOfAllShardsTogether) {
  hub_ = std::make_unique<LogHub>(plan_, 2, datagrams_);
  log_ = std::make_unique<ShardLog>(*hub_, 0);
  ShardLog other(*hub_, 1);
  Logger logger = RawLogger();
  logger.sample = {.ranges = {{2, 2}}, .size = 4, .count = std::make_shared<LogSample::Count>()};
  const Logger copy = logger;  // `log global` copies the line, and not what it counts
  for (int i = 1; i <= 8; ++i) {
    ShardLog& log = i % 2 == 0 ? *log_ : other;
    log.Sync(1000000);
    log.Say({i <= 4 ? &logger : &copy, 1},
            {.level = LogLevel::kInfo, .tag = "t", .structured_data = {}}, std::to_string(i));
    log.Flush();
  }
  EXPECT_EQ(datagrams_.sent, (std::vector<std::string>{"2\n", "6\n"}));
}

// Descriptors and rings ---------------------------------------------------------------------------

std::string ReadAll(int fd, size_t bytes) {
  std::string text;
  char buffer[4096];
  pollfd one{fd, POLLIN, 0};
  while (text.size() < bytes && poll(&one, 1, 5000) > 0) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got <= 0) break;
    text.append(buffer, size_t(got));
  }
  return text;
}

class LogWriterTest : public LogHubTest {
 protected:
  LogWriterTest() {
    EXPECT_EQ(pipe2(fds_, O_CLOEXEC), 0);
    plan_.targets[0] = {};
    plan_.targets[0].kind = LogTarget::Kind::kFd;
    plan_.targets[0].fd = fds_[1];
  }
  void Start() {
    Make();
    hub_->Start();
  }
  ~LogWriterTest() override {
    if (fds_[0] >= 0) close(fds_[0]);
    close(fds_[1]);
  }
  int fds_[2] = {-1, -1};
};

TEST_F(LogWriterTest, LinesReachTheDescriptorInOrder) {
  Start();
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    Say(RawLogger(), std::to_string(i));
    expected += std::to_string(i) + "\n";
    log_->Flush();
    if (i % 500 == 0) usleep(20000);  // long enough for the writer to fall asleep
  }
  EXPECT_EQ(ReadAll(fds_[0], expected.size()), expected);
  EXPECT_EQ(hub_->Dropped(), 0u);
}

TEST_F(LogWriterTest, ADescriptorNobodyReadsLosesLinesAndStopsNothing) {
  Start();
  const std::string text(1000, 'x');
  for (int i = 0; i < 2000; ++i) Say(RawLogger(), text);
  log_->Flush();
  EXPECT_GT(hub_->Dropped(), 1000u);
  const uint64_t before_us = base::MonotonicMicros();
  log_.reset();
  hub_->Stop();
  EXPECT_LT(base::MonotonicMicros() - before_us, 3000000u);
}

TEST_F(LogWriterTest, AClosedPipeLosesLinesAndCounts) {
  signal(SIGPIPE, SIG_IGN);
  Start();
  close(fds_[0]);
  fds_[0] = -1;
  for (int i = 0; i < 10; ++i) Say(RawLogger(), "x");
  log_->Flush();
  log_.reset();
  hub_->Stop();
  EXPECT_EQ(hub_->Dropped(), 10u);
}

TEST_F(LogWriterTest, ARingKeepsTheLatestLines) {
  plan_.rings.push_back({.name = "r", .size_bytes = 100, .line_bytes_max = 20});
  plan_.targets[0] = {};
  plan_.targets[0].kind = LogTarget::Kind::kRing;
  Start();
  for (int i = 0; i < 100; ++i) Say(RawLogger(), "line " + std::to_string(i));
  Say(RawLogger(), std::string(50, 'y'));
  log_->Flush();
  log_.reset();
  hub_->Stop();
  LogRing* ring = hub_->FindRing("r");
  ASSERT_NE(ring, nullptr);
  EXPECT_EQ(hub_->FindRing("other"), nullptr);
  uint64_t next = 0;
  std::string text;
  EXPECT_EQ(ring->TryRead(&next, 1, LogFraming::kLineFeed, &text), LogRing::Read::kSome);
  EXPECT_EQ(ring->TryRead(&next, 1000, LogFraming::kLineFeed, &text), LogRing::Read::kEnd);
  EXPECT_TRUE(text.ends_with("line 98\nline 99\n" + std::string(20, 'y') + "\n")) << text;
  EXPECT_LE(text.size(), 100u);
  EXPECT_EQ(hub_->Dropped(), 0u);
}

struct CountLines final : LogRingListener {
  void OnLines() noexcept override { ++calls; }
  int calls = 0;
};

TEST(LogRing, AReaderIsToldWhatItHasMissed) {
  LogRing ring({.name = "r", .size_bytes = 19, .line_bytes_max = 18});
  for (const char* line : {"one", "two", "three", "four", "five"}) ring.Append(line);
  uint64_t next = 0;
  std::string text;
  LogRingRead read;
  EXPECT_EQ(ring.TryRead(&next, 0, LogFraming::kOctetCount, &text, &read), LogRing::Read::kSome);
  EXPECT_EQ(read.lost, 2u);
  EXPECT_EQ(text, "");
  EXPECT_EQ(ring.TryRead(&next, 100, LogFraming::kOctetCount, &text, &read), LogRing::Read::kEnd);
  EXPECT_EQ(text, "5 three4 four4 five");
  EXPECT_EQ(read.line_ends, (std::vector<uint32_t>{7, 13, 19}));
  EXPECT_EQ(read.lost, 2u);
  uint64_t end = 0;
  ASSERT_TRUE(ring.TryFindEnd(&end));
  EXPECT_EQ(end, next);
}

TEST(LogRing, AListenerIsCalledOnceBehindTheEnd) {
  LogRing ring({.name = "r", .size_bytes = 100, .line_bytes_max = 20});
  CountLines listener;
  ring.SetListener(&listener);
  ring.Append("nobody has come to the end");
  EXPECT_EQ(listener.calls, 0);
  uint64_t next = 0;
  std::string text;
  EXPECT_EQ(ring.TryRead(&next, 100, LogFraming::kNul, &text), LogRing::Read::kEnd);
  EXPECT_EQ(text, std::string("nobody has come to t\0", 21));
  ring.Append("one");
  ring.Append("two");
  EXPECT_EQ(listener.calls, 1);
  EXPECT_EQ(ring.TryRead(&next, 100, LogFraming::kNul, &text), LogRing::Read::kEnd);
  ring.SetListener(nullptr);
  ring.Append("three");
  EXPECT_EQ(listener.calls, 1);
}

}  // namespace
}  // namespace engine
