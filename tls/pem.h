// pem.h - the blocks of a PEM text, one after the other, whatever they hold.
//
// Owns:    PemBlock its bytes; PemReader a reference to the text.
// Threads: start-up.
// Units:   bytes.
// Errors:  broken() tells an end of the text from a block that cannot be read.
// States:  none.
//
//   PemReader reader(text);
//   for (PemBlock block; reader.Next(&block);) { ... }
//   if (reader.broken()) *error = TakeErrorText();

#pragma once

#include <string>
#include <string_view>

#include "tls/handles.h"

namespace tls {

struct PemBlock {
  std::string kind;    // "CERTIFICATE"
  std::string header;  // of a key that is encrypted the old way
  Handle<uint8_t> bytes;
  long length = 0;

  bool is_certificate() const;
  bool is_revocation_list() const { return kind == "X509 CRL"; }
  bool is_private_key() const { return kind.ends_with("PRIVATE KEY"); }
  bool is_encrypted() const;
  // The certificate alone, without the trust that OpenSSL writes behind it.
  std::string_view certificate() const;
};

// Null: it cannot be read.
Handle<X509> ParseCertificate(const PemBlock& block);

class PemReader {
 public:
  // `text` outlives it. Editors of some systems put a byte order mark before it.
  explicit PemReader(std::string_view text);
  // False: there is no further block, or it is broken.
  bool Next(PemBlock* block);
  // After the last Next(): the library's error says how. Else it has none.
  bool broken() const { return broken_; }

 private:
  Handle<BIO> bio_;
  bool broken_ = false;
};

}  // namespace tls
