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
// ECDSA, stand side by side; of one kind the first wins.
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
  // Without filters the certificate's own names count. "!name" keeps a wildcard of the same call
  // from matching; "*" makes it a default.
  void Add(std::shared_ptr<const Certificate> certificate, const std::vector<std::string>& filters);
  // For clients without a name, or with an unknown one. The first of a kind wins. Without a call
  // the first certificate is the default, and the first of the other kind that covers its name.
  void AddDefault(std::shared_ptr<const Certificate> certificate);
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

  std::vector<std::shared_ptr<const Certificate>> all_;
  absl::flat_hash_map<std::string, Pair> exact_;
  absl::flat_hash_map<std::string, std::vector<Wildcard>> wildcards_;  // by ".rest"
  Pair default_;
  bool default_given_ = false;
  bool strict_ = false;
};

}  // namespace tls
