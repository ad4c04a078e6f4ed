// check_exchange.h - one check on its way: the rules of a backend done one after the other, over
// connections of its own.
//
// Owns:    its connection, what was received since the last question (tune.bufsize bytes at most).
// Threads: shard-local.
// Units:   bytes; milliseconds of the shard's clock.
// Errors:  an outcome: a CheckStatus, a code and a text. Whatever a server does ends in one.
// States:  idle -> connecting -> talking (-> connecting again) -> idle. Events record
//          what happened and queue the exchange; Run() decides, and calls OnExchangeDone() last.
//
//   exchange.Start(plan);      // later: client.OnExchangeDone(outcome)
//   exchange.Abort();          // no call follows

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/check/check_host.h"
#include "engine/check/check_samples.h"
#include "engine/check/http_answer.h"
#include "engine/server/check_config.h"
#include "shard/conn/connection.h"
#include "shard/loop/run_queue.h"
#include "shard/loop/timer_wheel.h"
#include "shard/net/connector.h"

namespace engine {

struct CheckOutcome {
  CheckStatus status = CheckStatus::kUnknown;
  int32_t code = 0;
  std::string text;
};

class ExchangeClient {
 public:
  // The request of a rule, as its server is to get it now.
  virtual std::string RequestText(const CheckRequest& request) = 0;
  virtual void OnExchangeDone(const CheckOutcome& outcome) = 0;

 protected:
  ~ExchangeClient() = default;
};

// What one run is made with.
struct ExchangePlan {
  const CheckRules* rules = nullptr;
  ServerConfig* server = nullptr;
  CheckTarget target;       // where a connect rule goes that does not say
  uint32_t connect_ms = 0;  // for connecting
  uint32_t talk_ms = 0;     // for everything behind it; 0: connect_ms is for both
};

class CheckExchange final : shard::ConnectionEvents, shard::Task, shard::TimerClient {
 public:
  CheckExchange(CheckHost& host, ExchangeClient& client, size_t answer_bytes_max)
      : host_(host), client_(client), timer_(this), answer_bytes_max_(answer_bytes_max) {}
  ~CheckExchange() { Abort(); }
  CheckExchange(const CheckExchange&) = delete;
  CheckExchange& operator=(const CheckExchange&) = delete;

  void Start(const ExchangePlan& plan);
  void Abort();
  bool running() const { return state_ != State::kIdle; }

 private:
  enum class State : uint8_t {
    kIdle,        // nothing
    kConnecting,  // a connection that is not open yet, the timer
    kTalking,     // an open connection, the timer
  };
  // What a rule came to.
  enum class Step : uint8_t { kDone, kWait, kEnded };

  void OnConnected() noexcept override { Note(connected_); }
  void OnReadable() noexcept override { Wake(); }
  void OnWritable() noexcept override { Wake(); }
  void OnClosed(shard::CloseReason) noexcept override { Note(broken_); }
  void OnTimer() noexcept override { Note(timed_out_); }
  void Run() noexcept override;

  void Wake() { host_.context().loop->run_queue().Add(this); }
  void Note(bool& fact) {
    fact = true;
    Wake();
  }
  const CheckRule& written() const { return plan_.rules->rules[rule_]; }
  // With what its formats say in this check.
  const CheckRule& rule() const { return written().formats.empty() ? written() : made_; }
  bool over_tls() const {
    return rule().over_tls || (rule().with_defaults && plan_.server->check.over_tls);
  }
  bool has_rule() const { return rule_ < plan_.rules->rules.size(); }
  Step RunRule();
  Step BeginRule();
  CheckSight Sight();
  CheckSamples& samples();
  bool MakeTexts(std::string* why);
  std::string Made(const RuleText& text);
  int32_t CodeOf(const ExpectRule& expect, int32_t code);
  Step Connect();
  Step FinishConnect();
  Step Send();
  Step Expect();
  ExpectResult Evaluate(bool is_final, ExpectNote* note);
  void BeginSend();
  void Pull();
  shard::OutgoingOptions SocketOptions(uint16_t family) const;
  shard::Address TargetOf(const CheckRule& connect);
  bool Announce();
  bool Secure();
  std::string_view ServerName() const;
  // The connection stands; what is missing is its TLS.
  bool shaking_hands() const {
    return secured_ && connection_ != nullptr &&
           connection_->state() == shard::Connection::State::kHandshaking;
  }
  Step Fail(CheckStatus status, const std::string& text, int32_t code = 0);
  Step FailBroken();
  std::string FailureText(const ExpectNote& note);
  void TimeOut();
  void Pass();
  void End(const CheckOutcome& outcome, bool in_order);
  void Rest(bool in_order);
  void CloseConnection(bool in_order);
  // " at step 2 of tcp-check (send)".
  std::string Place() const;
  bool says_steps() const { return plan_.rules->kind == CheckKind::kTcp; }

  CheckHost& host_;
  ExchangeClient& client_;
  shard::Timer timer_;
  const size_t answer_bytes_max_;
  ExchangePlan plan_;
  shard::Connection* connection_ = nullptr;
  HttpAnswer http_;
  bool has_head_ = false;                    // http_ has one
  std::unique_ptr<CheckSamples> samples_;    // null: nothing has asked for them yet
  CheckRule made_;                           // of a rule that has formats
  std::string answer_;                       // since the last connect or send
  std::string unsent_;                       // of a send rule
  CheckOutcome passed_;                      // of the last expect rule that matched
  const ExpectRule* last_expect_ = nullptr;  // matched, and nothing was sent since
  size_t rule_ = 0;
  State state_ = State::kIdle;
  bool rule_begun_ = false;
  bool has_talked_ = false;  // something beyond a connect was done
  bool linger_ = false;      // of the connect rule in force
  bool announced_ = false;   // the connection in use begins with a PROXY header
  bool secured_ = false;     // it goes through TLS
  bool connected_ = false;
  bool broken_ = false;
  bool timed_out_ = false;
};

}  // namespace engine
