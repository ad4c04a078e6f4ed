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

void CertStore::Add(std::shared_ptr<const Certificate> certificate,
                    const std::vector<std::string>& filters) {
  const Certificate* one = certificate.get();
  const bool is_first = all_.empty();
  all_.push_back(std::move(certificate));
  std::vector<std::string> names;
  std::vector<std::string> except;
  for (const std::string& filter : filters) {
    if (filter.starts_with('!')) {
      except.push_back(base::Lower(std::string_view(filter).substr(1)));
    } else {
      names.push_back(base::Lower(filter));
    }
  }
  if (names.empty()) names = one->names();
  for (const std::string& name : names) {
    if (name == "*") {
      default_.Put(one);
    } else if (name.starts_with("*.")) {
      wildcards_[name.substr(1)].push_back({one, except});
    } else {
      exact_[name].Put(one);
    }
  }
  if (default_given_) return;
  if (is_first) {
    default_.Put(one);
    return;
  }
  // The other kind for the same name goes with the first.
  const std::vector<std::string>& first = all_.front()->names();
  const bool same =
      !first.empty() && std::find(names.begin(), names.end(), first[0]) != names.end();
  if (same) default_.Put(one);
}

void CertStore::AddDefault(std::shared_ptr<const Certificate> certificate) {
  if (!default_given_) default_ = Pair();
  default_given_ = true;
  default_.Put(certificate.get());
  all_.push_back(std::move(certificate));
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
