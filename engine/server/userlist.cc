#include "engine/server/userlist.h"

#include <crypt.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/server/build_context.h"

namespace engine {
namespace {

// Takes as long for a wrong password as for the right one.
bool IsSame(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char differs = 0;
  for (size_t i = 0; i < a.size(); ++i) differs |= static_cast<unsigned char>(a[i] ^ b[i]);
  return differs == 0;
}

Userlist& List(BuildContext& context) { return *context.userlist; }

bool IsKnownGroup(const Userlist& list, std::string_view name) {
  return std::find(list.groups.begin(), list.groups.end(), name) != list.groups.end();
}

// The names between commas; ends at the first that is empty.
bool TakeNames(const KeywordUse& use, size_t argument, std::vector<std::string>* names) {
  for (const std::string_view name : base::Split(use.argument(argument), ',')) {
    if (name.empty()) return Refuse(use, argument, "a name is missing between the commas");
    names->emplace_back(name);
  }
  return true;
}

bool TakeListedUser(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "the name of a user")) return false;
  User user;
  user.name = use.argument(0);
  if (List(context).users.contains(user.name)) {
    return Refuse(use, 0, "user " + InQuotes(user.name) + " is already defined");
  }
  for (size_t i = 1; i < use.arguments(); i += 2) {
    const std::string_view word = use.argument(i);
    const bool is_plain = word == "insecure-password";
    if (!is_plain && word != "password" && word != "groups") {
      return Refuse(use, i, "unknown word " + InQuotes(word),
                    Suggest(word, {"password", "insecure-password", "groups"}));
    }
    if (i + 1 >= use.arguments()) {
      return Refuse(use, i + 1, InQuotes(word) + " expects an argument");
    }
    if (word == "groups") {
      if (!TakeNames(use, i + 1, &user.groups)) return false;
      context.group_words.push_back({&use.line, use.first_argument + i + 1});
      continue;
    }
    user.password = use.argument(i + 1);
    user.has_password = true;
    user.is_encrypted = !is_plain;
  }
  List(context).users.emplace(user.name, std::move(user));
  return true;
}

bool TakeListedGroup(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 3, "the name of a group")) return false;
  const std::string name(use.argument(0));
  if (IsKnownGroup(List(context), name)) {
    return Refuse(use, 0, "group " + InQuotes(name) + " is already defined");
  }
  List(context).groups.push_back(name);
  if (use.arguments() == 1) return true;
  if (use.argument(1) != "users") {
    return Refuse(use, 1, "unknown word " + InQuotes(use.argument(1)),
                  Suggest(use.argument(1), {"users"}));
  }
  if (use.arguments() == 2) return Refuse(use, 2, "'users' expects names between commas");
  std::vector<std::string> users;
  if (!TakeNames(use, 2, &users)) return false;
  // Users may follow their groups.
  context.group_users.push_back({name, std::move(users), {&use.line, use.first_argument + 2}});
  return true;
}

}  // namespace

const User* Userlist::Verify(std::string_view user, std::string_view password) const {
  const auto found = users.find(user);
  if (found == users.end() || !found->second.has_password) return nullptr;
  const User& known = found->second;
  if (!known.is_encrypted) return IsSame(known.password, password) ? &known : nullptr;
  constexpr size_t kPasswordBytesMax = 512;
  char text[kPasswordBytesMax];
  if (password.size() >= sizeof(text) || password.find('\0') != password.npos) return nullptr;
  std::memcpy(text, password.data(), password.size());
  text[password.size()] = '\0';
  thread_local crypt_data scratch;
  const char* made = crypt_r(text, known.password.c_str(), &scratch);
  const bool fits = made != nullptr && made[0] != '*' && IsSame(made, known.password);
  return fits ? &known : nullptr;
}

void RegisterUserlistKeywords(BuildKeywords& keywords) {
  keywords.Add({"user", scope::kUserlist}, TakeListedUser);
  keywords.Add({"group", scope::kUserlist}, TakeListedGroup);
}

void ReadUserlist(BuildContext& context, const Section& section) {
  auto& lists = context.configuration.userlists;
  for (const auto& other : lists) {
    if (other->name != section.name) continue;
    context.diagnostics.Error(section.header.At(1),
                              "userlist '" + section.name + "' already exists");
    return;
  }
  lists.push_back(std::make_unique<Userlist>());
  Userlist& list = *lists.back();
  list.name = section.name;
  context.userlist = &list;
  context.group_users.clear();
  context.group_words.clear();
  for (const Line& line : section.lines) {
    context.keywords.Run(context, line, scope::kUserlist, context.diagnostics);
  }
  for (const WordPlace& place : context.group_words) {
    for (const std::string_view name : base::Split(place.text(), ',')) {
      if (IsKnownGroup(list, name)) continue;
      context.diagnostics.Error(place.At(), "no group is named " + InQuotes(name));
    }
  }
  for (const auto& [group, users, place] : context.group_users) {
    for (const std::string& name : users) {
      const auto found = list.users.find(name);
      if (found != list.users.end()) {
        found->second.groups.push_back(group);
      } else {
        context.diagnostics.Error(place.At(), "no user is named " + InQuotes(name));
      }
    }
  }
  context.userlist = nullptr;
}

}  // namespace engine
