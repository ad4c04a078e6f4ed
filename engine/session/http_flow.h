// http_flow.h - the phases of a stream in mode http: request, target, response, body.
//
// Owns:    nothing but its phase.
// Threads: shard-local.
// Units:   none.
// Errors:  what goes wrong before a response head was sent becomes an error page; after that only
//          closing tells the client.
// States:  kRequest (its steps are the rules, in the manual's order) -> (kGather: a body that may
//          have to be sent twice is awaited) -> kServer (an answer is awaited) -> kBody | kTunnel;
//          or kReplied; or kService (an answer of our own is awaited, that of a HttpService) ->
//          kBody | kReplied.
//
// Rules can pause: Run() is called in every pass and goes on where it stood.

#pragma once

#include <cstdint>
#include <string_view>

#include "engine/server/http_config.h"
#include "shard/conn/close_reason.h"

namespace proto {
class FieldList;
struct ResponseHead;
}  // namespace proto

namespace engine {

class BackEndpoint;
class FrontEndpoint;
class HttpService;
class Stream;
struct HttpReply;
struct ProxyConfig;
struct ReplyExtras;
enum class RuleStage : uint8_t;

class HttpFlow {
 public:
  // True when it did something that a side may have waited for.
  bool Run(Stream& stream);
  // The server is not to be asked: the client is sent elsewhere (manual 5.2, redir).
  static bool MustRedirect(Stream& stream);
  // The server's side can be written to: the request goes out.
  void OnConnected(Stream& stream);
  // The server's side has lost its connection: may the request be sent again?
  bool MayRetry(Stream& stream, shard::CloseReason reason);
  // A rule answers in the server's place.
  void AnswerByRule(Stream& stream, const HttpReply& reply, const ReplyExtras& extras,
                    shard::CloseReason reason);
  // A service answers in the server's place.
  void StartService(Stream& stream, const HttpService& service);
  // The proxy whose page of statistics was asked for, and whether that client may change what it
  // shows (manual 4.2, stats admin). Null: none was.
  const ProxyConfig* stats_proxy() const { return stats_proxy_; }
  bool stats_admin() const { return stats_admin_; }
  // What the request had behind that page's address.
  std::string_view stats_behind() const { return stats_behind_; }
  // The client's side gives its endpoint back: a request that came too slowly is answered so.
  static void OnClientLeaving(Stream& stream);
  // The server's side is closed. `whole`: the response had been received to its end.
  void OnServerClosed(Stream& stream, shard::CloseReason reason, bool whole);

  // The frontend's rules on content have seen the bytes that the request was read from.
  void SkipContent() { skips_content_ = true; }
  // For rules on a request.
  // No answer makes it be sent again (manual 4.4, disable-l7-retry).
  void DisableRetries() { retries_answers_ = false; }
  // For rules on a response: its body comes in before its head is sent on, and stays here till
  // then.
  void ReceiveAhead(Stream& stream);
  // Its head is still needed, though nothing more comes from the server.
  bool HoldsResponse() const {
    return phase_ == Phase::kService || (phase_ == Phase::kServer && trailers_ != nullptr);
  }
  // A field of the early hints that leave when the rules wait or are over. False: no room.
  bool AddHint(FrontEndpoint& front, std::string_view name, std::string_view value);

 private:
  enum class Phase : uint8_t { kRequest, kGather, kServer, kService, kBody, kTunnel, kReplied };
  // What is done of a request before it is sent on.
  enum class Step : uint8_t {
    kFrontContent,
    kMonitor,
    kFrontBody,  // option http-buffer-request
    kFrontRequest,
    kFrontStats,
    kFrontRedirect,
    kBackend,
    kBackBody,
    kBackContent,
    kBackRequest,
    kBackStats,
    kBackRedirect,
    kForward
  };
  enum class ResponseStep : uint8_t { kContent, kBackend, kFrontend, kDone };

  bool DoRequest(Stream& stream);
  void UseRules(FrontEndpoint& front);
  bool DoStep(Stream& stream, FrontEndpoint& front);
  bool Passes(Stream& stream, const ProxyConfig& proxy, RuleStage stage);
  bool PassesResponse(Stream& stream);
  bool AnswerMonitor(Stream& stream, FrontEndpoint& front);
  bool ChooseBackend(Stream& stream);
  void NoteStats(FrontEndpoint& front, const ProxyConfig& proxy);
  bool AnswerStats(Stream& stream);
  bool RunService(Stream& stream);
  void Forward(Stream& stream, FrontEndpoint& front);
  bool DoResponse(Stream& stream);
  bool RefuseBroken(Stream& stream);
  // `whole`: also where it is longer than a buffer.
  bool AwaitBody(Stream& stream, FrontEndpoint& front, bool whole);
  bool DoGather(Stream& stream);
  static bool LetGo(Stream& stream);
  bool KeepsCookieBack(Stream& stream, FrontEndpoint& front, BackEndpoint& back);
  void TakeResponse(FrontEndpoint& front, BackEndpoint& back);
  void FinalResponse(Stream& stream, BackEndpoint& back);
  // `reason`: who is to blame that no server answers.
  void Reply(Stream& stream, const HttpReply& reply, bool close,
             shard::CloseReason reason = shard::CloseReason::kLocal);
  void Send(Stream& stream, const HttpReply& reply, const ReplyExtras& extras, bool close,
            shard::CloseReason reason);
  // The reply's formats have been evaluated.
  void SendMade(Stream& stream, const HttpReply& reply, const ReplyExtras& extras, bool close,
                shard::CloseReason reason);
  void Redirect(Stream& stream);
  static void EndReply(Stream& stream, shard::CloseReason reason);
  void EditRequest(Stream& stream, FrontEndpoint& front);
  bool RequestCanRepeat(Stream& stream) const;
  // Its connection has ended without an answer.
  bool CountsAsUnsent(Stream& stream) const;
  // The server's connection has ended before its answer, and the client's own is one that was kept.
  bool LeavesRepeatingToClient(Stream& stream, shard::CloseReason reason) const;
  // The server has answered with a status that `retry-on` names.
  bool IsToRepeat(Stream& stream, uint16_t status) const;
  // What of `retry-on` holds for this request.
  uint32_t RetryOn(const Stream& stream) const;
  void SendHints(FrontEndpoint& front);

  Phase phase_ = Phase::kRequest;
  Step step_ = Step::kFrontContent;
  ResponseStep response_step_ = ResponseStep::kContent;
  const ProxyConfig* stats_proxy_ = nullptr;
  std::string_view stats_behind_;         // of the request's text
  const HttpService* service_ = nullptr;  // of kService
  bool stats_admin_ = false;
  bool skips_content_ = false;
  bool has_rules_ = false;     // of the frontend or the backend: the request may have been edited
  bool has_copy_ = false;      // the whole body is kept for another try
  bool retry_wanted_ = false;  // the status of the answer asks for another try (retry-on)
  bool retries_answers_ = true;
  proto::FieldList* hints_ = nullptr;     // in the arena of the client's endpoint
  proto::FieldList* trailers_ = nullptr;  // of the response, as well; set once its body may come
  bool closes_client_ = false;            // option httpclose, or what the server's end demands
};

// http-after-response of the stream's proxies.
void RunAfter(Stream& stream, proto::ResponseHead& head);
// The status a reason is answered with; 0: nothing is said.
uint16_t StatusOf(shard::CloseReason reason);

}  // namespace engine
