#include "engine/run/start_helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shard/net/pass_fds.h"

namespace engine {
namespace {

constexpr const char* kEnding = ".1.tmp";

constexpr int kHeadBytes = 32;

sockaddr_storage LoopbackAddress(uint16_t port) {
  sockaddr_storage address = {};
  auto& in = reinterpret_cast<sockaddr_in&>(address);
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One that answers in a process of its own, with our rights.
class StartHelperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/ringway-helper-test-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    folder_ = path;
  }
  void TearDown() override {
    StopHelper();
    EXPECT_EQ(std::system(("rm -rf " + folder_).c_str()), 0);
  }
  // `rehearsal` says what may be asked once it has begun.
  void StartHelperFor(const std::function<void(base::StartRights&)>& rehearsal) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      close(ends[0]);
      StartHelper::Serve(ends[1], kEnding, [&] { rehearsal(base::StartRights::Current()); });
      _exit(0);
    }
    close(ends[1]);
    fd_ = ends[0];
    asks_ = std::make_unique<StartHelper>(ends[0], 0);
  }
  void BeginFor(const std::function<void(base::StartRights&)>& rehearsal) {
    StartHelperFor(rehearsal);
    std::string why;
    ASSERT_TRUE(asks_->Begin(&why)) << why;
  }
  void StopHelper() {
    if (pid_ <= 0) return;
    asks_ = nullptr;
    int status = 1;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_EQ(status, 0);
    pid_ = 0;
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // The first eight bytes of the answer to a message that is none of StartHelper's.
  int64_t Send(std::string_view message, const std::vector<int>& fds = {}) const {
    EXPECT_GT(shard::SendWithFds(fd_, message, fds), 0);
    std::string text;
    std::vector<int> came;
    EXPECT_GE(shard::ReceiveWithFds(fd_, &text, &came), int(sizeof(int64_t)));
    EXPECT_TRUE(came.empty());
    int64_t result = 0;
    std::copy_n(text.data(), std::min(text.size(), sizeof(result)),
                reinterpret_cast<char*>(&result));
    return result;
  }
  // `kind` as it stands in a head, with texts of any lengths, that are said to be others.
  static std::string Message(uint32_t kind, std::string_view first, std::string_view second = {},
                             int more_first = 0, int more_second = 0) {
    std::string head(kHeadBytes, '\0');
    const uint32_t lengths[2] = {uint32_t(int(first.size()) + more_first),
                                 uint32_t(int(second.size()) + more_second)};
    std::memcpy(head.data(), &kind, sizeof(kind));
    std::memcpy(head.data() + kHeadBytes - sizeof(lengths), lengths, sizeof(lengths));
    return head.append(first).append(second);
  }

  std::string folder_;
  int fd_ = -1;
  pid_t pid_ = 0;
  std::unique_ptr<StartHelper> asks_;
};

TEST_F(StartHelperTest, AnswersNothingBeforeItBeginsAndAfterItEnds) {
  std::ofstream(Path("a")) << "text";
  StartHelperFor([this](base::StartRights& rights) {
    std::string text;
    (void)rights.ReadFile(Path("a"), &text);
    (void)rights.FindUser("root");
  });
  std::string text;
  EXPECT_EQ(asks_->ReadFile(Path("a"), &text), -EPERM);
  EXPECT_EQ(asks_->FindUser("root"), -EPERM);
  EXPECT_EQ(asks_->Socket(AF_INET), -EPERM);
  for (int turn = 0; turn < 3; ++turn) {  // the rehearsal leaves nothing behind
    std::string why;
    ASSERT_TRUE(asks_->Begin(&why)) << why;
    text.clear();
    EXPECT_EQ(asks_->ReadFile(Path("a"), &text), 0);
    EXPECT_EQ(text, "text");
    EXPECT_EQ(asks_->FindUser("root"), 0);
    EXPECT_TRUE(asks_->End(&why)) << why;
    EXPECT_EQ(asks_->ReadFile(Path("a"), &text), -EPERM);
  }
}

