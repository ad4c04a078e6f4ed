#include "tls/certificate.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include "tls/leaf_names.h"
#include "tls/link.h"
#include "tls/pem.h"

namespace tls {
namespace {

constexpr int kRsaBitsMin = 1024;

int64_t Seconds(const ASN1_TIME* time) {
  Handle<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (epoch == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) == 0) return 0;
  return int64_t{days} * 86400 + seconds;
}

// What the library says of a key that it cannot read.
std::string KeyError(const std::string& what) {
  const uint32_t error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  const bool unknown =
      (ERR_GET_LIB(error) == ERR_LIB_EVP && reason == EVP_R_UNSUPPORTED_ALGORITHM) ||
      (ERR_GET_LIB(error) == ERR_LIB_EC && reason == EC_R_UNKNOWN_GROUP);
  if (!unknown) return "cannot read " + what + ": " + TakeErrorText();
  ERR_clear_error();
  return what +
         " is of a kind that the TLS library does not know (it knows RSA, ECDSA with P-256, "
         "P-384 and P-521, and Ed25519)";
}

bool HasIssued(X509* issuer, X509* certificate) {
  return X509_check_issued(issuer, certificate) == X509_V_OK;
}

}  // namespace

std::string SubjectText(const X509* certificate) {
  char text[256];
  if (X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof(text)) == nullptr) {
    return "?";
  }
  return text[0] == '\0' ? "(no subject)" : text;
}

std::shared_ptr<const Certificate> Certificate::Load(const NamedText& pem, const NamedText& key,
                                                     std::string* error) {
  CertificateParts parts;
  parts.pem = pem;
  parts.key = key;
  return Load(parts, error);
}

std::shared_ptr<const Certificate> Certificate::Load(const CertificateParts& parts,
                                                     std::string* error) {
  const NamedText& pem = parts.pem;
  const NamedText& key = parts.key;
  std::shared_ptr<Certificate> certificate(new Certificate());
  certificate->path_ = pem.name;
  certificate->name_ = parts.name.empty() ? pem.name : parts.name;
  if (!certificate->TakePem(pem, true, error)) return nullptr;
  if (certificate->chain_.empty()) {
    *error = "no certificate in '" + pem.name + "'";
    return nullptr;
  }
  if (parts.key_wins) certificate->loaded_key_.reset();
  if (certificate->loaded_key_ == nullptr && !key.name.empty() &&
      !certificate->TakePem(key, false, error)) {
    return nullptr;
  }
  if (certificate->loaded_key_ == nullptr) {
    *error = "no private key in '" + pem.name + "'" +
             (key.name.empty() ? "" : " nor in '" + key.name + "'");
    return nullptr;
  }
  if (!certificate->ReadLeaf(error)) return nullptr;
  certificate->key_ = MakeLocalKey(std::move(certificate->loaded_key_));
  certificate->CheckOrder();
  // An empty file holds a place for a response to come (manual 5.1, crt).
  if (!parts.ocsp.text.empty() && !certificate->ReadOcsp(parts, error)) return nullptr;
  if (!parts.timestamps.name.empty() && !certificate->ReadTimestamps(parts.timestamps, error)) {
    return nullptr;
  }
  for (const auto& one : certificate->chain_) certificate->chain_pointers_.push_back(one.get());
  return certificate;
}

bool Certificate::TakePem(const NamedText& pem, bool wants_chain, std::string* error) {
  PemReader reader(pem.text);
  for (PemBlock block; reader.Next(&block);) {
    if (block.is_certificate()) {
      if (!wants_chain) continue;
      const std::string_view bytes = block.certificate();
      chain_.emplace_back(
          CRYPTO_BUFFER_new(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), nullptr));
      continue;
    }
    if (!block.is_private_key() || loaded_key_ != nullptr) continue;
    if (block.is_encrypted()) {
      *error = "the private key in '" + pem.name +
               "' is protected by a password, which cannot be asked for";
      return false;
    }
    const uint8_t* at = block.bytes.get();
    loaded_key_.reset(d2i_AutoPrivateKey(nullptr, &at, block.length));
    if (loaded_key_ == nullptr) {
      *error = KeyError("the private key in '" + pem.name + "'");
      return false;
    }
  }
  if (!reader.broken()) return true;
  *error = "'" + pem.name + "' is broken after " + std::to_string(chain_.size()) +
           " certificates: " + TakeErrorText();
  return false;
}

