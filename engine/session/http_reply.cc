#include "engine/session/http_reply.h"

#include <algorithm>

#include "engine/server/http_replies.h"
#include "engine/server/reply_formats.h"
#include "engine/session/stream_context.h"
#include "proto/http/status.h"

namespace engine {

using proto::FieldName;

bool WriteFormats(const HttpReply& reply, StreamContext& context, size_t bytes_max,
                  proto::FieldList& fields, ReplyExtras& extras) {
  const ReplyFormats& formats = *reply.formats;
  context.in_response = formats.in_response;
  constexpr size_t kAroundBytes = 4;  // ": " and the end of the line
  size_t bytes = ReplyBytes(reply);
  const auto add = [&](std::string_view name, std::string_view value) {
    bytes += name.size() + value.size() + kAroundBytes;
    return bytes <= bytes_max && fields.Add(name, value);
  };
  if (extras.fields != nullptr) {
    for (const proto::Field& field : *extras.fields) {
      if (!add(field.name(), field.value())) return false;
    }
  }
  for (const auto& [name, text] : formats.fields) {
    std::string_view value;
    // It leaves with the head, when the scratch may hold something else.
    if (!text.Write(context, &value) || bytes + value.size() > bytes_max) return false;
    if (value.empty()) continue;  // as HAProxy: what there is nothing to say of is not sent
    if (!add(name, fields.arena().Copy(value))) return false;
  }
  extras.fields = &fields;
  if (!formats.body) return true;
  extras.has_body = true;
  return formats.body->Write(context, &extras.body) && bytes + extras.body.size() <= bytes_max;
}

void SendReply(FrontEndpoint& front, const HttpReply& reply, const ReplyExtras& extras, bool close,
               shard::Channel& response, shard::ChunkPool& small,
               absl::FunctionRef<void(proto::ResponseHead&)> edit) {
  base::Arena& arena = front.arena();
  proto::ResponseHead head(arena);
  head.status = reply.status;
  head.reason =
      reply.reason.empty() ? proto::StatusReason(reply.status) : std::string_view(reply.reason);
  proto::Framing framing;
  const bool no_body = reply.status == 204 || reply.status == 304 || reply.status < 200;
  bool fits = true;
  const std::string_view body = extras.has_body ? extras.body : std::string_view(reply.body);
  if (!no_body) {
    fits = head.fields.Add(FieldName::kContentLength, arena.Copy(std::to_string(body.size())));
  }
  for (const auto& [name, value] : reply.fields) {
    fits = fits && head.fields.Add(std::string_view(name), std::string_view(value));
  }
  if (extras.fields != nullptr) {
    for (const proto::Field& field : *extras.fields) {
      if (extras.replaces) head.fields.RemoveAll(field.name());
      fits = fits && head.fields.Add(field.name(), field.value());
    }
  }
  if (!no_body && !body.empty() && front.request().method != proto::Method::kHead) {
    framing.kind = proto::BodyKind::kLength;
    framing.length = body.size();
  }
  // A body that is not here whole stands before the next request.
  if (!front.DiscardBody()) close = true;
  if (!fits) head.fields.Clear();  // rather without fields than not at all; Content-Length is gone
  if (!fits) close = true;
  if (fits) edit(head);
  front.SendResponse(head, framing, close);
  if (framing.length > 0) {
    response.CountProduced(response.bytes().Append(body, small));
  }
}

void SendRedirect(FrontEndpoint& front, std::string_view prefix, bool close) {
  base::Arena& arena = front.arena();
  const proto::RequestHead& request = front.request();
  const std::string_view path = request.path.empty() ? std::string_view("/") : request.path;
  const size_t query_bytes = request.has_query ? 1 + request.query.size() : 0;
  const size_t bytes = prefix.size() + path.size() + query_bytes;
  char* location = static_cast<char*>(arena.Allocate(bytes, 1));
  char* cursor = std::copy(prefix.begin(), prefix.end(), location);
  cursor = std::copy(path.begin(), path.end(), cursor);
  if (request.has_query) {
    *cursor++ = '?';
    std::copy(request.query.begin(), request.query.end(), cursor);
  }
  proto::ResponseHead head(arena);
  head.status = 302;
  head.reason = proto::StatusReason(302);
  const bool fits = head.fields.Add(FieldName::kContentLength, "0") &&
                    head.fields.Add(FieldName::kCacheControl, "no-cache") &&
                    head.fields.Add(FieldName::kLocation, std::string_view(location, bytes));
  if (!front.DiscardBody() || !fits) close = true;
  front.SendResponse(head, proto::Framing(), close);
}

std::string LastWords(const ProxyConfig& frontend, const ProxyConfig* backend, uint16_t status) {
  const HttpReply& found = FindReply(frontend, backend, status);
  const HttpReply& reply = found.formats == nullptr ? found : BuiltInReply(status);
  if (reply.silent) return std::string();
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  text += reply.reason.empty() ? std::string(proto::StatusReason(reply.status)) : reply.reason;
  text += "\r\nContent-length: " + std::to_string(reply.body.size()) + "\r\n";
  for (const auto& [name, value] : reply.fields) text += name + ": " + value + "\r\n";
  text += "Connection: close\r\n\r\n";
  return text + reply.body;
}

}  // namespace engine
