#include "engine/check/check_request.h"

#include "base/text.h"

namespace engine {

std::string RequestBytes(const CheckRequest& request, std::string_view state) {
  std::string bytes = request.method + " " + request.uri + " " + request.version + "\r\n";
  bool says_connection = false;
  for (const auto& [name, value] : request.fields) {
    if (value.empty()) continue;  // a format that had nothing to say
    says_connection |= base::EqualsIgnoreCase(name, "connection");
    bytes += name + ": " + value + "\r\n";
  }
  if (!state.empty()) bytes.append("x-haproxy-server-state: ").append(state).append("\r\n");
  if (!request.body.empty()) {
    bytes += "content-length: " + std::to_string(request.body.size()) + "\r\n";
  }
  // What HTTP/1.0 does by itself.
  if (!says_connection && request.version != "HTTP/1.0") bytes += "connection: close\r\n";
  return bytes + "\r\n" + request.body;
}

namespace {

// As operators know it from other programs.
constexpr std::string_view kEmptyPattern = "log-format string evaluated to an empty string";

bool PutPattern(std::string text, std::string& to, std::string* why) {
  // It would be found in anything.
  if (text.empty()) {
    *why = kEmptyPattern;
    return false;
  }
  to = std::move(text);
  return true;
}

bool PutHex(const std::string& digits, std::string& to, std::string* why) {
  std::optional<std::string> bytes = base::BytesOfHex(digits);
  if (!bytes) {
    *why = "a text is not made of pairs of hexadecimal digits";
    return false;
  }
  to = std::move(*bytes);
  return true;
}

}  // namespace

bool PutText(const CheckFormat& format, std::string text, CheckRule& rule, std::string* why) {
  switch (format.part) {
    case CheckFormat::Part::kBytes:
      rule.bytes = std::move(text);
      return true;
    case CheckFormat::Part::kHexBytes:
      return PutHex(text, rule.bytes, why);
    case CheckFormat::Part::kUri:
      rule.request.uri = text.empty() ? "/" : std::move(text);
      if (IsCheckUri(rule.request.uri)) return true;
      *why = "the URI of the request cannot be sent";
      return false;
    case CheckFormat::Part::kField:
      if (!IsCheckValue(text)) {
        *why = "the value of a field cannot be sent";
        return false;
      }
      rule.request.fields[format.field].second = std::move(text);
      return true;
    case CheckFormat::Part::kBody:
      rule.request.body = std::move(text);
      return true;
    case CheckFormat::Part::kPattern:
      return PutPattern(std::move(text), rule.expect.pattern, why);
    case CheckFormat::Part::kHexPattern:
      return PutHex(text, text, why) && PutPattern(std::move(text), rule.expect.pattern, why);
    case CheckFormat::Part::kHeaderName:
      return PutPattern(std::move(text), rule.expect.header_name.text, why);
    case CheckFormat::Part::kHeaderValue:
      return PutPattern(std::move(text), rule.expect.header_value.text, why);
  }
  return false;
}

}  // namespace engine
