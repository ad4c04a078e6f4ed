#include "proto/http/target.h"

#include "base/text.h"
#include "proto/http/chars.h"

namespace proto {
namespace {

bool IsIpLiteral(std::string_view text) {
  // "[" IPv6 "]" or "[v1." ... "]": bytes are checked, the address itself is for whoever resolves
  // it.
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  std::string_view inside = text.substr(1, text.size() - 2);
  if (inside[0] == 'v' || inside[0] == 'V') {
    const size_t dot = inside.find('.');
    if (dot == std::string_view::npos || !AllOf(inside.substr(1, dot - 1), kHexClass)) return false;
    inside.remove_prefix(dot + 1);
    for (char c : inside) {
      if (c != ':' && !HasClass(c, kRegNameClass)) return false;
    }
    return !inside.empty();
  }
  for (char c : inside) {
    if (c != ':' && c != '.' && !IsHexDigit(c)) return false;
  }
  return inside.find(':') != std::string_view::npos;
}

bool IsRegName(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (HasClass(text[i], kRegNameClass)) continue;
    if (text[i] != '%' || text.size() - i < 3) return false;
    if (!IsHexDigit(text[i + 1]) || !IsHexDigit(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

void SplitPath(std::string_view text, RequestHead& head) {
  const size_t mark = text.find('?');
  head.has_query = mark != std::string_view::npos;
  head.path = text.substr(0, mark);
  head.query = head.has_query ? text.substr(mark + 1) : std::string_view();
}

TargetError ParseAbsolute(std::string_view target, RequestHead& head) {
  const size_t colon = target.find(':');
  if (colon == std::string_view::npos || colon == 0) return TargetError::kBadForm;
  const std::string_view scheme = target.substr(0, colon);
  if (!HasClass(scheme[0], kAlphaClass)) return TargetError::kBadForm;
  for (char c : scheme) {
    if (!HasClass(c, kAlphaClass) && !base::IsDigit(c) && c != '+' && c != '-' && c != '.') {
      return TargetError::kBadForm;
    }
  }
  std::string_view rest = target.substr(colon + 1);
  if (rest.substr(0, 2) != "//") return TargetError::kBadForm;
  rest.remove_prefix(2);
  // '\' ends no authority here, as some lenient parsers have it: it is refused as a byte of the
  // host.
  const size_t end = rest.find_first_of("/?#");
  Authority authority;
  if (!ParseAuthority(rest.substr(0, end), &authority) || authority.host.empty()) {
    return TargetError::kBadAuthority;
  }
  head.target_form = TargetForm::kAbsolute;
  head.scheme = scheme;
  head.authority = rest.substr(0, end);
  SplitPath(end == std::string_view::npos ? rest.substr(rest.size()) : rest.substr(end), head);
  return TargetError::kNone;
}

uint16_t DefaultPort(std::string_view scheme) {
  if (base::EqualsIgnoreCase(scheme, "http")) return 80;
  return base::EqualsIgnoreCase(scheme, "https") ? 443 : 0;
}

// CONNECT always names a port; a Host without one then stands for either default, as the example of
// RFC 9112 section 3.2.3 has it.
bool SameConnectAuthority(std::string_view target, std::string_view host) {
  Authority a, b;
  if (!ParseAuthority(target, &a) || !ParseAuthority(host, &b)) return false;
  if (!base::EqualsIgnoreCase(a.host, b.host)) return false;
  if (b.port_number == 0) return a.port_number == 80 || a.port_number == 443;
  return a.port_number == b.port_number;
}

}  // namespace

bool ParseAuthority(std::string_view text, Authority* authority) {
  size_t colon;
  if (!text.empty() && text[0] == '[') {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return false;
    if (!IsIpLiteral(text.substr(0, bracket + 1))) return false;
    colon = bracket + 1;
    if (colon < text.size() && text[colon] != ':') return false;
  } else {
    colon = text.find(':');
    if (colon == std::string_view::npos) colon = text.size();
    if (!IsRegName(text.substr(0, colon))) return false;
  }
  authority->host = text.substr(0, colon);
  authority->port = colon < text.size() ? text.substr(colon + 1) : std::string_view();
  authority->port_number = 0;
  if (authority->host.empty() && colon < text.size()) return false;
  uint32_t number = 0;
  for (char c : authority->port) {
    if (!base::IsDigit(c)) return false;
    number = number * 10 + uint32_t(c - '0');
    if (number > 65535) return false;
  }
  // "host:0" names no reachable port, and would otherwise pass for "no port given".
  if (!authority->port.empty() && number == 0) return false;
  authority->port_number = uint16_t(number);
  return true;
}

TargetError ParseTarget(std::string_view target, const TargetOptions& options, RequestHead& head) {
  head.target = target;
  head.scheme = head.authority = head.path = head.query = std::string_view();
  head.has_query = false;
  if (target.empty()) return TargetError::kBadForm;
  if (head.method == Method::kConnect) {
    head.target_form = TargetForm::kAuthority;
    head.authority = target;
    if (options.accept_any_connect_authority) return TargetError::kNone;
    Authority authority;
    const bool good =
        ParseAuthority(target, &authority) && !authority.host.empty() && authority.port_number != 0;
    return good ? TargetError::kNone : TargetError::kBadAuthority;
  }
  if (target[0] == '/') {
    head.target_form = TargetForm::kOrigin;
    SplitPath(target, head);
    return TargetError::kNone;
  }
  if (target == "*") {
    head.target_form = TargetForm::kAsterisk;
    return head.method == Method::kOptions ? TargetError::kNone : TargetError::kBadForm;
  }
  return ParseAbsolute(target, head);
}

bool SameAuthority(std::string_view a, std::string_view b, std::string_view scheme) {
  if (a == b) return true;
  Authority left, right;
  if (!ParseAuthority(a, &left) || !ParseAuthority(b, &right)) return false;
  if (!base::EqualsIgnoreCase(left.host, right.host)) return false;
  const uint16_t by_default = DefaultPort(scheme);
  const uint16_t left_port = left.port_number != 0 ? left.port_number : by_default;
  const uint16_t right_port = right.port_number != 0 ? right.port_number : by_default;
  return left_port == right_port;
}

TargetError CheckHost(const RequestHead& head, const TargetOptions& options) {
  const Field* host = head.fields.Find(FieldName::kHost);
  if (host == nullptr) {
    return head.version.AtLeast11() ? TargetError::kMissingHost : TargetError::kNone;
  }
  if (head.fields.FindNext(host) != nullptr) return TargetError::kRepeatedHost;
  Authority authority;
  if (!ParseAuthority(host->value(), &authority)) return TargetError::kBadHost;
  if (options.accept_host_mismatch) return TargetError::kNone;
  switch (head.target_form) {
    case TargetForm::kOrigin:
    case TargetForm::kAsterisk:
      return TargetError::kNone;
    case TargetForm::kAbsolute:
      return SameAuthority(head.authority, host->value(), head.scheme) ? TargetError::kNone
                                                                       : TargetError::kHostMismatch;
    case TargetForm::kAuthority:
      if (options.accept_any_connect_authority) return TargetError::kNone;
      return SameConnectAuthority(head.authority, host->value()) ? TargetError::kNone
                                                                 : TargetError::kHostMismatch;
  }
  return TargetError::kNone;
}

}  // namespace proto
