#include "engine/run/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/errno_name.h"
#include "base/text.h"
#include "engine/config/capability_names.h"
#include "engine/config/diagnostics.h"
#include "engine/server/proxy_config.h"

namespace engine {
namespace {

struct CapabilitySets {
  uint64_t effective = 0;
  uint64_t permitted = 0;
};

// glibc has no wrapper, and libcap would be a dependency for two calls.
bool ReadCapabilities(CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  sets.effective = data[0].effective | uint64_t{data[1].effective} << 32;
  sets.permitted = data[0].permitted | uint64_t{data[1].permitted} << 32;
  return true;
}

bool WriteCapabilities(uint64_t set) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  data[0].effective = data[0].permitted = uint32_t(set);
  data[1].effective = data[1].permitted = uint32_t(set >> 32);
  return syscall(SYS_capset, &header, data) == 0;
}

std::string ForReason(int error) {
  return base::Format(": %s (%s)", base::ErrnoText(error), base::ErrnoName(error));
}

// "user 'www' (uid 33)", or "uid 33" when it came as a number.
std::string Called(const char* kind, const std::string& name, const char* number_kind, int64_t id) {
  if (name.empty()) return base::Format("%s %lld", number_kind, static_cast<long long>(id));
  return base::Format("%s '%s' (%s %lld)", kind, Printable(name).c_str(), number_kind,
                      static_cast<long long>(id));
}

// One call of DropPrivileges.
class Dropper {
 public:
  Dropper(const PrivilegeRequest& request, std::vector<std::string>& warnings, std::string& error)
      : request_(request), warnings_(warnings), error_(error) {}

  bool Run() {
    started_as_root_ = geteuid() == 0;
    start_uid_ = geteuid();
    start_gid_ = getegid();
    const bool changes_user = request_.uid >= 0 && uid_t(request_.uid) != geteuid();
    if (!EnterRoot() || !ChangeGroups()) return false;
    if (changes_user && !request_.capabilities.empty()) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (!ChangeUser() || !KeepCapabilities(changes_user)) return false;
    LockDown();
    return true;
  }

 private:
  bool Fail(std::string message) {
    error_ = std::move(message);
    return false;
  }

  // A directory that exists only as our root: made, entered, then unlinked.
  bool EnterNameless() {
    char path[] = "/tmp/ringway-XXXXXX";
    if (mkdtemp(path) == nullptr) {
      return Fail("cannot make a directory in /tmp for 'chroot auto'" + ForReason(errno));
    }
    const bool entered = chmod(path, 0555) == 0 && chdir(path) == 0;
    const int error = errno;
    rmdir(path);
    if (!entered) return Fail("cannot enter the directory of 'chroot auto'" + ForReason(error));
    return true;
  }

  bool EnterRoot() {
    if (request_.chroot.empty()) {
      if (started_as_root_) {
        warnings_.push_back(
            "started as root without 'chroot': set it to an empty directory or to 'auto', or write "
            "'chroot /' if that is wanted");
      }
      return true;
    }
    const bool nameless = request_.chroot == "auto";
    const std::string shown = "'chroot " + Printable(request_.chroot) + "'";
    if (nameless && !EnterNameless()) return false;
    if (!nameless && chdir(request_.chroot.c_str()) != 0) {
      return Fail("cannot enter the directory of " + shown + ForReason(errno));
    }
    if (chroot(".") == 0) return true;
    const int error = errno;
    // Without privileges a user namespace of our own lends them (manual 3.1, chroot).
    if (error == EPERM && !started_as_root_ && unshare(CLONE_NEWUSER) == 0) {
      own_namespace_ = true;
      if (chroot(".") == 0) return true;
    }
    return Fail("cannot apply " + shown + ForReason(error) + ": start as root, or remove 'chroot'");
  }

  bool ChangeGroups() {
    if (request_.gid < 0 && request_.uid < 0) return true;
    // Supplementary groups are the starter's, root's often among them: none stays.
    if (getgroups(0, nullptr) > 0 && !own_namespace_ && setgroups(0, nullptr) != 0) {
      warnings_.push_back("cannot drop the supplementary groups" + ForReason(errno) +
                          ": start as root for that");
    }
    if (request_.gid < 0) return true;
    const gid_t gid = gid_t(request_.gid);
    gid_t real, effective, saved;
    if (getresgid(&real, &effective, &saved) == 0 && real == gid && effective == gid &&
        saved == gid) {
      return true;
    }
    if (own_namespace_ && gid == start_gid_) return true;
    if (!own_namespace_ && setresgid(gid, gid, gid) == 0) return true;
    return Fail("cannot switch to " + Called("group", request_.group, "gid", request_.gid) +
                ForReason(own_namespace_ ? EPERM : errno) +
                ": start as root, or remove 'group' and 'gid'");
  }

