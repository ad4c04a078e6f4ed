// field_name.h - well-known field names, interned: case-insensitive text <-> a small enum.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   none.
// Errors:  an unknown name is kOther.
// States:  none.
//
//   FieldName id = FindFieldName("Content-LENGTH");   // FieldName::kContentLength
//   FieldNameText(id);                                // "content-length", lower case as we send it

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proto {

// In lower case: the manual (1.3.2) has every name normalised so, whatever the version.
#define PROTO_FIELD_NAMES(X)                                            \
  X(kAccept, "accept")                                                  \
  X(kAcceptCharset, "accept-charset")                                   \
  X(kAcceptEncoding, "accept-encoding")                                 \
  X(kAcceptLanguage, "accept-language")                                 \
  X(kAcceptRanges, "accept-ranges")                                     \
  X(kAccessControlAllowCredentials, "access-control-allow-credentials") \
  X(kAccessControlAllowHeaders, "access-control-allow-headers")         \
  X(kAccessControlAllowMethods, "access-control-allow-methods")         \
  X(kAccessControlAllowOrigin, "access-control-allow-origin")           \
  X(kAccessControlExposeHeaders, "access-control-expose-headers")       \
  X(kAccessControlMaxAge, "access-control-max-age")                     \
  X(kAccessControlRequestHeaders, "access-control-request-headers")     \
  X(kAccessControlRequestMethod, "access-control-request-method")       \
  X(kAge, "age")                                                        \
  X(kAllow, "allow")                                                    \
  X(kAltSvc, "alt-svc")                                                 \
  X(kAuthorization, "authorization")                                    \
  X(kCacheControl, "cache-control")                                     \
  X(kConnection, "connection")                                          \
  X(kContentDisposition, "content-disposition")                         \
  X(kContentEncoding, "content-encoding")                               \
  X(kContentLanguage, "content-language")                               \
  X(kContentLength, "content-length")                                   \
  X(kContentLocation, "content-location")                               \
  X(kContentRange, "content-range")                                     \
  X(kContentSecurityPolicy, "content-security-policy")                  \
  X(kContentType, "content-type")                                       \
  X(kCookie, "cookie")                                                  \
  X(kDate, "date")                                                      \
  X(kDnt, "dnt")                                                        \
  X(kEtag, "etag")                                                      \
  X(kExpect, "expect")                                                  \
  X(kExpires, "expires")                                                \
  X(kForwarded, "forwarded")                                            \
  X(kFrom, "from")                                                      \
  X(kHost, "host")                                                      \
  X(kHttp2Settings, "http2-settings")                                   \
  X(kIfMatch, "if-match")                                               \
  X(kIfModifiedSince, "if-modified-since")                              \
  X(kIfNoneMatch, "if-none-match")                                      \
  X(kIfRange, "if-range")                                               \
  X(kIfUnmodifiedSince, "if-unmodified-since")                          \
  X(kKeepAlive, "keep-alive")                                           \
  X(kLastModified, "last-modified")                                     \
  X(kLink, "link")                                                      \
  X(kLocation, "location")                                              \
  X(kMaxForwards, "max-forwards")                                       \
  X(kOrigin, "origin")                                                  \
  X(kPragma, "pragma")                                                  \
  X(kPriority, "priority")                                              \
  X(kProxyAuthenticate, "proxy-authenticate")                           \
  X(kProxyAuthorization, "proxy-authorization")                         \
  X(kProxyConnection, "proxy-connection")                               \
  X(kRange, "range")                                                    \
  X(kReferer, "referer")                                                \
  X(kReferrerPolicy, "referrer-policy")                                 \
  X(kRefresh, "refresh")                                                \
  X(kRetryAfter, "retry-after")                                         \
  X(kSecChUa, "sec-ch-ua")                                              \
  X(kSecChUaMobile, "sec-ch-ua-mobile")                                 \
  X(kSecChUaPlatform, "sec-ch-ua-platform")                             \
  X(kSecFetchDest, "sec-fetch-dest")                                    \
  X(kSecFetchMode, "sec-fetch-mode")                                    \
  X(kSecFetchSite, "sec-fetch-site")                                    \
  X(kSecFetchUser, "sec-fetch-user")                                    \
  X(kSecWebsocketAccept, "sec-websocket-accept")                        \
  X(kSecWebsocketExtensions, "sec-websocket-extensions")                \
  X(kSecWebsocketKey, "sec-websocket-key")                              \
  X(kSecWebsocketProtocol, "sec-websocket-protocol")                    \
  X(kSecWebsocketVersion, "sec-websocket-version")                      \
  X(kServer, "server")                                                  \
  X(kSetCookie, "set-cookie")                                           \
  X(kStrictTransportSecurity, "strict-transport-security")              \
  X(kTe, "te")                                                          \
  X(kTraceparent, "traceparent")                                        \
  X(kTrailer, "trailer")                                                \
  X(kTransferEncoding, "transfer-encoding")                             \
  X(kUpgrade, "upgrade")                                                \
  X(kUpgradeInsecureRequests, "upgrade-insecure-requests")              \
  X(kUserAgent, "user-agent")                                           \
  X(kVary, "vary")                                                      \
  X(kVia, "via")                                                        \
  X(kWarning, "warning")                                                \
  X(kWwwAuthenticate, "www-authenticate")                               \
  X(kXContentTypeOptions, "x-content-type-options")                     \
  X(kXForwardedFor, "x-forwarded-for")                                  \
  X(kXForwardedHost, "x-forwarded-host")                                \
  X(kXForwardedPort, "x-forwarded-port")                                \
  X(kXForwardedProto, "x-forwarded-proto")                              \
  X(kXFrameOptions, "x-frame-options")                                  \
  X(kXOriginalTo, "x-original-to")                                      \
  X(kXRealIp, "x-real-ip")                                              \
  X(kXRequestId, "x-request-id")                                        \
  X(kXRequestedWith, "x-requested-with")                                \
  X(kXXssProtection, "x-xss-protection")

enum class FieldName : uint8_t {
  kOther,
#define PROTO_FIELD_ENUMERATOR(id, text) id,
  PROTO_FIELD_NAMES(PROTO_FIELD_ENUMERATOR)
#undef PROTO_FIELD_ENUMERATOR
      kCount
};
// FieldList keeps presence in two words.
static_assert(size_t(FieldName::kCount) <= 128);

FieldName FindFieldName(std::string_view name);

namespace internal {
inline constexpr std::string_view kFieldNameTexts[] = {"",
#define PROTO_FIELD_TEXT(id, text) text,
                                                       PROTO_FIELD_NAMES(PROTO_FIELD_TEXT)
#undef PROTO_FIELD_TEXT
};
}  // namespace internal

// Empty for kOther.
inline std::string_view FieldNameText(FieldName id) {
  return internal::kFieldNameTexts[size_t(id)];
}

}  // namespace proto
