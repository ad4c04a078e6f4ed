// cert_store.h - which certificate a client gets: by the name it asks for and the keys it can
// verify.
//
// Owns:    a reference to each certificate.
// Threads: start-up while it is filled, then immutable.
// Units:   none.
// Errors:  none: a name that nothing covers gets the default, or null with strict names.
// States:  none.
//
// A name is looked for as it is, then as "*.rest". Two certificates for one name, one RSA and one
// ECDSA, stand side by side; of one kind the first wins. A client that names nothing known gets the
// default: what was added first, and of the other kind only what was said to be one, too.
//
//   store.Add(certificate, {"*.example.com", "!private.example.com"});
//   const Certificate* certificate = store.Find("www.example.com", client_verifies_ecdsa);

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tls/certificate.h"

namespace tls {

class CertStore {
 public:
  using CertificatePtr = std::shared_ptr<const Certificate>;

  // Without filters the certificate's own names count. "!name" keeps a wildcard of the same call
  // from matching; "*" makes it a default.
  void Add(const CertificatePtr& certificate, const std::vector<std::string>& filters);
  // Several that stand for one, of different kinds.
  void AddBundle(const std::vector<CertificatePtr>& bundle,
                 const std::vector<std::string>& filters);
  // Defaults beside what was added first, with names of their own.
  void AddDefaults(const std::vector<CertificatePtr>& bundle);
  // Clients that name nothing known are refused.
  void SetStrict(bool strict) { strict_ = strict; }

  // `name` is empty for a client without one. Null: refuse it.
  const Certificate* Find(std::string_view name, bool verifies_ecdsa) const;
  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }

 private:
  struct Pair {
    const Certificate* rsa = nullptr;
    const Certificate* ecdsa = nullptr;
    void Put(const Certificate* certificate);
    const Certificate* Choose(bool verifies_ecdsa) const;
  };
  // What a wildcard offers, and what of it is left out.
  struct Wildcard {
    const Certificate* certificate = nullptr;
    std::vector<std::string> except;
  };

  void AddNames(const Certificate* certificate, const std::vector<std::string>& names,
                const std::vector<std::string>& except);
  void PutDefaults(const std::vector<CertificatePtr>& bundle);

  std::vector<CertificatePtr> all_;
  absl::flat_hash_map<std::string, Pair> exact_;
  absl::flat_hash_map<std::string, std::vector<Wildcard>> wildcards_;  // by ".rest"
  Pair default_;
  bool strict_ = false;
};

}  // namespace tls
