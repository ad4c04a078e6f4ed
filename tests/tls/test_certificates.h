// test_certificates.h - certificates made in memory, for tests that read no files.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   seconds.
// Errors:  a certificate that cannot be made kills the test.
// States:  none.

#pragma once

#include <string>
#include <vector>

#include "tls/certificate.h"

namespace tls {

struct PemPair {
  std::string certificate;
  std::string key;
};

struct CertificateWish {
  std::vector<std::string> names;
  KeyKind kind = KeyKind::kEcdsa;
  long lives_from_s = -3600;  // from now
  long lives_to_s = 86400;
  int chain_padding_bytes = 0;  // makes it large
};

// Signed by itself.
PemPair MakePem(const CertificateWish& wish);
std::shared_ptr<const Certificate> MakeCertificate(const CertificateWish& wish);

}  // namespace tls
