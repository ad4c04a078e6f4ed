// staple.h - an OCSP response that is sent along with a certificate (RFC 6066 section 8).
//
// Owns:    its bytes.
// Threads: start-up while it is read, then immutable.
// Units:   seconds since 1970.
// Errors:  a text that names the file.
// States:  none. It is good for a time: whoever sends it asks IsGoodAt().
//
// The library knows no OCSP; what is read here is whether the response is about the certificate and
// says that it is good. Its signature is the client's to verify.

#pragma once

#include <cstdint>
#include <string>

#include "tls/handles.h"
#include "tls/options.h"

namespace tls {

struct Staple {
  std::string der;  // empty: none
  int64_t from_s = 0;
  int64_t until_s = 0;
  bool IsGoodAt(int64_t now_s) const { return !der.empty() && now_s >= from_s && now_s < until_s; }
};

// About `leaf`; `issuer` may be null: then the hash of its key is not compared. False with
// `*error`; a response that is out of date is none.
[[nodiscard]] bool ReadStaple(const NamedText& file, X509* leaf, X509* issuer, Staple* staple,
                              std::string* error);

}  // namespace tls
