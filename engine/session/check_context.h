// check_context.h - what expressions see of a health check: its server, what that has answered, and
// the variables of the check.
//
// Owns:    the variables of one check, until Forget().
// Threads: shard-local.
// Units:   bytes.
// Errors:  as engine/check/check_samples.h.
// States:  none.

#pragma once

#include <string>

#include "engine/check/check_samples.h"
#include "engine/session/variables.h"

namespace engine {

class Worker;

class WorkerCheckSamples final : public CheckSamples {
 public:
  explicit WorkerCheckSamples(Worker& worker) : worker_(worker) {}
  ~WorkerCheckSamples() override { Forget(); }
  WorkerCheckSamples(const WorkerCheckSamples&) = delete;
  WorkerCheckSamples& operator=(const WorkerCheckSamples&) = delete;

  bool Write(const CheckSight& sight, const RuleText& text, std::string* made) override;
  bool FindNumber(const CheckSight& sight, const Expression& expression, int64_t* number) override;
  void Set(const CheckSight& sight, const CheckVariable& variable) override;
  void Forget() override;

 private:
  friend class CheckContext;
  Worker& worker_;
  VariableList session_;
  VariableList check_;
};

}  // namespace engine
