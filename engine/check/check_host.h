// check_host.h - what checks need of the shard they run on, and whom they tell.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <memory>

#include "engine/check/agent_answer.h"
#include "engine/check/check_samples.h"
#include "engine/check/external_check.h"
#include "engine/server/check_status.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_health.h"
#include "shard/conn/connection.h"
#include "tls/link.h"

namespace engine {

enum class CheckOf : uint8_t { kServer, kAgent };

class CheckHost {
 public:
  virtual shard::ShardContext& context() = 0;
  virtual uint64_t Random() = 0;
  // A socket is about to be opened: some of what nobody needs may have to be closed for it.
  virtual void MakeRoom() = 0;
  // Only where a server has a context for its checks.
  virtual tls::ShardTls& tls() = 0;
  virtual std::unique_ptr<CheckSamples> MakeSamples() = 0;
  // Where programs are run; null where there is none.
  virtual ExternalChecks* external() = 0;
  // A check has ended, and its server's health is what `change` says. Whoever balances is told,
  // it is logged, and what follows from a server's going down or coming up is done.
  virtual void OnChecked(const ServerConfig& server, CheckOf of, const CheckReport& before,
                         const CheckReport& report, const HealthChange& change) = 0;
  // What the agent of a server says beside that it is up or down.
  virtual void OnAgentSaid(const ServerConfig& server, const AgentAnswer& answer) = 0;

 protected:
  ~CheckHost() = default;
};

CheckView& ViewOf(const ServerConfig& server, CheckOf of);
// What a check of `server`, or its traffic in the place of one, has found: published, counted, and
// told to `host`.
void Conclude(CheckHost& host, const ServerConfig& server, CheckOf of, const CheckReport& report,
              HealthEvent event);

}  // namespace engine
