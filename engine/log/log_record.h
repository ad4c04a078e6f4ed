// log_record.h - everything one log line can say about a stream, a connection or a request.
//
// Owns:    nothing: texts belong to the configuration, to the stream's held head, to the caller.
// Threads: shard-local; lives while its line is written.
// Units:   times of day in microseconds since 1970, durations in milliseconds, sizes in bytes.
// Errors:  a duration of -1: never came to that (manual 8.4).
// States:  none.
//
// Whoever fills it may leave out what no format in force asks for: LogFormat::needs().

#pragma once

#include <cstdint>
#include <string_view>

#include "shard/net/address.h"

namespace engine {

// Where in a transaction the line comes from (manual 8.2.6, %OG), and the rules that say `do-log`.
enum class LogOrigin : uint8_t {
  kUnspecified,
  kSessionError,
  kAccept,
  kRequest,
  kConnect,
  kResponse,
  kClose,
  kTcpConnectionRule,
  kTcpSessionRule,
  kTcpContentRule,
  kTcpResponseRule,
  kHttpRequestRule,
  kHttpResponseRule,
  kHttpAfterRule,
  kCount
};

struct LogTimers {
  int64_t handshake_ms = -1;  // Th
  int64_t idle_ms = -1;       // Ti
  int64_t request_ms = -1;    // TR
  int64_t queue_ms = -1;      // Tw
  int64_t connect_ms = -1;    // Tc
  int64_t response_ms = -1;   // Tr
  int64_t data_ms = -1;       // Td
  int64_t active_ms = -1;     // Ta
  int64_t total_ms = -1;      // Tt
  int64_t user_ms = -1;       // Tu

  // Th + Ti + TR, when all of them are known.
  int64_t until_request_ms() const {
    return handshake_ms < 0 || idle_ms < 0 || request_ms < 0 ? -1
                                                             : handshake_ms + idle_ms + request_ms;
  }
};

// A request as it came; a line whose request was never understood says "<BADREQ>".
struct LogRequest {
  bool known = false;
  std::string_view method;
  std::string_view target;
  std::string_view path;     // of the target, without host and query
  std::string_view version;  // "HTTP/1.1"
};

// What was captured of one head, by slot; a slot that nothing came to has no address.
struct LogCaptures {
  const std::string_view* values = nullptr;
  uint32_t count = 0;  // 0: the frontend captures nothing, or there was no head at all
};

struct LogRecord {
  std::string_view frontend;
  std::string_view bind;  // its name, or its number in text
  std::string_view backend;
  std::string_view server;            // empty: none was reached
  std::string_view message;           // of an error line
  const char* tls_version = nullptr;  // %sslv, of the client's connection; null: plain
  const char* tls_cipher = nullptr;   // %sslc
  bool http = false;
  bool tls = false;    // the client's side speaks it, or was to: %ft
  bool early = false;  // option logasap: times and sizes go on growing
  bool redispatched = false;
  LogOrigin origin = LogOrigin::kUnspecified;
  char states[4] = {'-', '-', '-', '-'};  // manual 8.5

  shard::Address client;            // %ci
  shard::Address frontend_address;  // %fi
  shard::Address source;            // %bi
  shard::Address server_address;    // %si
  uint32_t bind_id = 0;             // stands for the port of a unix socket

  uint64_t accept_us = 0;
  uint64_t request_us = 0;
  LogTimers timers;
  LogRequest request;
  LogCaptures request_captures;     // %hr
  LogCaptures response_captures;    // %hs
  std::string_view request_cookie;  // %CC, "name=value"; empty: none
  std::string_view response_cookie;
  std::string_view unique_id;  // %ID
  int32_t status = 0;
  uint64_t bytes_out = 0;  // to the client
  uint64_t bytes_in = 0;   // from the client
  uint32_t process_connections = 0;
  uint32_t frontend_connections = 0;
  uint32_t backend_connections = 0;
  uint32_t server_connections = 0;
  uint32_t retries = 0;
  uint32_t server_queue = 0;
  uint32_t backend_queue = 0;
  uint64_t request_counter = 0;  // %rt
  uint64_t log_counter = 0;      // %lc
  uint32_t pid = 0;
  std::string_view hostname;
};

}  // namespace engine
