// options.h - what one end of TLS shall do, as plain values.
//
// Owns:    its texts. Who fills it has read the files; a name beside a text says where it came
//          from.
// Threads: start-up while it is filled, then immutable.
// Units:   bytes; seconds.
// Errors:  none here: context.h says which value does not work.
// States:  none.
//
// tls/ knows no configuration. What it is told stands here.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tls {

enum class Version : uint8_t { kTls10, kTls11, kTls12, kTls13 };

// Whether the peer must show a certificate. What it shows is always verified, unless kNone.
enum class Verify : uint8_t { kNone, kOptional, kRequired };

// The content of a file, and its path for messages.
struct NamedText {
  std::string name;
  std::string text;
};

// One key of a file of ticket keys: 48 bytes for AES-128, 80 for AES-256.
using TicketKeyBytes = std::string;

struct Options {
  Version version_min = Version::kTls12;
  Version version_max = Version::kTls13;
  // In the library's own words: names.h makes them from a configuration's. Empty: the default.
  std::string ciphers;  // of TLS 1.2 and before; those of 1.3 are the library's choice
  std::string curves;
  std::vector<uint16_t> signs_with;  // signature algorithms of the wire; empty: the default
  std::vector<uint16_t> verifies;    // what the peer may sign with; empty: the default
  std::vector<std::string> alpn;     // in the order of preference; empty: no ALPN
  Verify verify = Verify::kNone;
  std::vector<NamedText> trust;        // PEM texts of CA certificates
  std::vector<NamedText> verify_only;  // the same, but not named to clients (ca-verify-file)
  std::vector<NamedText> revocations;  // PEM texts of revocation lists
  bool sends_ca_names = true;
  bool tickets = true;
  bool prefers_client_ciphers = false;
  // A client offers the last session again; a server keeps those that no ticket carries.
  bool reuses_sessions = true;
  std::vector<TicketKeyBytes> ticket_keys;  // empty: made by the process and rotated
  uint32_t session_lifetime_s = 300;
  // Records at the start of a transfer and after an idle second; 0: 1400 bytes.
  uint32_t first_record_bytes = 0;
  uint32_t record_bytes_max = 0;  // 0: 16384
  uint32_t capture_bytes = 0;     // of a server: kept of each ClientHello; 0: nothing
  bool keeps_secrets = false;     // for who deciphers what was recorded (KeyLog)
};

}  // namespace tls
