// Both ends of a takeover in one process: who gives sockets, who takes them, and what each knows of
// the other.

#include "engine/run/takeover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "shard/net/pass_fds.h"

namespace engine {
namespace {

shard::ListenOptions Loopback(uint16_t port = 0) {
  shard::ListenOptions options;
  options.address = shard::Address::V4(INADDR_LOOPBACK, port);
  return options;
}

int Listen(shard::ListenOptions& options) {
  std::string why;
  const int fd = shard::BindListenSocket(options, &why);
  EXPECT_TRUE(fd >= 0 && shard::BeginListening(fd, options, &why)) << why;
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  options.address = shard::Address::FromSockaddr(bound, length);
  return fd;
}

bool Listens(int fd) {
  int value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0;
}

bool WaitReadable(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  return poll(&ready, 1, 5000) > 0;
}

// The old process is a child that shares what `open` opens, and goes on until its session ends.
class OldProcess {
 public:
  explicit OldProcess(const std::function<std::vector<int>()>& open) {
    int ready[2];
    EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) _exit(Serve(open(), ready[1]));
    close(ready[1]);
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 1) << "the child could not offer its sockets";
    close(ready[0]);
  }
  ~OldProcess() { (void)Status(); }
  pid_t pid() const { return pid_; }
  // The signals it was sent, by order: P for a pause, R for a resumption, F to finish, S to stop,
  // f and s where the session said it; K where what it shares has become its own again.
  std::string Seen() const {
    std::string text(64, '\0');
    const int fd = open(LogPath(pid_).c_str(), O_RDONLY | O_CLOEXEC);
    text.resize(size_t(std::max<ssize_t>(read(fd, text.data(), text.size()), 0)));
    close(fd);
    return text;
  }
  std::string SeenWithin(const std::string& wanted) const {
    for (int i = 0; i < 500 && Seen() != wanted; ++i) usleep(10000);
    return Seen();
  }
  int Status() {
    if (pid_ <= 0) return -1;
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    unlink(LogPath(pid_).c_str());
    pid_ = 0;
    return status;
  }