  bool ChangeUser() {
    if (request_.uid < 0) return true;
    const uid_t uid = uid_t(request_.uid);
    const std::string called = Called("user", request_.user, "uid", request_.uid);
    uid_t real, effective, saved;
    if (own_namespace_ && uid == start_uid_) return true;
    if (getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid &&
        saved == uid) {
      return true;
    }
    if (own_namespace_ || setresuid(uid, uid, uid) != 0) {
      return Fail("cannot switch to " + called + ForReason(own_namespace_ ? EPERM : errno) +
                  ": start as root, or remove 'user' and 'uid'");
    }
    // A kernel or sandbox that only pretends would leave us root with a root directory of
    // strangers.
    if (uid != 0 && setuid(0) == 0) {
      return Fail("switched to " + called + ", but root can be taken back: refusing to serve");
    }
    return true;
  }

  bool KeepCapabilities(bool changed_user) {
    if (own_namespace_) {
      // The namespace made us its root; nothing that serves needs that.
      return WriteCapabilities(0) ||
             Fail("cannot give up the capabilities of the namespace" + ForReason(errno));
    }
    if (request_.capabilities.empty()) return true;
    if (!changed_user && geteuid() == 0) return true;  // root stays root and has them all
    CapabilitySets sets;
    if (!ReadCapabilities(sets)) return Fail("cannot read our capabilities" + ForReason(errno));
    uint64_t wanted = 0;
    for (int number : request_.capabilities) {
      const uint64_t bit = uint64_t{1} << number;
      if (sets.permitted & bit) {
        wanted |= bit;
        continue;
      }
      warnings_.push_back("'setcap " + std::string(CapabilityName(number)) +
                          "': this process does not have it; start as root, or give it to the "
                          "program file with setcap(8)");
    }
    if (!WriteCapabilities(wanted)) return Fail("cannot keep the 'setcap' set" + ForReason(errno));
    return true;
  }

  void LockDown() {
    if (!request_.setuid_programs_work && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
      warnings_.push_back("cannot forbid new privileges" + ForReason(errno));
    }
    if (!request_.dumpable) return;  // the change of user has cleared it where it matters
    rlimit core{};
    if (getrlimit(RLIMIT_CORE, &core) == 0) {
      core.rlim_cur = core.rlim_max;
      setrlimit(RLIMIT_CORE, &core);
    }
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
      warnings_.push_back("cannot make core dumps possible ('set-dumpable')" + ForReason(errno));
    }
  }

  const PrivilegeRequest& request_;
  std::vector<std::string>& warnings_;
  std::string& error_;
  bool started_as_root_ = false;
  uid_t start_uid_ = 0;
  gid_t start_gid_ = 0;
  bool own_namespace_ = false;  // in it our ids read as those of nobody, and none can be changed
};

}  // namespace

PrivilegeRequest MakePrivilegeRequest(const GlobalConfig& global) {
  PrivilegeRequest request;
  request.chroot = global.chroot;
  request.uid = global.uid;
  request.gid = global.gid;
  request.user = global.user;
  request.group = global.group;
  request.capabilities = global.capabilities;
  request.setuid_programs_work = global.setuid_programs_work;
  request.dumpable = global.dumpable;
  return request;
}

bool GivesUpRights(const PrivilegeRequest& request) {
  const bool changes_root = !request.chroot.empty() && request.chroot != "/";
  const bool changes_user = request.uid >= 0 && uid_t(request.uid) != geteuid();
  const bool changes_group = request.gid >= 0 && gid_t(request.gid) != getegid();
  return changes_root || changes_user || changes_group;
}

bool DropPrivileges(const PrivilegeRequest& request, std::vector<std::string>* warnings,
                    std::string* error) {
  return Dropper(request, *warnings, *error).Run();
}

bool HasCapability(int capability) {
  CapabilitySets sets;
  return ReadCapabilities(sets) && (sets.effective >> capability & 1) != 0;
}

}  // namespace engine
