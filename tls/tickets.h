// tickets.h - keys of session tickets: of a file, or made by the process and rotated.
//
// Owns:    the keys.
// Threads: TicketSecret start-up, then immutable. TicketKeys shard-local: shards take the same keys
//          at the same time from the secret, without a word to each other.
// Units:   seconds of the wall clock.
// Errors:  none after loading.
// States:  none.
//
// A rotated key is the hash of the one before it, so who learns today's keys cannot read those of
// yesterday. A ticket is good for the key's time and one time more.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tls/handles.h"
#include "tls/options.h"

namespace tls {

// The random start of a process, and when it was drawn.
struct TicketSecret {
  std::array<uint8_t, 32> bytes{};
  uint64_t since_s = 0;
  static TicketSecret Draw(uint64_t now_s);
};

class TicketKeys {
 public:
  static constexpr uint64_t kRotationSeconds = 12 * 3600;

  explicit TicketKeys(const TicketSecret& secret) : secret_(secret) {}
  // The rotation callback's work, see SSL_CTX_set_tlsext_ticket_key_cb. `file_keys` may be empty.
  int Apply(const std::vector<TicketKeyBytes>& file_keys, uint64_t now_s, uint8_t* name,
            uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac, bool encrypt);

 private:
  struct Key {
    uint8_t name[16];
    uint8_t hmac[32];
    uint8_t aes[32];
    uint8_t aes_bytes = 0;
  };
  static Key FromFile(const TicketKeyBytes& bytes);
  static Key Derive(const std::array<uint8_t, 32>& secret);
  void Advance(uint64_t now_s);

  TicketSecret secret_;  // of the current key
  Key current_{};
  Key previous_{};
  bool ready_ = false;
};

// How many keys of a file count (manual 5.1, tls-ticket-keys: TLS_TICKETS_NO).
inline constexpr size_t kTicketKeysOfFile = 3;
// Keys of a file, decoded; false with `*error`.
[[nodiscard]] bool ParseTicketKeys(const NamedText& file, std::vector<TicketKeyBytes>* keys,
                                   std::string* error);

}  // namespace tls
