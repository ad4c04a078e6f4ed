// certificate_view.h - the parts of an X.509 certificate (RFC 5280 section 4.1), read in place.
//
// Owns:    nothing: every text views the DER given.
// Threads: immutable (pure).
// Units:   bytes.
// Errors:  false for what is no certificate; nothing is verified here.
// States:  none.
//
//   CertificateView view;
//   if (!ReadCertificate(der, &view)) return;
//   NameReader names(view.subject);
//   while (names.Next(&entry)) Use(entry.name, entry.value);

#pragma once

#include <cstdint>
#include <string_view>

namespace proto {

// Tag, length, value: the next of a sequence. False at its end, and at what is no DER.
struct DerReader {
  std::string_view rest;
  [[nodiscard]] bool Next(uint8_t* tag, std::string_view* value);
  // The same for a value that must have this tag.
  [[nodiscard]] bool Take(uint8_t tag, std::string_view* value);
};

struct CertificateView {
  int version = 1;
  std::string_view serial;      // without the zero that keeps it positive
  std::string_view signature;   // the algorithm's identifier, encoded
  std::string_view issuer;      // a name, for NameReader
  std::string_view not_before;  // "YYMMDDhhmmssZ"
  std::string_view not_after;
  std::string_view subject;     // a name
  std::string_view key;         // the algorithm's identifier
  std::string_view extensions;  // a sequence; empty: none
};
[[nodiscard]] bool ReadCertificate(std::string_view der, CertificateView* view);
// The value of the extension with this encoded identifier; empty: there is none.
std::string_view FindExtension(const CertificateView& view, std::string_view identifier);

struct NameEntry {
  std::string_view identifier;  // encoded
  std::string_view name;        // "CN"; empty where it has no short one
  std::string_view value;
};
class NameReader {
 public:
  explicit NameReader(std::string_view name) : sets_{name}, set_{} {}
  // False at the end, and at what is no name.
  bool Next(NameEntry* entry);

 private:
  DerReader sets_;
  DerReader set_;
};

// "RSA-SHA256", "id-ecPublicKey"; empty for one that is not known.
std::string_view AlgorithmName(std::string_view identifier);
// "2.5.4.3" into `out`; returns its length, 0 where it does not fit or is no identifier.
size_t WriteIdentifier(std::string_view identifier, char* out, size_t bytes_max);

}  // namespace proto
