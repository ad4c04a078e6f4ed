#include "tls/leaf_names.h"

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include <string_view>

#include "base/text.h"

namespace tls {
namespace {

void AddHostName(const ASN1_STRING* text, std::vector<std::string>* names) {
  const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
  const std::string_view name(data, size_t(ASN1_STRING_length(text)));
  if (name.empty() || name.find('\0') != name.npos) return;
  names->push_back(base::Lower(name));
}

}  // namespace

void AddAlternativeNames(const X509* leaf, std::vector<std::string>* names) {
  Handle<GENERAL_NAMES> others(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (size_t i = 0; others != nullptr && i < sk_GENERAL_NAME_num(others.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(others.get(), i);
    if (name->type == GEN_DNS) AddHostName(name->d.dNSName, names);
  }
}

void AddCommonNames(const X509* leaf, std::vector<std::string>* names) {
  X509_NAME* subject = X509_get_subject_name(leaf);
  for (int at = -1;;) {
    at = X509_NAME_get_index_by_NID(subject, NID_commonName, at);
    if (at < 0) return;
    AddHostName(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), names);
  }
}

}  // namespace tls
