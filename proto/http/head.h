// head.h - a request or response head that does not depend on the protocol version it came by.
//
// Owns:    its FieldList's array (in the arena); every text is a view, see field_list.h.
// Threads: shard-local.
// Units:   none.
// Errors:  none: parsers fill heads, ParseTarget splits targets.
// States:  none.
//
//   RequestHead head(arena, fields_max);
//   head.method = Method::kGet; head.method_text = "GET"; ParseTarget("/a?b", ..., head);

#pragma once

#include <cstdint>
#include <string_view>

#include "proto/http/field_list.h"
#include "proto/http/method.h"

namespace proto {

struct Version {
  uint16_t major = 1;
  uint16_t minor = 1;
  // From 1.1 on: chunked, persistent connections by default, Host required.
  constexpr bool AtLeast11() const { return major > 1 || (major == 1 && minor >= 1); }
  friend constexpr bool operator==(const Version&, const Version&) = default;
};

// RFC 9112 section 3.2.
enum class TargetForm : uint8_t {
  kOrigin,     // /path?query
  kAbsolute,   // scheme://authority/path?query
  kAuthority,  // host:port, with CONNECT only
  kAsterisk    // *, with OPTIONS only
};

struct RequestHead {
  explicit RequestHead(base::Arena& arena, uint32_t fields_max = FieldList::kFieldsMaxSent)
      : fields(arena, fields_max) {}

  Method method = Method::kOther;
  TargetForm target_form = TargetForm::kOrigin;
  Version version;
  bool has_query = false;  // tells "/a?" from "/a"
  std::string_view method_text;
  std::string_view target;  // as received, never edited
  // What was sent for version when it is not "HTTP/x.y" (accepted on demand only), else empty.
  std::string_view other_version;
  // Parts of the target. They are what rules edit and what the serialiser writes. The authority is
  // the target's own; with an origin-form it is empty, and the Host field speaks.
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;   // empty only in authority-, asterisk- and bare absolute-form
  std::string_view query;  // without the '?'
  // Which field speaks of the connection's life: Connection, or Proxy-Connection for a request that
  // is answered by a proxy further on (option http-use-proxy-header).
  FieldName connection_field = FieldName::kConnection;
  FieldList fields;
};

struct ResponseHead {
  explicit ResponseHead(base::Arena& arena, uint32_t fields_max = FieldList::kFieldsMaxSent)
      : fields(arena, fields_max) {}

  uint16_t status = 0;
  Version version;
  std::string_view reason;
  std::string_view other_version;
  FieldList fields;
};

}  // namespace proto
