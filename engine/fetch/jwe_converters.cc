// Encrypted JSON Web Tokens in their compact form (RFC 7516, RFC 7518 sections 4 and 5).

#include <openssl/aead.h>
#include <openssl/aes.h>
#include <openssl/bn.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/expr/converters.h"
#include "engine/fetch/token_keys.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/server/jwe_names.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

template <typename T>
using Handle = bssl::UniquePtr<T>;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
std::string_view View(const uint8_t* bytes, size_t length) {
  return {reinterpret_cast<const char*>(bytes), length};
}

// The longest key is that of A256CBC-HS512.
constexpr size_t kKeyBytesMax = 64;

// A key that is gone is not left in memory.
struct SecretBytes {
  uint8_t bytes[kKeyBytesMax];
  size_t length = 0;

  SecretBytes() = default;
  ~SecretBytes() { OPENSSL_cleanse(bytes, sizeof(bytes)); }
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  std::string_view view() const { return View(bytes, length); }
  bool Set(std::string_view key) {
    if (key.size() > kKeyBytesMax) return false;
    std::memcpy(bytes, key.data(), key.size());
    length = key.size();
    return true;
  }
};

// What a token is decrypted with: one of them.
struct TokenKey {
  SecretBytes secret;
  bool is_secret = false;
  KeyStore::Key pair;
};

// Base64 with the alphabet of URLs, without '=' (RFC 7515 section 2). False: it is none, or there
// is no room.
bool DecodeUrl(std::string_view text, EvalContext& context, std::string_view* bytes) {
  static const ConverterSpec& decoder = ConverterOf(EncodingConverters(), "ub64dec");
  static const PreparedUnit kNoArguments;
  Sample sample = Sample::String(text);
  if (text.ends_with('=') || !decoder.run(kNoArguments, sample, context)) return false;
  *bytes = sample.text;
  return true;
}

// A member of a JSON object, as `json_query` gives it.
class Member {
 public:
  explicit Member(const char* path) : spec_(ConverterOf(JsonConverters(), "json_query")) {
    std::string why;
    unit_.arguments.all.resize(2);
    unit_.arguments.all[0].given = true;
    unit_.arguments.all[0].text = path;
    (void)spec_.prepare(unit_, &why);
  }
  bool Find(std::string_view json, EvalContext& context, std::string_view* text) const {
    Sample sample = Sample::String(json);
    if (!spec_.run(unit_, sample, context) || sample.type != SampleType::kString) return false;
    *text = sample.text;
    return true;
  }
  bool Exists(std::string_view json, EvalContext& context) const {
    Sample sample = Sample::String(json);
    return spec_.run(unit_, sample, context);
  }
  // Encoded.
  bool Decode(std::string_view json, EvalContext& context, std::string_view* bytes) const {
    std::string_view text;
    return Find(json, context, &text) && DecodeUrl(text, context, bytes);
  }

 private:
  const ConverterSpec& spec_;
  PreparedUnit unit_;
};

// All that are looked for, made once.
struct Members {
  Member alg{"$.alg"}, enc{"$.enc"}, zip{"$.zip"}, crit{"$.crit"}, iv{"$.iv"}, tag{"$.tag"};
  Member apu{"$.apu"}, apv{"$.apv"};
  Member epk_kty{"$.epk.kty"}, epk_crv{"$.epk.crv"}, epk_x{"$.epk.x"}, epk_y{"$.epk.y"};
  Member kty{"$.kty"}, k{"$.k"}, crv{"$.crv"}, n{"$.n"}, e{"$.e"}, d{"$.d"}, p{"$.p"}, q{"$.q"};
  Member dp{"$.dp"}, dq{"$.dq"}, qi{"$.qi"};
};
const Members& All() {
  static const Members& all = *new Members();
  return all;
}

// Ciphers -----------------------------------------------------------------------------------------

