#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "tls/info.h"
#include "tls/link.h"

namespace engine {
namespace {

using tls::Link;

using End = shard::Connection* StreamContext::*;

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

template <End kEnd>
bool SessionId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const SSL* ssl = Session<kEnd>(context);
  const SSL_SESSION* session = ssl == nullptr ? nullptr : SSL_get_session(ssl);
  if (session == nullptr) return false;
  unsigned length = 0;
  const uint8_t* id = SSL_SESSION_get_id(session, &length);
  return length > 0 && GiveBytes(sample, {reinterpret_cast<const char*>(id), length});
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
  return link != nullptr && GiveBoolean(sample, !link->server_name().empty());
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
bool ErrorText(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const Link* link = LinkOf<kEnd>(context);
  return link != nullptr && GiveText(sample, link->detail());
}

constexpr SampleKind kText = SampleKind::kString;
constexpr SampleKind kNumber = SampleKind::kInteger;
constexpr SampleKind kBoolean = SampleKind::kBoolean;
constexpr SampleKind kBinary = SampleKind::kBinary;
constexpr Needs kShaken = needs::kClient | needs::kClientTls;
constexpr Needs kServer = needs::kServer;
constexpr End kFront = &StreamContext::client;
constexpr End kBack = &StreamContext::to_server;

constexpr FetchSpec kFetches[] = {
    {"ssl_bc", kBoolean, {}, kServer, &IsTls<kBack>},
    {"ssl_bc_alg_keysize", kNumber, {}, kServer, &AlgorithmBits<kBack>},
    {"ssl_bc_alpn", kText, {}, kServer, &Alpn<kBack>},
    {"ssl_bc_cipher", kText, {}, kServer, &Cipher<kBack>},
    {"ssl_bc_client_random", kBinary, {}, kServer, &RandomOf<kBack, &SSL_get_client_random>},
    {"ssl_bc_curve", kText, {}, kServer, &Curve<kBack>},
    {"ssl_bc_err", kNumber, {}, kServer, &Error<kBack>},
    {"ssl_bc_err_str", kText, {}, kServer, &ErrorText<kBack>},
    {"ssl_bc_is_resumed", kBoolean, {}, kServer, &Resumed<kBack>},
    {"ssl_bc_protocol", kText, {}, kServer, &Protocol<kBack>},
    {"ssl_bc_server_random", kBinary, {}, kServer, &RandomOf<kBack, &SSL_get_server_random>},
    {"ssl_bc_session_id", kBinary, {}, kServer, &SessionId<kBack>},
    {"ssl_bc_sni", kText, {}, kServer, &ServerName<kBack>},
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
    {"ssl_fc_client_random", kBinary, {}, kShaken, &RandomOf<kFront, &SSL_get_client_random>},
    {"ssl_fc_curve", kText, {}, kShaken, &Curve<kFront>},
    {"ssl_fc_err", kNumber, {}, kShaken, &Error<kFront>},
    {"ssl_fc_err_str", kText, {}, kShaken, &ErrorText<kFront>},
    {"ssl_fc_has_crt", kBoolean, {}, kShaken, &HasCertificate},
    {"ssl_fc_has_sni", kBoolean, {}, kShaken, &HasServerName},
    {"ssl_fc_is_resumed", kBoolean, {}, kShaken, &Resumed<kFront>},
    {"ssl_fc_protocol", kText, {}, kShaken, &Protocol<kFront>},
    {"ssl_fc_server_random", kBinary, {}, kShaken, &RandomOf<kFront, &SSL_get_server_random>},
    {"ssl_fc_session_id", kBinary, {}, kShaken, &SessionId<kFront>},
    {"ssl_fc_sni", kText, {}, kShaken, &ServerName<kFront>},
    {"ssl_fc_use_keysize", kNumber, {}, kShaken, &KeyBits<kFront>},
};

}  // namespace

std::span<const FetchSpec> TlsFetches() { return kFetches; }

}  // namespace engine
