#include "engine/server/http_replies.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "base/start_rights.h"
#include "base/text.h"
#include "proto/http/chars.h"
#include "proto/http/framing.h"
#include "proto/http/status.h"
#include "proto/http1/response_parser.h"

namespace engine {
namespace {

struct Page {
  uint16_t status;
  const char* title;  // of the page, and the reason
  const char* text;
  bool close;  // nobody knows where the next request would start
};

// Status lines and texts are an interface: scripts and monitoring look for them. They are those of
// haproxy 2.6 as curl shows them, its stray dot in 501 left out; 414 and 431 are younger than that.
constexpr Page kPages[] = {
    {200, "200 OK", "Service ready.", false},
    {400, "400 Bad request", "Your browser sent an invalid request.", true},
    {401, "401 Unauthorized", "You need a valid user and password to access this content.", false},
    {403, "403 Forbidden", "Request forbidden by administrative rules.", false},
    {404, "404 Not Found", "The resource could not be found.", false},
    {405, "405 Method Not Allowed",
     "A request was made of a resource using a request method not supported by that resource",
     false},
    {407, "407 Unauthorized", "You need a valid user and password to access this content.", false},
    {408, "408 Request Time-out", "Your browser didn't send a complete request in time.", true},
    {410, "410 Gone", "The resource is no longer available and will not be available again.",
     false},
    {413, "413 Payload Too Large", "The request entity exceeds the maximum allowed.", false},
    {414, "414 URI Too Long", "The requested URI is too long.", false},
    {421, "421 Misdirected Request", "Request sent to a non-authoritative server.", false},
    {422, "422 Unprocessable Content", "The server cannot process the contained instructions.",
     false},
    {425, "425 Too Early", "Your browser sent early data.", false},
    {429, "429 Too Many Requests", "You have sent too many requests in a given amount of time.",
     false},
    {431, "431 Request Header Fields Too Large", "The header fields of the request are too large.",
     false},
    {500, "500 Internal Server Error", "An internal server error occurred.", false},
    {501, "501 Not Implemented",
     "The server does not support the functionality required to fulfill the request.", false},
    {502, "502 Bad Gateway", "The server returned an invalid or incomplete response.", false},
    {503, "503 Service Unavailable", "No server is available to handle this request.", false},
    {504, "504 Gateway Time-out", "The server didn't respond in time.", false},
};
constexpr auto kStatuses = [] {
  std::array<uint16_t, std::size(kPages)> statuses{};
  for (size_t i = 0; i < statuses.size(); ++i) statuses[i] = kPages[i].status;
  return statuses;
}();

std::map<uint16_t, HttpReply> MakeBuiltIn() {
  std::map<uint16_t, HttpReply> replies;
  for (const Page& page : kPages) {
    HttpReply& reply = replies[page.status];
    reply.status = page.status;
    reply.reason = page.title + 4;  // behind "NNN "
    reply.fields = {{"cache-control", "no-cache"}, {"content-type", "text/html"}};
    reply.body =
        "<html><body><h1>" + std::string(page.title) + "</h1>\n" + page.text + "\n</body></html>\n";
    reply.close = page.close;
  }
  return replies;
}

// The head with CRLF at the end of every line, as the parser asks for: many error files were
// written with a Unix editor, and HAProxy takes them. `*body` is what stands behind the head.
std::string HeadWithCrLf(std::string_view contents, std::string_view* body) {
  std::string head;
  *body = {};
  for (size_t at = 0; at < contents.size();) {
    const size_t end = contents.find('\n', at);
    if (end == std::string_view::npos) return head.append(contents.substr(at));
    std::string_view line = contents.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    head.append(line).append("\r\n");
    at = end + 1;
    if (!line.empty()) continue;
    *body = contents.substr(at);
    return head;
  }
  return head;
}

std::string FramingFault(const HttpReply& reply, const proto::ResponseHead& head) {
  if (reply.status < 200) return "status " + std::to_string(reply.status) + " is not final";
  if (head.fields.Has(proto::FieldName::kTransferEncoding)) {
    return "a body in a transfer coding is not supported";
  }
  if (!head.fields.Has(proto::FieldName::kContentLength)) return {};
  uint64_t length = 0;
  if (head.fields.Count(proto::FieldName::kContentLength) > 1 ||
      proto::ParseContentLength(head.fields.ValueOf(proto::FieldName::kContentLength), &length) !=
          proto::FramingError::kNone) {
    return "its Content-Length is not a number of bytes";
  }
  if (length == reply.body.size()) return {};
  return base::Format("its body has %zu bytes and not the %llu of its Content-Length",
                      reply.body.size(), static_cast<unsigned long long>(length));
}

void TakeField(const proto::Field& field, HttpReply& reply) {
  if (field.id() == proto::FieldName::kContentLength) return;
  if (field.id() == proto::FieldName::kConnection) {
    std::string_view rest = field.value();
    for (std::string_view item; proto::NextListItem(&rest, &item);) {
      if (base::EqualsIgnoreCase(item, "close")) reply.close = true;
    }
    return;
  }
  reply.fields.emplace_back(base::Lower(field.name()), std::string(field.value()));
}

}  // namespace

std::span<const uint16_t> ReplyStatuses() { return kStatuses; }

bool IsReplyStatus(uint32_t status) {
  return std::binary_search(kStatuses.begin(), kStatuses.end(), status);
}

const HttpReply& BuiltInReply(uint16_t status) {
  static const std::map<uint16_t, HttpReply> replies = MakeBuiltIn();
  const auto found = replies.find(status);
  return found != replies.end() ? found->second : replies.at(500);
}

const HttpReply& FindReply(const ProxyConfig& frontend, const ProxyConfig* backend,
                           uint16_t status) {
  for (const ProxyConfig* proxy : {backend, &frontend}) {
    if (proxy == nullptr) continue;
    const auto found = proxy->http.replies.find(status);
    if (found != proxy->http.replies.end()) return *found->second;
  }
  return BuiltInReply(status);
}

Parsed<HttpReply> ParseReplyFile(std::string_view contents) {
  Parsed<HttpReply> parsed;
  HttpReply& reply = parsed.value;
  if (contents.empty()) {
    reply.silent = true;
    reply.close = true;
    return parsed;
  }
  std::string_view body;
  const std::string text = HeadWithCrLf(contents, &body);
  base::Arena arena;
  proto::ResponseHead head(arena);
  proto::ParserOptions options = proto::ResponseOptions();
  options.head_bytes_max = text.size() + 1;
  proto::ResponseParser parser(options, head);
  const proto::ParseResult result = parser.Parse(text);
  if (result == proto::ParseResult::kNeedMore) {
    parsed.error = "it ends before the empty line behind its header fields";
    return parsed;
  }
  if (result != proto::ParseResult::kDone) {
    const auto at = text.begin() + std::ptrdiff_t(std::min(parser.error_offset(), text.size()));
    parsed.error = base::Format("line %td is not HTTP: ", std::count(text.begin(), at, '\n') + 1) +
                   std::string(proto::HeadErrorText(parser.error()));
    return parsed;
  }
  reply.status = head.status;
  reply.reason = head.reason;
  reply.body = body;
  for (const proto::Field& field : head.fields) TakeField(field, reply);
  parsed.error = FramingFault(reply, head);
  return parsed;
}

Parsed<std::string> ReadReplyFile(const std::string& path, size_t bytes_max) {
  Parsed<std::string> parsed;
  const int result = base::StartRights::Current().ReadFile(path, &parsed.value, bytes_max);
  if (result == -EFBIG) {
    parsed.error = "it has more than " + std::to_string(bytes_max) + " bytes";
  } else if (result < 0) {
    parsed.error = std::strerror(-result);
  }
  return parsed;
}

size_t ReplyBytes(const HttpReply& reply) {
  const std::string_view reason =
      reply.reason.empty() ? proto::StatusReason(reply.status) : std::string_view(reply.reason);
  size_t bytes = sizeof("HTTP/1.1 NNN \r\n\r\n") - 1 + reason.size();
  bytes += base::Format("content-length: %zu\r\n", reply.body.size()).size();
  if (reply.close) bytes += sizeof("connection: close\r\n") - 1;
  for (const auto& [name, value] : reply.fields) bytes += name.size() + value.size() + 4;
  return bytes + reply.body.size();
}

}  // namespace engine
