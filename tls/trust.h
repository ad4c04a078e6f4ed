// trust.h - whom a peer's certificate is verified against: CAs, revocation lists, and the result.
//
// Owns:    Trust its parsed certificates and lists, shared by all shards; a shard's X509_STORE is
//          its own, because looking something up in it takes its lock.
// Threads: start-up while it is loaded, then immutable. Check() is for the shard of the store.
// Units:   none.
// Errors:  loading: a text that names the file. Checking: X509_V_ERR_* of the library.
// States:  none.
//
//   Handle<X509_STORE> store = trust.MakeStore();
//   VerifyResult result = CheckPeer(ssl, store.get(), {.is_client = true});

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tls/handles.h"
#include "tls/options.h"

namespace tls {

struct PemBlock;

class Trust {
 public:
  // False with `*error`. `named`: clients are told of these CAs. Revocation lists among them are
  // kept, too, but nothing is checked for them until AddRevocations().
  [[nodiscard]] bool AddAuthorities(const NamedText& pem, bool named, std::string* error);
  [[nodiscard]] bool AddRevocations(const NamedText& pem, std::string* error);

  Handle<X509_STORE> MakeStore() const;
  // Encoded names of the CAs that clients are told of.
  Handle<STACK_OF(CRYPTO_BUFFER)> MakeNames() const;

 private:
  bool TakeList(const PemBlock& block);
  struct Authority {
    Handle<X509> certificate;
    bool named = false;
  };
  std::vector<Authority> authorities_;
  std::vector<Handle<X509_CRL>> revocations_;
  bool checks_revocations_ = false;
};

struct VerifyResult {
  int error = 0;  // X509_V_OK is 0
  int depth = 0;  // of the certificate at fault; 0: the peer's own
  bool ok() const { return error == 0; }
};

struct VerifyRequest {
  bool of_client = false;      // which purpose the certificate must serve
  const char* host = nullptr;  // a name it must hold; null: any
};

// Verifies what the peer of `ssl` has shown. `root`: the CA that its chain ends with, where it is
// good.
VerifyResult CheckPeer(const SSL* ssl, X509_STORE* store, const VerifyRequest& request,
                       Handle<X509>* root);
// The alert that tells the peer.
uint8_t AlertOf(const VerifyResult& result);

}  // namespace tls
