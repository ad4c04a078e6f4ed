#include "proto/http/framing.h"

#include "base/text.h"
#include "proto/http/chars.h"
#include "proto/http/status.h"

namespace proto {
namespace {

Framing Refuse(FramingError error) {
  Framing framing;
  framing.error = error;
  framing.must_close = true;
  return framing;
}

// token *( OWS ";" OWS parameter ); parameters are looked at only to be refused on chunked.
enum class Coding : uint8_t { kBad, kUnknown, kChunked, kOther };
Coding ParseCoding(std::string_view item) {
  const size_t semicolon = item.find(';');
  const std::string_view name = TrimBlanks(item.substr(0, semicolon));
  if (!IsToken(name)) return Coding::kBad;
  if (base::EqualsIgnoreCase(name, "chunked")) {
    return semicolon == std::string_view::npos ? Coding::kChunked : Coding::kBad;
  }
  for (std::string_view known : {"gzip", "x-gzip", "deflate", "compress", "x-compress"}) {
    if (base::EqualsIgnoreCase(name, known)) {
      return semicolon == std::string_view::npos ? Coding::kOther : Coding::kBad;
    }
  }
  return Coding::kUnknown;
}

struct Codings {
  FramingError error = FramingError::kNone;
  bool other = false;
};

// All Transfer-Encoding fields as the one list they are (RFC 9110 section 5.3).
Codings CheckTransferEncoding(const FieldList& fields, bool lenient) {
  Codings result;
  bool chunked = false;
  const Field* field = fields.Find(FieldName::kTransferEncoding);
  for (; field != nullptr; field = fields.FindNext(field)) {
    // An empty value has a data pointer only sometimes; the list reader needs one.
    std::string_view rest = field->value().empty() ? std::string_view("") : field->value();
    std::string_view item;
    while (NextListItem(&rest, &item)) {
      if (item.empty()) {
        if (lenient) continue;
        return {FramingError::kBadTransferEncoding};
      }
      const Coding coding = ParseCoding(item);
      if (coding == Coding::kBad) return {FramingError::kBadTransferEncoding};
      if (coding == Coding::kUnknown) return {FramingError::kUnknownTransferCoding};
      if (coding == Coding::kChunked) {
        if (chunked && !lenient) return {FramingError::kChunkedTwice};
        chunked = true;
        continue;
      }
      if (chunked) return {FramingError::kChunkedNotLast};
      result.other = true;
    }
  }
  if (!chunked) return {FramingError::kChunkedNotLast};
  return result;
}

// kLength or kNone from the Content-Length field; `fallback` when there is none.
Framing FromContentLength(const FieldList& fields, BodyKind fallback) {
  Framing framing;
  const Field* field = fields.Find(FieldName::kContentLength);
  if (field == nullptr) {
    framing.kind = fallback;
    return framing;
  }
  if (fields.FindNext(field) != nullptr) return Refuse(FramingError::kRepeatedContentLength);
  const FramingError error = ParseContentLength(field->value(), &framing.length);
  if (error != FramingError::kNone) return Refuse(error);
  framing.kind = framing.length != 0 ? BodyKind::kLength : BodyKind::kNone;
  return framing;
}

// Shared by both directions. `fallback`: what a message without either field has.
Framing FromFields(const FieldList& fields, Version version, bool lenient, BodyKind fallback) {
  // Checked first even where Transfer-Encoding wins: a malformed length is refused, not overlooked.
  Framing framing = FromContentLength(fields, fallback);
  if (framing.error != FramingError::kNone || !fields.Has(FieldName::kTransferEncoding)) {
    return framing;
  }
  if (!version.AtLeast11()) return Refuse(FramingError::kTransferEncodingIn10);
  const Codings codings = CheckTransferEncoding(fields, lenient);
  if (codings.error != FramingError::kNone) return Refuse(codings.error);
  const bool both = fields.Has(FieldName::kContentLength);
  framing = Framing();
  framing.kind = BodyKind::kChunked;
  framing.other_codings = codings.other;
  framing.drop_content_length = both;
  framing.must_close = both;
  return framing;
}

bool MayLackBodyIn10(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kDelete;
}

}  // namespace

FramingError ParseContentLength(std::string_view text, uint64_t* length) {
  if (text.empty()) return FramingError::kBadContentLength;
  uint64_t number = 0;
  bool overflow = false;
  for (char c : text) {
    if (c == ',') return FramingError::kRepeatedContentLength;
    if (!base::IsDigit(c)) return FramingError::kBadContentLength;
    const uint64_t digit = uint64_t(c - '0');
    if (number > (kBodyBytesMax - digit) / 10) {
      overflow = true;
    } else {
      number = number * 10 + digit;
    }
  }
  if (overflow) return FramingError::kContentLengthOverflow;
  *length = number;
  return FramingError::kNone;
}

Framing RequestFraming(const RequestHead& head, const FramingOptions& options) {
  Framing framing = FromFields(head.fields, head.version, false, BodyKind::kNone);
  if (framing.error != FramingError::kNone) return framing;
  if (head.method == Method::kConnect) {
    // RFC 9110 section 9.3.6: a CONNECT request has no content, and servers disagree about one.
    if (framing.kind != BodyKind::kNone) return Refuse(FramingError::kBodyWithConnect);
    framing.kind = BodyKind::kTunnel;
    return framing;
  }
  if (framing.kind != BodyKind::kNone && !head.version.AtLeast11() &&
      MayLackBodyIn10(head.method) && !options.accept_payload_with_any_method) {
    return Refuse(FramingError::kBodyIn10);
  }
  return framing;
}

Framing ResponseFraming(const ResponseHead& head, Method method, const FramingOptions& options) {
  Framing framing = FromFields(head.fields, head.version, options.accept_odd_transfer_encoding,
                               BodyKind::kUntilClose);
  const bool tunnel = head.status == 101 || (method == Method::kConnect && IsSuccess(head.status));
  if (tunnel || IsInterim(head.status) || head.status == 204) {
    // RFC 9112 section 6.3, 1 and 2: whatever the fields say, and they must not be there at all.
    framing = Framing();
    framing.kind = tunnel ? BodyKind::kTunnel : BodyKind::kNone;
    framing.drop_content_length = head.fields.Has(FieldName::kContentLength);
    framing.drop_transfer_encoding = head.fields.Has(FieldName::kTransferEncoding);
    return framing;
  }
  if (framing.error != FramingError::kNone) return framing;
  if (method == Method::kHead || head.status == 304) {
    // The fields describe the answer to a GET and are forwarded, but nothing follows.
    framing.kind = BodyKind::kNone;
    framing.length = 0;
  }
  return framing;
}

void FollowStatus(Method method, ResponseHead& head, Framing& framing) {
  if (framing.kind == BodyKind::kTunnel) return;
  const bool has_none = head.status == 204 || head.status == 304;
  if (has_none && framing.kind != BodyKind::kNone) {
    framing.kind = BodyKind::kNone;
    framing.length = 0;
    head.fields.RemoveAll(FieldName::kTransferEncoding);
  }
  if (head.status == 204) head.fields.RemoveAll(FieldName::kContentLength);
  if (!has_none && framing.kind == BodyKind::kNone && method != Method::kHead &&
      head.fields.ValueOf(FieldName::kContentLength) != "0") {
    (void)head.fields.Set(FieldName::kContentLength, "0");
  }
}

std::string_view FramingErrorText(FramingError error) {
  switch (error) {
    case FramingError::kNone:
      return "none";
    case FramingError::kBadContentLength:
      return "bad_content_length";
    case FramingError::kContentLengthOverflow:
      return "content_length_overflow";
    case FramingError::kRepeatedContentLength:
      return "repeated_content_length";
    case FramingError::kTransferEncodingIn10:
      return "transfer_encoding_in_http_1_0";
    case FramingError::kBadTransferEncoding:
      return "bad_transfer_encoding";
    case FramingError::kUnknownTransferCoding:
      return "unknown_transfer_coding";
    case FramingError::kChunkedNotLast:
      return "chunked_not_last";
    case FramingError::kChunkedTwice:
      return "chunked_twice";
    case FramingError::kBodyWithConnect:
      return "body_with_connect";
    case FramingError::kBodyIn10:
      return "body_in_http_1_0";
    case FramingError::kCount:
      break;
  }
  return "unknown";
}

uint16_t FramingErrorStatus(FramingError error) {
  if (error == FramingError::kBodyIn10) return 413;
  return error == FramingError::kUnknownTransferCoding ? 501 : 400;
}

}  // namespace proto
