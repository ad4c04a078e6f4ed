// invalid_messages.h - of each proxy the last request and the last response that were not
// understood (management 9.3, show errors).
//
// Owns:    a copy of their bytes.
// Threads: shard-local.
// Units:   bytes; microseconds of the wall clock.
// Errors:  none.
// States:  none.
//
// What comes later takes the place of what was there. Memory is only taken by a proxy that meets a
// bad message, and once: a flood of them allocates nothing. It names who met it by copies of their
// names, because configurations come and go.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "engine/mux/h1_message.h"
#include "engine/server/proxy_config.h"
#include "shard/net/address.h"

namespace engine {

// A proxy or a server.
struct InvalidParty {
  template <typename Config>
  void Set(const Config& config) {
    name.assign(config.name);
    id = config.id;
  }
  void Clear() {
    name.clear();
    id = 0;
  }
  bool known() const { return id != 0 || !name.empty(); }
  std::string name;
  uint32_t id = 0;
};

struct InvalidMessage {
  uint64_t number = 0;  // of the process, from 0 on
  uint64_t wall_us = 0;
  uint64_t session = 0;
  InvalidParty proxy;  // who met it
  bool is_response = false;
  InvalidParty frontend;  // of a response, once its stream has told
  InvalidParty server;    // of a response
  shard::Address client;
  std::string bytes;
  size_t position = 0;
};

class InvalidMessages {
 public:
  InvalidMessage& Note(const ProxyConfig& proxy, bool is_response, const InvalidHead& head,
                       uint64_t number, uint64_t wall_us) {
    auto found = messages_.find(KeyOf(proxy, is_response));
    if (found == messages_.end()) {
      found = messages_.try_emplace({proxy.name, proxy.is_frontend, is_response}).first;
    }
    InvalidMessage& message = found->second;
    message.number = number;
    message.wall_us = wall_us;
    message.proxy.Set(proxy);
    message.is_response = is_response;
    message.frontend.Clear();
    message.server.Clear();
    message.client = shard::Address();
    message.bytes.assign(head.bytes);
    message.position = head.position;
    return message;
  }
  // Null: it has met none.
  InvalidMessage* Find(const ProxyConfig& proxy, bool is_response) {
    const auto found = messages_.find(KeyOf(proxy, is_response));
    return found == messages_.end() ? nullptr : &found->second;
  }
  // What a reload has left out is forgotten.
  void Forget(const ProxyConfig& proxy) {
    for (const bool is_response : {false, true}) {
      const auto found = messages_.find(KeyOf(proxy, is_response));
      if (found != messages_.end()) messages_.erase(found);
    }
  }

 private:
  // Name, whether it is a frontend, whether it was a response.
  using OwnKey = std::tuple<std::string, bool, bool>;
  using Key = std::tuple<std::string_view, bool, bool>;
  static Key KeyOf(const ProxyConfig& proxy, bool is_response) {
    return {proxy.name, proxy.is_frontend, is_response};
  }
  std::map<OwnKey, InvalidMessage, std::less<>> messages_;
};

}  // namespace engine
