#include "engine/fetch/token_keys.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <iterator>

#include "base/start_rights.h"

namespace engine {
namespace {

// In the order of KeyFile.
constexpr const char* kKinds[] = {"public key", "certificate", "private key"};
static_assert(std::size(kKinds) == size_t(KeyFile::kCount));

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioSource = std::unique_ptr<BIO, BioDeleter>;
BioSource SourceOf(const std::string& text) {
  return BioSource(BIO_new_mem_buf(text.data(), int(text.size())));
}

// "BEGIN PUBLIC KEY", or "BEGIN RSA PUBLIC KEY" (PKCS #1).
EVP_PKEY* ReadPublicKey(const std::string& text) {
  EVP_PKEY* key = PEM_read_bio_PUBKEY(SourceOf(text).get(), nullptr, nullptr, nullptr);
  if (key != nullptr) return key;
  RSA* rsa = PEM_read_bio_RSAPublicKey(SourceOf(text).get(), nullptr, nullptr, nullptr);
  if (rsa == nullptr) return nullptr;
  key = EVP_PKEY_new();
  if (EVP_PKEY_assign_RSA(key, rsa) == 1) return key;
  RSA_free(rsa);
  EVP_PKEY_free(key);
  return nullptr;
}

EVP_PKEY* ReadKeyOfCertificate(const std::string& text) {
  X509* certificate = PEM_read_bio_X509(SourceOf(text).get(), nullptr, nullptr, nullptr);
  if (certificate == nullptr) return nullptr;
  EVP_PKEY* key = X509_get_pubkey(certificate);
  X509_free(certificate);
  return key;
}

EVP_PKEY* ReadKey(KeyFile kind, const std::string& text) {
  switch (kind) {
    case KeyFile::kPublic:
      return ReadPublicKey(text);
    case KeyFile::kCertificate:
      return ReadKeyOfCertificate(text);
    case KeyFile::kPrivate:
      return PEM_read_bio_PrivateKey(SourceOf(text).get(), nullptr, nullptr, nullptr);
    case KeyFile::kCount:
      break;
  }
  return nullptr;
}

}  // namespace

KeyStore::Key KeyStore::Load(const std::string& path, std::string* why) {
  std::string text;
  if (base::StartRights::Current().ReadFile(path, &text) < 0) {
    *why = "cannot read '" + path + "'";
    return nullptr;
  }
  const std::lock_guard<std::mutex> guard(mutex_);
  const Keys* now = keys_.load(std::memory_order_relaxed);
  if (now != nullptr) {
    const auto found = now->find(path);
    if (found != now->end() && found->second.text == text) return found->second.key;
  }
  EVP_PKEY* read = ReadKey(kind_, text);
  ERR_clear_error();
  if (read == nullptr) {
    *why = "'" + path + "' holds no " + kKinds[size_t(kind_)];
    return nullptr;
  }
  Key key(read, &EVP_PKEY_free);
  auto next = now == nullptr ? std::make_unique<Keys>() : std::make_unique<Keys>(*now);
  next->insert_or_assign(path, Entry{std::move(text), key});
  keys_.store(next.get(), std::memory_order_release);
  all_.push_back(std::move(next));
  return key;
}

EVP_PKEY* KeyStore::Find(std::string_view path) const {
  const Keys* now = keys_.load(std::memory_order_acquire);
  if (now == nullptr) return nullptr;
  const auto found = now->find(path);
  return found == now->end() ? nullptr : found->second.key.get();
}

KeyStore& KeyStore::Of(KeyFile kind) {
  static KeyStore stores[] = {KeyStore(KeyFile::kPublic), KeyStore(KeyFile::kCertificate),
                              KeyStore(KeyFile::kPrivate)};
  return stores[size_t(kind)];
}

}  // namespace engine
