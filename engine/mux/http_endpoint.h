// http_endpoint.h - endpoints that carry HTTP messages: a head, then a body through the channel.
//
// Owns:    a message's text lives in the chunk its head came in, or in the message's arena; both
//          are kept until the exchange is over.
// Threads: shard-local.
// Units:   bytes.
// Errors:  as any endpoint. A message that is not understood never reaches a stream.
// States:  front: head known from the start -> response head sent -> response over -> detached.
//          back:  request sent -> response head known (OnHead) -> response over -> detached.
//
// The channel carries decoded body bytes; framing (lengths, chunks, HTTP/2 frames) is each mux's
// own. ShutWrite(kNormal) ends the message, not the connection. What HTTP/2 will add is another
// implementation of these two classes, one per stream.

#pragma once

#include <memory>

#include "base/arena.h"
#include "proto/http/framing.h"
#include "proto/http/head.h"
#include "proto/http1/chunk_decoder.h"
#include "proto/http1/parser_options.h"
#include "proto/http1/serializer.h"
#include "shard/stream/endpoint.h"

namespace engine {

// How messages of one proxy are read. Immutable, one per proxy; see HttpConfig.
struct HttpProfile {
  proto::ParserOptions request;
  proto::ParserOptions response;
  proto::FramingOptions request_framing;
  proto::FramingOptions response_framing;
  uint32_t request_ms = 0;     // from the first byte of a request to the end of its head
  uint32_t keep_alive_ms = 0;  // between requests
  uint32_t client_ms = 0;
  bool buffer_request = false;  // timeout http-request goes on until the body is here
  bool ignore_probes = false;
  bool idle_close_on_response = false;               // a soft stop waits for a last request
  bool use_proxy_header = false;                     // option http-use-proxy-header
  const proto::NameCase* client_case = nullptr;      // option h1-case-adjust-bogus-client
  const proto::NameCase* server_case = nullptr;      // option h1-case-adjust-bogus-server
  std::shared_ptr<const proto::NameCase> name_case;  // what the two point to
};

// When a request came, in microseconds of the shard's clock.
struct RequestTimes {
  uint64_t idle_since_us = 0;  // nothing before it was under way any more
  uint64_t first_byte_us = 0;
};

class FrontEndpoint : public shard::Endpoint {
 public:
  virtual proto::RequestHead& request() = 0;
  virtual const proto::Framing& request_framing() const = 0;
  virtual base::Arena& arena() = 0;
  // False while the client has not taken the interim answers before; OnWritable follows. A server
  // that goes on sending them must not fill memory.
  virtual bool RoomForInterim() = 0;
  // An interim (1xx) answer; the final one is still to come.
  virtual void SendInterim(const proto::ResponseHead& head) = 0;
  // The final head. `framing` is how the body is known to end; what the client can be sent, and
  // whether its connection may stay, is decided here. `close`: it may not.
  virtual void SendResponse(proto::ResponseHead& head, proto::Framing framing, bool close) = 0;
  virtual bool response_sent() const = 0;
  // The request did not come whole in time, and the endpoint is about to be detached for it: true
  // unless the client has been answered.
  virtual bool owes_timeout() const = 0;
  // The whole text of an answer that the connection ends with.
  virtual void SendLastWords(std::string_view text) = 0;
  // The body broke its framing: it must not be forwarded further, and 400 is what it earns.
  virtual bool request_broken() const = 0;
  // The whole body was to come within timeout http-request, and has not. It goes on behind the head
  // where the frontend waits for bodies. BeginWait(): a backend does, from now on, with its own; 0:
  // there is none. EndWait(): it has come.
  virtual bool request_late() const = 0;
  virtual void BeginWait(uint32_t wait_ms) = 0;
  virtual void EndWait() = 0;
  // The request is here whole, and the client's end behind it: nothing more will come.
  virtual bool half_closed() const = 0;
  // Reads what is left of the request body to drop it, as far as it is here. False when more would
  // have to come.
  virtual bool DiscardBody() = 0;
  // Trailers of the request, whole once the body has ended.
  virtual const proto::FieldList& request_trailers() const = 0;
  // What follows the last chunk of the response; must stay until the endpoint is detached.
  virtual void SetTrailers(const proto::FieldList* trailers) = 0;
  // Sends what stands ready: heads wait for a body that may go out with them.
  virtual void Flush() = 0;
  // The request asks for a tunnel that may be granted: CONNECT, or an Upgrade that is understood.
  virtual bool may_tunnel() const = 0;
  // The response is a switch of protocols: from here on both directions are bytes.
  virtual void StartTunnel() = 0;
  // No tunnel was granted: what was kept back is the next request.
  virtual void RefuseTunnel() = 0;
  // For the log. The chunk that the head's texts lie in, with a reference that is the caller's.
  virtual shard::Chunk* HoldHead() = 0;
  virtual RequestTimes request_times() const = 0;
  // Of this exchange so far, heads and framing included.
  virtual uint64_t bytes_written() const = 0;
  virtual uint64_t bytes_read() const = 0;
};

class BackEndpoint : public shard::Endpoint {
 public:
  // `close`: the server is told that the connection ends with this exchange.
  virtual void SendRequest(const proto::RequestHead& head, const proto::Framing& framing,
                           bool close) = 0;
  // Null until OnHead. An interim answer is taken with NextResponse(), then another follows.
  virtual proto::ResponseHead* response() = 0;
  virtual const proto::Framing& response_framing() const = 0;
  virtual void NextResponse() = 0;
  virtual void SetTrailers(const proto::FieldList* trailers) = 0;
  // The final head has been passed on: the body may be received. Before that, nothing is given.
  // `trailers` outlives this endpoint: they are sent on after it is gone.
  virtual void TakeResponse(proto::FieldList& trailers) = 0;
  // Reads what is left of the response's body to drop it, as far as it is here, instead of
  // TakeResponse(). False when more would have to come.
  virtual bool DiscardBody() = 0;
  virtual void Flush() = 0;
  virtual void StartTunnel() = 0;
  // The server is shown the client's end, behind the request. It may answer all the same; if it
  // ends without, that is the client's doing (kClientAbort).
  virtual void PassHalfClose() = 0;
  // The connection has carried an exchange before this one.
  virtual bool reused() const = 0;
  // That the connection has carried, with this one.
  virtual uint32_t exchanges() const = 0;
  // From now on no other session may use the connection.
  virtual void Reserve() = 0;
  // Of this exchange so far, heads and framing included.
  virtual uint64_t bytes_written() const = 0;
  virtual uint64_t bytes_read() const = 0;
};

}  // namespace engine
