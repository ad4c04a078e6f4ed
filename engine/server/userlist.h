// userlist.h - who may authenticate (manual 12.2): users, their passwords and their groups.
//
// Owns:    everything it holds. Part of a Configuration.
// Threads: start-up while it is read, then immutable; Verify() by any-thread.
// Units:   none.
// Errors:  what reads the section reports. A password in a form that crypt(3) does not know never
//          fits.
// States:  none.
//
// Verify() of an encrypted password costs what its method was made to cost, in the shard that asks
// (manual 12.2 warns of it).

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/keywords.h"
#include "engine/config/tree.h"

namespace engine {

struct User {
  std::string name;
  std::string password;
  bool is_encrypted = false;
  bool has_password = false;  // without one nobody is this user
  std::vector<std::string> groups;
};

class Userlist {
 public:
  std::string name;
  std::map<std::string, User, std::less<>> users;
  std::vector<std::string> groups;

  // Null: no such user, or another password.
  const User* Verify(std::string_view user, std::string_view password) const;
};

void RegisterUserlistKeywords(BuildKeywords& keywords);
void ReadUserlist(BuildContext& context, const Section& section);

}  // namespace engine
