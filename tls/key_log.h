// key_log.h - the secrets of one connection, kept for whoever deciphers what was recorded of it
// (manual 3.2, tune.ssl.keylog).
//
// Owns:    the secrets, in hexadecimal digits.
// Threads: shard-local.
// Units:   bytes of text: two for each byte of a secret.
// Errors:  a line of the library that is none of these is no secret of TLS 1.3: it is passed over.
// States:  none.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tls {

class KeyLog {
 public:
  // By their labels (draft-ietf-tls-keylogfile).
  enum class Secret : uint8_t {
    kClientEarly,
    kClientHandshake,
    kServerHandshake,
    kClientTraffic,
    kServerTraffic,
    kExporter,
    kEarlyExporter,
    kCount
  };

  // "<label> <client random> <secret>".
  void Note(std::string_view line);
  // Empty: there was none of that kind.
  std::string_view secret(Secret secret) const { return secrets_[size_t(secret)]; }

 private:
  std::string secrets_[size_t(Secret::kCount)];
};

}  // namespace tls
