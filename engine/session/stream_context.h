// stream_context.h - what an expression sees of a stream: all that is at hand at that moment.
//
// Owns:    nothing but its place in the shard's scratch, which it gives back when it goes. It lives
//          on the stack for one evaluation or a few; making one allocates nothing.
// Threads: shard-local.
// Units:   see the members.
// Errors:  what is not there yet, or no more, is null or empty: the fetch gives no sample.
// States:  none.
//
//   StreamContext context(stream);
//   Sample sample;
//   if (expression.Run(context, sample)) ...   // its bytes are good until `context` goes
//
// Contexts may be nested: the inner one goes first. What must outlive the context, or the head
// that a sample views, is copied by whoever wants it: log lines have theirs in KeptValues.

#pragma once

#include <cstddef>
#include <string_view>

#include "engine/expr/unit.h"
#include "engine/log/log_record.h"
#include "engine/server/proxy_config.h"
#include "engine/session/variables.h"
#include "proto/http/framing.h"
#include "proto/http/head.h"
#include "shard/conn/connection.h"
#include "shard/stream/channel.h"

namespace engine {

class Session;
class Stream;
class Worker;

class StreamContext : public EvalContext {
 public:
  explicit StreamContext(Stream& stream);
  // Where there is no stream yet. `connection`: the client's.
  StreamContext(const Session& session, shard::Connection* connection);
  ~StreamContext() override;

  uint64_t WallMicros() const override;
  uint64_t Random() override;
  const Sample* FindVariable(const VariableName& name) override;
  bool StoreVariable(const VariableName& name, const Sample& sample) override;
  void ForgetVariable(const VariableName& name) override;
  bool WriteFormat(const LogFormat& format, LogLine& line) override;
  void Note(std::string_view sink, std::string_view text) override;

  // What a line would say by now. `needs`: as LogFormat::needs().
  void FillRecord(uint32_t needs, LogRecord& record);
  // The client's addresses, also when its connection is gone; of family AF_UNSPEC where nobody
  // kept them.
  const shard::Address& Source() const;
  const shard::Address& Destination() const;
  // Empty: the frontend has no unique-id-format. Made when it is first asked for.
  std::string_view UniqueId();
  // Null: none of that scope live here; those of the process have no list.
  const VariableList* VariablesOf(VariableScope scope) { return ListOf(scope); }
  // The bytes of a channel in one piece, `bytes_max` of them at most. `bytes` may be null.
  std::string_view Contiguous(const shard::ByteQueue* bytes, size_t bytes_max);

  Stream* stream = nullptr;         // null: rules on connections, and tests
  const LogRecord* line = nullptr;  // of an error that had no stream: all that is known of it
  const Session* session = nullptr;
  Worker* worker = nullptr;

  const BindConfig* bind = nullptr;
  const ProxyConfig* frontend = nullptr;
  const ProxyConfig* backend = nullptr;
  const ServerConfig* server = nullptr;  // the one assigned

  shard::Connection* client = nullptr;
  shard::Connection* to_server = nullptr;

  proto::RequestHead* request = nullptr;
  const proto::Framing* request_framing = nullptr;
  proto::ResponseHead* response = nullptr;
  const proto::Framing* response_framing = nullptr;

  // What a channel holds and nobody has taken: bytes as received in mode tcp, bytes of the body in
  // mode http.
  const shard::Channel* request_channel = nullptr;
  const shard::Channel* response_channel = nullptr;

  // Rules on the response: a fetch without direction (`hdr`, `cook`) means the response.
  bool in_response = false;

 protected:
  // With nothing at hand, for tests and for whoever fills the members himself.
  explicit StreamContext(Scratch& scratch);

 private:
  // Null: nothing of that scope lives here.
  virtual VariableList* ListOf(VariableScope scope);

  Sample process_value_;  // of a variable of the process, copied
  char* const mark_;      // of the scratch
};

}  // namespace engine
