#include "tls/staple.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/digest.h>

#include <string_view>

#include "proto/tls/ocsp_view.h"

namespace tls {
namespace {

using proto::OcspAnswer;
using proto::OcspStatus;

struct HashKind {
  std::string_view identifier;
  const EVP_MD* (*digest)();
};
constexpr HashKind kHashes[] = {{"\x2b\x0e\x03\x02\x1a", EVP_sha1},
                                {"\x60\x86\x48\x01\x65\x03\x04\x02\x01", EVP_sha256},
                                {"\x60\x86\x48\x01\x65\x03\x04\x02\x02", EVP_sha384},
                                {"\x60\x86\x48\x01\x65\x03\x04\x02\x03", EVP_sha512}};

std::string HashOf(const EVP_MD* digest, const uint8_t* bytes, size_t length) {
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned hash_bytes = 0;
  if (EVP_Digest(bytes, length, hash, &hash_bytes, digest, nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(hash), hash_bytes};
}

std::string SerialOf(const X509* leaf) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf);
  Handle<BIGNUM> number(ASN1_INTEGER_to_BN(serial, nullptr));
  if (number == nullptr) return {};
  std::string bytes(BN_num_bytes(number.get()), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes.empty() ? std::string(1, '\0') : bytes;
}

// A hash of a kind that is not known here is taken for right: the serial number has been compared.
bool IsAbout(const OcspAnswer& answer, X509* leaf, X509* issuer) {
  if (answer.serial != SerialOf(leaf)) return false;
  for (const HashKind& kind : kHashes) {
    if (answer.hash != kind.identifier) continue;
    uint8_t* name = nullptr;
    const int name_bytes = i2d_X509_NAME(X509_get_issuer_name(leaf), &name);
    if (name_bytes <= 0) return false;
    const std::string name_hash = HashOf(kind.digest(), name, size_t(name_bytes));
    OPENSSL_free(name);
    if (answer.issuer_name != name_hash) return false;
    if (issuer == nullptr) return true;
    const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(issuer);
    return answer.issuer_key ==
           HashOf(kind.digest(), ASN1_STRING_get0_data(key), size_t(ASN1_STRING_length(key)));
  }
  return true;
}

}  // namespace

bool ReadStaple(const NamedText& file, X509* leaf, X509* issuer, Staple* staple,
                std::string* error) {
  const auto fail = [&](const std::string& what) {
    *error = "the OCSP response in '" + file.name + "' " + what;
    return false;
  };
  proto::OcspView view;
  if (!proto::ReadOcspResponse(file.text, &view)) return fail("is broken");
  if (view.status != 0) {
    return fail("is a refusal of the responder (status " + std::to_string(view.status) + ")");
  }
  // One answer, and until when it holds, or clients make of it what they like (manual 5.1, crt).
  OcspAnswer answer;
  OcspAnswer second;
  if (!proto::NextOcspAnswer(view.answers, &answer)) return fail("is broken");
  if (proto::NextOcspAnswer(view.answers, &second)) return fail("has more than one answer");
  if (!view.answers.rest.empty()) return fail("is broken");
  if (!IsAbout(answer, leaf, issuer)) return fail("is about another certificate");
  if (answer.status == OcspStatus::kRevoked) return fail("says that the certificate is revoked");
  if (answer.status == OcspStatus::kUnknown) return fail("does not know the certificate");
  if (answer.next_update_s == 0) return fail("does not say until when it holds (nextUpdate)");
  if (answer.next_update_s <= answer.this_update_s) return fail("ends before it begins");
  staple->der = file.text;
  staple->from_s = answer.this_update_s;
  staple->until_s = answer.next_update_s;
  return true;
}

}  // namespace tls