// Writes `in.size()` bytes and a block at most.
bool DecryptGcm(std::string_view key, std::string_view iv, std::string_view data,
                std::string_view in, std::string_view tag, uint8_t* out, size_t* length) {
  const EVP_CIPHER* cipher = key.size() == 16   ? EVP_aes_128_gcm()
                             : key.size() == 24 ? EVP_aes_192_gcm()
                             : key.size() == 32 ? EVP_aes_256_gcm()
                                                : nullptr;
  if (cipher == nullptr || iv.size() != 12 || tag.size() != 16) return false;
  bssl::ScopedEVP_CIPHER_CTX context;
  EVP_CIPHER_CTX* const c = context.get();
  int first = 0, unused = 0, rest = 0;
  if (EVP_DecryptInit_ex(c, cipher, nullptr, Bytes(key), Bytes(iv)) != 1 ||
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, const_cast<char*>(tag.data())) != 1 ||
      (!data.empty() &&
       EVP_DecryptUpdate(c, nullptr, &unused, Bytes(data), int(data.size())) != 1) ||
      (!in.empty() && EVP_DecryptUpdate(c, out, &first, Bytes(in), int(in.size())) != 1) ||
      EVP_DecryptFinal_ex(c, out + first, &rest) != 1) {
    return false;
  }
  *length = size_t(first) + size_t(rest);
  return true;
}

// RFC 7518 section 5.2.2: the first half of the key proves, the second one decrypts.
bool DecryptCbc(std::string_view key, std::string_view iv, std::string_view data,
                std::string_view in, std::string_view tag, uint8_t* out, size_t* length) {
  const size_t half = key.size() / 2;
  const EVP_MD* digest = half == 16 ? EVP_sha256() : half == 24 ? EVP_sha384() : EVP_sha512();
  const EVP_CIPHER* cipher = half == 16   ? EVP_aes_128_cbc()
                             : half == 24 ? EVP_aes_192_cbc()
                                          : EVP_aes_256_cbc();
  if (iv.size() != 16 || tag.size() != half || in.empty() || in.size() % 16 != 0) return false;
  uint8_t data_bits[8];
  for (size_t i = 0; i < 8; ++i) data_bits[i] = uint8_t(uint64_t(data.size()) * 8 >> (56 - 8 * i));
  uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned mac_bytes = 0;
  bssl::ScopedHMAC_CTX hmac;
  if (HMAC_Init_ex(hmac.get(), key.data(), half, digest, nullptr) != 1 ||
      HMAC_Update(hmac.get(), Bytes(data), data.size()) != 1 ||
      HMAC_Update(hmac.get(), Bytes(iv), iv.size()) != 1 ||
      HMAC_Update(hmac.get(), Bytes(in), in.size()) != 1 ||
      HMAC_Update(hmac.get(), data_bits, sizeof(data_bits)) != 1 ||
      HMAC_Final(hmac.get(), mac, &mac_bytes) != 1 || CRYPTO_memcmp(mac, tag.data(), half) != 0) {
    return false;
  }
  bssl::ScopedEVP_CIPHER_CTX context;
  int first = 0, rest = 0;
  if (EVP_DecryptInit_ex(context.get(), cipher, nullptr, Bytes(key.substr(half)), Bytes(iv)) != 1 ||
      EVP_DecryptUpdate(context.get(), out, &first, Bytes(in), int(in.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), out + first, &rest) != 1) {
    return false;
  }
  *length = size_t(first) + size_t(rest);
  return true;
}

size_t KeyBytes(JweEncryption encryption) {
  static constexpr size_t kBytes[] = {32, 48, 64, 16, 24, 32};
  return kBytes[size_t(encryption)];
}

