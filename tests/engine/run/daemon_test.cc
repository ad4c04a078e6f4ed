#include "engine/run/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

namespace engine {
namespace {

class DaemonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/ringway-daemon-test-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    directory_ = path;
    // The grandchildren become ours, so that they can be waited for.
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  }
  void TearDown() override {
    std::string command = "rm -rf " + directory_;
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  static std::string Read(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  static bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

  // A program that goes to the background: `serve` is what its child does after the fork. Answers
  // the exit status of the one that was started.
  int Start(const std::function<int(Daemon&, PidFile&)>& serve) {
    const pid_t pid = fork();
    if (pid == 0) {
      std::string error;
      int status = 1;
      {
        Daemon daemon;
        PidFile pid_file;
        if (!pid_file.Open(Path("pid"), &error)) _exit(50);
        switch (daemon.Detach(&error)) {
          case Daemon::Side::kParent:
            status = daemon.WaitUntilReady(&error);
            if (!error.empty()) std::ofstream(Path("message")) << error;
            break;
          case Daemon::Side::kChild:
            status = serve(daemon, pid_file);
            break;
          case Daemon::Side::kFailed:
            status = 51;
            break;
        }
      }
      _exit(status);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
  }
  // The exit status of the background process.
  static int Reap(pid_t pid) {
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string directory_;
};

TEST_F(DaemonTest, ParentReturnsZeroOnceTheChildServesAndThePidIsWritten) {
  ASSERT_EQ(Start([&](Daemon& daemon, PidFile& pid_file) {
              std::string error;
              usleep(20000);
              if (!pid_file.Write(getpid(), &error)) return 2;
              if (!daemon.ReportReady(&error)) return 3;
              // In a session of its own, its streams on /dev/null.
              struct stat null {};
              struct stat stream {};
              if (stat("/dev/null", &null) != 0) return 4;
              for (int fd = 0; fd <= 2; ++fd) {
                if (fstat(fd, &stream) != 0 || stream.st_rdev != null.st_rdev) return 5;
              }
              if (getsid(0) != getpid()) return 6;
              usleep(100000);
              return 0;
            }),
            0);
  const std::string text = Read(Path("pid"));
  ASSERT_FALSE(text.empty());
  EXPECT_EQ(text.back(), '\n');
  const pid_t pid = pid_t(std::atoi(text.c_str()));
  EXPECT_EQ(text, std::to_string(pid) + "\n");
  EXPECT_EQ(kill(pid, 0), 0);
  EXPECT_EQ(Reap(pid), 0);
  EXPECT_FALSE(Exists(Path("message")));
  EXPECT_TRUE(Exists(Path("pid")));
}

TEST_F(DaemonTest, ChildThatRefusesMakesTheParentExitOne) {
  EXPECT_EQ(Start([](Daemon&, PidFile&) { return 1; }), 1);
  EXPECT_FALSE(Exists(Path("message"))) << "the child has said why";
  EXPECT_FALSE(Exists(Path("pid")));
}

TEST_F(DaemonTest, ChildThatCrashesIsNamed) {
  EXPECT_EQ(Start([](Daemon&, PidFile&) {
              raise(SIGKILL);
              return 0;
            }),
            1);
  EXPECT_NE(Read(Path("message")).find("killed by signal 9"), std::string::npos);
  EXPECT_FALSE(Exists(Path("pid")));
}

TEST_F(DaemonTest, ChildThatEndsWellBeforeServingIsAFailure) {
  EXPECT_EQ(Start([](Daemon&, PidFile&) { return 0; }), 1);
  EXPECT_NE(Read(Path("message")).find("ended before it served"), std::string::npos);
}

TEST_F(DaemonTest, ChildKeepsStandardErrorUntilItServes) {
  const int saved = dup(2);
  const int file = open(Path("err").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_GE(dup2(file, 2), 0);
  const int status = Start([](Daemon& daemon, PidFile&) {
    std::string error;
    std::fputs("before\n", stderr);
    if (!daemon.ReportReady(&error)) return 1;
    std::fputs("after\n", stderr);
    return 0;
  });
  dup2(saved, 2);
  close(saved);
  close(file);
  EXPECT_EQ(status, 0);
  waitpid(-1, nullptr, 0);
  EXPECT_EQ(Read(Path("err")), "before\n");
}

TEST_F(DaemonTest, ReportReadyWithoutDetachKeepsTheStreams) {
  Daemon daemon;
  std::string error;
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(fstat(2, &before), 0);
  EXPECT_TRUE(daemon.ReportReady(&error));
  ASSERT_EQ(fstat(2, &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(DaemonTest, PidFileReplacesALongerOne) {
  std::ofstream(Path("pid")) << "123456789\n987654321\n";
  PidFile pid_file;
  std::string error;
  ASSERT_TRUE(pid_file.Open(Path("pid"), &error)) << error;
  EXPECT_EQ(Read(Path("pid")), "123456789\n987654321\n") << "untouched until we serve";
  ASSERT_TRUE(pid_file.Write(42, &error)) << error;
  EXPECT_EQ(Read(Path("pid")), "42\n");
}

TEST_F(DaemonTest, PidFileOfAPredecessorSurvivesAFailedStart) {
  std::ofstream(Path("pid")) << "77\n";
  {
    PidFile pid_file;
    std::string error;
    ASSERT_TRUE(pid_file.Open(Path("pid"), &error));
  }
  EXPECT_EQ(Read(Path("pid")), "77\n");
}

TEST_F(DaemonTest, PidFileIsReadableWhateverTheUmask) {
  const mode_t old = umask(0777);
  PidFile pid_file;
  std::string error;
  EXPECT_TRUE(pid_file.Open(Path("pid"), &error));
  umask(old);
  struct stat info {};
  ASSERT_EQ(stat(Path("pid").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
}

TEST_F(DaemonTest, RemoveTakesOnlyOurOwn) {
  PidFile pid_file;
  std::string error;
  ASSERT_TRUE(pid_file.Open(Path("pid"), &error));
  ASSERT_TRUE(pid_file.Write(42, &error));
  std::ofstream(Path("pid")) << "43\n";  // a successor wrote into the same file
  pid_file.Remove();
  EXPECT_TRUE(Exists(Path("pid")));
  ASSERT_TRUE(pid_file.Write(42, &error));
  ASSERT_EQ(rename(Path("pid").c_str(), Path("old").c_str()), 0);
  std::ofstream(Path("pid")) << "42\n";  // another file under the name
  pid_file.Remove();
  EXPECT_TRUE(Exists(Path("pid")));
  ASSERT_EQ(rename(Path("old").c_str(), Path("pid").c_str()), 0);
  pid_file.Remove();
  EXPECT_FALSE(Exists(Path("pid")));
}

TEST_F(DaemonTest, RelativePidFileIsFoundAfterChdir) {
  char* here = getcwd(nullptr, 0);
  ASSERT_EQ(chdir(directory_.c_str()), 0);
  {
    PidFile pid_file;
    std::string error;
    ASSERT_TRUE(pid_file.Open("pid", &error)) << error;
    ASSERT_EQ(chdir("/"), 0);
    ASSERT_TRUE(pid_file.Write(42, &error));
    pid_file.Remove();
  }
  ASSERT_EQ(chdir(here), 0);
  std::free(here);
  EXPECT_FALSE(Exists(Path("pid")));
}

TEST_F(DaemonTest, PidFileThatCannotBeOpenedIsNamed) {
  PidFile pid_file;
  std::string error;
  EXPECT_FALSE(pid_file.Open(Path("missing/pid"), &error));
  EXPECT_NE(error.find("missing/pid"), std::string::npos) << error;
  EXPECT_NE(error.find("ENOENT"), std::string::npos) << error;
  EXPECT_FALSE(pid_file.is_open());
}

TEST_F(DaemonTest, NoPathMeansNoFile) {
  PidFile pid_file;
  std::string error;
  EXPECT_TRUE(pid_file.Open("", &error));
  EXPECT_TRUE(pid_file.Write(42, &error));
  pid_file.Remove();
}

TEST_F(DaemonTest, DeviceAsPidFile) {
  PidFile pid_file;
  std::string error;
  ASSERT_TRUE(pid_file.Open("/dev/null", &error));
  EXPECT_TRUE(pid_file.Write(42, &error)) << error;
  pid_file.Remove();
  EXPECT_TRUE(Exists("/dev/null"));
}

}  // namespace
}  // namespace engine