 private:
  static std::string LogPath(pid_t pid) {
    return "/tmp/ringway-takeover-test-" + std::to_string(pid);
  }
  static int Serve(const std::vector<int>& sockets, int ready) {
    static int log = -1;
    log = open(LogPath(getpid()).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const auto note = [](int signal) {
      const char letter = signal == SIGTTOU   ? 'P'
                          : signal == SIGTTIN ? 'R'
                          : signal == SIGUSR1 ? 'F'
                                              : 'S';
      (void)!write(log, &letter, 1);
    };
    for (int signal : {SIGTTOU, SIGTTIN, SIGUSR1, SIGTERM}) ::signal(signal, note);
    SocketSharing sharing([&] { return sockets; });
    std::string why;
    if (!sharing.Open(&why)) return 1;
    if (write(ready, "r", 1) != 1) return 1;
    bool was_shared = false;
    for (;;) {
      pollfd polled = {sharing.fd(), POLLIN, 0};
      (void)poll(&polled, 1, 5000);
      const SocketSharing::Order order = sharing.Turn();
      if (order == SocketSharing::Order::kSoftStop) (void)!write(log, "f", 1);
      if (order == SocketSharing::Order::kStop) (void)!write(log, "s", 1);
      const bool is_shared = sharing.IsShared(sockets.back());
      if (was_shared && !is_shared) (void)!write(log, "K", 1);
      was_shared = is_shared;
    }
  }
  pid_t pid_ = 0;
};

class TakeoverTest : public testing::Test {
 protected:
  ~TakeoverTest() override {
    for (int fd : mine_) close(fd);
  }
  std::vector<std::string> notes_;
  std::string error_;
  Options options_;
  SocketSharing sharing_{[] { return std::vector<int>(); }};
  std::vector<int> mine_;
};

TEST_F(TakeoverTest, SocketsComeFromTheOldProcessAndTheRestIsClosed) {
  shard::ListenOptions wanted = Loopback();
  shard::ListenOptions unwanted = Loopback();
  const int theirs = Listen(wanted);
  const int left = Listen(unwanted);
  OldProcess old([&] { return std::vector<int>{theirs, left}; });
  close(theirs);
  close(left);
  ASSERT_TRUE(sharing_.Open(&error_)) << error_;
  options_.finish_pids = {old.pid()};
  Takeover takeover(options_);
  ASSERT_TRUE(takeover.Begin(&notes_, &error_)) << error_;
  EXPECT_TRUE(notes_.empty()) << notes_[0];
  EXPECT_TRUE(takeover.MayListenAt(1));
  mine_ = takeover.Match(wanted);
  ASSERT_EQ(mine_.size(), 1u);
  EXPECT_TRUE(Listens(mine_[0]));
  EXPECT_TRUE(takeover.Match(wanted).empty());  // it is ours by now
  EXPECT_TRUE(takeover.Match(Loopback(1)).empty());
  takeover.CloseUnmatched(sharing_);
  EXPECT_TRUE(sharing_.IsShared(mine_[0]));
  EXPECT_TRUE(takeover.Match(unwanted).empty());
  // The last one, which we did not keep, is its own again.
  EXPECT_EQ(old.SeenWithin("K"), "K");
  std::vector<std::string> warnings;
  takeover.Complete(sharing_, &warnings);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(old.SeenWithin("KF"), "KF");
  // With its end the socket is ours alone.
  old.Status();
  ASSERT_TRUE(WaitReadable(sharing_.fd()));
  EXPECT_EQ(sharing_.Turn(), SocketSharing::Order::kNone);
  EXPECT_FALSE(sharing_.IsShared(mine_[0]));
  EXPECT_TRUE(Listens(mine_[0]));
}

TEST_F(TakeoverTest, ManySocketsNeedSeveralMessages) {
  std::vector<shard::ListenOptions> wanted(150, Loopback());
  std::vector<int> theirs;
  for (shard::ListenOptions& one : wanted) theirs.push_back(Listen(one));
  OldProcess old([&] { return theirs; });
  for (int fd : theirs) close(fd);
  options_.terminate_pids = {old.pid()};
  Takeover takeover(options_);
  ASSERT_TRUE(takeover.Begin(&notes_, &error_)) << error_;
  for (const shard::ListenOptions& one : wanted) {
    for (int fd : takeover.Match(one)) mine_.push_back(fd);
  }
  EXPECT_EQ(mine_.size(), wanted.size());
  takeover.CloseUnmatched(sharing_);
  std::vector<std::string> warnings;
  takeover.Complete(sharing_, &warnings);
  EXPECT_EQ(old.SeenWithin("S"), "S");
}

TEST_F(TakeoverTest, GivingUpAfterAPauseResumes) {
  shard::ListenOptions wanted = Loopback();
  const int theirs = Listen(wanted);
  OldProcess old([&] { return std::vector<int>{theirs}; });
  options_.finish_pids = {old.pid()};
  {
    Takeover takeover(options_);
    ASSERT_TRUE(takeover.Begin(&notes_, &error_)) << error_;
    EXPECT_TRUE(takeover.MakeRoom());
    EXPECT_EQ(old.SeenWithin("P"), "P");
    while (takeover.MakeRoom()) {  // ends by itself
    }
  }
  // The sockets that came are closed with it, and the old process holds its own alone again.
  const std::string seen = old.SeenWithin("PRK");
  EXPECT_TRUE(seen == "PRK" || seen == "PKR") << seen;
  EXPECT_TRUE(Listens(theirs));
  close(theirs);
}

TEST_F(TakeoverTest, WithoutAnybodyToPauseThereIsNoRoomToMake) {
  Takeover takeover(options_);
  ASSERT_TRUE(takeover.Begin(&notes_, &error_));
  EXPECT_FALSE(takeover.MayListenAt(1));
  EXPECT_FALSE(takeover.MakeRoom());
}

TEST_F(TakeoverTest, AMasterSaysByWhatItHasKeptWhereItListens) {
  shard::ListenOptions kept = Loopback();
  Takeover takeover(options_);
  takeover.AddKept({});
  EXPECT_FALSE(takeover.MayListenAt(1));
  takeover.AddKept({Listen(kept)});
  EXPECT_TRUE(takeover.MayListenAt(kept.address.port));
  EXPECT_FALSE(takeover.MayListenAt(1));
}

TEST_F(TakeoverTest, ProcessesThatAreGoneOrOurselvesAreNotTouched) {
  const pid_t gone = fork();
  if (gone == 0) _exit(0);
  waitpid(gone, nullptr, 0);
  options_.finish_pids = {gone, getpid()};
  Takeover takeover(options_);
  ASSERT_TRUE(takeover.Begin(&notes_, &error_)) << error_;
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_NE(notes_[0].find("is gone"), std::string::npos);
  EXPECT_NE(notes_[1].find("is this one"), std::string::npos);
  std::vector<std::string> warnings;
  takeover.Complete(sharing_, &warnings);  // would end this test
  EXPECT_TRUE(warnings.empty());
}

TEST_F(TakeoverTest, AProcessThatOffersNothingIsStillEnded) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  options_.terminate_pids = {child};
  Takeover takeover(options_);
  ASSERT_TRUE(takeover.Begin(&notes_, &error_)) << error_;
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_NE(notes_[0].find("it offers none"), std::string::npos);
  std::vector<std::string> warnings;
  takeover.Complete(sharing_, &warnings);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

// One session, both ends in our hands.
class SharingTest : public testing::Test {
 protected:
  void SetUp() override {
    options_ = Loopback();
    socket_ = Listen(options_);
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_), 0);
    std::string why;
    ASSERT_TRUE(sharing_.Open(&why)) << why;
    ASSERT_TRUE(sharing_.Give(ends_[0]));
    ASSERT_TRUE(sharing_.IsShared(socket_));
  }
  void TearDown() override {
    close(socket_);
    if (ends_[1] >= 0) close(ends_[1]);
  }
  SocketSharing::Order Say(std::string_view text) {
    EXPECT_GT(shard::SendWithFds(ends_[1], text, {}), 0);
    EXPECT_TRUE(WaitReadable(sharing_.fd()));
    return sharing_.Turn();
  }
  shard::ListenOptions options_;
  int socket_ = -1;
  int ends_[2] = {-1, -1};
  SocketSharing sharing_{[this] { return std::vector<int>{socket_}; }};
};