// RFC 3394.
bool Unwrap(std::string_view wrapping, std::string_view wrapped, SecretBytes* key) {
  AES_KEY aes;
  if (wrapped.size() < 24 || wrapped.size() > kKeyBytesMax + 8 || wrapped.size() % 8 != 0 ||
      AES_set_decrypt_key(Bytes(wrapping), unsigned(wrapping.size() * 8), &aes) != 0) {
    return false;
  }
  const int length = AES_unwrap_key(&aes, nullptr, key->bytes, Bytes(wrapped), wrapped.size());
  OPENSSL_cleanse(&aes, sizeof(aes));
  if (length < 0) return false;
  key->length = size_t(length);
  return true;
}

// Keys of pairs -----------------------------------------------------------------------------------

bool DecryptRsa(EVP_PKEY* pair, JweAlgorithm algorithm, std::string_view encrypted,
                size_t key_bytes, SecretBytes* key) {
  constexpr size_t kModulusBytesMax = 2048;
  const RSA* rsa = EVP_PKEY_get0_RSA(pair);
  if (rsa == nullptr || size_t(RSA_size(rsa)) > kModulusBytesMax ||
      encrypted.size() != size_t(RSA_size(rsa))) {
    return false;
  }
  uint8_t out[kModulusBytesMax];
  size_t length = sizeof(out);
  const bool old = algorithm == JweAlgorithm::kRsa15;
  const EVP_MD* digest = algorithm == JweAlgorithm::kRsaOaep ? EVP_sha1() : EVP_sha256();
  Handle<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(pair, nullptr));
  bool done =
      context != nullptr && EVP_PKEY_decrypt_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(),
                                   old ? RSA_PKCS1_PADDING : RSA_PKCS1_OAEP_PADDING) == 1 &&
      (old || (EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), digest) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), digest) == 1)) &&
      EVP_PKEY_decrypt(context.get(), out, &length, Bytes(encrypted), encrypted.size()) == 1 &&
      length == key_bytes;
  // Nobody is to learn from the time it takes whether the padding was good (RFC 7516 section 11.5):
  // with another key the content is refused.
  if (!done && old) {
    length = key_bytes;
    done = RAND_bytes(out, length) == 1;
  }
  done = done && key->Set(View(out, length));
  OPENSSL_cleanse(out, sizeof(out));
  return done;
}

int CurveOf(std::string_view name) {
  return name == "P-256"   ? NID_X9_62_prime256v1
         : name == "P-384" ? NID_secp384r1
         : name == "P-521" ? NID_secp521r1
                           : NID_undef;
}

Handle<BIGNUM> NumberOf(std::string_view bytes) {
  return Handle<BIGNUM>(BN_bin2bn(Bytes(bytes), bytes.size(), nullptr));
}

struct Header {
  JweAlgorithm algorithm{};
  JweEncryption encryption{};
  std::string_view text;
};

void AddNumber(SHA256_CTX* hash, size_t number) {
  const uint8_t bytes[] = {uint8_t(number >> 24), uint8_t(number >> 16), uint8_t(number >> 8),
                           uint8_t(number)};
  SHA256_Update(hash, bytes, sizeof(bytes));
}
void AddCounted(SHA256_CTX* hash, std::string_view bytes) {
  AddNumber(hash, bytes.size());
  SHA256_Update(hash, bytes.data(), bytes.size());
}

