#include "engine/config/not_yet.h"

namespace engine {
namespace {

struct Reason {
  std::string_view prefix;
  std::string_view reason;
};
constexpr Reason kReasons[] = {
    {"sc_", "comes with stick tables"},
    {"sc0_", "comes with stick tables"},
    {"sc1_", "comes with stick tables"},
    {"sc2_", "comes with stick tables"},
    {"src_", "comes with stick tables"},
    {"table_", "comes with stick tables"},
    {"in_table", "comes with stick tables"},
    {"map", "comes with maps"},
    {"51d.", "needs device detection"},
    {"da-csv", "needs device detection"},
    {"fs.rst_code", "comes with HTTP/2"},
    {"bs.rst_code", "comes with HTTP/2"},
    {"res.comp", "comes with compression"},
    {"res.cache", "comes with caches"},
    {"internal.", "tells of HAProxy's own structures"},
    {"sc-", "comes with stick tables"},
    {"track-sc", "comes with stick tables"},
    {"set-map", "comes with maps"},
    {"del-map", "comes with maps"},
    {"add-acl", "comes with maps"},
    {"del-acl", "comes with maps"},
    {"cache-", "comes with caches"},
    {"send-spoe", "needs SPOE"},
    {"set-bandwidth", "comes with filters"},
    {"do-resolve", "comes with resolvers"},
    {"dgram-drop", "needs QUIC"},
    {"send-retry", "needs QUIC"},
    {"attach-srv", "needs reverse HTTP"},
};

}  // namespace

std::string_view WhyNotYet(std::string_view word) {
  for (const Reason& one : kReasons) {
    if (word.starts_with(one.prefix)) return one.reason;
  }
  return {};
}

}  // namespace engine
