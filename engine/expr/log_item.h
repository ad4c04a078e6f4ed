// log_item.h - the aliases of a log format, and the flags of its items (manual 8.2.6).
//
// Owns:    a constant table.
// Threads: immutable.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/expr/log_format.h"

namespace engine {

enum class LogTag : uint8_t {
  kText,
  kSpace,
  kFlags,  // %o
  kExpression,
  // Dates
  kAcceptUtc,
  kAcceptLocal,
  kAcceptSeconds,
  kAcceptMs,
  kAcceptMilliseconds,
  kRequestMs,
  kRequestUtc,
  kRequestLocal,
  // Timers
  kActive,
  kConnect,
  kData,
  kHandshake,
  kIdle,
  kUntilRequest,
  kRequestTime,
  kResponse,
  kTotal,
  kUser,
  kQueue,
  // The rest
  kBytesOut,
  kRequestCookie,
  kResponseCookie,
  kHostname,
  kMethod,
  kTargetPath,
  kPath,
  kQuery,
  kTarget,
  kVersion,
  kUniqueId,
  kStatus,
  kBytesIn,
  kProcessConnections,
  kBackend,
  kBackendConnections,
  kSourceIp,
  kSourcePort,
  kBackendQueue,
  kClientIp,
  kClientPort,
  kFrontend,
  kFrontendConnections,
  kFrontendIp,
  kFrontendPort,
  kFrontendTransport,
  kLogCounter,
  kRequestHeaders,
  kRequestHeaderList,
  kResponseHeaders,
  kResponseHeaderList,
  kOrigin,
  kPid,
  kRequest,
  kRetries,
  kRequestCounter,
  kServer,
  kServerConnections,
  kServerIp,
  kServerPort,
  kServerQueue,
  kTlsCipher,
  kTlsVersion,
  kStates,
  kStatesCookie,
};

enum LogFlag : uint8_t {
  kLogQuote = 1,
  kLogHex = 2,
  kLogEscape = 4,
};

struct LogTagSpec {
  std::string_view name;
  LogTag tag;
  bool http = false;
  uint32_t needs = 0;
};

// Null: there is no such alias. `name` is without its '%'.
const LogTagSpec* FindLogTag(std::string_view name);
// Every alias without its '%', for messages.
std::vector<std::string_view> LogTagNames();

}  // namespace engine
