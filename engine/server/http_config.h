// http_config.h - what a configuration says about HTTP, as part of a ProxyConfig: immutable
// objects.
//
// Owns:    replies own their texts.
// Threads: start-up while it is built, then immutable.
// Units:   milliseconds (0: not set), connections.
// Errors:  reported by the builders.
// States:  none.

#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/server/cookie_config.h"

namespace engine {

struct ForwardedExpressions;
struct ReplyFormats;

// A whole response that the proxy gives by itself: error pages, monitor-uri, http-request return.
// `http-error`, `errorfile` and their kin replace the built-in ones (manual 4.2).
struct HttpReply {
  uint16_t status = 0;
  std::string reason;                                       // empty: the status's usual one
  std::vector<std::pair<std::string, std::string>> fields;  // without Content-Length and Connection
  std::string body;
  std::shared_ptr<const ReplyFormats> formats;  // null: nothing of it is made for each request
  // errorfile /dev/null: say nothing, close.
  bool silent = false;
  // The connection ends with it: built-in 400 and 408, and a file that says Connection: close.
  bool close = false;
};

// A network of `except` (option forwardfor, originalto).
struct IpNetwork {
  uint16_t family = 0;
  uint8_t bits = 0;
  uint8_t bytes[16] = {};
};

// option forwardfor / originalto.
struct ForwardOption {
  bool enabled = false;
  bool if_none = false;
  std::string header;  // "X-Forwarded-For", "X-Original-To", or as `header NAME` says
  std::vector<IpNetwork> except;
};

// option forwarded (RFC 7239). Without arguments: proto and for.
struct ForwardedOption {
  bool enabled = false;
  bool proto = false;
  bool host = false;  // the Host field
  bool by = false;    // the address the client connected to
  bool by_port = false;
  bool from = false;  // "for": the client's address
  bool from_port = false;
  // What takes the place of one of these; null: no expression was given.
  std::shared_ptr<const ForwardedExpressions> made;
};

enum class ConnectionMode : uint8_t {
  kKeepAlive,    // option http-keep-alive, the default
  kServerClose,  // option http-server-close
  kClose,        // option httpclose
};
enum class ReusePolicy : uint8_t { kNever, kSafe, kAggressive, kAlways };

// retry-on (manual 4.2), a bit each.
enum RetryOn : uint32_t {
  kRetryConnFailure = 1u << 0,
  kRetryEmptyResponse = 1u << 1,
  kRetryJunkResponse = 1u << 2,
  kRetryResponseTimeout = 1u << 3,
  kRetry0RttRejected = 1u << 4,
  kRetry401 = 1u << 5,
  kRetry403 = 1u << 6,
  kRetry404 = 1u << 7,
  kRetry408 = 1u << 8,
  kRetry421 = 1u << 9,
  kRetry425 = 1u << 10,
  kRetry429 = 1u << 11,
  kRetry500 = 1u << 12,
  kRetry501 = 1u << 13,
  kRetry502 = 1u << 14,
  kRetry503 = 1u << 15,
  kRetry504 = 1u << 16,
};

enum class HeaderNameRule : uint8_t { kPreserve, kDelete, kReject };  // http-restrict-req-hdr-names

struct HttpConfig {
  ConnectionMode connection_mode = ConnectionMode::kKeepAlive;
  ReusePolicy reuse = ReusePolicy::kSafe;
  uint32_t request_ms = 0;     // timeout http-request; 0: timeout client
  uint32_t keep_alive_ms = 0;  // timeout http-keep-alive; 0: timeout http-request, else client
  bool prefer_last_server = false;
  int32_t max_keep_alive_queue = -1;  // how many may wait for the last server; -1: no limit
  bool pretend_keepalive = false;
  bool no_delay = false;
  bool buffer_request = false;
  bool ignore_probes = false;
  bool abort_on_close = false;  // option abortonclose, of backends: built as true for mode http
  bool idle_close_on_response = false;
  bool use_proxy_header = false;        // option http-use-proxy-header
  bool accept_unsafe_request = false;   // accept-unsafe-violations-in-http-request
  bool accept_unsafe_response = false;  // accept-unsafe-violations-in-http-response
  bool drop_request_trailers = false;   // option http-drop-request-trailers
  bool drop_response_trailers = false;  // option http-drop-response-trailers
  bool check_cache = false;             // option checkcache
  HeaderNameRule header_names = HeaderNameRule::kPreserve;
  ForwardOption forward_for;
  ForwardOption original_to;
  ForwardedOption forwarded;
  // option h1-case-adjust-bogus-client and -server: apply GlobalConfig::h1_case_adjust.
  bool adjust_case_client = false;
  bool adjust_case_server = false;
  std::string monitor_uri;
  uint32_t retry_on = kRetryConnFailure;
  CookieConfig cookie;           // cookie, dynamic-cookie-key
  std::string send_name_header;  // http-send-name-header; empty: not sent
  // By status; what is missing is built in.
  std::map<uint16_t, std::shared_ptr<const HttpReply>> replies;
};

}  // namespace engine
