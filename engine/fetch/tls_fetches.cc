#include <openssl/sha.h>

#include <algorithm>
#include <cstdio>

#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "proto/tls/suite_names.h"
#include "tls/info.h"
#include "tls/link.h"

namespace engine {
namespace {

using tls::Link;

// Null: the connection is gone, or speaks no TLS.
template <End kEnd>
const Link* LinkOf(EvalContext& context) {
  const shard::Connection* connection = Traffic(context).*kEnd;
  return connection == nullptr ? nullptr : Link::Of(*connection);
}

// Null until its handshake is over, too.
template <End kEnd>
const SSL* Session(EvalContext& context) {
  const Link* link = LinkOf<kEnd>(context);
  return link != nullptr && link->state() == Link::State::kOpen ? link->ssl() : nullptr;
}

template <End kEnd>
bool IsTls(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return Traffic(context).*kEnd != nullptr && GiveBoolean(sample, LinkOf<kEnd>(context) != nullptr);
}

template <End kEnd>
bool Protocol(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return Session<kEnd>(context) != nullptr &&
         GiveText(sample, tls::InfoOf(*(Traffic(context).*kEnd)).version);
}

template <End kEnd>
bool Cipher(const PreparedUnit&, Sample& sample, EvalContext& context) {
  if (Session<kEnd>(context) == nullptr) return false;
  const char* cipher = tls::InfoOf(*(Traffic(context).*kEnd)).cipher;
  return cipher != nullptr && GiveText(sample, cipher);
}

template <End kEnd>
bool Alpn(const PreparedUnit&, Sample& sample, EvalContext& context) {
  if (Session<kEnd>(context) == nullptr) return false;
  const std::string_view protocol = tls::Protocol(*(Traffic(context).*kEnd));
  return !protocol.empty() && GiveText(sample, protocol);
}

// ALPN took the place of this extension: it is neither offered nor taken up.
bool NoNpn(const PreparedUnit&, Sample&, EvalContext&) { return false; }

template <End kEnd>
bool ServerName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<kEnd>(context);
  return link != nullptr && !link->server_name().empty() && GiveText(sample, link->server_name());
}

template <End kEnd>
bool Resumed(const PreparedUnit&, Sample& sample, EvalContext& context) {
  if (Traffic(context).*kEnd == nullptr) return false;
  const SSL* ssl = Session<kEnd>(context);
  return GiveBoolean(sample, ssl != nullptr && SSL_session_reused(ssl) == 1);
}

// Bits of the cipher's key.
template <End kEnd>
bool KeyBits(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  const SSL_CIPHER* cipher = ssl == nullptr ? nullptr : SSL_get_current_cipher(ssl);
  return cipher != nullptr && GiveNumber(sample, SSL_CIPHER_get_bits(cipher, nullptr));
}

template <End kEnd>
bool AlgorithmBits(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  const SSL_CIPHER* cipher = ssl == nullptr ? nullptr : SSL_get_current_cipher(ssl);
  if (cipher == nullptr) return false;
  int algorithm_bits = 0;
  (void)SSL_CIPHER_get_bits(cipher, &algorithm_bits);
  return GiveNumber(sample, algorithm_bits);
}

template <End kEnd>
bool Curve(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  if (ssl == nullptr) return false;
  const char* name = SSL_get_curve_name(SSL_get_curve_id(ssl));
  return name != nullptr && GiveText(sample, name);
}

// In TLS 1.3 a session has no id but that of its ticket, which OpenSSL draws anew for each: here it
// is what the randoms of both ends make, so that it has that length and is only this connection's.
bool GiveMadeId(Sample& sample, EvalContext& context, const SSL* ssl) {
  uint8_t randoms[2 * SSL3_RANDOM_SIZE];
  char* const id = context.scratch().Take(SHA256_DIGEST_LENGTH);
  if (id == nullptr || SSL_version(ssl) != TLS1_3_VERSION) return false;
  (void)SSL_get_client_random(ssl, randoms, SSL3_RANDOM_SIZE);
  (void)SSL_get_server_random(ssl, randoms + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
  SHA256(randoms, sizeof(randoms), reinterpret_cast<uint8_t*>(id));
  return GiveBytes(sample, {id, SHA256_DIGEST_LENGTH});
}

template <End kEnd>
bool SessionId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  const SSL_SESSION* session = ssl == nullptr ? nullptr : SSL_get_session(ssl);
  if (session == nullptr) return false;
  unsigned length = 0;
  const uint8_t* id = SSL_SESSION_get_id(session, &length);
  if (length == 0) return GiveMadeId(sample, context, ssl);
  return GiveBytes(sample, {reinterpret_cast<const char*>(id), length});
}

template <End kEnd, size_t (*kGet)(const SSL*, uint8_t*, size_t)>
bool RandomOf(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  char* bytes = context.scratch().Take(SSL3_RANDOM_SIZE);
  if (ssl == nullptr || bytes == nullptr) return false;
  const size_t length = kGet(ssl, reinterpret_cast<uint8_t*>(bytes), SSL3_RANDOM_SIZE);
  return length > 0 && GiveBytes(sample, {bytes, length});
}

// The client's certificate ------------------------------------------------------------------------

bool ClientUsed(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<&StreamContext::client>(context);
  return ssl != nullptr && GiveBoolean(sample, SSL_get0_peer_certificates(ssl) != nullptr);
}

// Shown in this handshake, and not only in the one that was resumed.
bool HasCertificate(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<&StreamContext::client>(context);
  return ssl != nullptr && GiveBoolean(sample, SSL_get0_peer_certificates(ssl) != nullptr &&
                                                   SSL_session_reused(ssl) == 0);
}

bool HasServerName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<&StreamContext::client>(context);
  return GiveBoolean(sample, link != nullptr && !link->server_name().empty());
}

