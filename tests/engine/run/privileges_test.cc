#include "engine/run/privileges.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "engine/config/capability_names.h"
#include "engine/server/proxy_config.h"

namespace engine {
namespace {

constexpr int64_t kNobody = 65534;

struct Dropped {
  bool good = false;
  std::vector<std::string> warnings;
  std::string error;
};

Dropped Drop(const PrivilegeRequest& request) {
  Dropped dropped;
  dropped.good = DropPrivileges(request, &dropped.warnings, &dropped.error);
  return dropped;
}

// Runs `body` in a child, because nothing of this can be undone. The answer is its exit status, and
// what it wrote to `said`.
struct Child {
  int status = -1;
  std::string said;
};
Child InChild(const std::function<int(std::string&)>& body) {
  Child child;
  int ends[2];
  if (pipe(ends) != 0) return child;
  const pid_t pid = fork();
  if (pid == 0) {
    std::string said;
    const int status = body(said);
    if (write(ends[1], said.data(), said.size()) < 0) _exit(99);
    _exit(status);
  }
  close(ends[1]);
  char buffer[4096];
  ssize_t got;
  while ((got = read(ends[0], buffer, sizeof buffer)) > 0) child.said.append(buffer, size_t(got));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status)) child.status = WEXITSTATUS(status);
  return child;
}

#define SKIP_UNLESS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

TEST(PrivilegesTest, RequestTakesTheGlobalSection) {
  GlobalConfig global;
  global.chroot = "/jail";
  global.user = "www";
  global.uid = 33;
  global.gid = 34;
  const PrivilegeRequest request = MakePrivilegeRequest(global);
  EXPECT_EQ(request.chroot, "/jail");
  EXPECT_EQ(request.user, "www");
  EXPECT_EQ(request.uid, 33);
  EXPECT_EQ(request.gid, 34);
}

TEST(PrivilegesTest, NothingAskedForSucceedsAndForbidsNewPrivileges) {
  const Child child = InChild([](std::string& said) {
    const Dropped dropped = Drop({});
    said = dropped.error;
    if (!dropped.good) return 1;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 2;
    // Root without chroot is worth a warning, anyone else's missing chroot is not.
    return dropped.warnings.size() == (geteuid() == 0 ? 1u : 0u) ? 0 : 3;
  });
  EXPECT_EQ(child.status, 0) << child.said;
}

TEST(PrivilegesTest, SetuidProgramsMayBeAllowed) {
  const Child child = InChild([](std::string&) {
    PrivilegeRequest request;
    request.setuid_programs_work = true;
    if (!Drop(request).good) return 1;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : 2;
  });
  EXPECT_EQ(child.status, 0);
}

TEST(PrivilegesTest, UserAndGroupChangeForGood) {
  SKIP_UNLESS_ROOT();
  const Child child = InChild([](std::string& said) {
    const gid_t extra = 4;
    if (setgroups(1, &extra) != 0) return 1;
    PrivilegeRequest request;
    request.uid = kNobody;
    request.gid = kNobody;
    request.chroot = "/";
    const Dropped dropped = Drop(request);
    said = dropped.error;
    if (!dropped.good || !dropped.warnings.empty()) return 2;
    if (getuid() != kNobody || geteuid() != kNobody || getgid() != kNobody) return 3;
    if (getgroups(0, nullptr) != 0) return 4;
    if (setuid(0) == 0 || setgid(0) == 0) return 5;
    if (HasCapability(CAP_NET_ADMIN)) return 6;
    return 0;
  });
  EXPECT_EQ(child.status, 0) << child.said;
}

TEST(PrivilegesTest, ChrootToADirectory) {
  SKIP_UNLESS_ROOT();
  char path[] = "/tmp/ringway-jail-test-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const Child child = InChild([&](std::string& said) {
    PrivilegeRequest request;
    request.chroot = path;
    request.uid = kNobody;
    request.gid = kNobody;
    const Dropped dropped = Drop(request);
    said = dropped.error;
    if (!dropped.good) return 1;
    char* here = getcwd(nullptr, 0);
    const bool at_root = here != nullptr && std::string(here) == "/";
    std::free(here);
    if (!at_root) return 2;
    return access("/etc/passwd", F_OK) != 0 && access("../etc/passwd", F_OK) != 0 ? 0 : 3;
  });
  EXPECT_EQ(child.status, 0) << child.said;
  rmdir(path);
}

TEST(PrivilegesTest, ChrootAutoIsEmptyAndReadOnly) {
  SKIP_UNLESS_ROOT();
  const Child child = InChild([&](std::string& said) {
    PrivilegeRequest request;
    request.chroot = "auto";
    request.uid = kNobody;
    request.gid = kNobody;
    const Dropped dropped = Drop(request);
    said = dropped.error;
    if (!dropped.good) return 1;
    if (access("/etc", F_OK) == 0) return 2;
    return mkdir("/x", 0700) != 0 ? 0 : 3;
  });
  EXPECT_EQ(child.status, 0) << child.said;
}

TEST(PrivilegesTest, MissingDirectoryIsNamed) {
  const Child child = InChild([](std::string& said) {
    PrivilegeRequest request;
    request.chroot = "/no/such/jail";
    said = Drop(request).error;
    return 0;
  });
  EXPECT_NE(child.said.find("'chroot /no/such/jail'"), std::string::npos) << child.said;
  EXPECT_NE(child.said.find("ENOENT"), std::string::npos) << child.said;
}

