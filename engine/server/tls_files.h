// tls_files.h - certificates from the files and directories that a configuration names.
//
// Owns:    what it has loaded, by path: lines of several binds share one parsed certificate.
// Threads: start-up.
// Units:   none.
// Errors:  a text that names the file, and the line of a list.
// States:  none.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/tls_config.h"
#include "tls/cert_store.h"
#include "tls/certificate.h"
#include "tls/options.h"

namespace engine {

// False with `*error`.
[[nodiscard]] bool ReadTlsFile(const std::string& path, tls::NamedText* text, std::string* error);
// `ca-file`: a file, or every .pem, .crt, .cer and .crl of a directory in the order of their names
// (manual 5.1). What of a directory cannot be used is left out with a warning; so is all of it.
[[nodiscard]] bool ReadAuthorities(const std::string& path, std::vector<tls::NamedText>* texts,
                                   std::vector<std::string>* warnings, std::string* error);
// `path` below `base`, unless it is absolute or says where it is relative to.
std::string BelowBase(const std::string& base, const std::string& path);

class TlsFiles {
 public:
  using Certificates = std::vector<std::shared_ptr<const tls::Certificate>>;

  TlsFiles(std::string crt_base, std::string key_base, const ExtraFiles& extra)
      : crt_base_(std::move(crt_base)), key_base_(std::move(key_base)), extra_(extra) {}

  // A line of a crt-store: "@STORE/ALIAS" and "@STORE/FILE" refer to it, and the path of a file of
  // the store without a name.
  [[nodiscard]] bool AddLoad(const CrtStore& store, const CertificateWords& words,
                             std::string* error);
  // A file, the files of a bundle ("x" for x.rsa and x.ecdsa), or what a crt-store has. Empty with
  // `*error`.
  Certificates Load(const std::string& path, std::string* error);
  // The same without bundles: of a server line. Null with `*error`.
  std::shared_ptr<const tls::Certificate> LoadOne(const std::string& path, std::string* error);
  // `crt`: a file, a bundle, or every certificate of a directory.
  [[nodiscard]] bool AddTo(tls::CertStore& store, const std::string& path, std::string* error);
  // `crt-list`.
  [[nodiscard]] bool AddList(tls::CertStore& store, const std::string& path, std::string* error);
  // What was noticed of certificates that work; each once.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // `ocsp-update on` stands in a list.
  bool wants_ocsp_updates() const { return wants_ocsp_updates_; }

 private:
  using CertificatePtr = std::shared_ptr<const tls::Certificate>;
  CertificatePtr LoadFile(const std::string& path, std::string* error);
  // Paths as they are opened; one that is empty is looked for beside the certificate.
  CertificatePtr LoadParts(const CertificateWords& paths, const std::string& name,
                           std::string* error);
  // With files that are named and not looked for.
  Certificates LoadBeside(const std::string& path, CertificateWords beside, std::string* error);
  Certificates LoadBundle(const std::string& path, std::string* error);
  // Told of once.
  bool IsLeftOut(const std::string& file);
  bool AddListLine(tls::CertStore& store, std::string_view line, std::string* error);

  const std::string crt_base_;
  const std::string key_base_;
  const ExtraFiles extra_;
  std::map<std::string, CertificatePtr> loaded_;  // by path
  std::map<std::string, CertificatePtr> named_;   // by "@STORE/NAME"
  std::vector<std::string> warnings_;
  bool wants_ocsp_updates_ = false;
};

}  // namespace engine