bool VerifyError(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<&StreamContext::client>(context);
  return link != nullptr && GiveNumber(sample, link->verify_error());
}

// Of the chain above it, or of the certificate itself.
template <bool kOfChain>
bool CertificateError(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<&StreamContext::client>(context);
  if (link == nullptr) return false;
  const bool of_chain = link->verify().depth > 0;
  return GiveNumber(sample, of_chain == kOfChain ? link->verify().error : 0);
}

bool ErrorDepth(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<&StreamContext::client>(context);
  return link != nullptr && GiveNumber(sample, link->verify().ok() ? 0 : link->verify().depth);
}

template <End kEnd>
bool Error(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<kEnd>(context);
  return link != nullptr && GiveNumber(sample, link->error_code());
}

template <End kEnd>
bool TlsErrorText(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<kEnd>(context);
  return link != nullptr && GiveText(sample, link->detail());
}

// Secrets and identifiers of a session ------------------------------------------------------------

template <End kEnd>
bool SessionKey(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  const SSL_SESSION* session = ssl == nullptr ? nullptr : SSL_get_session(ssl);
  char* bytes = context.scratch().Take(SSL_MAX_MASTER_KEY_LENGTH);
  if (session == nullptr || bytes == nullptr) return false;
  const size_t length = SSL_SESSION_get_master_key(session, reinterpret_cast<uint8_t*>(bytes),
                                                   SSL_MAX_MASTER_KEY_LENGTH);
  return length > 0 && GiveBytes(sample, {bytes, length});
}

// RFC 5929 section 3. TLS 1.3 has none (RFC 9266): there it is what HAProxy gives, a Finished.
template <End kEnd>
bool UniqueId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  constexpr size_t kBytesMax = 64;
  const SSL* ssl = Session<kEnd>(context);
  if (ssl != nullptr && SSL_version(ssl) == TLS1_3_VERSION) {
    const std::string_view finished = LinkOf<kEnd>(context)->finished();
    return !finished.empty() && GiveBytes(sample, finished);
  }
  char* bytes = context.scratch().Take(kBytesMax);
  size_t length = 0;
  if (ssl == nullptr || bytes == nullptr) return false;
  if (SSL_get_tls_unique(ssl, reinterpret_cast<uint8_t*>(bytes), &length, kBytesMax) != 1) {
    return false;
  }
  return length > 0 && GiveBytes(sample, {bytes, length});
}