// As nobody, in a child of root, or as whoever runs the tests.
int AsUnprivileged(const std::function<int()>& body) {
  if (geteuid() == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
        setresuid(kNobody, kNobody, kNobody) != 0) {
      return 90;
    }
  }
  return body();
}

TEST(PrivilegesTest, UnprivilegedCannotBecomeAnother) {
  const Child child = InChild([](std::string& said) {
    return AsUnprivileged([&] {
      PrivilegeRequest request;
      request.user = "root";
      request.uid = 0;
      const Dropped dropped = Drop(request);
      said = dropped.error;
      return dropped.good ? 1 : 0;
    });
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_NE(child.said.find("cannot switch to user 'root' (uid 0)"), std::string::npos)
      << child.said;
  EXPECT_NE(child.said.find("EPERM"), std::string::npos) << child.said;
}

TEST(PrivilegesTest, UnprivilegedCannotChangeGroup) {
  const Child child = InChild([](std::string& said) {
    return AsUnprivileged([&] {
      PrivilegeRequest request;
      request.gid = 0;
      const Dropped dropped = Drop(request);
      said = dropped.error;
      return dropped.good ? 1 : 0;
    });
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_NE(child.said.find("cannot switch to gid 0"), std::string::npos) << child.said;
}

TEST(PrivilegesTest, UnprivilegedMayNameItself) {
  const Child child = InChild([](std::string& said) {
    return AsUnprivileged([&] {
      PrivilegeRequest request;
      request.uid = geteuid();
      request.gid = getegid();
      const Dropped dropped = Drop(request);
      said = dropped.error;
      return dropped.good ? 0 : 1;
    });
  });
  EXPECT_EQ(child.status, 0) << child.said;
}

// With user namespaces it works and leaves no capability; without them it says so.
TEST(PrivilegesTest, UnprivilegedChroot) {
  const Child child = InChild([](std::string& said) {
    return AsUnprivileged([&] {
      PrivilegeRequest request;
      request.chroot = "auto";
      request.uid = geteuid();
      request.gid = getegid();
      const Dropped dropped = Drop(request);
      said = dropped.error;
      if (!dropped.good) return 7;
      if (access("/etc", F_OK) == 0) return 1;
      return HasCapability(CAP_SYS_CHROOT) || HasCapability(CAP_NET_ADMIN) ? 2 : 0;
    });
  });
  if (child.status == 7) {
    EXPECT_NE(child.said.find("cannot apply 'chroot auto'"), std::string::npos) << child.said;
  } else {
    EXPECT_EQ(child.status, 0) << child.said;
  }
}

TEST(PrivilegesTest, UnprivilegedChrootCannotChangeUser) {
  const Child child = InChild([](std::string& said) {
    return AsUnprivileged([&] {
      PrivilegeRequest request;
      request.chroot = "auto";
      request.uid = 1;
      const Dropped dropped = Drop(request);
      said = dropped.error;
      return dropped.good ? 1 : 0;
    });
  });
  EXPECT_EQ(child.status, 0) << child.said;
}

TEST(PrivilegesTest, CapabilitiesAreKeptAcrossTheChange) {
  SKIP_UNLESS_ROOT();
  const Child child = InChild([](std::string& said) {
    PrivilegeRequest request;
    request.chroot = "/";
    request.uid = kNobody;
    request.gid = kNobody;
    request.capabilities = {CAP_NET_BIND_SERVICE};
    const Dropped dropped = Drop(request);
    said = dropped.error;
    if (!dropped.good || !dropped.warnings.empty()) return 1;
    if (!HasCapability(CAP_NET_BIND_SERVICE)) return 2;
    if (HasCapability(CAP_SETUID) || HasCapability(CAP_NET_ADMIN)) return 3;
    return setuid(0) == 0 ? 4 : 0;
  });
  EXPECT_EQ(child.status, 0) << child.said;
}

TEST(PrivilegesTest, MissingCapabilityIsAWarning) {
  const Child child = InChild([](std::string& said) {
    return AsUnprivileged([&] {
      PrivilegeRequest request;
      request.capabilities = {CAP_NET_RAW};
      const Dropped dropped = Drop(request);
      if (!dropped.good) return 1;
      for (const std::string& warning : dropped.warnings) said += warning;
      return 0;
    });
  });
  EXPECT_EQ(child.status, 0);
  EXPECT_NE(child.said.find("'setcap cap_net_raw'"), std::string::npos) << child.said;
}

TEST(PrivilegesTest, DumpableAfterTheChangeOfUser) {
  SKIP_UNLESS_ROOT();
  for (bool dumpable : {false, true}) {
    const Child child = InChild([&](std::string&) {
      PrivilegeRequest request;
      request.uid = kNobody;
      request.gid = kNobody;
      request.dumpable = dumpable;
      if (!Drop(request).good) return 1;
      return (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1) == dumpable ? 0 : 2;
    });
    EXPECT_EQ(child.status, 0);
  }
}

TEST(PrivilegesTest, CapabilityNames) {
  EXPECT_EQ(FindCapability("cap_net_bind_service"), CAP_NET_BIND_SERVICE);
  EXPECT_EQ(FindCapability("cap_net_raw"), CAP_NET_RAW);
  EXPECT_EQ(FindCapability("cap_sys_boot"), -1);
  EXPECT_EQ(FindCapability(""), -1);
  EXPECT_NE(CapabilityNames().find("cap_net_admin, "), std::string::npos);
}

}  // namespace
}  // namespace engine