// RFC 7518 section 4.6.2: what both ends agree on, and the Concat KDF over it.
bool AgreeOnKey(EVP_PKEY* pair, const Header& header, EvalContext& context, size_t key_bytes,
                SecretBytes* key) {
  constexpr size_t kFieldBytesMax = 66;
  const Members& all = All();
  const EC_KEY* own = EVP_PKEY_get0_EC_KEY(pair);
  std::string_view type, curve, x, y, party_u, party_v;
  if (own == nullptr || !all.epk_kty.Find(header.text, context, &type) || type != "EC" ||
      !all.epk_crv.Find(header.text, context, &curve) ||
      CurveOf(curve) != EC_GROUP_get_curve_name(EC_KEY_get0_group(own)) ||
      !all.epk_x.Decode(header.text, context, &x) || !all.epk_y.Decode(header.text, context, &y) ||
      x.size() > kFieldBytesMax || y.size() > kFieldBytesMax) {
    return false;
  }
  if (all.apu.Exists(header.text, context) && !all.apu.Decode(header.text, context, &party_u)) {
    return false;
  }
  if (all.apv.Exists(header.text, context) && !all.apv.Decode(header.text, context, &party_v)) {
    return false;
  }
  // A point that is not on the curve is refused here.
  Handle<EC_KEY> other(EC_KEY_new_by_curve_name(CurveOf(curve)));
  const Handle<BIGNUM> point_x = NumberOf(x), point_y = NumberOf(y);
  if (other == nullptr || point_x == nullptr || point_y == nullptr ||
      EC_KEY_set_public_key_affine_coordinates(other.get(), point_x.get(), point_y.get()) != 1) {
    return false;
  }
  uint8_t shared[kFieldBytesMax];
  const int shared_bytes =
      ECDH_compute_key(shared, sizeof(shared), EC_KEY_get0_public_key(other.get()), own, nullptr);
  if (shared_bytes <= 0) return false;
  const bool direct = header.algorithm == JweAlgorithm::kEcdhEs;
  const std::string_view purpose = direct ? kJweEncryptionNames[size_t(header.encryption)]
                                          : kJweAlgorithmNames[size_t(header.algorithm)];
  for (size_t round = 0; round * SHA256_DIGEST_LENGTH < key_bytes; ++round) {
    SHA256_CTX hash;
    SHA256_Init(&hash);
    AddNumber(&hash, round + 1);
    SHA256_Update(&hash, shared, size_t(shared_bytes));
    AddCounted(&hash, purpose);
    AddCounted(&hash, party_u);
    AddCounted(&hash, party_v);
    AddNumber(&hash, key_bytes * 8);
    SHA256_Final(key->bytes + round * SHA256_DIGEST_LENGTH, &hash);
  }
  static_assert(kKeyBytesMax % SHA256_DIGEST_LENGTH == 0);
  key->length = key_bytes;
  OPENSSL_cleanse(shared, sizeof(shared));
  return true;
}

// Tokens ------------------------------------------------------------------------------------------

template <size_t kNames>
bool FindName(const std::string_view (&names)[kNames], std::string_view name, size_t* index) {
  *index = size_t(std::find(std::begin(names), std::end(names), name) - std::begin(names));
  return *index < kNames;
}

// The key of the content.
bool FindContentKey(const TokenKey& key, const Header& header, std::string_view encrypted,
                    EvalContext& context, SecretBytes* content_key) {
  using enum JweAlgorithm;
  const size_t key_bytes = KeyBytes(header.encryption);
  const JweAlgorithm algorithm = header.algorithm;
  const auto width = [algorithm](JweAlgorithm first) {
    return 16 + 8 * (size_t(algorithm) - size_t(first));
  };
  if (algorithm >= kA128Kw && algorithm <= kDirect) {
    if (!key.is_secret) return false;
    const std::string_view secret = key.secret.view();
    if (algorithm == kDirect) return encrypted.empty() && content_key->Set(secret);
    if (algorithm <= kA256Kw) {
      return secret.size() == width(kA128Kw) && Unwrap(secret, encrypted, content_key);
    }
    std::string_view iv, tag;
    return secret.size() == width(kA128GcmKw) && encrypted.size() == key_bytes &&
           All().iv.Decode(header.text, context, &iv) &&
           All().tag.Decode(header.text, context, &tag) &&
           DecryptGcm(secret, iv, {}, encrypted, tag, content_key->bytes, &content_key->length);
  }
  if (key.pair == nullptr) return false;
  if (algorithm <= kRsaOaep256) {
    return DecryptRsa(key.pair.get(), algorithm, encrypted, key_bytes, content_key);
  }
  if (algorithm == kEcdhEs) {
    return encrypted.empty() && AgreeOnKey(key.pair.get(), header, context, key_bytes, content_key);
  }
  SecretBytes wrapping;
  return AgreeOnKey(key.pair.get(), header, context, width(kEcdhEsA128Kw), &wrapping) &&
         Unwrap(wrapping.view(), encrypted, content_key);
}

