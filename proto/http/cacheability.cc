#include "proto/http/cacheability.h"

#include "base/text.h"
#include "proto/http/chars.h"

namespace proto {
namespace {

// What the Cache-Control fields say together.
struct Directives {
  bool is_forbidden = false;  // to shared caches, or without asking again
  bool is_public = false;
  bool is_fresh = false;  // for a stated time
};

// The statuses that a cache may keep without being told how long (RFC 9110 section 15.1).
bool IsCacheableByDefault(uint16_t status) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 206:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
      return true;
    default:
      return false;
  }
}

// "\"set-cookie, x\"" names the fields that a directive holds for.
bool NamesSetCookie(std::string_view argument) {
  if (argument.size() >= 2 && argument.front() == '"' && argument.back() == '"') {
    argument = argument.substr(1, argument.size() - 2);
  }
  std::string_view item;
  while (NextListItem(&argument, &item)) {
    if (base::EqualsIgnoreCase(item, "set-cookie")) return true;
  }
  return false;
}

void TakeDirective(std::string_view item, Directives* all) {
  const size_t equals = item.find('=');
  const std::string_view name = TrimBlanks(item.substr(0, equals));
  const bool has_argument = equals != std::string_view::npos;
  const std::string_view argument =
      has_argument ? TrimBlanks(item.substr(equals + 1)) : std::string_view();
  if (base::EqualsIgnoreCase(name, "no-store")) {
    all->is_forbidden = true;
  } else if (base::EqualsIgnoreCase(name, "private") || base::EqualsIgnoreCase(name, "no-cache")) {
    if (!has_argument || NamesSetCookie(argument)) all->is_forbidden = true;
  } else if (base::EqualsIgnoreCase(name, "public")) {
    all->is_public = true;
  } else if (base::EqualsIgnoreCase(name, "max-age") || base::EqualsIgnoreCase(name, "s-maxage")) {
    const bool is_zero = !argument.empty() && argument.find_first_not_of('0') == argument.npos;
    (is_zero ? all->is_forbidden : all->is_fresh) = true;
  }
}

}  // namespace

bool MayBeShared(Method method, const ResponseHead& response) {
  const FieldList& fields = response.fields;
  Directives all;
  for (const Field* field = fields.Find(FieldName::kCacheControl); field != nullptr;
       field = fields.FindNext(field)) {
    std::string_view rest = field->value(), item;
    while (NextListItem(&rest, &item)) TakeDirective(item, &all);
  }
  if (all.is_forbidden) return false;
  if (all.is_public) return true;
  if (!fields.Has(FieldName::kCacheControl)) {
    // RFC 9111 section 5.4: of old servers.
    for (const Field* field = fields.Find(FieldName::kPragma); field != nullptr;
         field = fields.FindNext(field)) {
      std::string_view rest = field->value(), item;
      while (NextListItem(&rest, &item)) {
        if (base::EqualsIgnoreCase(item, "no-cache")) return false;
      }
    }
  }
  // A POST may be kept for GET when it says how long (RFC 9110 section 9.3.3).
  if (all.is_fresh || fields.Has(FieldName::kExpires)) {
    return method == Method::kGet || method == Method::kHead || method == Method::kPost;
  }
  const bool is_retrieval = method == Method::kGet || method == Method::kHead;
  return is_retrieval && IsCacheableByDefault(response.status);
}

}  // namespace proto