// Early data is refused, so that nothing was ever sent early.
bool NothingEarly(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return LinkOf<&StreamContext::client>(context) != nullptr && GiveBoolean(sample, false);
}

bool CertificateName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<&StreamContext::client>(context);
  return link != nullptr && link->certificate() != nullptr &&
         GiveText(sample, link->certificate()->name());
}

// The ClientHello, where it is kept ---------------------------------------------------------------

using List = tls::HelloCapture::List;

const tls::HelloCapture* Hello(EvalContext& context) {
  const Link* link = LinkOf<&StreamContext::client>(context);
  return link == nullptr ? nullptr : link->hello();
}

bool PrepareFilter(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.number(0, 0);
  if (unit.number == 0 || unit.number == 1) return true;
  *why = "the filter is 0 (the whole list) or 1 (without GREASE)";
  return false;
}

// Calls `take(value)` for each value of two bytes that the filter lets through.
template <typename Take>
void ForEachValue(std::string_view list, int64_t filter, Take take) {
  for (size_t i = 0; i + 2 <= list.size(); i += 2) {
    const uint16_t value = uint16_t(uint8_t(list[i]) << 8 | uint8_t(list[i + 1]));
    if (filter == 0 || !tls::IsGrease(value)) take(value);
  }
}

template <List kList>
bool HelloList(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const tls::HelloCapture* hello = Hello(context);
  if (hello == nullptr) return false;
  const std::string_view list = hello->list(kList);
  if (unit.number == 0) return GiveBytes(sample, list);
  char* const bytes = context.scratch().Take(list.size());
  if (bytes == nullptr) return false;
  size_t length = 0;
  ForEachValue(list, unit.number, [&](uint16_t value) {
    bytes[length++] = char(value >> 8);
    bytes[length++] = char(value & 0xff);
  });
  return GiveBytes(sample, {bytes, length});
}

bool CiphersInHex(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const tls::HelloCapture* hello = Hello(context);
  if (hello == nullptr) return false;
  const std::string_view list = hello->list(List::kCiphers);
  char* const text = context.scratch().Take(2 * list.size());
  if (text == nullptr) return false;
  size_t length = 0;
  ForEachValue(list, unit.number, [&](uint16_t value) {
    for (int shift = 12; shift >= 0; shift -= 4) text[length++] = kDigits[value >> shift & 0xf];
  });
  return GiveText(sample, {text, length});
}

// Names are those of OpenSSL; a cipher that it does not know is UNKNOWN(0x....).
bool CiphersInWords(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  constexpr size_t kWordBytesMax = 64;
  const tls::HelloCapture* hello = Hello(context);
  if (hello == nullptr) return false;
  const std::string_view list = hello->list(List::kCiphers);
  const size_t room = list.size() / 2 * kWordBytesMax;
  char* const text = context.scratch().Take(room);
  if (text == nullptr) return false;
  size_t length = 0;
  ForEachValue(list, unit.number, [&](uint16_t value) {
    const std::string_view name = proto::SuiteName(value);
    const char* const comma = length == 0 ? "" : ",";
    const int written = name.empty() ? snprintf(text + length, room - length, "%sUNKNOWN(%04X)",
                                                comma, unsigned(value))
                                     : snprintf(text + length, room - length, "%s%.*s", comma,
                                                int(name.size()), name.data());
    length = std::min(length + size_t(std::max(written, 0)), room);
  });
  context.scratch().Shrink(text, length);
  return GiveText(sample, {text, length});
}

bool CiphersHash(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const tls::HelloCapture* hello = Hello(context);
  return hello != nullptr && GiveNumber(sample, int64_t(hello->ciphers_hash()));
}

bool HelloVersion(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const tls::HelloCapture* hello = Hello(context);
  return hello != nullptr && GiveNumber(sample, hello->version());
}

using Secret = tls::KeyLog::Secret;

template <End kEnd, Secret kSecret>
bool KeptSecret(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<kEnd>(context);
  if (link == nullptr || link->key_log() == nullptr) return false;
  const std::string_view secret = link->key_log()->secret(kSecret);
  return !secret.empty() && GiveText(sample, secret);
}

