#include "tests/tls/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace tls {
namespace {

Handle<EVP_PKEY> MakeKey(KeyKind kind) {
  Handle<EVP_PKEY> key(EVP_PKEY_new());
  if (kind == KeyKind::kRsa) {
    Handle<BIGNUM> exponent(BN_new());
    Handle<RSA> rsa(RSA_new());
    MUST(BN_set_word(exponent.get(), RSA_F4) == 1);
    MUST(RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr) == 1);
    MUST(EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1);
    return key;
  }
  Handle<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  MUST(EC_KEY_generate_key(ec.get()) == 1);
  MUST(EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1);
  return key;
}

std::string TextOf(BIO* bio) {
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  MUST(BIO_mem_contents(bio, &bytes, &length) == 1);
  return std::string(reinterpret_cast<const char*>(bytes), length);
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  Handle<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, const_cast<char*>(value.c_str())));
  MUST(extension != nullptr);
  MUST(X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace

PemPair MakePem(const CertificateWish& wish) {
  Handle<EVP_PKEY> key = MakeKey(wish.kind);
  Handle<X509> certificate(X509_new());
  MUST(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1) == 1);
  MUST(X509_gmtime_adj(X509_get_notBefore(certificate.get()), wish.lives_from_s) != nullptr);
  MUST(X509_gmtime_adj(X509_get_notAfter(certificate.get()), wish.lives_to_s) != nullptr);
  Handle<X509_NAME> name(X509_NAME_new());
  MUST(X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_ASC,
                                  reinterpret_cast<const uint8_t*>("test"), -1, -1, 0) == 1);
  MUST(X509_set_subject_name(certificate.get(), name.get()) == 1);
  MUST(X509_set_issuer_name(certificate.get(), name.get()) == 1);
  MUST(X509_set_pubkey(certificate.get(), key.get()) == 1);
  std::string names;
  for (const std::string& one : wish.names) names += (names.empty() ? "DNS:" : ",DNS:") + one;
  for (int i = 0; i * 60 < wish.chain_padding_bytes; ++i) {
    names += ",DNS:" + std::string(50, 'x') + std::to_string(i) + ".padding";
  }
  if (!names.empty()) AddExtension(certificate.get(), NID_subject_alt_name, names);
  MUST(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  Handle<BIO> certificate_text(BIO_new(BIO_s_mem()));
  Handle<BIO> key_text(BIO_new(BIO_s_mem()));
  MUST(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
  MUST(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
       1);
  return {TextOf(certificate_text.get()), TextOf(key_text.get())};
}

std::shared_ptr<const Certificate> MakeCertificate(const CertificateWish& wish) {
  const PemPair pem = MakePem(wish);
  std::string error;
  auto certificate = Certificate::Load({"made", pem.certificate + pem.key}, {}, &error);
  MUST(certificate != nullptr);
  return certificate;
}

}  // namespace tls
