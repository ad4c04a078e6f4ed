#include "tls/cert_store.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/text.h"

namespace tls {
namespace {

constexpr size_t kNameBytesMax = 255;  // RFC 1035 section 2.3.4

// The packaged library has a string_view of its own.
absl::string_view Key(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void CertStore::Pair::Put(const Certificate* certificate) {
  const Certificate*& place = certificate->kind() == KeyKind::kRsa ? rsa : ecdsa;
  if (place == nullptr) place = certificate;
}

const Certificate* CertStore::Pair::Choose(bool verifies_ecdsa) const {
  if (rsa == nullptr) return ecdsa;
  return ecdsa != nullptr && verifies_ecdsa ? ecdsa : rsa;
}

void CertStore::Add(const CertificatePtr& certificate, const std::vector<std::string>& filters) {
  AddBundle({certificate}, filters);
}

void CertStore::AddBundle(const std::vector<CertificatePtr>& bundle,
                          const std::vector<std::string>& filters) {
  // What comes first is what clients get that name nothing known, whatever comes later.
  if (all_.empty()) PutDefaults(bundle);
  std::vector<std::string> names;
  std::vector<std::string> except;
  for (const std::string& filter : filters) {
    if (filter.starts_with('!')) {
      except.push_back(base::Lower(std::string_view(filter).substr(1)));
    } else {
      names.push_back(base::Lower(filter));
    }
  }
  for (const CertificatePtr& certificate : bundle) {
    AddNames(certificate.get(), names.empty() ? certificate->names() : names, except);
    all_.push_back(certificate);
  }
}

void CertStore::AddNames(const Certificate* certificate, const std::vector<std::string>& names,
                         const std::vector<std::string>& except) {
  for (const std::string& name : names) {
    if (name == "*") {
      default_.Put(certificate);
    } else if (name.starts_with("*.")) {
      wildcards_[name.substr(1)].push_back({certificate, except});
    } else {
      exact_[name].Put(certificate);
    }
  }
}

void CertStore::AddDefaults(const std::vector<CertificatePtr>& bundle) {
  PutDefaults(bundle);
  AddBundle(bundle, {});
}

void CertStore::PutDefaults(const std::vector<CertificatePtr>& bundle) {
  for (const CertificatePtr& certificate : bundle) default_.Put(certificate.get());
}

const Certificate* CertStore::Find(std::string_view name, bool verifies_ecdsa) const {
  char lower[kNameBytesMax];
  if (!name.empty() && name.size() <= sizeof(lower)) {
    for (size_t i = 0; i < name.size(); ++i) {
      lower[i] = char(std::tolower(static_cast<unsigned char>(name[i])));
    }
    const std::string_view asked(lower, name.size());
    if (const auto found = exact_.find(Key(asked)); found != exact_.end()) {
      return found->second.Choose(verifies_ecdsa);
    }
    const size_t dot = asked.find('.');
    const auto found =
        dot == asked.npos ? wildcards_.end() : wildcards_.find(Key(asked.substr(dot)));
    if (found != wildcards_.end()) {
      Pair pair;
      for (const Wildcard& wildcard : found->second) {
        const auto& except = wildcard.except;
        if (std::find(except.begin(), except.end(), asked) == except.end()) {
          pair.Put(wildcard.certificate);
        }
      }
      if (const Certificate* chosen = pair.Choose(verifies_ecdsa)) return chosen;
    }
  }
  return strict_ ? nullptr : default_.Choose(verifies_ecdsa);
}

}  // namespace tls
