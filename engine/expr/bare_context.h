// bare_context.h - what an evaluation sees that nobody is served by: the process and the clock.
//
// Owns:    nothing; what was taken of the scratch is given back when it ends.
// Threads: where its scratch is used.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include "engine/expr/unit.h"
#include "engine/log/log_dates.h"

namespace engine {

class BareContext : public EvalContext {
 public:
  explicit BareContext(Scratch& scratch) : EvalContext(scratch), mark_(scratch.Take(0)) {}
  ~BareContext() override { scratch().Shrink(mark_, 0); }
  uint64_t WallMicros() const override;
  // Of a session it says nothing, of the process and the moment what they are.
  bool WriteFormat(const LogFormat& format, LogLine& line) override;

 private:
  char* const mark_;  // of the scratch
  LogDates dates_;
};

}  // namespace engine
