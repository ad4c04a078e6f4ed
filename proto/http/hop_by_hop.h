// hop_by_hop.h - fields that concern one connection only: what Connection says, what must not go
// on.
//
// Owns:    nothing.
// Threads: immutable functions over the caller's FieldList.
// Units:   none.
// Errors:  elements of Connection that are no tokens are ignored.
// States:  none.
//
//   ConnectionOptions options = ReadConnection(head.fields);
//   bool keep = IsPersistent(head.version, options);
//   StripHopByHop(head.fields, options.upgrade ? Keep::kUpgrade : Keep::kNothing);
//
// Strip right after parsing and before rules add fields, or a peer that sends "Connection:
// x-forwarded-for" could have our own field removed.

#pragma once

#include <cstdint>

#include "proto/http/head.h"

namespace proto {

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool te = false;
  bool names_others = false;  // some other field is named
};
// `field`: kConnection, or kProxyConnection where that one speaks in its place.
ConnectionOptions ReadConnection(const FieldList& fields, FieldName field = FieldName::kConnection);

// A target that begins with neither '/' nor '*' (manual 4.2, option http-use-proxy-header): the
// client takes whom it speaks to for a proxy.
bool IsProxied(const RequestHead& head);

// RFC 9112 section 9.3, for HTTP/1: close wins over keep-alive.
bool IsPersistent(Version version, const ConnectionOptions& options);

// True when the sender asks for another protocol that may be asked for on its behalf: HTTP/1.1 or
// later (RFC 9110 section 7.8), Connection names Upgrade, and no element is h2c, which would make
// the next hop speak HTTP/2 behind our back.
bool AsksForUpgrade(const RequestHead& head);

// True when a Connection field names `field`. Host, Content-Length and Transfer-Encoding cannot be
// named away: that would change the message's meaning for the next hop.
bool IsNamedByConnection(const FieldList& fields, const Field& field);

// What StripHopByHop leaves in, for the one who forwards to write afresh around it.
enum class Keep : uint8_t { kNothing, kUpgrade };

// Removes Connection, Proxy-Connection, Keep-Alive, TE, Upgrade (unless kept) and every field that
// Connection names (RFC 9110 section 7.6.1). Transfer-Encoding stays: it is framing's business.
void StripHopByHop(FieldList& fields, Keep keep);

// The two halves of it, for rules that stand in between: they see what is said of the connection,
// but what they add cannot be named away by the peer.
void StripNamedByConnection(FieldList& fields);
void StripOfConnection(FieldList& fields, Keep keep);

// RFC 9110 section 6.5.1: fields that frame, route, authenticate or control may not come in
// trailers.
bool MayBeTrailer(FieldName id);

}  // namespace proto