TEST_F(StartHelperTest, AnswersOnlyWhatTheRehearsalHasAsked) {
  std::ofstream(Path("a")) << "text";
  std::ofstream(Path("b")) << "other";
  sockaddr_storage address = LoopbackAddress(0);
  BeginFor([&](base::StartRights& rights) {
    struct stat what = {};
    (void)rights.Open(Path("a"));
    (void)rights.Stat(Path("b"), &what);
    (void)rights.FindUser("root");
    (void)rights.Resolve("127.0.0.9", AF_INET, false);
    (void)rights.Bind(-1, address, sizeof(sockaddr_in));
    (void)rights.BindPath(-1, Path("s"), kEnding, 0600, -1, -1);
  });
  struct stat what = {};
  std::vector<std::string> names;
  const int fd = asks_->Open(Path("a"));
  EXPECT_GE(fd, 0);
  close(fd);
  EXPECT_EQ(asks_->Stat(Path("b"), &what), 0);
  EXPECT_EQ(asks_->Open(Path("b")), -EPERM);
  EXPECT_EQ(asks_->Open(Path("") + "./a"), -EPERM);  // the same file by another name
  EXPECT_EQ(asks_->Stat(Path("a"), &what), -EPERM);
  EXPECT_EQ(asks_->CanEnter(folder_), -EPERM);
  EXPECT_EQ(asks_->List(folder_, &names), -EPERM);
  EXPECT_EQ(asks_->FindUser("daemon"), -EPERM);
  EXPECT_EQ(asks_->FindGroup("root"), -EPERM);
  EXPECT_NE(asks_->Resolve("127.0.0.8", AF_INET, false).code, 0);
  EXPECT_NE(asks_->Resolve("127.0.0.9", AF_INET, true).code, 0);
  EXPECT_EQ(asks_->Socket(AF_INET), -EPERM);
  const int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_storage other = LoopbackAddress(9);
  EXPECT_EQ(asks_->Bind(tcp, other, sizeof(sockaddr_in)), -EPERM);
  EXPECT_EQ(asks_->Bind(tcp, address, sizeof(sockaddr_in) + 1), -EPERM);
  EXPECT_EQ(asks_->Bind(udp, address, sizeof(sockaddr_in)), -EINVAL);
  EXPECT_EQ(asks_->Bind(tcp, address, sizeof(sockaddr_in)), 0);
  const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(asks_->BindPath(local, Path("s"), kEnding, 0666, -1, -1), -EPERM);
  EXPECT_EQ(asks_->BindPath(local, Path("s"), kEnding, 0600, 1, -1), -EPERM);
  EXPECT_EQ(asks_->BindPath(local, Path("t"), kEnding, 0600, -1, -1), -EPERM);
  EXPECT_EQ(asks_->BindPath(tcp, Path("s"), kEnding, 0600, -1, -1), -EINVAL);
  for (const int one : {tcp, udp, local}) close(one);
}

TEST_F(StartHelperTest, CannotBeginWhereTheRehearsalFails) {
  StartHelperFor([](base::StartRights&) { _exit(3); });
  std::string why;
  EXPECT_FALSE(asks_->Begin(&why));
  EXPECT_NE(why.find("cannot read the configuration"), std::string::npos) << why;
  EXPECT_EQ(asks_->FindUser("root"), -EPERM);
}

TEST_F(StartHelperTest, SaysMeanwhileThatARehearsalGoesOn) {
  StartHelperFor([](base::StartRights&) { usleep(1300000); });
  std::string why;
  EXPECT_TRUE(asks_->Begin(&why)) << why;
  EXPECT_TRUE(asks_->End(&why)) << why;
}

