#include "engine/fetch/credentials.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/server/userlist.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// Who the request says it is from, if the list knows that password.
const User* Authenticated(const PreparedUnit& unit, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  if (traffic.worker == nullptr) return nullptr;
  const Userlist* list = traffic.worker->configuration().FindUserlist(unit.arguments.text(0));
  std::string_view user, password;
  if (list == nullptr || !BasicCredentials(context, &user, &password)) return nullptr;
  return list->Verify(user, password);
}

bool HttpAuth(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  return GiveBoolean(sample, Authenticated(unit, context) != nullptr);
}

// A condition asks for one group after another; else it is the user's name.
bool HttpAuthGroup(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const User* user = Authenticated(unit, context);
  if (user == nullptr) return false;
  const uint32_t n = context.occurrence();
  if (n == 0) return GiveText(sample, user->name);
  return n <= user->groups.size() && GiveText(sample, user->groups[n - 1]);
}

constexpr ArgumentSpec kList[] = {{"userlist", ArgumentType::kString}};
constexpr FetchSpec kAuthFetches[] = {
    {"http_auth", SampleKind::kBoolean, kList, needs::kRequestHead, &HttpAuth},
    {.name = "http_auth_group",
     .gives = SampleKind::kString,
     .arguments = kList,
     .needs = needs::kRequestHead,
     .run = &HttpAuthGroup,
     .many = true},
};

}  // namespace

std::span<const FetchSpec> AuthFetches() { return kAuthFetches; }

}  // namespace engine
