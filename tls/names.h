// names.h - OpenSSL's names for ciphers, curves and signature algorithms, as far as the library
// knows them.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  what is not known is returned by name, to be warned about; it is never used silently for
//          something else.
// States:  none.
//
//   NameList list = FilterCiphers("ECDHE+AESGCM:DHE-RSA-AES128-SHA:@SECLEVEL=1");
//   // list.text "ECDHE+AESGCM", list.unknown {"DHE-RSA-AES128-SHA", "@SECLEVEL=1"}

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tls {

struct NameList {
  std::string text;                  // what is left; empty: nothing usable
  std::vector<std::string> unknown;  // in their order
};

NameList FilterCiphers(std::string_view list);  // TLS 1.2 and before
NameList FilterSuites(std::string_view list);   // TLS 1.3: `text` is only for counting
NameList FilterCurves(std::string_view list);

// Signature algorithms as they are on the wire (RFC 8446 section 4.2.3), each once.
struct SignatureList {
  std::vector<uint16_t> kinds;
  std::vector<std::string> unknown;
};
SignatureList FilterSignatures(std::string_view list);

}  // namespace tls
