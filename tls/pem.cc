#include "tls/pem.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/pem.h>

namespace tls {

bool PemBlock::is_certificate() const {
  return kind == "CERTIFICATE" || kind == "X509 CERTIFICATE" || kind == "TRUSTED CERTIFICATE";
}

bool PemBlock::is_encrypted() const {
  return kind == "ENCRYPTED PRIVATE KEY" || header.find("ENCRYPTED") != std::string::npos;
}

std::string_view PemBlock::certificate() const {
  CBS all;
  CBS one;
  CBS_init(&all, bytes.get(), size_t(length));
  if (CBS_get_asn1_element(&all, &one, CBS_ASN1_SEQUENCE) == 0) {
    return {reinterpret_cast<const char*>(bytes.get()), size_t(length)};
  }
  return {reinterpret_cast<const char*>(CBS_data(&one)), CBS_len(&one)};
}

Handle<X509> ParseCertificate(const PemBlock& block) {
  const std::string_view der = block.certificate();
  const auto* at = reinterpret_cast<const uint8_t*>(der.data());
  return Handle<X509>(d2i_X509(nullptr, &at, long(der.size())));
}

PemReader::PemReader(std::string_view text) {
  ERR_clear_error();
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  bio_.reset(BIO_new_mem_buf(text.data(), int(text.size())));
}

bool PemReader::Next(PemBlock* block) {
  char* kind = nullptr;
  char* header = nullptr;
  uint8_t* bytes = nullptr;
  if (PEM_read_bio(bio_.get(), &kind, &header, &bytes, &block->length) == 1) {
    block->kind = kind;
    block->header = header;
    block->bytes.reset(bytes);
    OPENSSL_free(kind);
    OPENSSL_free(header);
    return true;
  }
  const uint32_t error = ERR_peek_last_error();
  broken_ = error != 0 &&
            !(ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE);
  if (!broken_) ERR_clear_error();
  return false;
}

}  // namespace tls