struct Allowed {
  uint32_t algorithms = kJweAlgorithmsDefault;
  uint32_t encryptions = kJweEncryptionsAll;
};
Allowed AllowedBy(EvalContext& context) {
  const Worker* worker = Traffic(context).worker;
  if (worker == nullptr) return {};
  const GlobalTls& global = worker->configuration().global.tls;
  return {global.jwe_algorithms, global.jwe_encryptions};
}

bool ReadHeader(std::string_view encoded, EvalContext& context, Header* header) {
  const Members& all = All();
  std::string_view algorithm, encryption;
  size_t algorithm_index = 0, encryption_index = 0;
  if (encoded.empty() || !DecodeUrl(encoded, context, &header->text) ||
      !all.alg.Find(header->text, context, &algorithm) ||
      !all.enc.Find(header->text, context, &encryption) ||
      !FindName(kJweAlgorithmNames, algorithm, &algorithm_index) ||
      !FindName(kJweEncryptionNames, encryption, &encryption_index)) {
    return false;
  }
  // What must be understood is not, and nothing is decompressed.
  if (all.crit.Exists(header->text, context) || all.zip.Exists(header->text, context)) return false;
  const Allowed allowed = AllowedBy(context);
  header->algorithm = JweAlgorithm(algorithm_index);
  header->encryption = JweEncryption(encryption_index);
  return (allowed.algorithms >> algorithm_index & 1) != 0 &&
         (allowed.encryptions >> encryption_index & 1) != 0;
}

bool DecryptToken(std::string_view token, const TokenKey& key, EvalContext& context,
                  std::string_view* content) {
  constexpr size_t kParts = 5;
  std::string_view parts[kParts];
  for (size_t i = 0; i < kParts; ++i) {
    const size_t dot = token.find('.');
    if ((dot == token.npos) != (i + 1 == kParts)) return false;
    parts[i] = token.substr(0, dot);
    token.remove_prefix(dot == token.npos ? token.size() : dot + 1);
  }
  Header header;
  std::string_view encrypted_key, iv, in, tag;
  Scratch& scratch = context.scratch();
  if (!ReadHeader(parts[0], context, &header) || !DecodeUrl(parts[1], context, &encrypted_key) ||
      !DecodeUrl(parts[2], context, &iv) || !DecodeUrl(parts[3], context, &in) ||
      !DecodeUrl(parts[4], context, &tag)) {
    return false;
  }
  SecretBytes content_key;
  if (!FindContentKey(key, header, encrypted_key, context, &content_key) ||
      content_key.length != KeyBytes(header.encryption)) {
    return false;
  }
  char* const out = scratch.Take(in.size() + EVP_MAX_BLOCK_LENGTH);
  if (out == nullptr) return false;
  const auto decrypt = header.encryption < JweEncryption::kA128Gcm ? &DecryptCbc : &DecryptGcm;
  size_t length = 0;
  const bool done =
      decrypt(content_key.view(), iv, parts[0], in, tag, reinterpret_cast<uint8_t*>(out), &length);
  *content = {out, length};
  return done;
}

// Keys as they are written ------------------------------------------------------------------------

// Either alphabet, with or without '='.
bool ReadSecret(std::string_view text, EvalContext& context, TokenKey* key) {
  while (text.ends_with('=')) text.remove_suffix(1);
  char* const copy = context.scratch().Take(text.size());
  if (copy == nullptr) return false;
  std::transform(text.begin(), text.end(), copy, [](char c) {
    return c == '+' ? '-' : c == '/' ? '_' : c;
  });
  std::string_view bytes;
  key->is_secret = true;
  return !text.empty() && DecodeUrl({copy, text.size()}, context, &bytes) && key->secret.Set(bytes);
}

