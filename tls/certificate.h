// certificate.h - one certificate with its chain and its private key, parsed once for all shards.
//
// Owns:    the chain in its encoded form and the key. What is needed of the leaf's fields is copied
//          out, so that no decoded certificate stays in memory.
// Threads: start-up while it is loaded, then immutable.
// Units:   times in seconds since 1970.
// Errors:  a text that names the file, and the certificate where one is at fault.
// States:  none.
//
//   std::string error;
//   std::shared_ptr<const Certificate> certificate = Certificate::Load({path, pem}, {}, &error);

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tls/handles.h"
#include "tls/options.h"
#include "tls/private_key.h"
#include "tls/staple.h"

namespace tls {

enum class KeyKind : uint8_t { kRsa, kEcdsa };

// The files of one certificate. A name that is empty: there is none.
struct CertificateParts {
  std::string name;  // how others call it; empty: as its file
  NamedText pem;
  NamedText key;          // used where `pem` holds no private key
  bool key_wins = false;  // or even where it does
  NamedText issuer;       // PEM, for `ocsp` where the chain does not hold it
  NamedText ocsp;         // DER
  NamedText timestamps;   // a list of signed certificate timestamps (RFC 6962 section 3.3)
};

class Certificate {
 public:
  // Null with `*error`.
  static std::shared_ptr<const Certificate> Load(const CertificateParts& parts, std::string* error);
  static std::shared_ptr<const Certificate> Load(const NamedText& pem, const NamedText& key,
                                                 std::string* error);

  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  // Subject of the leaf, for messages.
  const std::string& subject() const { return subject_; }
  // Host names of the leaf, in lower case: of subjectAltName and of the subject.
  const std::vector<std::string>& names() const { return names_; }
  KeyKind kind() const { return kind_; }
  // Kind and size of its key: "EC256", "RSA2048".
  const std::string& key_text() const { return key_text_; }
  int64_t not_before_s() const { return not_before_s_; }
  int64_t not_after_s() const { return not_after_s_; }
  // What an operator should know of a certificate that can be used all the same; empty: nothing.
  const std::string& warning() const { return warning_; }

  const Staple& staple() const { return staple_; }
  const PrivateKey& key() const { return *key_; }
  // The leaf, encoded.
  std::string_view leaf() const;

  // The chain, leaf first, and the key become those of `ssl` or of `context`, which do with the key
  // what KeyMethod() of link.h says.
  [[nodiscard]] bool Give(SSL* ssl) const;
  [[nodiscard]] bool Give(SSL_CTX* context) const;

 private:
  Certificate() = default;
  bool TakePem(const NamedText& pem, bool wants_chain, std::string* error);
  bool ReadLeaf(std::string* error);
  bool ReadOcsp(const CertificateParts& parts, std::string* error);
  bool ReadTimestamps(const NamedText& file, std::string* error);
  void CheckOrder();
  void Warn(const std::string& text);

  std::string path_;
  std::string name_;
  std::string subject_;
  std::string warning_;
  std::vector<std::string> names_;
  std::vector<Handle<CRYPTO_BUFFER>> chain_;
  std::vector<CRYPTO_BUFFER*> chain_pointers_;
  Handle<EVP_PKEY> loaded_key_;  // until it is key_
  std::unique_ptr<const PrivateKey> key_;
  Staple staple_;
  std::string timestamps_;
  std::string key_text_;
  KeyKind kind_ = KeyKind::kRsa;
  int64_t not_before_s_ = 0;
  int64_t not_after_s_ = 0;
};

// "/CN=example.com"
std::string SubjectText(const X509* certificate);

}  // namespace tls
