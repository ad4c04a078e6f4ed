#include "engine/session/stream_context.h"

#include <algorithm>

#include "base/clock.h"
#include "engine/mux/http_endpoint.h"
#include "engine/session/access_log.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

const shard::Address kNoAddress;

}  // namespace

StreamContext::StreamContext(Scratch& scratch) : EvalContext(scratch), mark_(scratch.Take(0)) {}

StreamContext::StreamContext(const Session& session, shard::Connection* connection)
    : StreamContext(session.worker().scratch()) {
  this->session = &session;
  worker = &session.worker();
  bind = &session.bind();
  frontend = &session.frontend();
  client = connection;
}

StreamContext::StreamContext(Stream& stream) : StreamContext(stream.session(), nullptr) {
  this->stream = &stream;
  backend = stream.backend();
  server = stream.log().server();
  if (shard::Endpoint* endpoint = stream.client_side().endpoint()) {
    client = endpoint->connection();
  }
  if (shard::Endpoint* endpoint = stream.server_side().endpoint()) {
    to_server = endpoint->connection();
  }
  request_channel = &stream.request();
  response_channel = &stream.response();
  if (FrontEndpoint* front = stream.front()) {
    request = &front->request();
    request_framing = &front->request_framing();
  }
  if (BackEndpoint* back = stream.http_back()) {
    response = back->response();
    if (response != nullptr) response_framing = &back->response_framing();
  }
}

StreamContext::~StreamContext() { scratch().Shrink(mark_, 0); }

uint64_t StreamContext::WallMicros() const { return base::WallMicros(); }

uint64_t StreamContext::Random() { return worker == nullptr ? 0 : worker->Random(); }

VariableList* StreamContext::ListOf(VariableScope scope) {
  switch (scope) {
    case VariableScope::kSession:
      return session == nullptr ? nullptr : &session->variables();
    case VariableScope::kTransaction:
    case VariableScope::kRequest:
    case VariableScope::kResponse:
      return stream == nullptr ? nullptr : &stream->variables(scope);
    case VariableScope::kProcess:
    case VariableScope::kCheck:
    case VariableScope::kCount:
      break;
  }
  return nullptr;
}

const Sample* StreamContext::FindVariable(const VariableName& name) {
  if (name.scope == VariableScope::kProcess) {
    const bool found =
        worker != nullptr && worker->process().variables.Find(name, scratch(), &process_value_);
    return found ? &process_value_ : nullptr;
  }
  const VariableList* list = ListOf(name.scope);
  return list == nullptr ? nullptr : list->Find(name);
}

bool StreamContext::StoreVariable(const VariableName& name, const Sample& sample) {
  if (worker == nullptr) return false;
  if (name.scope == VariableScope::kProcess) {
    return worker->process().variables.Store(name, sample);
  }
  VariableList* list = ListOf(name.scope);
  if (list == nullptr) return false;
  const VariableLimits& limits = worker->configuration().global.variables;
  const bool is_session = name.scope == VariableScope::kSession;
  const bool is_transaction = name.scope == VariableScope::kTransaction;
  const uint32_t bytes_max = is_session       ? limits.session_bytes
                             : is_transaction ? limits.transaction_bytes
                                              : limits.exchange_bytes;
  return list->Store(name, sample, bytes_max, worker->variable_pool());
}

void StreamContext::ForgetVariable(const VariableName& name) {
  if (worker == nullptr) return;
  if (name.scope == VariableScope::kProcess) return worker->process().variables.Forget(name);
  if (VariableList* list = ListOf(name.scope)) list->Forget(name, worker->variable_pool());
}

bool StreamContext::WriteFormat(const LogFormat& format, LogLine& line) {
  if (worker == nullptr || session == nullptr) return false;
  LogRecord record;
  FillRecord(format.needs(), record);
  format.Write(record, worker->log().dates(), line, this);
  return true;
}

void StreamContext::Note(std::string_view sink, std::string_view text) {
  if (worker == nullptr || worker->process().logs == nullptr) return;
  ShardLog& log = worker->log();
  log.Sync(worker->context().loop->clock().now_us());
  log.Note(sink, text);
}

void StreamContext::FillRecord(uint32_t needs, LogRecord& record) {
  if (stream != nullptr) return stream->log().FillNow(*this, needs, record);
  FillSession(*session, needs, worker->context().loop->clock().now_us(), record);
  record.client = Source();
  record.frontend_address = Destination();
}

const shard::Address& StreamContext::Source() const {
  if (stream != nullptr) return stream->Source();
  if (client != nullptr) return client->PeerAddress();
  return session == nullptr ? kNoAddress : session->client_address();
}

const shard::Address& StreamContext::Destination() const {
  if (stream != nullptr) return stream->Destination();
  if (client != nullptr) return client->LocalAddress();
  return session == nullptr ? kNoAddress : session->client_destination();
}

std::string_view StreamContext::UniqueId() {
  return stream == nullptr ? std::string_view() : stream->log().UniqueId(*this);
}

std::string_view StreamContext::Contiguous(const shard::ByteQueue* bytes, size_t bytes_max) {
  if (bytes == nullptr || bytes->empty()) return {};
  const size_t wanted = std::min(bytes_max, bytes->size());
  if (bytes->front().length >= wanted) return bytes->front().view().substr(0, wanted);
  const size_t fits = std::min(wanted, scratch().left());
  char* copy = scratch().Take(fits);
  return {copy, bytes->Peek(copy, fits)};
}

}  // namespace engine
