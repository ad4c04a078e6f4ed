// balance_config.h - how a backend's servers share its streams: what `balance`, `hash-type` and
// their kin say (manual 4.2).
//
// Owns:    its texts.
// Threads: start-up while it is built, then immutable.
// Units:   characters, directories, percent.
// Errors:  reported by the builder.
// States:  none.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/balance/balancer.h"
#include "engine/balance/hash.h"
#include "engine/expr/expression.h"

namespace engine {

enum class BalanceAlgorithm : uint8_t {
  kRandom,
  kRoundRobin,
  kStaticRoundRobin,
  kLeastConn,
  kFirst,
  kHash  // of what HashConfig::input names
};

enum class HashInput : uint8_t {
  kSource,     // balance source
  kUri,        // balance uri
  kUrlParam,   // balance url_param
  kHeader,     // balance hdr(name)
  kExpression  // balance hash, rdp-cookie
};

// hash-key of a server: where its points on the ring come from.
enum class HashKey : uint8_t { kId, kId32, kAddress, kAddressAndPort, kGuid };

struct HashConfig {
  HashInput input = HashInput::kSource;
  std::string name;  // of the parameter or header
  std::shared_ptr<const Expression> expression;
  bool whole = false;        // uri whole: with the query
  bool path_only = false;    // uri path-only
  bool domain_only = false;  // hdr() use_domain_only
  uint32_t length = 0;       // uri len; 0: no limit
  uint32_t depth = 0;        // uri depth; 0: no limit
  HashMethod method = HashMethod::kMapBased;
  HashFunction function = HashFunction::kSdbm;
  bool avalanche = false;
  HashAffinity affinity = HashAffinity::kAlways;
  uint32_t balance_factor = 0;
};

}  // namespace engine
