// server_check.h - the checks of one server, one after another at their intervals.
//
// Owns:    the exchange under way.
// Threads: local to the server's home shard.
// Units:   milliseconds of the shard's clock.
// Errors:  what a check comes to is published in the server's state and told to the host.
// States:  stopped -> waiting for its time -> running -> waiting ... Nothing runs in maintenance or
//          while the checks are disabled, but the time goes on.
//
//   check.Begin(first_ms);   // by then, and from then on
//   check.Stop();

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/check/check_exchange.h"
#include "engine/check/check_host.h"
#include "engine/config/environment.h"
#include "engine/server/server_state.h"

namespace engine {

// What holds for all checks of the process.
struct CheckSettings {
  uint32_t spread_percent = 0;
  size_t answer_bytes_max = 16384;
  std::string node;  // how the process is called
  // That programs get (external-check preserve-env); null: none.
  std::shared_ptr<const Environment> kept_environment;
};

class ServerCheck final : ExchangeClient, shard::TimerClient {
 public:
  ServerCheck(CheckHost& host, const CheckSettings& settings, ServerConfig& server, CheckOf of);
  ServerCheck(const ServerCheck&) = delete;
  ServerCheck& operator=(const ServerCheck&) = delete;

  ~ServerCheck() { DropExternal(); }
  void Begin(uint64_t first_ms);
  void Stop();
  // In the place of one that has stopped, whose server is checked in the same way: at its time.
  void GoOn(const ServerCheck& stopped);
  // A check that is under way no longer counts, and the next one comes after `fastinter` at the
  // latest.
  void HurryUp();
  const ServerConfig& server() const { return server_; }
  CheckOf of() const { return of_; }
  // Where the next checks go to.
  void SetTarget(const CheckTarget& target) { view().target.Set(target); }
  // What an agent is asked with, from the next check on.
  void SetAgentSend(const AgentSend& send) { server_.state->SetAgentSend(send); }

 private:
  void OnTimer() noexcept override;
  std::string RequestText(const CheckRequest& request) override;
  void OnExchangeDone(const CheckOutcome& outcome) override;

  void StartExternal();
  void LookExternal();
  void DropExternal();
  void FinishAgent(const CheckOutcome& outcome);
  CheckReport ReportOf(const CheckOutcome& outcome) const;
  const CheckRules& Rules();
  CheckTarget Target() const;
  bool IsPaused() const;
  const shard::Address& OwnAddress() const;
  uint32_t IntervalMs() const;
  uint32_t FastMs() const;
  void WaitFor(uint64_t interval_ms);
  CheckView& view() const;

  CheckHost& host_;
  const CheckSettings& settings_;
  ServerConfig& server_;
  const CheckOf of_;
  CheckExchange exchange_;
  shard::Timer timer_;
  uint64_t started_us_ = 0;
  ExternalJob* job_ = nullptr;    // a program under way
  CheckRules agent_rules_;        // of the run under way
  uint64_t stopped_next_ms_ = 0;  // when the next check would have come
};

}  // namespace engine