TEST_F(StartHelperTest, KnowsWhetherSomethingWasRefused) {
  StartHelperFor([](base::StartRights& rights) { (void)rights.Exists("/dev/null"); });
  std::string why;
  ASSERT_TRUE(asks_->Begin(&why)) << why;
  EXPECT_TRUE(asks_->Exists("/dev/null"));
  EXPECT_FALSE(asks_->was_refused());
  EXPECT_FALSE(asks_->Exists("/dev/zero"));
  EXPECT_TRUE(asks_->was_refused());
  ASSERT_TRUE(asks_->Begin(&why)) << why;
  EXPECT_FALSE(asks_->was_refused());
}

TEST_F(StartHelperTest, ReadsFilesAndFolders) {
  const std::string long_text(300000, 'x');
  std::ofstream(Path("a")) << long_text;
  BeginFor([&](base::StartRights& rights) {
    struct stat what = {};
    for (const std::string& path : {Path("a"), Path("none"), folder_}) {
      const int fd = rights.Open(path);
      if (fd >= 0) close(fd);
      (void)rights.Stat(path, &what);
      (void)rights.CanEnter(path);
    }
  });
  std::string text;
  EXPECT_EQ(asks_->ReadFile(Path("a"), &text), 0);
  EXPECT_EQ(text, long_text);
  EXPECT_EQ(asks_->ReadFile(Path("a"), &text, 1000), -EFBIG);
  EXPECT_EQ(asks_->ReadFile(Path("none"), &text), -ENOENT);
  EXPECT_EQ(asks_->ReadFile(folder_, &text), -EISDIR);
  EXPECT_TRUE(asks_->Exists(Path("a")));
  EXPECT_FALSE(asks_->Exists(Path("none")));
  EXPECT_TRUE(asks_->IsFolder(folder_));
  EXPECT_EQ(asks_->CanEnter(folder_), 0);
  EXPECT_EQ(asks_->CanEnter(Path("a")), -ENOTDIR);
}

TEST_F(StartHelperTest, ListsMoreNamesThanOneMessageHolds) {
  constexpr int kFiles = 300;
  for (int i = 0; i < kFiles; ++i) {
    std::ofstream(Path(std::string(200, 'n') + std::to_string(i))) << "";
  }
  BeginFor([this](base::StartRights& rights) {
    std::vector<std::string> listed;
    (void)rights.List(folder_, &listed);
    (void)rights.List(Path("none"), &listed);
  });
  std::vector<std::string> names;
  EXPECT_EQ(asks_->List(folder_, &names), 0);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names.size(), size_t{kFiles + 2});
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(asks_->List(Path("none"), &names), -ENOENT);
}

TEST_F(StartHelperTest, FindsNames) {
  BeginFor([](base::StartRights& rights) {
    (void)rights.FindUser("root");
    (void)rights.FindUser("nobody that is here");
    (void)rights.FindGroup("root");
    (void)rights.Resolve("127.0.0.9", AF_INET, false);
    (void)rights.Resolve("no such name.invalid", AF_INET, false);
  });
  EXPECT_EQ(asks_->FindUser("root"), 0);
  EXPECT_EQ(asks_->FindUser("nobody that is here"), -ENOENT);
  EXPECT_EQ(asks_->FindGroup("root"), 0);
  const base::ResolvedName found = asks_->Resolve("127.0.0.9", AF_INET, false);
  ASSERT_EQ(found.code, 0);
  ASSERT_EQ(found.length, sizeof(sockaddr_in));
  EXPECT_EQ(reinterpret_cast<const sockaddr_in&>(found.address).sin_addr.s_addr, htonl(0x7f000009));
  EXPECT_NE(asks_->Resolve("no such name.invalid", AF_INET, false).code, 0);
}

