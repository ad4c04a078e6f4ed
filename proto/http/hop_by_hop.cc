#include "proto/http/hop_by_hop.h"

#include "base/text.h"
#include "proto/http/chars.h"

namespace proto {
namespace {

template <typename Visit>
void ForEachOption(const FieldList& fields, FieldName name, Visit visit) {
  const Field* field = fields.Find(name);
  for (; field != nullptr; field = fields.FindNext(field)) {
    std::string_view rest = field->value();
    std::string_view item;
    while (NextListItem(&rest, &item)) {
      if (IsToken(item)) visit(item);
    }
  }
}

bool IsAlwaysHopByHop(FieldName id) {
  switch (id) {
    case FieldName::kConnection:
    case FieldName::kProxyConnection:
    case FieldName::kKeepAlive:
    case FieldName::kTe:
    case FieldName::kUpgrade:
    case FieldName::kHttp2Settings:
      return true;
    default:
      return false;
  }
}

bool CannotBeNamedAway(FieldName id) {
  return id == FieldName::kHost || id == FieldName::kContentLength ||
         id == FieldName::kTransferEncoding;
}

}  // namespace

ConnectionOptions ReadConnection(const FieldList& fields, FieldName field) {
  ConnectionOptions options;
  if (!fields.Has(field)) return options;
  ForEachOption(fields, field, [&options](std::string_view item) {
    if (base::EqualsIgnoreCase(item, "close")) {
      options.close = true;
    } else if (base::EqualsIgnoreCase(item, "keep-alive")) {
      options.keep_alive = true;
    } else if (base::EqualsIgnoreCase(item, "upgrade")) {
      options.upgrade = true;
    } else if (base::EqualsIgnoreCase(item, "te")) {
      options.te = true;
    } else {
      options.names_others = true;
    }
  });
  return options;
}

bool IsProxied(const RequestHead& head) {
  return !head.target.empty() && head.target.front() != '/' && head.target.front() != '*';
}

bool IsPersistent(Version version, const ConnectionOptions& options) {
  if (options.close) return false;
  return version.AtLeast11() || options.keep_alive;
}

bool AsksForUpgrade(const RequestHead& head) {
  if (!head.version.AtLeast11() || !ReadConnection(head.fields).upgrade) return false;
  const Field* field = head.fields.Find(FieldName::kUpgrade);
  if (field == nullptr) return false;
  for (; field != nullptr; field = head.fields.FindNext(field)) {
    std::string_view rest = field->value();
    std::string_view item;
    while (NextListItem(&rest, &item)) {
      if (base::StartsWithIgnoreCase(item, "h2c")) return false;
    }
  }
  return true;
}

bool IsNamedByConnection(const FieldList& fields, const Field& field) {
  if (CannotBeNamedAway(field.id())) return false;
  bool named = false;
  ForEachOption(fields, FieldName::kConnection, [&](std::string_view item) {
    named = named || base::EqualsIgnoreCase(item, field.name());
  });
  return named;
}

void StripNamedByConnection(FieldList& fields) {
  // From the back, so that indexes still to be visited stay true; Connection itself goes last.
  // Connection names something unusual rarely, and fields are few: a walk per field will do.
  if (!ReadConnection(fields).names_others) return;
  for (uint32_t i = fields.size(); i-- > 0;) {
    const Field& field = fields[i];
    if (!IsAlwaysHopByHop(field.id()) && IsNamedByConnection(fields, field)) fields.Remove(i);
  }
}

void StripHopByHop(FieldList& fields, Keep keep) {
  StripNamedByConnection(fields);
  StripOfConnection(fields, keep);
}

void StripOfConnection(FieldList& fields, Keep keep) {
  fields.RemoveIf([keep](const Field& field) {
    if (field.id() == FieldName::kUpgrade && keep == Keep::kUpgrade) return false;
    return IsAlwaysHopByHop(field.id());
  });
}

bool MayBeTrailer(FieldName id) {
  switch (id) {
    case FieldName::kContentLength:
    case FieldName::kTransferEncoding:
    case FieldName::kHost:
    case FieldName::kConnection:
    case FieldName::kProxyConnection:
    case FieldName::kKeepAlive:
    case FieldName::kTe:
    case FieldName::kTrailer:
    case FieldName::kUpgrade:
    case FieldName::kHttp2Settings:
    case FieldName::kExpect:
    case FieldName::kMaxForwards:
    case FieldName::kRange:
    case FieldName::kContentEncoding:
    case FieldName::kContentType:
    case FieldName::kContentRange:
    case FieldName::kCacheControl:
    case FieldName::kCookie:
    case FieldName::kSetCookie:
    case FieldName::kAuthorization:
    case FieldName::kProxyAuthorization:
    case FieldName::kWwwAuthenticate:
    case FieldName::kProxyAuthenticate:
    case FieldName::kForwarded:
    case FieldName::kXForwardedFor:
    case FieldName::kXForwardedHost:
    case FieldName::kXForwardedProto:
    case FieldName::kXForwardedPort:
      return false;
    default:
      return true;
  }
}

}  // namespace proto
