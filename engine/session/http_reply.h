// http_reply.h - an answer of the proxy's own, put on its way to a client.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  no memory: the connection is closed without it.
// States:  none.

#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/mux/http_endpoint.h"
#include "engine/server/http_config.h"
#include "shard/stream/channel.h"

namespace engine {

class StreamContext;

// What is added to a reply of the configuration for one request.
struct ReplyExtras {
  std::string_view body;
  bool has_body = false;  // in place of the reply's own
  const proto::FieldList* fields = nullptr;
  bool replaces = false;  // fields of the reply that have the same names
};

// Adds what the reply's formats (engine/server/reply_formats.h) say by now: to `fields` and to
// `extras`, whose own fields it copies there. Good as long as `context`. False: the answer does not
// fit `bytes_max`.
[[nodiscard]] bool WriteFormats(const HttpReply& reply, StreamContext& context, size_t bytes_max,
                                proto::FieldList& fields, ReplyExtras& extras);

// Sends the head through `front` and puts the body into `response`, which it ends. A request for
// HEAD gets no body. `edit` is the last to see the head.
void SendReply(FrontEndpoint& front, const HttpReply& reply, const ReplyExtras& extras, bool close,
               shard::Channel& response, shard::ChunkPool& small,
               absl::FunctionRef<void(proto::ResponseHead&)> edit);

// 302 to `prefix` followed by the request's path and query (manual 5.2, redir).
void SendRedirect(FrontEndpoint& front, std::string_view prefix, bool close);

// A reply as text, for a request that was never understood: with "connection: close".
std::string ReplyText(const HttpReply& reply);

}  // namespace engine
