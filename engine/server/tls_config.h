// tls_config.h - what bind, server and global lines say about TLS, word by word.
//
// Owns:    its texts. Files are named here and read when the configuration is complete.
// Threads: start-up while it is read, then immutable.
// Units:   bytes; seconds.
// Errors:  none here.
// States:  none.
//
// A word that was not said is empty, so that the defaults of the global section come in (manual
// 3.1, ssl-default-bind-options and its kin).

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/server/jwe_names.h"
#include "engine/server/source_place.h"
#include "tls/options.h"

namespace engine {

// What both ends have in common, and the global section has defaults for.
struct TlsWords {
  std::optional<tls::Version> version_min;
  std::optional<tls::Version> version_max;
  std::array<bool, 4> versions_off{};  // `no-tlsv10` and so on, by tls::Version
  std::optional<std::string> ciphers;
  std::optional<std::string> suites;             // `ciphersuites`
  std::optional<std::string> curves;             // `curves`, `ecdhe`
  std::optional<std::string> signatures;         // `sigalgs`
  std::optional<std::string> client_signatures;  // `client-sigalgs`
  std::optional<tls::Verify> verify;
  std::optional<bool> tickets;
  std::optional<bool> strict_sni;
  std::optional<bool> prefers_client_ciphers;

  bool operator==(const TlsWords&) const = default;
};

// A word of a bind line that names certificates.
struct CertificateSource {
  enum class Kind : uint8_t {
    kFiles,    // `crt`: a file, a bundle, a directory
    kDefault,  // `default-crt`
    kList      // `crt-list`
  };
  Kind kind = Kind::kFiles;
  std::string path;

  bool operator==(const CertificateSource&) const = default;
};

struct BindTls {
  bool enabled = false;  // `ssl`
  TlsWords words;
  std::vector<CertificateSource> certificates;  // as they stand in the line
  std::optional<std::string> alpn;              // "": `no-alpn`
  std::vector<std::string> ca_files;
  std::vector<std::string> ca_verify_files;
  std::vector<std::string> crl_files;
  std::string ticket_keys_file;
  bool sends_ca_names = true;

  bool operator==(const BindTls&) const = default;
};

struct ServerTls {
  bool enabled = false;
  TlsWords words;
  std::string certificate;  // `crt`: what the server sees of us
  std::string alpn;
  std::vector<std::string> ca_files;
  std::vector<std::string> crl_files;
  std::string verify_host;
  std::string sni;       // a literal; empty: none
  bool sni_auto = true;  // from the Host field, in mode http
  bool reuses_sessions = true;
  std::optional<bool> checks;             // `check-ssl`, `no-check-ssl`
  std::optional<std::string> check_alpn;  // else that of the traffic
  bool has_own_words = false;  // of all this but `ssl` and `check-ssl`, beside its default-server's

  bool operator==(const ServerTls&) const = default;
};

// What is named beside a certificate: in a `load` line, or in brackets in a crt-list (manual
// 12.7.1).
struct CertificateWords {
  std::string certificate;
  std::string key;
  std::string ocsp;
  std::string issuer;
  std::string timestamps;  // `sctl`
  std::string alias;
  SourcePlace place;
};

struct CrtStore {
  std::string name;      // empty: "@/..." refers to it
  std::string crt_base;  // empty: the global one
  std::string key_base;
  std::vector<CertificateWords> loads;
};

// What is looked for beside a certificate and not named anywhere (manual 3.1,
// ssl-load-extra-files).
struct ExtraFiles {
  bool bundle = true;
  bool timestamps = true;  // `sctl`
  bool ocsp = true;
  bool issuer = true;
  bool key = true;
  bool replaces_crt = false;  // ssl-load-extra-del-ext: x.key for x.crt, else x.crt.key
};

struct GlobalTls {
  TlsWords bind;    // ssl-default-bind-*
  TlsWords server;  // ssl-default-server-*
  std::string ca_base;
  std::string crt_base;
  std::string key_base;
  ExtraFiles extra_files;
  std::vector<CrtStore> stores;
  bool verifies_servers = true;      // ssl-server-verify
  uint32_t connections_max = 0;      // maxsslconn; 0: no limit
  uint32_t sessions_per_second = 0;  // maxsslrate
  // What is more than a record can hold counts as that.
  uint32_t first_record_bytes = 0;
  uint32_t record_bytes_max = 0;
  uint32_t session_lifetime_s = 300;
  bool keeps_sessions = true;                       // tune.ssl.cachesize is not 0
  uint32_t capture_bytes = 0;                       // tune.ssl.capture-buffer-size
  uint32_t jwe_algorithms = kJweAlgorithmsDefault;  // jwt.decrypt_alg_list
  uint32_t jwe_encryptions = kJweEncryptionsAll;    // jwt.decrypt_enc_list
  bool keeps_secrets = false;                       // tune.ssl.keylog
};

}  // namespace engine
