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

#include "tls/options.h"

namespace engine {

// What both ends have in common, and the global section has defaults for.
struct TlsWords {
  std::optional<tls::Version> version_min;
  std::optional<tls::Version> version_max;
  std::array<bool, 4> versions_off{};  // `no-tlsv10` and so on, by tls::Version
  std::optional<std::string> ciphers;
  std::optional<std::string> suites;  // `ciphersuites`
  std::optional<std::string> curves;  // `curves`, `ecdhe`
  std::optional<std::string> signatures;
  std::optional<tls::Verify> verify;
  std::optional<bool> tickets;
  std::optional<bool> strict_sni;
  std::optional<bool> prefers_client_ciphers;
};

struct BindTls {
  bool enabled = false;  // `ssl`
  TlsWords words;
  std::vector<std::string> certificates;  // `crt`: files and directories
  std::vector<std::string> defaults;      // `default-crt`
  std::vector<std::string> lists;         // `crt-list`
  std::optional<std::string> alpn;        // "": `no-alpn`
  std::vector<std::string> ca_files;
  std::vector<std::string> ca_verify_files;
  std::vector<std::string> crl_files;
  std::string ticket_keys_file;
  bool sends_ca_names = true;
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
  bool checks_plain = false;  // `no-check-ssl`
};

struct GlobalTls {
  TlsWords bind;    // ssl-default-bind-*
  TlsWords server;  // ssl-default-server-*
  std::string ca_base;
  std::string crt_base;
  std::string key_base;
  bool verifies_servers = true;  // ssl-server-verify
  uint32_t first_record_bytes = 0;
  uint32_t record_bytes_max = 0;
  uint32_t session_lifetime_s = 300;
};

}  // namespace engine
