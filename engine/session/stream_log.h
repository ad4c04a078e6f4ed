// stream_log.h - one stream's account for the log and for `show stat`: when what happened, how far
// it came, what it carried.
//
// Owns:    a reference to the chunk that holds the request's head, while a format asks for it: the
//          mux's message is gone before the line is written.
// Threads: shard-local.
// Units:   microseconds of the shard's clock; 0: never came to that.
// Errors:  none.
// States:  begun -> (written early, option logasap) -> ended -> written.
//
// Everything but Begin() and Write() is a store or two, made whether or not anybody logs.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/log/log_plan.h"
#include "engine/log/log_record.h"
#include "engine/session/kept_values.h"
#include "shard/buf/chunk.h"
#include "shard/conn/close_reason.h"
#include "shard/net/address.h"
#include "shard/stream/stream_side.h"

namespace engine {

class FrontEndpoint;
struct FailureCounts;
struct ProxyLog;
struct ServerConfig;
class Stream;
class StreamContext;

class StreamLog {
 public:
  StreamLog() = default;
  ~StreamLog();
  StreamLog(const StreamLog&) = delete;
  StreamLog& operator=(const StreamLog&) = delete;

  void Begin(Stream& stream);
  // A stream of mode tcp is one of mode http now, and has its first request.
  void OnSwitched(Stream& stream);
  // A move of the server's side, before it is made.
  void OnServerMove(Stream& stream, const shard::TraceEntry& entry);
  // It stands in a line, behind `ahead` others. Positions in several lines add up.
  enum class Line : uint8_t { kServer, kBackend };
  // `server`: the one whose line it is.
  void OnQueued(Line line, int64_t ahead, const ServerConfig* server = nullptr) {
    if (server != nullptr) server_ = server;
    (line == Line::kServer ? server_queue_ : backend_queue_) += uint32_t(ahead) + 1;
  }
  void OnRedispatch() { redispatched_ = true; }
  // A rule holds the client back until it is refused or gone: %Tw, and T in the states (8.5).
  void OnTarpit(Stream& stream);
  void OnEstablished(Stream& stream);
  // A service answers in the server's place.
  void OnService();
  // The server has answered so, whatever rules make of it.
  void OnServerStatus(Stream& stream, uint16_t status);
  // The final head goes to the client. `own`: no server gave it.
  void OnResponse(Stream& stream, uint16_t status, bool own);
  // The client's endpoint is about to be given back: what it has carried is final.
  void OnClientGone(Stream& stream);
  // The connection to the server is about to be given back.
  void OnServerGone(Stream& stream);
  // Heads as they came; the request's cookies behind the rules.
  void OnRequestCookies(Stream& stream);
  void OnResponseHead(Stream& stream);
  // As it is sent, before OnResponse(), which counts its bytes.
  void OnFinalHead(Stream& stream, uint16_t status);
  // Empty: the frontend has no unique-id-format. Made when it is first asked for.
  std::string_view UniqueId(StreamContext& context);
  KeptValues& kept() { return kept_; }
  // It counts as an error for `option dontlog-normal` and its kin.
  bool is_error(const Stream& stream) const;
  // Of the client's connection, by now.
  uint64_t bytes_in(Stream& stream);
  uint64_t bytes_out(Stream& stream);
  // Of the connections to servers, all attempts together.
  uint64_t server_bytes_in(Stream& stream) const;
  uint64_t server_bytes_out(Stream& stream) const;
  // What the server answered with; 0: it has not.
  uint16_t server_status() const { return answered_ ? status_ : uint16_t{0}; }
  // What is known by now, for a line or a fetch. `needs`: as LogFormat::needs().
  void FillRecord(Stream& stream, uint32_t needs, LogRecord& record);
  // The same for a text that is made while the stream goes on: what the log would keep for its line
  // is read from where it is.
  void FillNow(StreamContext& context, uint32_t needs, LogRecord& record);
  // The stream has met the reason it ends with.
  void OnEnd(Stream& stream, shard::CloseReason reason, bool client_side);
  // The last server assigned, or waited for; null: none.
  const ServerConfig* server() const { return server_; }
  // Where the client's connection came in; empty unless a format asks for it.
  const shard::Address& frontend_address() const { return local_; }
  // The request's, as it came; empty unless a format asks for it.
  std::string_view target() const { return head_ == nullptr ? std::string_view() : target_; }
  // Answered for a monitor: never logged (manual 8.2.3).
  void Silence() { written_ = true; }
  // The client is to repeat the request, and neither is it told why nor anybody else: only what it
  // took is counted.
  void Withdraw() { withdrawn_ = written_ = true; }
  // A rule has chosen how loud its line is; kCount: there is none (manual 4.4, set-log-level).
  void SetLevel(LogLevel level) { level_ = level; }
  // At the end, once: counts, then writes.
  void Finish(Stream& stream);

 private:
  void Write(Stream& stream, const ProxyLog& log, LogOrigin origin);
  void NoteRequest(Stream& stream, FrontEndpoint& front);
  void WriteStep(Stream& stream, const ProxyLog& log, LogOrigin origin);
  void WriteEarly(Stream& stream, LogOrigin origin);
  void FillTimers(bool http, uint64_t now_us, LogTimers& timers) const;
  void NoteSource(Stream& stream);
  void CountBytes(Stream& stream);
  void Keep(Stream& stream, LogMoment moment);
  void FillRequest(uint32_t bytes_max, LogRequest& request) const;
  void Count(Stream& stream) const;
  void CountSizes(Stream& stream) const;
  void CountFailure(const Stream& stream, FailureCounts& counts) const;
  void CountOnServer(Stream& stream) const;

  uint64_t begin_us_ = 0;       // accept, or the end of the exchange before
  uint64_t handshaken_us_ = 0;  // begin_us_ for any but the first request
  uint64_t first_byte_us_ = 0;  // of the request
  uint64_t request_us_ = 0;     // its head was whole
  uint64_t assigned_us_ = 0;    // a server, or the end of waiting for one
  uint64_t connected_us_ = 0;
  uint64_t response_us_ = 0;
  uint64_t bytes_out_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t server_bytes_out_ = 0;  // over connections of HTTP that are gone
  uint64_t server_bytes_in_ = 0;
  KeptValues kept_;
  const ServerConfig* server_ = nullptr;  // the last one assigned, or waited for
  shard::Chunk* head_ = nullptr;
  std::string_view method_;
  std::string_view target_;
  std::string_view path_;
  std::string_view version_;
  shard::Address source_;
  shard::Address local_;
  uint32_t server_queue_ = 0;
  uint32_t backend_queue_ = 0;
  uint16_t status_ = 0;
  shard::SideState server_was_ = shard::SideState::kIdle;
  std::optional<LogLevel> level_;  // by a rule
  char states_[2] = {'-', '-'};
  bool redispatched_ : 1 = false;
  bool tarpitted_ : 1 = false;
  bool answered_ : 1 = false;  // by a server
  bool client_gone_ : 1 = false;
  bool request_whole_ : 1 = false;  // when the client went
  bool written_ : 1 = false;
  bool withdrawn_ : 1 = false;
};

}  // namespace engine
