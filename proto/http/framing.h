// framing.h - how long the body of an HTTP/1 message is. Decided here and nowhere else.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   length in bytes, at most kBodyBytesMax.
// Errors:  FramingError: the message must be refused (400, 413 or 501 for a request, 502 for a
//          response) and the connection closed, since nobody knows where the next message starts.
// States:  none.
//
//   Framing framing = RequestFraming(head, options);
//   if (framing.error != FramingError::kNone) return Refuse(framing.error);
//   if (framing.drop_content_length) head.fields.RemoveAll(FieldName::kContentLength);
//
// RFC 9112 section 6, strict. Where it leaves a choice:
// - Repeated or listed Content-Length is refused, equal values too: nothing in the manual asks for
//   them.
// - Transfer-Encoding beside Content-Length: the manual
//   (h1-do-not-close-on-insecure-transfer-encoding) has the length dropped and the connection
//   closed after the answer: drop_content_length, must_close.
// - Transfer-Encoding in HTTP/1.0, without a final chunked (in responses as well, although RFC 9112
//   section 6.3 would read until close: nobody asked for another coding), chunked twice, empty
//   elements or unknown codings are refused.

#pragma once

#include <cstdint>
#include <string_view>

#include "proto/http/head.h"

namespace proto {

enum class BodyKind : uint8_t {
  kNone,
  kLength,  // `length` bytes, never 0
  kChunked,
  kUntilClose,  // responses only
  kTunnel       // CONNECT, 101: bytes that follow are not HTTP (for a request: once it is granted)
};

enum class FramingError : uint8_t {
  kNone,
  kBadContentLength,       // not digits only
  kContentLengthOverflow,  // above kBodyBytesMax
  kRepeatedContentLength,  // several fields or a list
  kTransferEncodingIn10,
  kBadTransferEncoding,    // not a list of codings, or an empty element
  kUnknownTransferCoding,  // the one that earns 501
  kChunkedNotLast,         // or missing
  kChunkedTwice,
  kBodyWithConnect,
  kBodyIn10,  // HTTP/1.0 GET, HEAD or DELETE with a body: 413
  kCount
};
std::string_view FramingErrorText(FramingError error);
// The status a request with this error is answered with.
uint16_t FramingErrorStatus(FramingError error);

// Signed 64-bit sums of lengths stay in range, here and in whatever peer counts with int64_t.
inline constexpr uint64_t kBodyBytesMax = uint64_t(INT64_MAX);

struct FramingOptions {
  bool accept_payload_with_any_method = false;  // h1-accept-payload-with-any-method
  // Responses, option accept-unsafe-violations-in-http-response: empty elements and repeated
  // chunked.
  bool accept_odd_transfer_encoding = false;
};

struct Framing {
  BodyKind kind = BodyKind::kNone;
  FramingError error = FramingError::kNone;
  // After this exchange, whatever Connection says.
  bool must_close = false;
  // Never forward what was not believed.
  bool drop_content_length = false;
  bool drop_transfer_encoding = false;
  // A coding besides chunked is on the body: forward the list as it is.
  bool other_codings = false;
  uint64_t length = 0;  // kLength, else 0
};

Framing RequestFraming(const RequestHead& head, const FramingOptions& options = {});
// `method` is the one of the request this answers.
Framing ResponseFraming(const ResponseHead& head, Method method,
                        const FramingOptions& options = {});

// After the status of a final response to `method` has been changed: one that never has content
// (RFC 9110 section 6.4.1) has none, and one that must say how long it is says so.
void FollowStatus(Method method, ResponseHead& head, Framing& framing);

// 1*DIGIT and nothing else.
FramingError ParseContentLength(std::string_view text, uint64_t* length);

}  // namespace proto
