// token_keys.h - keys of tokens that lie in files: read with the configuration, found by their
// paths later, because variables may name them.
//
// Owns:    every key that some configuration has named.
// Threads: Load() start-up and reload; Find() any-thread: shards read a snapshot, which stays as it
//          is; a configuration that brings another key publishes a new one.
// Units:   none.
// Errors:  Load() says what is wrong in a clause; Find(): null, no configuration has named it.
// States:  none.

#pragma once

#include <openssl/evp.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

// What of a file is the key.
enum class KeyFile : uint8_t { kPublic, kCertificate, kPrivate, kCount };

class KeyStore {
 public:
  using Key = std::shared_ptr<EVP_PKEY>;

  static KeyStore& Of(KeyFile kind);
  // Null: `*why` says why not.
  Key Load(const std::string& path, std::string* why);
  EVP_PKEY* Find(std::string_view path) const;

 private:
  explicit KeyStore(KeyFile kind) : kind_(kind) {}

  struct Entry {
    std::string text;
    Key key;
  };
  using Keys = std::map<std::string, Entry, std::less<>>;
  const KeyFile kind_;
  std::mutex mutex_;  // of those who read configurations
  std::atomic<const Keys*> keys_{nullptr};
  std::vector<std::unique_ptr<Keys>> all_;  // a shard may be reading an older one
};

}  // namespace engine
