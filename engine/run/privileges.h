// privileges.h - giving up what the process needed only to start: root directory, groups, user.
//
// Owns:    nothing.
// Threads: start-up, before the shards: threads inherit what is set here.
// Units:   user and group ids; -1 means "not asked for".
// Errors:  a message that names the call, the value and what to change; the caller prints it as an
//          alert and exits 1. What weakens a defence but stops nobody is a warning.
// States:  none, and no way back: that is checked.
//
//   std::string error;
//   std::vector<std::string> warnings;
//   if (!DropPrivileges(MakePrivilegeRequest(global, options), &warnings, &error)) ...
//
// Order: chroot while still root, then groups, group, user, capabilities, and the locks that keep
// all of it (no_new_privs) last. Files, sockets and the pid file must be open by then.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/options.h"

namespace engine {

struct GlobalConfig;

struct PrivilegeRequest {
  std::string chroot;  // a directory, "auto" for an empty one without a name, or empty
  int64_t uid = -1;
  int64_t gid = -1;
  std::string user, group;            // for messages only
  std::vector<int> capabilities;      // `setcap`: CAP_* kept across the change of user
  bool setuid_programs_work = false;  // `insecure-setuid-wanted`: no no_new_privs
  bool dumpable = false;              // `set-dumpable`: cores although the user changed
};

PrivilegeRequest MakePrivilegeRequest(const GlobalConfig& global);

// Whether this process can read and bind less afterwards.
bool GivesUpRights(const PrivilegeRequest& request);
[[nodiscard]] bool DropPrivileges(const PrivilegeRequest& request,
                                  std::vector<std::string>* warnings, std::string* error);

// True when the effective set of this thread has `capability` (CAP_*).
bool HasCapability(int capability);

}  // namespace engine
