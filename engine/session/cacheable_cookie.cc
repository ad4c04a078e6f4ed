#include "engine/session/cacheable_cookie.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace engine {
namespace {

using proto::FieldName;

// Those that a cache may keep without being told so (RFC 9110 section 15.1).
bool IsCacheableStatus(uint16_t status) {
  constexpr uint16_t kStatuses[] = {200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501};
  return std::find(std::begin(kStatuses), std::end(kStatuses), status) != std::end(kStatuses);
}

bool IsCacheableMethod(proto::Method method) {
  return method == proto::Method::kGet || method == proto::Method::kHead ||
         method == proto::Method::kOptions || method == proto::Method::kTrace;
}

struct Directives {
  bool is_public = false;
  bool forbids = false;
};

bool Forbids(std::string_view directive) {
  for (const std::string_view one :
       {"private", "no-store", "no-cache", "max-age=0", "s-maxage=0"}) {
    if (base::EqualsIgnoreCase(directive, one)) return true;
  }
  // A list of fields that are not kept: the cookie has to be its first.
  constexpr std::string_view kList = "no-cache=\"set-cookie";
  if (!base::StartsWithIgnoreCase(directive, kList)) return false;
  directive.remove_prefix(kList.size());
  return directive.empty() || directive[0] == '"' || directive[0] == ',';
}

void ReadCacheControl(std::string_view value, Directives* directives) {
  while (!value.empty()) {
    const size_t end = std::min(value.find(','), value.size());
    const std::string_view directive = base::Trim(value.substr(0, end));
    if (base::EqualsIgnoreCase(directive, "public")) directives->is_public = true;
    if (Forbids(directive)) directives->forbids = true;
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

}  // namespace

bool HasCacheableCookie(proto::Method method, const proto::ResponseHead& head) {
  const bool sets_cookie = head.fields.Has(FieldName::kSetCookie) ||
                           head.fields.Find(std::string_view("set-cookie2")) != nullptr;
  if (!sets_cookie) return false;
  Directives directives;
  for (const proto::Field& field : head.fields) {
    if (field.id() == FieldName::kCacheControl) ReadCacheControl(field.value(), &directives);
    const bool is_pragma = base::EqualsIgnoreCase(field.name(), "pragma");
    if (is_pragma && base::EqualsIgnoreCase(base::Trim(field.value()), "no-cache")) return false;
  }
  if (directives.forbids) return false;
  return directives.is_public || (IsCacheableStatus(head.status) && IsCacheableMethod(method));
}

}  // namespace engine
