// session_cache.h - sessions of clients that a shard keeps itself: those that TLS 1.2 names by an
// id, and those of TLS 1.3 where tickets may not carry them (`no-tls-tickets`).
//
// Owns:    the sessions.
// Threads: shard-local.
// Units:   sessions.
// Errors:  one that is not there any more is an ordinary outcome.
// States:  none. When it is full the oldest goes. It outlives the contexts of a configuration: the
//          library resumes a session only where its session id context is the same, and for its
//          time.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tls/handles.h"

namespace tls {

class SessionCache {
 public:
  static constexpr size_t kIdBytes = 32;

  explicit SessionCache(size_t sessions_max) : sessions_max_(sessions_max) {}

  // Of TLS 1.2.
  void Keep(Handle<SSL_SESSION> session);
  // Null: it is not known.
  Handle<SSL_SESSION> Find(std::span<const uint8_t> id) const;

  // Of TLS 1.3: what a ticket would hold. Gives it an id; false: no memory.
  [[nodiscard]] bool KeepState(std::span<const uint8_t> state, std::span<uint8_t, kIdBytes> id);
  // Empty: it is not known. Good until the next call that keeps one.
  std::span<const uint8_t> FindState(std::span<const uint8_t> id) const;

  size_t size() const { return sessions_.size(); }

 private:
  struct Kept {
    Handle<SSL_SESSION> session;
    std::vector<uint8_t> state;
  };
  Kept& Place(std::span<const uint8_t> id);
  const Kept* FindKept(std::span<const uint8_t> id) const;

  const size_t sessions_max_;
  absl::flat_hash_map<std::string, Kept> sessions_;  // by id
  std::vector<std::string> order_;                   // a ring: ids as they came
  size_t next_ = 0;                                  // where the oldest stands, once it is full
};

}  // namespace tls