constexpr ArgumentSpec kFilter[] = {{"filter_option", ArgumentType::kInteger, kOptional}};
using kind::kBinary;
using kind::kBoolean;
using kind::kNumber;
using kind::kText;
using needs::kServer;
using needs::kShaken;

constexpr FetchSpec kTlsFetches[] = {
    {"ssl_bc", kBoolean, {}, kServer, &IsTls<kBack>},
    {"ssl_bc_alg_keysize", kNumber, {}, kServer, &AlgorithmBits<kBack>},
    {"ssl_bc_alpn", kText, {}, kServer, &Alpn<kBack>},
    {"ssl_bc_cipher", kText, {}, kServer, &Cipher<kBack>},
    {"ssl_bc_client_early_traffic_secret",
     kText,
     {},
     kServer,
     &KeptSecret<kBack, Secret::kClientEarly>},
    {"ssl_bc_client_handshake_traffic_secret",
     kText,
     {},
     kServer,
     &KeptSecret<kBack, Secret::kClientHandshake>},
    {"ssl_bc_client_random", kBinary, {}, kServer, &RandomOf<kBack, &SSL_get_client_random>},
    {"ssl_bc_client_traffic_secret_0",
     kText,
     {},
     kServer,
     &KeptSecret<kBack, Secret::kClientTraffic>},
    {"ssl_bc_curve", kText, {}, kServer, &Curve<kBack>},
    {"ssl_bc_early_exporter_secret",
     kText,
     {},
     kServer,
     &KeptSecret<kBack, Secret::kEarlyExporter>},
    {"ssl_bc_err", kNumber, {}, kServer, &Error<kBack>},
    {"ssl_bc_err_str", kText, {}, kServer, &TlsErrorText<kBack>},
    {"ssl_bc_exporter_secret", kText, {}, kServer, &KeptSecret<kBack, Secret::kExporter>},
    {"ssl_bc_is_resumed", kBoolean, {}, kServer, &Resumed<kBack>},
    {"ssl_bc_npn", kText, {}, kServer, &NoNpn},
    {"ssl_bc_protocol", kText, {}, kServer, &Protocol<kBack>},
    {"ssl_bc_server_handshake_traffic_secret",
     kText,
     {},
     kServer,
     &KeptSecret<kBack, Secret::kServerHandshake>},
    {"ssl_bc_server_random", kBinary, {}, kServer, &RandomOf<kBack, &SSL_get_server_random>},
    {"ssl_bc_server_traffic_secret_0",
     kText,
     {},
     kServer,
     &KeptSecret<kBack, Secret::kServerTraffic>},
    {"ssl_bc_session_id", kBinary, {}, kServer, &SessionId<kBack>},
    {"ssl_bc_session_key", kBinary, {}, kServer, &SessionKey<kBack>},
    {"ssl_bc_sni", kText, {}, kServer, &ServerName<kBack>},
    {"ssl_bc_unique_id", kBinary, {}, kServer, &UniqueId<kBack>},
    {"ssl_bc_use_keysize", kNumber, {}, kServer, &KeyBits<kBack>},
    {"ssl_c_ca_err", kNumber, {}, kShaken, &CertificateError<true>},
    {"ssl_c_ca_err_depth", kNumber, {}, kShaken, &ErrorDepth},
    {"ssl_c_err", kNumber, {}, kShaken, &CertificateError<false>},
    {"ssl_c_used", kBoolean, {}, kShaken, &ClientUsed},
    {"ssl_c_verify", kNumber, {}, kShaken, &VerifyError},
    {"ssl_fc", kBoolean, {}, kShaken, &IsTls<kFront>},
    {"ssl_fc_alg_keysize", kNumber, {}, kShaken, &AlgorithmBits<kFront>},
    {"ssl_fc_alpn", kText, {}, kShaken, &Alpn<kFront>},
    {"ssl_fc_cipher", kText, {}, kShaken, &Cipher<kFront>},
    {"ssl_fc_cipherlist_bin", kBinary, kFilter, kShaken, &HelloList<List::kCiphers>,
     &PrepareFilter},
    {"ssl_fc_cipherlist_hex", kText, kFilter, kShaken, &CiphersInHex, &PrepareFilter},
    {"ssl_fc_cipherlist_str", kText, kFilter, kShaken, &CiphersInWords, &PrepareFilter},
    {"ssl_fc_cipherlist_xxh", kNumber, {}, kShaken, &CiphersHash},
    {"ssl_fc_client_early_traffic_secret",
     kText,
     {},
     kShaken,
     &KeptSecret<kFront, Secret::kClientEarly>},
    {"ssl_fc_client_handshake_traffic_secret",
     kText,
     {},
     kShaken,
     &KeptSecret<kFront, Secret::kClientHandshake>},
    {"ssl_fc_client_random", kBinary, {}, kShaken, &RandomOf<kFront, &SSL_get_client_random>},
    {"ssl_fc_client_traffic_secret_0",
     kText,
     {},
     kShaken,
     &KeptSecret<kFront, Secret::kClientTraffic>},
    {"ssl_fc_crtname", kText, {}, kShaken, &CertificateName},
    {"ssl_fc_curve", kText, {}, kShaken, &Curve<kFront>},
    {"ssl_fc_early_exporter_secret",
     kText,
     {},
     kShaken,
     &KeptSecret<kFront, Secret::kEarlyExporter>},
    {"ssl_fc_early_rcvd", kBoolean, {}, kShaken, &NothingEarly},
    {"ssl_fc_ecformats_bin", kBinary, {}, kShaken, &HelloList<List::kFormats>},
    {"ssl_fc_eclist_bin", kBinary, kFilter, kShaken, &HelloList<List::kCurves>, &PrepareFilter},
    {"ssl_fc_err", kNumber, {}, kShaken, &Error<kFront>},
    {"ssl_fc_err_str", kText, {}, kShaken, &TlsErrorText<kFront>},
    {"ssl_fc_exporter_secret", kText, {}, kShaken, &KeptSecret<kFront, Secret::kExporter>},
    {"ssl_fc_extlist_bin", kBinary, kFilter, kShaken, &HelloList<List::kExtensions>,
     &PrepareFilter},
    {"ssl_fc_has_crt", kBoolean, {}, kShaken, &HasCertificate},
    {"ssl_fc_has_early", kBoolean, {}, kShaken, &NothingEarly},
    {"ssl_fc_has_sni", kBoolean, {}, kShaken, &HasServerName},
    {"ssl_fc_is_resumed", kBoolean, {}, kShaken, &Resumed<kFront>},
    {"ssl_fc_npn", kText, {}, kShaken, &NoNpn},
    {"ssl_fc_protocol", kText, {}, kShaken, &Protocol<kFront>},
    {"ssl_fc_protocol_hello_id", kNumber, {}, kShaken, &HelloVersion},
    {"ssl_fc_server_handshake_traffic_secret",
     kText,
     {},
     kShaken,
     &KeptSecret<kFront, Secret::kServerHandshake>},
    {"ssl_fc_server_random", kBinary, {}, kShaken, &RandomOf<kFront, &SSL_get_server_random>},
    {"ssl_fc_server_traffic_secret_0",
     kText,
     {},
     kShaken,
     &KeptSecret<kFront, Secret::kServerTraffic>},
    {"ssl_fc_session_id", kBinary, {}, kShaken, &SessionId<kFront>},
    {"ssl_fc_session_key", kBinary, {}, kShaken, &SessionKey<kFront>},
    {"ssl_fc_sigalgs_bin", kBinary, kFilter, kShaken, &HelloList<List::kSignatures>,
     &PrepareFilter},
    {"ssl_fc_sni", kText, {}, kShaken, &ServerName<kFront>},
    {"ssl_fc_supported_versions_bin", kBinary, kFilter, kShaken, &HelloList<List::kVersions>,
     &PrepareFilter},
    {"ssl_fc_unique_id", kBinary, {}, kShaken, &UniqueId<kFront>},
    {"ssl_fc_use_keysize", kNumber, {}, kShaken, &KeyBits<kFront>},
};

}  // namespace

std::span<const FetchSpec> TlsFetches() { return kTlsFetches; }

}  // namespace engine
