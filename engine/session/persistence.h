// persistence.h - which server a request's cookie asks for, and what the client is told in return
// (manual 4.2, cookie).
//
// Owns:    nothing; edits put their texts into the arenas of the messages.
// Threads: shard-local.
// Units:   server indices in the backend's order; seconds since 1970.
// Errors:  a cookie that names nobody, or nobody who may be used, is an outcome: the request is
//          balanced. A response without room for one more field goes out without the cookie.
// States:  nothing known -> ReadRequest -> the server asked for, or none -> (Break: that one
//          cannot be had) -> EditResponse.
//
//   persistence.ReadRequest(backend, {table, is_usable}, now_s, request.fields);
//   if (persistence.server() >= 0) ...;         // take it, or Break() and balance
//   persistence.EditResponse(backend, its_cookie, now_s, request.method, response);

#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/server/cookie_table.h"
#include "engine/server/proxy_config.h"
#include "proto/http/head.h"

namespace engine {

class Persistence {
 public:
  struct Servers {
    const CookieTable& cookies;
    absl::FunctionRef<bool(uint32_t)> is_usable;  // now, by those who must have this one
    bool forces = false;                          // option persist, or force-persist holds
    bool stays = false;                           // force-persist holds: no redispatch
    bool ignores = false;                         // ignore-persist holds: no cookie is believed
  };

  // Looks for the backend's cookie in all Cookie fields, in their order: the first one that names a
  // server that may be used counts. Takes out of the request what the server must not see.
  void ReadRequest(const ProxyConfig& backend, const Servers& servers, uint64_t now_s,
                   proto::FieldList& fields);
  // The server that the request must go to; -1: any.
  int server() const { return server_; }
  // It is asked for even while it is down (option persist, force-persist).
  bool is_forced() const { return forces_ && server_ >= 0; }
  // No other one may take its place (manual 4.2, force-persist).
  bool stays() const { return stays_ && server_ >= 0; }
  // A rule has chosen the server: the client keeps the cookie that it has, or has none.
  void Ignore() { ignores_ = true; }
  // That server cannot be had: the request is balanced.
  void Break();
  // `server` has answered. `value`: its cookie.
  void EditResponse(const ProxyConfig& backend, std::string_view value, uint64_t now_s,
                    proto::Method method, proto::ResponseHead& head);

  // For the log (manual 8.5), the third and the fourth letter.
  char request_letter() const { return state_; }
  char response_letter() const { return done_; }

 private:
  void Judge(const ProxyConfig& backend, const Servers& servers, uint64_t now_s,
             std::string_view value);
  void EditSetCookies(const CookieConfig& cookie, std::string_view value, proto::FieldList& fields);
  void Insert(const CookieConfig& cookie, std::string_view value, uint64_t now_s,
              proto::Method method, proto::ResponseHead& head);

  int32_t server_ = -1;
  uint32_t first_date_ = 0;  // of the client's cookie, to be kept
  char state_ = '-';
  char done_ = '-';
  bool forces_ = false;
  bool stays_ = false;
  bool ignores_ = false;
  bool must_refresh_ = false;  // the dates of the client's cookie are not those of today
};

}  // namespace engine
