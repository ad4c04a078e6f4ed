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
// bad message, and once: a flood of them allocates nothing.

#pragma once

#include <map>
#include <string>

#include "engine/mux/h1_message.h"
#include "engine/server/proxy_config.h"
#include "shard/net/address.h"

namespace engine {

struct InvalidMessage {
  uint64_t number = 0;  // of the process, from 0 on
  uint64_t wall_us = 0;
  uint64_t session = 0;
  const ProxyConfig* proxy = nullptr;  // who met it
  bool is_response = false;
  const ProxyConfig* frontend = nullptr;  // of a response, once its stream has told
  const ServerConfig* server = nullptr;   // of a response
  shard::Address client;
  std::string bytes;
  size_t position = 0;
};

class InvalidMessages {
 public:
  InvalidMessage& Note(const ProxyConfig& proxy, bool is_response, const InvalidHead& head,
                       uint64_t number, uint64_t wall_us) {
    InvalidMessage& message = messages_[{&proxy, is_response}];
    message.number = number;
    message.wall_us = wall_us;
    message.proxy = &proxy;
    message.is_response = is_response;
    message.frontend = nullptr;
    message.server = nullptr;
    message.client = shard::Address();
    message.bytes.assign(head.bytes);
    message.position = head.position;
    return message;
  }
  // Null: it has met none.
  InvalidMessage* Find(const ProxyConfig& proxy, bool is_response) {
    const auto found = messages_.find({&proxy, is_response});
    return found == messages_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::pair<const ProxyConfig*, bool>, InvalidMessage> messages_;
};

}  // namespace engine
