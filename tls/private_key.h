// private_key.h - what handshakes do with a private key, and nothing else: whoever holds one need
// not have it in this memory.
//
// Owns:    an implementation its key.
// Threads: any-thread: shards share one object and call it at the same time.
// Units:   bytes.
// Errors:  false: the handshake fails.
// States:  none. Both operations end before they return.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tls/handles.h"

namespace tls {

class PrivateKey {
 public:
  virtual ~PrivateKey() = default;
  // `algorithm` as in RFC 8446 section 4.2.3. Writes the signature of `message` into `out` and its
  // length into `*bytes`.
  [[nodiscard]] virtual bool Sign(uint16_t algorithm, std::span<const uint8_t> message,
                                  std::span<uint8_t> out, size_t* bytes) const = 0;
  // Of RSA, without padding: for TLS 1.2 without forward secrecy.
  [[nodiscard]] virtual bool Decrypt(std::span<const uint8_t> secret, std::span<uint8_t> out,
                                     size_t* bytes) const = 0;
};

// A key that is at hand.
std::unique_ptr<const PrivateKey> MakeLocalKey(Handle<EVP_PKEY> key);

}  // namespace tls
