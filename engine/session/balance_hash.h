// balance_hash.h - the number by which a hash algorithm places a stream (manual 4.2, balance).
//
// Owns:    nothing.
// Threads: any-thread (pure functions over what they are given).
// Units:   none.
// Errors:  nullopt: the stream has nothing to hash, so round robin applies.
// States:  none.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/server/balance_config.h"
#include "proto/http/head.h"
#include "shard/net/address.h"

namespace engine {

// `head` is null in mode tcp; the address is looked at by `balance source` alone.
std::optional<uint32_t> BalanceHashOf(const HashConfig& config, const shard::Address& client,
                                      const proto::RequestHead* head);

// Of what an expression has come to (balance hash, rdp-cookie).
std::optional<uint32_t> HashOfKey(const HashConfig& config, std::string_view key);

// The texts that are hashed; empty: there is none. For tests.
std::string_view UriKey(const HashConfig& config, const proto::RequestHead& head);
std::string_view ParameterKey(std::string_view query, std::string_view name);
std::string_view HeaderKey(const HashConfig& config, const proto::FieldList& fields);

}  // namespace engine
