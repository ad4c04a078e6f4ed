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
#include "engine/server/proxy_config.h"
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

// The reply for `status` as text, for a request that is not here whole: with "connection: close".
// What a format would say of the request is not evaluated (manual 4.2, http-error): the built-in
// reply takes its place. Empty where nothing is to be said.
std::string LastWords(const ProxyConfig& frontend, const ProxyConfig* backend, uint16_t status);

}  // namespace engine