TEST_F(SharingTest, OrdersAreTakenAndNonsenseIsNot) {
  EXPECT_EQ(Say("stop soft\n"), SocketSharing::Order::kSoftStop);
  EXPECT_EQ(Say("stop now\n"), SocketSharing::Order::kStop);
  EXPECT_EQ(Say("\xff\x00?"), SocketSharing::Order::kNone);
  EXPECT_EQ(Say("keeps 99999999999999999999 -1 x 7\n"), SocketSharing::Order::kNone);
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(SharingTest, WhatIsKeptStaysShared) {
  EXPECT_EQ(Say("keeps 0\n"), SocketSharing::Order::kNone);
  EXPECT_TRUE(sharing_.IsShared(socket_));
  close(ends_[1]);
  ends_[1] = -1;
  ASSERT_TRUE(WaitReadable(sharing_.fd()));
  (void)sharing_.Turn();
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(SharingTest, ATakerThatKeepsNothingSharesNothing) {
  EXPECT_EQ(Say("keeps\n"), SocketSharing::Order::kNone);
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(SharingTest, AClosedSocketIsForgottenWithItsNumber) {
  sharing_.Forget(socket_);
  EXPECT_FALSE(sharing_.IsShared(socket_));
  EXPECT_EQ(Say("keeps 0\n"), SocketSharing::Order::kNone);
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(SharingTest, ATakerThatSendsDescriptorsLosesThem) {
  const int strays[] = {ends_[1]};
  const int next = dup(0);
  close(next);
  ASSERT_GT(shard::SendWithFds(ends_[1], "here\n", strays), 0);
  ASSERT_TRUE(WaitReadable(sharing_.fd()));
  (void)sharing_.Turn();
  const int again = dup(0);
  EXPECT_EQ(again, next);
  close(again);
}

class MasterSharingTest : public testing::Test {
 protected:
  void SetUp() override {
    shard::ListenOptions options = Loopback();
    socket_ = Listen(options);
    for (auto& ends : {&first_, &second_}) {
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, *ends), 0);
    }
    std::string why;
    ASSERT_TRUE(sharing_.Open(&why)) << why;
    ASSERT_TRUE(sharing_.GiveToMaster(first_[0]));
    ASSERT_TRUE(sharing_.IsShared(socket_));
    offered_.clear();
  }
  void TearDown() override {
    for (const int fd : {socket_, first_[1], second_[1]}) {
      if (fd >= 0) close(fd);
    }
  }
  int socket_ = -1;
  int first_[2] = {-1, -1};
  int second_[2] = {-1, -1};
  std::vector<int> offered_{-1};
  SocketSharing sharing_{
      [this] { return offered_.empty() ? std::vector<int>{} : std::vector<int>{socket_}; }};
};

TEST_F(MasterSharingTest, WhatAMasterIsNotGivenAgainIsNoLongerShared) {
  close(std::exchange(first_[1], -1));
  EXPECT_TRUE(sharing_.GiveToMaster(second_[0]));
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(MasterSharingTest, AMasterThatDoesNotLetGoStillShares) {
  EXPECT_FALSE(sharing_.GiveToMaster(second_[0]));
  EXPECT_TRUE(sharing_.IsShared(socket_));
  close(std::exchange(first_[1], -1));
  ASSERT_TRUE(WaitReadable(sharing_.fd()));
  (void)sharing_.Turn();
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(MasterSharingTest, AnOrderGivenMeanwhileIsNotLost) {
  ASSERT_GT(shard::SendWithFds(first_[1], "stop soft\n", {}), 0);
  EXPECT_FALSE(sharing_.GiveToMaster(second_[0]));
  EXPECT_EQ(sharing_.Turn(), SocketSharing::Order::kSoftStop);
}

TEST_F(MasterSharingTest, AMasterThatIsGoneIsGivenNothing) {
  close(std::exchange(first_[1], -1));
  EXPECT_FALSE(sharing_.GiveToMaster(-1));
  ASSERT_TRUE(WaitReadable(sharing_.fd()));
  (void)sharing_.Turn();
  EXPECT_FALSE(sharing_.IsShared(socket_));
}

TEST_F(SharingTest, ClosingHangsUp) {
  sharing_.Close();
  std::string text;
  std::vector<int> came;
  ASSERT_GT(shard::ReceiveWithFds(ends_[1], &text, &came), 0);
  EXPECT_EQ(text, "sockets 1 0\n");
  ASSERT_EQ(came.size(), 1u);
  EXPECT_TRUE(Listens(came[0]));
  close(came[0]);
  EXPECT_EQ(shard::ReceiveWithFds(ends_[1], &text, &came), 0);
}

}  // namespace
}  // namespace engine
