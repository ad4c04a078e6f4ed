#include "engine/session/body_wait.h"

#include <string_view>

#include "base/text.h"
#include "engine/mux/http_endpoint.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {

bool HasBody(const proto::Framing& framing) {
  return framing.kind != proto::BodyKind::kNone && framing.kind != proto::BodyKind::kTunnel;
}

bool IsBodyHere(Stream& stream, const shard::Channel& body, uint64_t bytes_min) {
  if (body.ended() || body.shut() || body.room() == 0) return true;
  const size_t bytes = body.bytes().size();
  return bytes >= stream.worker().configuration().global.bufsize ||
         (bytes_min != 0 && bytes >= bytes_min);
}

bool IsBodyAwaited(Stream& stream, const shard::Channel& body) {
  FrontEndpoint* front = stream.front();
  if (&body == &stream.response()) {
    BackEndpoint* back = stream.back();
    return back != nullptr && HasBody(back->response_framing()) && !IsBodyHere(stream, body, 0);
  }
  return front != nullptr && HasBody(front->request_framing()) && !front->request_broken() &&
         !IsBodyHere(stream, body, 0);
}

void AskForBody(Stream& stream, FrontEndpoint& front) {
  front.RefuseTunnel();
  proto::FieldList& fields = front.request().fields;
  const proto::Field* expect = fields.Find(std::string_view("expect"));
  if (expect == nullptr || !base::EqualsIgnoreCase(expect->value(), "100-continue")) return;
  if (stream.request().ended() || !stream.request().bytes().empty()) return;
  proto::ResponseHead head(front.arena());
  head.version = {1, 1};
  head.status = 100;
  head.reason = "Continue";
  front.SendInterim(head);
  front.Flush();
  fields.RemoveAll(std::string_view("expect"));
}

}  // namespace engine
