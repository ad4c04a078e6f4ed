#include "tls/session_cache.h"

#include <openssl/rand.h>

#include <utility>

namespace tls {
namespace {

absl::string_view IdKey(std::span<const uint8_t> id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

}  // namespace

SessionCache::Kept& SessionCache::Place(std::span<const uint8_t> id) {
  const auto known = sessions_.find(IdKey(id));
  if (known != sessions_.end()) return known->second;
  std::string key(reinterpret_cast<const char*>(id.data()), id.size());
  if (order_.size() < sessions_max_) {
    order_.push_back(key);
  } else {
    sessions_.erase(order_[next_]);
    order_[next_] = key;
    next_ = (next_ + 1) % sessions_max_;
  }
  return sessions_[std::move(key)];
}

const SessionCache::Kept* SessionCache::FindKept(std::span<const uint8_t> id) const {
  const auto found = sessions_.find(IdKey(id));
  return found == sessions_.end() ? nullptr : &found->second;
}

void SessionCache::Keep(Handle<SSL_SESSION> session) {
  unsigned length = 0;
  const uint8_t* id = SSL_SESSION_get_id(session.get(), &length);
  if (length == 0) return;
  Place({id, length}).session = std::move(session);
}

Handle<SSL_SESSION> SessionCache::Find(std::span<const uint8_t> id) const {
  const Kept* kept = FindKept(id);
  return kept == nullptr ? nullptr : bssl::UpRef(kept->session);
}

bool SessionCache::KeepState(std::span<const uint8_t> state, std::span<uint8_t, kIdBytes> id) {
  if (RAND_bytes(id.data(), id.size()) != 1) return false;
  Place(id).state.assign(state.begin(), state.end());
  return true;
}

std::span<const uint8_t> SessionCache::FindState(std::span<const uint8_t> id) const {
  const Kept* kept = FindKept(id);
  if (kept == nullptr) return {};
  return kept->state;
}

}  // namespace tls
