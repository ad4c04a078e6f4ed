#include "engine/check/check_exchange.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "engine/check/check_request.h"
#include "engine/check/expect.h"
#include "engine/server/server_state.h"
#include "shard/conn/conn_table.h"
#include "shard/net/connector.h"
#include "tls/info.h"

namespace engine {
namespace {

// How long the last bytes of a check that is over may take.
constexpr uint64_t kFlushMs = 1000;

// As operators know them from other programs.
std::string TextOf(int error) {
  const char* text = strerrordesc_np(error);
  return text == nullptr ? "error " + std::to_string(error) : text;
}

const shard::ProxySendOptions& PlainAnnouncement() {
  static const shard::ProxySendOptions options{.version = 1, .crc32c = false, .tlvs = {}};
  return options;
}

}  // namespace

void CheckExchange::Start(const ExchangePlan& plan) {
  plan_ = plan;
  rule_ = 0;
  has_head_ = false;
  rule_begun_ = has_talked_ = linger_ = announced_ = secured_ = false;
  connected_ = broken_ = timed_out_ = false;
  last_expect_ = nullptr;
  passed_ = {};
  answer_.clear();
  state_ = State::kConnecting;
  timer_.Set(host_.context().loop->timers(), host_.context().now_ms() + plan.connect_ms);
  Wake();
}

void CheckExchange::Abort() {
  if (state_ == State::kIdle) return;
  Rest(false);
}

void CheckExchange::CloseConnection(bool in_order) {
  if (connection_ == nullptr) return;
  if (in_order) {
    connection_->CloseAfterFlush(host_.context().now_ms() + kFlushMs);
  } else {
    connection_->Abort(true);
  }
  connection_ = nullptr;
  connected_ = broken_ = false;
}

void CheckExchange::Rest(bool in_order) {
  CloseConnection(in_order);
  timer_.Clear();
  run_hook.Unlink();
  state_ = State::kIdle;
  // What an answer took is not kept from one check to the next.
  http_.End();
  has_head_ = false;
  answer_ = std::string();
  unsent_ = std::string();
  made_ = {};
  if (samples_ != nullptr) samples_->Forget();
}

void CheckExchange::End(const CheckOutcome& outcome, bool in_order) {
  Rest(in_order);
  client_.OnExchangeDone(outcome);
}

CheckExchange::Step CheckExchange::Fail(CheckStatus status, const std::string& text, int32_t code) {
  End({status, code, text}, false);
  return Step::kEnded;
}

// The connection is gone where a rule needed it.
CheckExchange::Step CheckExchange::FailBroken() {
  const int error = connection_->error();
  std::string text = error == 0 ? Info(connection_->reason()).text : TextOf(error);
  CheckStatus status = CheckStatus::kSocketError;
  if (state_ == State::kConnecting) {
    status = shaking_hands() ? CheckStatus::kL6Response : CheckStatus::kL4Connection;
    const std::string_view detail = tls::FailureText(*connection_);
    if (!detail.empty()) text += " (" + std::string(detail) + ")";
  }
  return Fail(status, text + (says_steps() ? Place() : ""));
}

std::string CheckExchange::Place() const {
  const CheckRule& at = rule();
  if (at.step == 0) return " at initial connection step of tcp-check";
  std::string text = " at step " + std::to_string(at.step) + " of tcp-check";
  switch (at.kind) {
    case CheckRule::Kind::kConnect:
      text += at.port == 0 ? " (connect)" : " (connect port " + std::to_string(at.port) + ")";
      break;
    case CheckRule::Kind::kSend:
    case CheckRule::Kind::kSendRequest:
      text += " (send)";
      break;
    case CheckRule::Kind::kExpect:
      text += " (" + ExpectName(at.expect) + ")";
      break;
    case CheckRule::Kind::kComment:
    case CheckRule::Kind::kVariable:
      break;
  }
  if (!at.comment.empty()) text += " comment: '" + at.comment + "'";
  return text;
}

// Samples -------------------------------------------------------------------------------------

CheckSight CheckExchange::Sight() {
  CheckSight sight{.server = plan_.server,
                   .connection = connection_,
                   .is_http = plan_.rules->kind == CheckKind::kHttp,
                   .bytes = answer_};
  if (!sight.is_http) return sight;
  sight.response = has_head_ ? &http_.head() : nullptr;
  sight.bytes = has_head_ ? http_.body() : std::string_view();
  return sight;
}

CheckSamples& CheckExchange::samples() {
  if (samples_ == nullptr) samples_ = host_.MakeSamples();
  return *samples_;
}

std::string CheckExchange::Made(const RuleText& text) {
  if (text.is_constant()) return text.constant();
  std::string made;
  (void)samples().Write(Sight(), text, &made);
  return made;
}

int32_t CheckExchange::CodeOf(const ExpectRule& expect, int32_t code) {
  int64_t number = 0;
  if (!expect.status_code || !samples().FindNumber(Sight(), *expect.status_code, &number)) {
    return code;
  }
  return int32_t(std::clamp<int64_t>(number, INT32_MIN, INT32_MAX));
}

// Puts what the formats of the rule say now into `made_`.
bool CheckExchange::MakeTexts(std::string* why) {
  made_ = written();
  for (const CheckFormat& format : written().formats) {
    std::string text;
    if (!samples().Write(Sight(), format.text, &text)) {
      *why = "a text has no room";
      return false;
    }
    if (!PutText(format, std::move(text), made_, why)) return false;
  }
  return true;
}

// Rules ---------------------------------------------------------------------------------------

shard::OutgoingOptions CheckExchange::SocketOptions(uint16_t family) const {
  const ServerConfig& server = *plan_.server;
  const SourceConfig& source = server.source;
  shard::OutgoingOptions options;
  options.family = family;
  if (!source.is_given) return options;
  options.interface = source.interface;
  // What is presented on behalf of clients is theirs alone (manual 4.2, source), and so are ports:
  // a check that took one would keep a client out, or find none and call the server dead.
  options.source = source.address;
  options.source.port = 0;
  return options;
}

shard::Address CheckExchange::TargetOf(const CheckRule& connect) {
  shard::Address address = plan_.server->address;
  const uint16_t own_port = address.port;
  if (connect.address.family != AF_UNSPEC) {
    address = connect.address;
  } else if (plan_.target.address.family != AF_UNSPEC) {
    address = plan_.target.address;
  }
  int64_t port = connect.port;
  if (connect.port_value && !samples().FindNumber(Sight(), *connect.port_value, &port)) port = 0;
  if (address.is_ip()) {
    address.port = port > 0 && port <= UINT16_MAX ? uint16_t(port)
                   : plan_.target.port != 0       ? plan_.target.port
                                                  : own_port;
  }
  return address;
}

bool CheckExchange::Announce() {
  const shard::ProxySendOptions& own = plan_.server->check.announce;
  const CheckRule& connect = rule();
  const bool by_server = connect.with_defaults && own.enabled();
  if (!by_server && !connect.send_proxy) return true;
  announced_ = true;
  return shard::AnnounceSelf(*connection_, own.enabled() ? own : PlainAnnouncement());
}

// The name that the server is asked for; empty: none (manual 5.2, check-sni and check-sni-auto).
std::string_view CheckExchange::ServerName() const {
  const CheckConfig& check = plan_.server->check;
  if (!rule().sni.empty()) return rule().sni;
  if (rule().with_defaults && !check.sni.empty()) return check.sni;
  // Who wrote the connection down says it there.
  if (!check.sni_auto || rule().step != 0) return {};
  for (const CheckRule& request : plan_.rules->rules) {
    if (request.kind != CheckRule::Kind::kSendRequest) continue;
    for (const auto& [name, value] : request.request.fields) {
      if (base::EqualsIgnoreCase(name, "host")) return tls::NameOfHost(value);
    }
  }
  return {};
}

bool CheckExchange::Secure() {
  secured_ = over_tls();
  if (!secured_) return true;
  return host_.tls().Connect(*connection_, plan_.server->check_tls_context, ServerName());
}

CheckExchange::Step CheckExchange::Connect() {
  CloseConnection(linger_ || announced_);
  shard::ShardContext& context = host_.context();
  state_ = State::kConnecting;
  linger_ = rule().linger;
  announced_ = false;
  has_head_ = false;
  answer_.clear();
  if (plan_.talk_ms != 0) {
    timer_.Set(context.loop->timers(), context.now_ms() + plan_.connect_ms);
  }
  const shard::Address address = TargetOf(rule());
  host_.MakeRoom();
  const int fd = shard::OpenOutgoingSocket(context.ring(), SocketOptions(address.family));
  if (fd < 0) return Fail(CheckStatus::kSocketError, TextOf(-fd));
  connection_ = context.connections->Adopt(fd, shard::Role::kDialled);
  if (connection_ == nullptr) {
    context.ring().Close(fd);
    return Fail(CheckStatus::kSocketError, "no room for a connection");
  }
  connection_->SetEvents(this);
  connection_->SetTarget(shard::Target::Of(plan_.server));
  if (!Announce()) return Fail(CheckStatus::kSocketError, "no room for a PROXY header");
  if (!Secure()) return Fail(CheckStatus::kSocketError, "no room for TLS");
  if (address.is_ip()) {
    connection_->Dial(address);
  } else {
    const ServerConfig& server = *plan_.server;
    connection_->Dial(reinterpret_cast<const sockaddr*>(&server.socket_address),
                      server.socket_address_length);
  }
  return Step::kWait;
}

CheckExchange::Step CheckExchange::FinishConnect() {
  if (broken_) return FailBroken();
  if (!connected_) return Step::kWait;
  state_ = State::kTalking;
  shard::ShardContext& context = host_.context();
  if (plan_.talk_ms != 0) timer_.Set(context.loop->timers(), context.now_ms() + plan_.talk_ms);
  return Step::kDone;
}

void CheckExchange::BeginSend() {
  const CheckRule& at = rule();
  if (at.kind == CheckRule::Kind::kSend) {
    unsent_ = at.bytes;
    return;
  }
  unsent_ = client_.RequestText(at.request);
  http_.Begin(at.request.method);
}

CheckExchange::Step CheckExchange::Send() {
  if (broken_) return FailBroken();
  shard::ShardContext& context = host_.context();
  while (!unsent_.empty() && !connection_->send_full()) {
    shard::ByteQueue queue(*context.slices);
    const size_t copied = queue.Append(unsent_, *context.small);
    if (copied == 0) return Fail(CheckStatus::kSocketError, "no buffer left");
    const size_t taken = connection_->Send(queue);
    if (taken == 0) break;
    unsent_.erase(0, taken);
  }
  if (unsent_.empty()) return Step::kDone;
  connection_->WantWritable();
  return Step::kWait;
}

void CheckExchange::Pull() {
  shard::ByteQueue queue(*host_.context().slices);
  // Who parses holds views of it: it must not move while it grows.
  answer_.reserve(answer_bytes_max_);
  while (answer_.size() < answer_bytes_max_) {
    if (connection_->Recv(queue, answer_bytes_max_ - answer_.size()) == 0) break;
    const size_t before = answer_.size();
    answer_.resize(before + queue.size());
    queue.Peek(answer_.data() + before, queue.size());
    queue.Clear();
  }
  connection_->WantRecv(answer_.size() < answer_bytes_max_ && !broken_);
}

ExpectResult CheckExchange::Evaluate(bool is_final, ExpectNote* note) {
  const ExpectRule& expect = rule().expect;
  if (plan_.rules->kind != CheckKind::kHttp) return EvaluateBytes(expect, answer_, is_final, note);
  const HttpAnswer::Progress progress =
      http_.Parse(answer_, is_final && answer_.size() < answer_bytes_max_);
  const bool has_head =
      progress == HttpAnswer::Progress::kHead || progress == HttpAnswer::Progress::kWhole;
  has_head_ = has_head;
  // Whatever else is expected (manual 4.2, http-check disable-on-404).
  if (plan_.rules->disable_on_404 && has_head && http_.head().status == 404) {
    note->code = 404;
    note->is_conditional = true;
    return ExpectResult::kMatch;
  }
  return EvaluateAnswer(expect, http_, progress, is_final, note);
}

CheckExchange::Step CheckExchange::Expect() {
  Pull();
  const bool is_final = broken_ || connection_->read_ended() || answer_.size() >= answer_bytes_max_;
  if (broken_ && answer_.empty() && connection_->error() != 0) return FailBroken();
  ExpectNote note;
  note.text = passed_.text;  // of a protocol, what was found out before
  switch (Evaluate(is_final, &note)) {
    case ExpectResult::kNeedMore:
      return Step::kWait;
    case ExpectResult::kMatch:
      last_expect_ = &written().expect;
      passed_ = {note.is_conditional ? CheckStatus::kL7OkConditional : last_expect_->ok_status,
                 CodeOf(*last_expect_, note.code), note.text};
      return Step::kDone;
    case ExpectResult::kFailed:
      break;
  }
  return Fail(note.status, FailureText(note), CodeOf(written().expect, note.code));
}

std::string CheckExchange::FailureText(const ExpectNote& note) {
  const CheckRule& at = rule();
  if (!at.expect.on_error.empty()) return Made(at.expect.on_error);
  const bool is_empty = answer_.empty();
  std::string text = note.text;
  const bool has_step = says_steps() || (is_empty && !text.empty());
  if (has_step) text += " at step " + std::to_string(at.step);
  if (at.comment.empty()) return text;
  return text + (is_empty ? " comment: '" + at.comment + "'" : " comment: " + at.comment);
}

// What its formats say is made once, before anything else.
CheckExchange::Step CheckExchange::BeginRule() {
  rule_begun_ = true;
  std::string why;
  if (written().formats.empty() || MakeTexts(&why)) return Step::kDone;
  if (says_steps() && rule().kind == CheckRule::Kind::kSend) why += Place();
  return Fail(CheckStatus::kL7Response, why);
}

CheckExchange::Step CheckExchange::RunRule() {
  const bool begins = !rule_begun_;
  if (begins && BeginRule() == Step::kEnded) return Step::kEnded;
  const CheckRule& at = rule();
  switch (at.kind) {
    case CheckRule::Kind::kComment:
      return Step::kDone;
    case CheckRule::Kind::kVariable:
      samples().Set(Sight(), *at.variable);
      return Step::kDone;
    case CheckRule::Kind::kConnect:
      return begins ? Connect() : FinishConnect();
    case CheckRule::Kind::kSend:
    case CheckRule::Kind::kSendRequest:
      if (begins) {
        has_talked_ = true;
        last_expect_ = nullptr;
        has_head_ = false;
        answer_.clear();
        BeginSend();
      }
      return Send();
    case CheckRule::Kind::kExpect:
      has_talked_ = true;
      return Expect();
  }
  return Step::kEnded;
}

void CheckExchange::Run() noexcept {
  // Each rule is begun once, so the number of rules bounds the loop.
  while (state_ != State::kIdle && has_rule()) {
    const Step step = RunRule();
    if (step == Step::kEnded) return;
    if (step == Step::kWait) {
      if (timed_out_) TimeOut();
      return;
    }
    ++rule_;
    rule_begun_ = false;
  }
  if (state_ != State::kIdle) Pass();
}

void CheckExchange::TimeOut() {
  const CheckRule& at = rule();
  CheckStatus status = CheckStatus::kL7Timeout;
  if (at.kind == CheckRule::Kind::kConnect) {
    status = shaking_hands() ? CheckStatus::kL6Timeout : CheckStatus::kL4Timeout;
  }
  if (at.kind == CheckRule::Kind::kExpect) status = at.expect.timeout_status;
  Fail(status, says_steps() ? Place() : "");
}

void CheckExchange::Pass() {
  const bool is_last_sent = has_talked_ && last_expect_ == nullptr;
  CheckOutcome outcome = passed_;
  if (last_expect_ == nullptr) {
    const CheckStatus connected = secured_ ? CheckStatus::kL6Ok : CheckStatus::kL4Ok;
    outcome = {has_talked_ ? CheckStatus::kL7Ok : connected, 0, {}};
  } else if (!last_expect_->on_success.empty()) {
    outcome.text = Made(last_expect_->on_success);
  }
  if (outcome.text.empty() && has_talked_ && says_steps()) outcome.text = "(tcp-check)";
  // A server that waits for a header is sent it even where nothing follows: it would complain.
  End(outcome, linger_ || is_last_sent || announced_);
}

}  // namespace engine
