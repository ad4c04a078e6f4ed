#include "engine/expr/bare_context.h"

#include <unistd.h>

#include "base/clock.h"
#include "engine/expr/log_format.h"
#include "engine/log/log_record.h"

namespace engine {

uint64_t BareContext::WallMicros() const { return base::WallMicros(); }

bool BareContext::WriteFormat(const LogFormat& format, LogLine& line) {
  LogRecord record;
  record.pid = uint32_t(getpid());
  record.accept_us = record.request_us = base::WallMicros();
  format.Write(record, dates_, line, this);
  return true;
}

}  // namespace engine