TEST_F(StartHelperTest, BindsTheSocketThatIsSent) {
  const sockaddr_storage address = LoopbackAddress(0);
  sockaddr_storage smuggled = {};
  auto& local = reinterpret_cast<sockaddr_un&>(smuggled);
  local.sun_family = AF_UNIX;
  Path("smuggled").copy(local.sun_path, sizeof(local.sun_path) - 1);
  BeginFor([&](base::StartRights& rights) {
    const int fd = rights.Socket(AF_INET);
    (void)rights.Bind(fd, address, sizeof(sockaddr_in));
    (void)rights.Bind(fd, smuggled, sizeof(sockaddr_un));
    close(fd);
  });
  const int fd = asks_->Socket(AF_INET);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(asks_->Bind(fd, address, sizeof(sockaddr_in)), 0);
  sockaddr_in bound = {};
  socklen_t length = sizeof(bound);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length), 0);
  EXPECT_NE(bound.sin_port, 0);
  EXPECT_EQ(asks_->Socket(AF_INET6), -EPERM);
  // A path is not to be passed as an address.
  const int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(asks_->Bind(other, smuggled, sizeof(sockaddr_un)), -EINVAL);
  close(fd);
  close(other);
}

TEST_F(StartHelperTest, MovesAndRemovesOnlyWhatItHasBound) {
  std::ofstream(Path("file")) << "kept";
  std::ofstream(Path("file.1.tmp")) << "kept";
  std::ofstream(Path("t")) << "a file, no socket";
  BeginFor([this](base::StartRights& rights) {
    for (const char* name : {"s", "t", "left", "exchanged"}) {
      (void)rights.BindPath(-1, Path(name), kEnding, 0640, -1, -1);
    }
  });
  const auto bind = [this](const char* name) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(asks_->BindPath(fd, Path(name), kEnding, 0640, -1, -1), 0) << name;
    close(fd);
  };
  const auto exists = [this](const char* name) { return access(Path(name).c_str(), F_OK) == 0; };
  EXPECT_EQ(asks_->RemovePath(Path("file")), -EPERM);
  EXPECT_EQ(asks_->RemovePath(Path("file.1.tmp")), -EPERM);
  EXPECT_EQ(asks_->PlacePath(Path("file.1.tmp"), Path("file")), -EPERM);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(asks_->BindPath(fd, Path("s"), ".other", 0640, -1, -1), -EPERM);
  close(fd);
  bind("s");
  struct stat what = {};
  ASSERT_EQ(lstat(Path("s.1.tmp").c_str(), &what), 0);
  EXPECT_EQ(what.st_mode & 07777, 0640U);
  EXPECT_EQ(asks_->PlacePath(Path("s.1.tmp"), Path("file")), -EPERM);
  EXPECT_EQ(asks_->PlacePath(Path("s.1.tmp"), Path("s")), 0);
  EXPECT_TRUE(exists("s"));
  EXPECT_EQ(asks_->RemovePath(Path("s")), -EPERM);
  bind("t");
  EXPECT_EQ(asks_->PlacePath(Path("t.1.tmp"), Path("t")), -EEXIST);
  EXPECT_EQ(asks_->RemovePath(Path("t.1.tmp")), 0);
  EXPECT_FALSE(exists("t.1.tmp"));
  // Another socket by the name of ours.
  bind("exchanged");
  bind("s");
  ASSERT_EQ(rename(Path("s.1.tmp").c_str(), Path("exchanged.1.tmp").c_str()), 0);
  EXPECT_EQ(asks_->PlacePath(Path("exchanged.1.tmp"), Path("exchanged")), -EPERM);
  EXPECT_FALSE(exists("exchanged"));
  EXPECT_EQ(asks_->RemovePath(Path("exchanged.1.tmp")), -EPERM);
  // What is bound when it ends, or we do, is in nobody's use.
  bind("left");
  std::string why;
  EXPECT_TRUE(asks_->End(&why));
  EXPECT_FALSE(exists("left.1.tmp"));
  ASSERT_TRUE(asks_->Begin(&why)) << why;
  bind("left");
  EXPECT_TRUE(exists("left.1.tmp"));
  StopHelper();
  EXPECT_FALSE(exists("left.1.tmp"));
}

