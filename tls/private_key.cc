#include "tls/private_key.h"

#include <openssl/digest.h>
#include <openssl/rsa.h>

#include <utility>

namespace tls {
namespace {

class LocalKey final : public PrivateKey {
 public:
  explicit LocalKey(Handle<EVP_PKEY> key) : key_(std::move(key)) {}

  bool Sign(uint16_t algorithm, std::span<const uint8_t> message, std::span<uint8_t> out,
            size_t* bytes) const override {
    if (SSL_get_signature_algorithm_key_type(algorithm) != EVP_PKEY_id(key_.get())) return false;
    bssl::ScopedEVP_MD_CTX context;
    EVP_PKEY_CTX* parameters = nullptr;
    const EVP_MD* digest = SSL_get_signature_algorithm_digest(algorithm);
    if (EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key_.get()) != 1) {
      return false;
    }
    // The salt is as long as the digest (RFC 8446 section 4.2.3).
    if (SSL_is_signature_algorithm_rsa_pss(algorithm) == 1 &&
        (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, -1) != 1)) {
      return false;
    }
    *bytes = out.size();
    return EVP_DigestSign(context.get(), out.data(), bytes, message.data(), message.size()) == 1;
  }

  bool Decrypt(std::span<const uint8_t> secret, std::span<uint8_t> out,
               size_t* bytes) const override {
    RSA* rsa = EVP_PKEY_get0_RSA(key_.get());
    return rsa != nullptr && RSA_decrypt(rsa, bytes, out.data(), out.size(), secret.data(),
                                         secret.size(), RSA_NO_PADDING) == 1;
  }

 private:
  const Handle<EVP_PKEY> key_;
};

}  // namespace

std::unique_ptr<const PrivateKey> MakeLocalKey(Handle<EVP_PKEY> key) {
  return std::make_unique<LocalKey>(std::move(key));
}

}  // namespace tls
