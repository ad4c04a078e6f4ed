#include "engine/session/check_context.h"

#include "engine/session/stream_context.h"
#include "engine/session/worker.h"

namespace engine {

class CheckContext final : public StreamContext {
 public:
  CheckContext(WorkerCheckSamples& samples, const CheckSight& sight)
      : StreamContext(samples.worker_.scratch()),
        samples_(samples),
        received_(*samples.worker_.context().slices, SIZE_MAX) {
    worker = &samples.worker_;
    backend = sight.server->backend;
    server = sight.server;
    to_server = sight.connection;
    response = sight.response;
    // Fetches of raw bytes leave those of HTTP alone.
    if (sight.is_http) request_framing = &kOfHttp;
    in_response = true;
    (void)received_.bytes().Append(sight.bytes, *worker->context().small);
    received_.End();
    response_channel = &received_;
  }

  bool WriteFormat(const LogFormat& format, LogLine& line) override {
    LogRecord record;
    ShardLog& log = worker->log();
    log.Sync(worker->context().loop->clock().now_us());
    record.backend = backend->name;
    record.server = server->name;
    record.server_address = server->address;
    record.http = request_framing != nullptr;
    record.accept_us = record.request_us = log.WallOf(worker->context().loop->clock().now_us());
    record.pid = log.pid();
    record.hostname = log.hub().hostname();
    format.Write(record, log.dates(), line, this);
    return true;
  }

 private:
  static constexpr proto::Framing kOfHttp{};

  VariableList* ListOf(VariableScope scope) override {
    if (scope == VariableScope::kSession) return &samples_.session_;
    return scope == VariableScope::kCheck ? &samples_.check_ : nullptr;
  }

  WorkerCheckSamples& samples_;
  shard::Channel received_;
};

bool WorkerCheckSamples::Write(const CheckSight& sight, const RuleText& text, std::string* made) {
  CheckContext context(*this, sight);
  std::string_view view;
  if (!text.Write(context, &view)) return false;
  *made = view;
  return true;
}

bool WorkerCheckSamples::FindNumber(const CheckSight& sight, const Expression& expression,
                                    int64_t* number) {
  CheckContext context(*this, sight);
  Sample sample;
  if (!expression.Run(context, sample) || !Cast(sample, SampleKind::kInteger, context.scratch())) {
    return false;
  }
  *number = sample.number;
  return true;
}

void WorkerCheckSamples::Set(const CheckSight& sight, const CheckVariable& variable) {
  CheckContext context(*this, sight);
  if (variable.unset) return context.ForgetVariable(variable.update.name());
  Sample sample;
  if (variable.value) {
    if (!variable.value->Run(context, sample)) return;
  } else {
    std::string_view text;
    if (!variable.text.Write(context, &text)) return;
    sample.SetString(text);
  }
  (void)variable.update.Store(context, sample);
}

void WorkerCheckSamples::Forget() {
  session_.Clear(worker_.variable_pool());
  check_.Clear(worker_.variable_pool());
}

}  // namespace engine
