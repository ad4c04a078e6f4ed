#include "tls/tickets.h"

#include <openssl/aes.h>
#include <openssl/base64.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/hkdf.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstring>

namespace tls {
namespace {

constexpr size_t kShortBytes = 48;
constexpr size_t kLongBytes = 80;

}  // namespace

TicketSecret TicketSecret::Draw(uint64_t now_s) {
  TicketSecret secret;
  RAND_bytes(secret.bytes.data(), secret.bytes.size());
  secret.since_s = now_s;
  return secret;
}

// As OpenSSL's own tools split a key: its name, the key of the HMAC, the key of the cipher.
TicketKeys::Key TicketKeys::FromFile(const TicketKeyBytes& bytes) {
  Key key{};
  key.aes_bytes = bytes.size() == kLongBytes ? 32 : 16;
  std::memcpy(key.name, bytes.data(), 16);
  std::memcpy(key.hmac, bytes.data() + 16, key.aes_bytes);
  std::memcpy(key.aes, bytes.data() + 16 + key.aes_bytes, key.aes_bytes);
  return key;
}

TicketKeys::Key TicketKeys::Derive(const std::array<uint8_t, 32>& secret) {
  uint8_t bytes[kLongBytes];
  static constexpr char kLabel[] = "ringway ticket key";
  HKDF_expand(bytes, sizeof(bytes), EVP_sha256(), secret.data(), secret.size(),
              reinterpret_cast<const uint8_t*>(kLabel), sizeof(kLabel) - 1);
  const Key key = FromFile(TicketKeyBytes(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
  OPENSSL_cleanse(bytes, sizeof(bytes));
  return key;
}

void TicketKeys::Advance(uint64_t now_s) {
  if (!ready_) {
    current_ = previous_ = Derive(secret_.bytes);
    ready_ = true;
  }
  while (now_s >= secret_.since_s + kRotationSeconds) {
    uint8_t next[SHA256_DIGEST_LENGTH];
    SHA256(secret_.bytes.data(), secret_.bytes.size(), next);
    std::memcpy(secret_.bytes.data(), next, sizeof(next));
    secret_.since_s += kRotationSeconds;
    previous_ = current_;
    current_ = Derive(secret_.bytes);
  }
}

int TicketKeys::Apply(const std::vector<TicketKeyBytes>& file_keys, uint64_t now_s, uint8_t* name,
                      uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac, bool encrypt) {
  // The file's last but one encrypts: the last is already known to those who read the file later.
  Key keys[kTicketKeysOfFile];
  size_t count = 0;
  if (file_keys.empty()) {
    Advance(now_s);
    keys[count++] = current_;
    keys[count++] = previous_;
  } else {
    const size_t last = file_keys.size() - 1;
    keys[count++] = FromFile(file_keys[last - 1]);
    keys[count++] = FromFile(file_keys[last]);
    keys[count++] = FromFile(file_keys[last - 2]);
  }
  const auto use = [&](const Key& key) {
    const EVP_CIPHER* aes = key.aes_bytes == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
    if (encrypt && RAND_bytes(iv, AES_BLOCK_SIZE) != 1) return false;
    return EVP_CipherInit_ex(cipher, aes, nullptr, key.aes, iv, encrypt ? 1 : 0) == 1 &&
           HMAC_Init_ex(hmac, key.hmac, key.aes_bytes, EVP_sha256(), nullptr) == 1;
  };
  if (encrypt) {
    std::memcpy(name, keys[0].name, sizeof(keys[0].name));
    return use(keys[0]) ? 1 : -1;
  }
  for (size_t i = 0; i < count; ++i) {
    if (std::memcmp(name, keys[i].name, sizeof(keys[i].name)) != 0) continue;
    if (!use(keys[i])) return -1;
    return i == 0 ? 1 : 2;  // 2: a fresh ticket under the current key follows
  }
  return 0;
}

bool ParseTicketKeys(const NamedText& file, std::vector<TicketKeyBytes>* keys, std::string* error) {
  std::string_view rest = file.text;
  size_t line_number = 0;
  std::vector<TicketKeyBytes> all;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++line_number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty()) continue;
    uint8_t bytes[128];
    size_t length = 0;
    const bool decoded =
        line.size() <= 128 &&
        EVP_DecodeBase64(bytes, &length, sizeof(bytes),
                         reinterpret_cast<const uint8_t*>(line.data()), line.size()) == 1;
    if (!decoded || (length != kShortBytes && length != kLongBytes)) {
      *error = "line " + std::to_string(line_number) + " of '" + file.name +
               "' is no key of 48 or 80 bytes in base64";
      return false;
    }
    if (!all.empty() && all[0].size() != length) {
      *error = "line " + std::to_string(line_number) + " of '" + file.name +
               "' is a key of another length than the first";
      return false;
    }
    all.emplace_back(reinterpret_cast<const char*>(bytes), length);
  }
  if (all.size() < kTicketKeysOfFile) {
    *error = "'" + file.name + "' holds " + std::to_string(all.size()) + " keys, but at least " +
             std::to_string(kTicketKeysOfFile) + " are needed";
    return false;
  }
  keys->assign(all.end() - kTicketKeysOfFile, all.end());
  return true;
}

}  // namespace tls
