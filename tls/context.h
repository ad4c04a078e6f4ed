// context.h - one configured end of TLS: what a bind or a server line says, for the whole process,
// and what a shard makes of it.
//
// Owns:    Context its options, certificates and CAs. LocalContext the library's objects of one
//          shard: nothing in them is touched by another, so no count or lock is shared on the
//          way of traffic.
// Threads: start-up while it is made, then immutable; LocalContext shard-local.
// Units:   none.
// Errors:  Make*() return null with a text that names the file or the word at fault.
// States:  none. A shard makes its LocalContext when it is first asked for it.
//
//   auto context = Context::MakeServer(options, std::move(store), &error);
//   LocalContext* local = shard_tls.Local(*context);        // null: no memory

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tls/cert_store.h"
#include "tls/certificate.h"
#include "tls/handles.h"
#include "tls/options.h"
#include "tls/trust.h"

namespace tls {

struct LocalContext {
  Handle<SSL_CTX> library;
  Handle<X509_STORE> store;  // null: nobody is verified
  // Of a client: the last session, and the name it was made for.
  Handle<SSL_SESSION> session;
  std::string session_name;
};

class Context {
 public:
  enum class Side : uint8_t { kServer, kClient };

  static std::shared_ptr<const Context> MakeServer(Options options, CertStore certificates,
                                                   std::string* error);
  // `certificate` is what the client shows of itself; null: nothing. `host` is what the server's
  // certificate must name where a connection brings no name of its own; empty: anything.
  static std::shared_ptr<const Context> MakeClient(Options options,
                                                   std::shared_ptr<const Certificate> certificate,
                                                   std::string host, std::string* error);

  Side side() const { return side_; }
  const Options& options() const { return options_; }
  const CertStore& certificates() const { return certificates_; }
  // What a client shows of itself; null: nothing.
  const Certificate* certificate() const { return certificate_.get(); }
  const std::string& host() const { return host_; }
  // Protocols in the form of the extension (RFC 7301 section 3.1).
  const std::string& alpn() const { return alpn_; }

  // False: no memory.
  [[nodiscard]] bool MakeLocal(LocalContext* local) const;

 private:
  Context(Side side, Options options) : side_(side), options_(std::move(options)) {}
  bool Finish(std::string* error);
  bool LoadTrust(std::string* error);
  Handle<SSL_CTX> MakeLibraryContext(std::string* error) const;

  const Side side_;
  const Options options_;
  CertStore certificates_;
  std::shared_ptr<const Certificate> certificate_;
  std::string host_;
  std::string alpn_;
  Trust trust_;
  uint8_t session_scope_[32] = {};  // sessions are resumed only where trust is the same
};

}  // namespace tls