bool Certificate::ReadLeaf(std::string* error) {
  Handle<X509> leaf(X509_parse_from_buffer(chain_[0].get()));
  if (leaf == nullptr) {
    *error = "cannot read the first certificate in '" + path_ + "': " + TakeErrorText();
    return false;
  }
  subject_ = SubjectText(leaf.get());
  Handle<EVP_PKEY> public_key(X509_get_pubkey(leaf.get()));
  if (public_key == nullptr) {
    *error = KeyError("the public key of certificate '" + subject_ + "' in '" + path_ + "'");
    return false;
  }
  if (X509_check_private_key(leaf.get(), loaded_key_.get()) == 0) {
    ERR_clear_error();
    *error = "the private key does not belong to certificate '" + subject_ + "' in '" + path_ + "'";
    return false;
  }
  switch (EVP_PKEY_id(loaded_key_.get())) {
    case EVP_PKEY_RSA:
      kind_ = KeyKind::kRsa;
      break;
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
      kind_ = KeyKind::kEcdsa;
      break;
    default:
      *error = "certificate '" + subject_ + "' in '" + path_ +
               "' has a key of a kind that TLS does "
               "not use here (RSA, ECDSA and Ed25519 work)";
      return false;
  }
  const int bits = EVP_PKEY_bits(loaded_key_.get());
  if (kind_ == KeyKind::kRsa && bits < kRsaBitsMin) {
    *error = "the RSA key of certificate '" + subject_ + "' in '" + path_ +
             "' is too small: " + std::to_string(bits) + " bits, where " +
             std::to_string(kRsaBitsMin) + " are the least";
    return false;
  }
  key_text_ = (kind_ == KeyKind::kRsa ? "RSA" : "EC") + std::to_string(bits);
  AddAlternativeNames(leaf.get(), &names_);
  AddCommonNames(leaf.get(), &names_);
  not_before_s_ = Seconds(X509_get0_notBefore(leaf.get()));
  not_after_s_ = Seconds(X509_get0_notAfter(leaf.get()));
  if (X509_cmp_current_time(X509_get0_notAfter(leaf.get())) < 0) {
    Warn("certificate '" + subject_ + "' in '" + path_ + "' has expired");
  } else if (X509_cmp_current_time(X509_get0_notBefore(leaf.get())) > 0) {
    Warn("certificate '" + subject_ + "' in '" + path_ + "' is not valid yet");
  }
  ERR_clear_error();
  return true;
}

void Certificate::Warn(const std::string& text) {
  if (!warning_.empty()) warning_ += "; ";
  warning_ += text;
}

bool Certificate::ReadOcsp(const CertificateParts& parts, std::string* error) {
  Handle<X509> leaf(X509_parse_from_buffer(chain_[0].get()));
  Handle<X509> issuer;
  for (size_t i = 1; issuer == nullptr && i < chain_.size(); ++i) {
    Handle<X509> one(X509_parse_from_buffer(chain_[i].get()));
    if (one != nullptr && HasIssued(one.get(), leaf.get())) issuer = std::move(one);
  }
  if (issuer == nullptr && !parts.issuer.name.empty()) {
    PemReader reader(parts.issuer.text);
    for (PemBlock block; issuer == nullptr && reader.Next(&block);) {
      if (block.is_certificate()) issuer = ParseCertificate(block);
    }
    if (issuer == nullptr || !HasIssued(issuer.get(), leaf.get())) {
      *error = issuer == nullptr
                   ? "no certificate in '" + parts.issuer.name + "'"
                   : "'" + parts.issuer.name + "' is not the issuer of certificate '" + subject_ +
                         "' in '" + path_ + "'";
      ERR_clear_error();
      return false;
    }
  }
  ERR_clear_error();
  // Clients are served without a response rather than not at all (manual 5.1, crt).
  std::string fault;
  if (!ReadStaple(parts.ocsp, leaf.get(), issuer.get(), &staple_, &fault)) {
    Warn(fault + " and is not sent");
    return true;
  }
  const int64_t now_s = int64_t(time(nullptr));
  if (staple_.IsGoodAt(now_s)) return true;
  Warn("the OCSP response in '" + parts.ocsp.name + "' " +
       (now_s < staple_.from_s ? "is not valid yet" : "has expired") + " and is not sent");
  return true;
}

bool Certificate::ReadTimestamps(const NamedText& file, std::string* error) {
  // The library checks its syntax.
  Handle<SSL_CTX> scratch(SSL_CTX_new(TLS_with_buffers_method()));
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.text.data());
  timestamps_ = file.text;
  if (SSL_CTX_set_signed_cert_timestamp_list(scratch.get(), bytes, file.text.size()) == 1) {
    return true;
  }
  ERR_clear_error();
  *error = "'" + file.name + "' holds no list of signed certificate timestamps";
  return false;
}

// A chain that is out of order, or holds something else, works with some clients only.
void Certificate::CheckOrder() {
  Handle<X509> below(X509_parse_from_buffer(chain_[0].get()));
  for (size_t i = 1; i < chain_.size(); ++i) {
    Handle<X509> issuer(X509_parse_from_buffer(chain_[i].get()));
    if (issuer == nullptr) {
      Warn("certificate " + std::to_string(i + 1) + " in '" + path_ + "' cannot be read");
      break;
    }
    if (X509_NAME_cmp(X509_get_issuer_name(below.get()), X509_get_subject_name(issuer.get())) !=
        0) {
      Warn("the chain in '" + path_ + "' is broken: '" + SubjectText(issuer.get()) +
           "' is not the issuer of '" + SubjectText(below.get()) + "' before it");
      break;
    }
    below = std::move(issuer);
  }
  ERR_clear_error();
}

std::string_view Certificate::leaf() const {
  const CRYPTO_BUFFER* leaf = chain_pointers_[0];
  return {reinterpret_cast<const char*>(CRYPTO_BUFFER_data(leaf)), CRYPTO_BUFFER_len(leaf)};
}

bool Certificate::Give(SSL* ssl) const {
  const auto* timestamps = reinterpret_cast<const uint8_t*>(timestamps_.data());
  if (!timestamps_.empty() &&
      SSL_set_signed_cert_timestamp_list(ssl, timestamps, timestamps_.size()) != 1) {
    return false;
  }
  return SSL_set_chain_and_key(ssl, chain_pointers_.data(), chain_pointers_.size(), nullptr,
                               KeyMethod()) == 1;
}

bool Certificate::Give(SSL_CTX* context) const {
  return SSL_CTX_set_chain_and_key(context, chain_pointers_.data(), chain_pointers_.size(), nullptr,
                                   KeyMethod()) == 1;
}

}  // namespace tls