TEST_F(StartHelperTest, RefusesWhatIsNoRequest) {
  std::ofstream(Path("a")) << "text";
  sockaddr_storage address = LoopbackAddress(0);
  BeginFor([&](base::StartRights& rights) {
    (void)rights.Open(Path("a"));
    (void)rights.Bind(-1, address, sizeof(sockaddr_in));
  });
  constexpr uint32_t kBegin = 0, kEnd = 1, kOpen = 2, kBind = 10, kUnknown = 14;
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Send("x"), -EINVAL);
  EXPECT_EQ(Send(std::string(kHeadBytes - 1, '\0')), -EINVAL);
  EXPECT_EQ(Send(std::string(kHeadBytes, '\xff')), -EINVAL);
  EXPECT_EQ(Send(std::string(12000, '\0')), -EINVAL);
  EXPECT_EQ(Send(Message(kUnknown, "")), -EINVAL);
  EXPECT_EQ(Send(Message(UINT32_MAX, "")), -EINVAL);
  EXPECT_EQ(Send(Message(kBegin, "", "", 1)), -EINVAL);
  EXPECT_EQ(Send(Message(kOpen, Path("a"), "", 1)), -EINVAL);
  EXPECT_EQ(Send(Message(kOpen, Path("a"), "", -1)), -EINVAL);
  EXPECT_EQ(Send(Message(kOpen, Path("a"), "", 1, -1)), -EINVAL);
  EXPECT_EQ(Send(Message(kOpen, Path("a"), "more")), -EPERM);
  EXPECT_EQ(Send(Message(kOpen, Path("a") + std::string(1, '\0'))), -EINVAL);
  EXPECT_EQ(Send(Message(kOpen, std::string(4097, 'a'))), -EINVAL);
  EXPECT_EQ(Send(Message(kOpen, Path("a")), {fd}), -EINVAL);  // which passes nothing
  EXPECT_EQ(Send(Message(kEnd, ""), {fd}), -EINVAL);
  const std::string_view bytes(reinterpret_cast<const char*>(&address), sizeof(sockaddr_in));
  EXPECT_EQ(Send(Message(kBind, bytes)), -EINVAL);        // nothing is passed
  EXPECT_EQ(Send(Message(kBind, bytes), {fd}), -EINVAL);  // no socket
  EXPECT_EQ(Send(Message(kBind, bytes), {fd, fd}), -EINVAL);
  EXPECT_EQ(Send(Message(kBind, "x"), {fd}), -EINVAL);
  EXPECT_EQ(Send(Message(kBind, std::string(200, 'x')), {fd}), -EINVAL);
  // More than a process may have: what came is closed again, and it answers on.
  const std::vector<int> many(shard::kFdsPerMessageMax, fd);
  for (int turn = 0; turn < 40; ++turn) EXPECT_EQ(Send(Message(kBind, bytes), many), -EINVAL);
  close(fd);
  EXPECT_EQ(asks_->Open(std::string(10000, 'p')), -ENAMETOOLONG);
  const int good = asks_->Open(Path("a"));
  EXPECT_GE(good, 0);
  close(good);
}

TEST(StartHelper, SaysThatItWasKilled) {
  std::string why;
  std::unique_ptr<StartHelper> helper = StartHelper::Fork([] {}, &why);
  ASSERT_NE(helper, nullptr) << why;
  EXPECT_TRUE(helper->Begin(&why)) << why;
  kill(helper->pid(), SIGTERM);  // of a group that is told to stop
  EXPECT_TRUE(helper->End(&why)) << why;
  EXPECT_TRUE(helper->Begin(&why)) << why;
  kill(helper->pid(), SIGKILL);
  while (helper->End(&why)) usleep(1000);
  EXPECT_NE(why.find("was killed by signal 9"), std::string::npos) << why;
  EXPECT_FALSE(helper->Begin(&why));
  EXPECT_EQ(helper->Open("/dev/null"), -ENOTCONN);
}

}  // namespace
}  // namespace engine