Handle<EVP_PKEY> ReadCurveKey(std::string_view json, EvalContext& context) {
  std::string_view curve, d;
  if (!All().crv.Find(json, context, &curve) || CurveOf(curve) == NID_undef ||
      !All().d.Decode(json, context, &d)) {
    return nullptr;
  }
  Handle<EC_KEY> own(EC_KEY_new_by_curve_name(CurveOf(curve)));
  Handle<EVP_PKEY> key(EVP_PKEY_new());
  const Handle<BIGNUM> number = NumberOf(d);
  if (own == nullptr || key == nullptr || number == nullptr ||
      EC_KEY_set_private_key(own.get(), number.get()) != 1 ||
      EVP_PKEY_set1_EC_KEY(key.get(), own.get()) != 1) {
    return nullptr;
  }
  return key;
}

Handle<EVP_PKEY> ReadRsaKey(std::string_view json, EvalContext& context) {
  const Members& all = All();
  const Member* const members[] = {&all.n, &all.e,  &all.d,  &all.p,
                                   &all.q, &all.dp, &all.dq, &all.qi};
  Handle<BIGNUM> numbers[std::size(members)];
  size_t count = 0;
  for (const Member* member : members) {
    std::string_view bytes;
    if (!member->Decode(json, context, &bytes)) break;
    numbers[count] = NumberOf(bytes);
    if (numbers[count] == nullptr) return nullptr;
    ++count;
  }
  // RFC 7518 section 6.3.2: all of the other five, or none.
  if (count != 3 && count != std::size(members)) return nullptr;
  Handle<RSA> rsa(RSA_new());
  Handle<EVP_PKEY> key(EVP_PKEY_new());
  if (rsa == nullptr || key == nullptr) return nullptr;
  const auto give = [&numbers](size_t i) { return numbers[i].get(); };
  if (RSA_set0_key(rsa.get(), give(0), give(1), give(2)) != 1) return nullptr;
  for (size_t i = 0; i < 3; ++i) (void)numbers[i].release();
  if (count > 3) {
    if (RSA_set0_factors(rsa.get(), give(3), give(4)) != 1) return nullptr;
    for (size_t i = 3; i < 5; ++i) (void)numbers[i].release();
    if (RSA_set0_crt_params(rsa.get(), give(5), give(6), give(7)) != 1) return nullptr;
    for (size_t i = 5; i < 8; ++i) (void)numbers[i].release();
  }
  if (RSA_check_key(rsa.get()) != 1 || EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1) return nullptr;
  return key;
}

// RFC 7517.
bool ReadJwk(std::string_view json, EvalContext& context, TokenKey* key) {
  std::string_view type, bytes;
  if (!All().kty.Find(json, context, &type)) return false;
  if (type == "oct") {
    key->is_secret = true;
    return All().k.Decode(json, context, &bytes) && key->secret.Set(bytes);
  }
  if (type != "EC" && type != "RSA") return false;
  Handle<EVP_PKEY> pair = type == "EC" ? ReadCurveKey(json, context) : ReadRsaKey(json, context);
  ERR_clear_error();
  if (pair == nullptr) return false;
  key->pair = KeyStore::Key(pair.release(), &EVP_PKEY_free);
  return true;
}

// The converters ----------------------------------------------------------------------------------

using KeyReader = bool (*)(std::string_view text, EvalContext& context, TokenKey* key);

// What a variable names: only what some configuration has named, nothing is read from a disk now.
bool FindFileKey(std::string_view path, EvalContext&, TokenKey* key) {
  EVP_PKEY* pair = KeyStore::Of(KeyFile::kPrivate).Find(path);
  if (pair == nullptr) return false;
  EVP_PKEY_up_ref(pair);
  key->pair = KeyStore::Key(pair, &EVP_PKEY_free);
  return true;
}

