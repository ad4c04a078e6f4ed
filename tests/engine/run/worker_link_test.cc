// What a worker hears of its master, and what it says; and what the service manager hears.

#include "engine/run/worker_link.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/run/handover.h"
#include "engine/run/notify.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

class WorkerLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_), 0);
    setenv(kMasterVariable, WorkerLink::Describe(ends_[1], -1, -1, WorkerTask::kFirst).c_str(), 1);
    link_ = WorkerLink::FromEnvironment();
    ASSERT_NE(link_, nullptr);
  }
  void TearDown() override {
    if (ends_[0] >= 0) close(ends_[0]);
  }
  std::string Hear() {
    std::string text;
    std::vector<int> fds;
    EXPECT_GT(shard::ReceiveWithFds(ends_[0], &text, &fds), 0);
    CloseFds(fds);
    return text;
  }
  int ends_[2] = {-1, -1};
  std::unique_ptr<WorkerLink> link_;
};

TEST_F(WorkerLinkTest, TheVariableIsTakenOnce) {
  EXPECT_EQ(link_->task(), WorkerTask::kFirst);
  EXPECT_EQ(std::getenv(kMasterVariable), nullptr);
  EXPECT_EQ(WorkerLink::FromEnvironment(), nullptr);
  EXPECT_EQ(fcntl(link_->fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(WorkerLinkTest, KnowsWhatItIsStartedFor) {
  for (const WorkerTask task : {WorkerTask::kFirst, WorkerTask::kReplace, WorkerTask::kReload}) {
    setenv(kMasterVariable, WorkerLink::Describe(dup(ends_[1]), -1, -1, task).c_str(), 1);
    const auto link = WorkerLink::FromEnvironment();
    ASSERT_NE(link, nullptr);
    EXPECT_EQ(link->task(), task);
  }
  // As an older master says it.
  setenv(kMasterVariable, (std::to_string(dup(ends_[1])) + " -1 -1 0").c_str(), 1);
  const auto link = WorkerLink::FromEnvironment();
  ASSERT_NE(link, nullptr);
  EXPECT_EQ(link->task(), WorkerTask::kReplace);
}

TEST_F(WorkerLinkTest, AVariableOfSomebodyElseIsNotBelieved) {
  for (const char* text : {"", "x", "1 2 3", "0 -1 -1 0", "9999 -1 -1 1"}) {
    setenv(kMasterVariable, text, 1);
    EXPECT_EQ(WorkerLink::FromEnvironment(), nullptr) << text;
    EXPECT_EQ(std::getenv(kMasterVariable), nullptr);
  }
  EXPECT_GE(fcntl(0, F_GETFD), 0);  // none of them was closed
}

TEST_F(WorkerLinkTest, SocketsGoBothWays) {
  const std::vector<int> three(3, ends_[0]);
  ASSERT_TRUE(SendSockets(ends_[0], three));
  std::vector<int> came;
  std::string why;
  ASSERT_TRUE(link_->TakeSockets(&came, &why)) << why;
  EXPECT_EQ(came.size(), 3u);
  const int session = link_->OpenSession();
  ASSERT_GE(session, 0);
  std::string text;
  std::vector<int> theirs;
  ASSERT_GT(shard::ReceiveWithFds(ends_[0], &text, &theirs), 0);
  EXPECT_EQ(text, "session\n");
  ASSERT_EQ(theirs.size(), 1u);
  ASSERT_TRUE(SendSockets(session, came));
  CloseFds(came);
  came.clear();
  ASSERT_TRUE(ReceiveSockets(theirs[0], &came, &why)) << why;
  EXPECT_EQ(came.size(), 3u);
  EXPECT_EQ(CookieOf(came[0]), CookieOf(ends_[0]));
  CloseFds(came);
  CloseFds({session, theirs[0]});
}

TEST_F(WorkerLinkTest, ReadyNamesItsVersion) {
  ASSERT_TRUE(link_->ReportReady(7, "3.5-x"));
  EXPECT_EQ(Hear(), "ready 7 3.5-x\n");
}

TEST_F(WorkerLinkTest, ClientsComeWithTheirLevel) {
  int client = -1;
  CliLevel level = CliLevel::kUser;
  EXPECT_EQ(link_->Read(&client, &level), WorkerLink::Event::kNone);
  const int one[] = {ends_[0]};
  ASSERT_GT(shard::SendWithFds(ends_[0], "cli 2\n", one), 0);
  EXPECT_EQ(link_->Read(&client, &level), WorkerLink::Event::kClient);
  EXPECT_EQ(level, CliLevel::kAdmin);
  EXPECT_GE(client, 0);
  close(client);
  for (const char* text : {"cli 3\n", "cli\n", "nonsense"}) {
    ASSERT_GT(shard::SendWithFds(ends_[0], text, one), 0);
    EXPECT_EQ(link_->Read(&client, &level), WorkerLink::Event::kNone) << text;
  }
  close(ends_[0]);
  ends_[0] = -1;
  EXPECT_EQ(link_->Read(&client, &level), WorkerLink::Event::kGone);
  EXPECT_EQ(link_->fd(), -1);
}

TEST(ServiceNotifierTest, SpeaksToPathsAndAbstractNames) {
  for (const bool abstract : {false, true}) {
    const std::string name = "/tmp/ringway-notify-" + std::to_string(getpid());
    const int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + (abstract ? 1 : 0), name.data(), name.size());
    const auto length = socklen_t(offsetof(sockaddr_un, sun_path) + name.size() + 1);
    ASSERT_EQ(bind(manager, reinterpret_cast<sockaddr*>(&address), length), 0);
    setenv("NOTIFY_SOCKET", ((abstract ? "@" : "") + name).c_str(), 1);
    const ServiceNotifier notifier = ServiceNotifier::FromEnvironment();
    notifier.Send("READY=1\n");
    char said[64] = {};
    EXPECT_EQ(recv(manager, said, sizeof(said), MSG_DONTWAIT), 8);
    EXPECT_STREQ(said, "READY=1\n");
    close(manager);
    unlink(name.c_str());
    notifier.Send("nobody listens");
  }
  unsetenv("NOTIFY_SOCKET");
  ServiceNotifier::FromEnvironment().Send("nobody is there");
  ServiceNotifier().SendReloading();
}

}  // namespace
}  // namespace engine