bool FindKey(const PreparedUnit& unit, EvalContext& context, KeyReader read, TokenKey* key) {
  const Sample* found = context.FindVariable(*unit.arguments.all[0].variable);
  if (found == nullptr) return false;
  Sample sample = *found;
  return Cast(sample, SampleKind::kString, context.scratch()) && read(sample.text, context, key);
}

template <KeyReader kRead>
bool Decrypt(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  std::string_view content;
  bool done = false;
  if (unit.object != nullptr) {
    const auto& key = *static_cast<const TokenKey*>(unit.object.get());
    done = DecryptToken(sample.text, key, context, &content);
  } else {
    TokenKey key;
    done = FindKey(unit, context, kRead, &key) && DecryptToken(sample.text, key, context, &content);
  }
  ERR_clear_error();
  // Whatever is wrong gives an empty text.
  return GiveBytes(sample, done ? content : std::string_view());
}

// While a configuration is read there is nothing but room.
class ReadingContext final : public EvalContext {
 public:
  explicit ReadingContext(Scratch& scratch) : EvalContext(scratch) {}
  uint64_t WallMicros() const override { return 0; }
  uint64_t Random() override { return 0; }
  const Sample* FindVariable(const VariableName&) override { return nullptr; }
};

// What begins like a variable is one.
bool IsVariable(PreparedUnit& unit) {
  std::string ignored;
  Argument& argument = unit.arguments.all[0];
  argument.variable = ParseVariable(argument.text, &ignored);
  return argument.variable.has_value();
}

bool PrepareText(PreparedUnit& unit, KeyReader read, const char* what, std::string* why) {
  if (IsVariable(unit)) return true;
  std::vector<char> memory(65536);
  Scratch scratch(memory.data(), memory.size());
  ReadingContext context(scratch);
  auto key = std::make_shared<TokenKey>();
  const bool good = read(unit.arguments.all[0].text, context, key.get());
  OPENSSL_cleanse(memory.data(), memory.size());
  if (!good) {
    *why = what;
    return false;
  }
  unit.object = std::move(key);
  return true;
}

bool PrepareSecret(PreparedUnit& unit, std::string* why) {
  return PrepareText(unit, &ReadSecret, "<secret> is a key of up to 64 bytes in base64", why);
}
bool PrepareJwk(PreparedUnit& unit, std::string* why) {
  return PrepareText(unit, &ReadJwk,
                     "<jwk> is a JSON Web Key with \"kty\" \"oct\" and \"k\", \"EC\" and \"crv\", "
                     "\"d\", or \"RSA\" and \"n\", \"e\", \"d\"",
                     why);
}
bool PrepareFile(PreparedUnit& unit, std::string* why) {
  if (IsVariable(unit)) return true;
  auto key = std::make_shared<TokenKey>();
  key->pair = KeyStore::Of(KeyFile::kPrivate).Load(unit.arguments.all[0].text, why);
  if (key->pair == nullptr) return false;
  unit.object = std::move(key);
  return true;
}

constexpr ArgumentSpec kCert[] = {{"cert", ArgumentType::kString}};
constexpr ArgumentSpec kJwk[] = {{"jwk", ArgumentType::kString}};
constexpr ArgumentSpec kSecret[] = {{"secret", ArgumentType::kString}};
using kind::kBinary;
using kind::kText;

constexpr ConverterSpec kJweConverters[] = {
    {"jwt_decrypt_cert", kText, kBinary, kCert, &Decrypt<&FindFileKey>, &PrepareFile,
     needs::kServing},
    {"jwt_decrypt_jwk", kText, kBinary, kJwk, &Decrypt<&ReadJwk>, &PrepareJwk, needs::kServing},
    {"jwt_decrypt_secret", kText, kBinary, kSecret, &Decrypt<&ReadSecret>, &PrepareSecret,
     needs::kServing},
};

}  // namespace

std::span<const ConverterSpec> SecretTokenConverters() { return kJweConverters; }

}  // namespace engine
