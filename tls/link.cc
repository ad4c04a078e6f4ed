#include "tls/link.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "base/check.h"
#include "tls/hello.h"
#include "tls/layer.h"

namespace tls {

using shard::CloseReason;
using shard::HandshakeResult;

namespace {

// A record and the packet it travels in: a client shows what it has before the next one comes.
constexpr size_t kFirstRecordBytes = 1400;
constexpr uint32_t kBurstBytes = 16384;  // after these, records are large
constexpr uint64_t kPauseMs = 1000;      // after this they are small again
// Header, nonce, tag and padding of a record, in any version.
constexpr size_t kRecordOverheadBytes = 128;
// Tickets of TLS 1.3 wait so long for an answer to go with, and for a client that sends without
// reading and goes: one that goes with tickets unread resets the connection, and what it has sent
// last may be lost. GnuTLS waits 50 ms for them. While the client sends they wait again.
constexpr uint64_t kTicketWaitMs = 20;
constexpr uint8_t kTicketWaitsMax = 10;
// From here on a slice is a record of its own, and is not gathered with others.
constexpr size_t kLargeSliceBytes = 4096;

uint32_t FreeChunks(const shard::ChunkPool& pool) { return pool.capacity() - pool.in_use(); }

uint64_t WallSeconds() { return uint64_t(time(nullptr)); }

}  // namespace

// ---- of a shard -------------------------------------------------------------------------------

ShardTls::ShardTls(uint32_t links_max, const TicketSecret& secret, LinkEvents* events)
    : links_(links_max),
      events_(events),
      bio_(BIO_new(Link::WireMethod())),
      ticket_keys_(secret),
      sessions_(kSessionsMax),
      scratch_(new uint8_t[kScratchBytes]) {
  MUST(bio_ != nullptr);
  BIO_set_data(bio_.get(), this);
  BIO_set_init(bio_.get(), 1);
}

ShardTls::~ShardTls() = default;

LocalContext* ShardTls::Local(const Context& context) {
  std::unique_ptr<LocalContext>& local = contexts_[&context].local;
  if (local != nullptr) return local.get();
  auto made = std::make_unique<LocalContext>();
  if (!context.MakeLocal(made.get())) return nullptr;
  local = std::move(made);
  return local.get();
}

void ShardTls::Forget(const Context& context) {
  const auto found = contexts_.find(&context);
  if (found == contexts_.end()) return;
  found->second.forgotten = true;
  if (found->second.links == 0) contexts_.erase(found);
}

void ShardTls::OnLinkGone(const Context& context) {
  const auto found = contexts_.find(&context);
  MUST(found != contexts_.end() && found->second.links > 0);
  if (--found->second.links == 0 && found->second.forgotten) contexts_.erase(found);
}

bool ShardTls::NewLink(shard::Connection& connection, const std::shared_ptr<const Context>& context,
                       std::string_view server_name, shard::HandshakeStep step, bool counted) {
  Link* link = links_.New(*this, *context, connection, server_name, counted);
  if (link == nullptr) return false;
  Known& known = contexts_[context.get()];
  if (known.context == nullptr) known.context = context;
  ++known.links;
  connection.SetLayer(TlsLayer());
  connection.SetLayerState(link);
  if (events_ != nullptr) events_->OnLinkMade(context->side());
  connection.OweHandshake(step);
  return true;
}

bool ShardTls::Accept(shard::Connection& connection,
                      const std::shared_ptr<const Context>& context) {
  return NewLink(connection, context, {}, shard::HandshakeStep::kTlsAccept, false);
}

bool ShardTls::Connect(shard::Connection& connection, const std::shared_ptr<const Context>& context,
                       std::string_view server_name, bool counted) {
  return NewLink(connection, context, server_name, shard::HandshakeStep::kTlsConnect, counted);
}

// ---- the wire ---------------------------------------------------------------------------------

int Link::ReadWire(BIO* bio, char* to, int max) {
  BIO_clear_retry_flags(bio);
  Link& link = *static_cast<ShardTls*>(BIO_get_data(bio))->current_;
  shard::ByteQueue& in = link.connection_.wire_in();
  const size_t got = max > 0 ? in.Peek(to, size_t(max)) : 0;
  if (got > 0) {
    in.Consume(got);
    return int(got);
  }
  if (link.connection_.wire_ended()) return 0;
  BIO_set_retry_read(bio);
  return -1;
}

int Link::WriteWire(BIO* bio, const char* from, int length) {
  BIO_clear_retry_flags(bio);
  Link& link = *static_cast<ShardTls*>(BIO_get_data(bio))->current_;
  const shard::ShardContext& context = link.connection_.context();
  shard::ByteQueue& out = link.connection_.wire_out();
  std::string_view bytes(from, size_t(std::max(length, 0)));
  size_t taken = out.Append(bytes, *context.small);
  if (taken < bytes.size()) taken += out.Append(bytes.substr(taken), *context.large);
  if (taken > 0 || bytes.empty()) return int(taken);
  BIO_set_retry_write(bio);
  return -1;
}

long Link::ControlWire(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }

const BIO_METHOD* Link::WireMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire");
    MUST(made != nullptr);
    BIO_meth_set_read(made, ReadWire);
    BIO_meth_set_write(made, WriteWire);
    BIO_meth_set_ctrl(made, ControlWire);
    return made;
  }();
  return method;
}

// ---- the handshake ----------------------------------------------------------------------------

Link::~Link() { waiter_hook.Unlink(); }

Link* Link::Of(const shard::Connection& connection) {
  return connection.layer() == TlsLayer() ? static_cast<Link*>(connection.layer_state()) : nullptr;
}

void Link::Release() {
  ShardTls& shard = shard_;
  const Context& context = context_;
  shard.current_ = this;
  SettleOffer(false);
  if (shard.events_ != nullptr) shard.events_->OnLinkGone(context.side(), counted_);
  shard.links_.Delete(this);
  shard.OnLinkGone(context);
}

bool Link::Begin() {
  LocalContext* local = shard_.Local(context_);
  if (local == nullptr) return false;
  ssl_.reset(SSL_new(local->library.get()));
  if (ssl_ == nullptr) return false;
  SSL* const ssl = ssl_.get();
  SSL_set_app_data(ssl, this);
  BIO_up_ref(shard_.bio_.get());
  SSL_set_bio(ssl, shard_.bio_.get(), shard_.bio_.get());  // takes one reference for both
  // What only a handshake needs is freed after it.
  SSL_set_shed_handshake_config(ssl, 1);
  if (is_server()) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
    SSL_set_renegotiate_mode(ssl, ssl_renegotiate_never);
    // One that is too long is asked for by nobody, but the certificate is checked for it.
    const bool asks = !server_name_.empty() && server_name_.size() <= TLSEXT_MAXLEN_host_name;
    if (asks && SSL_set_tlsext_host_name(ssl, server_name_.c_str()) != 1) {
      return false;
    }
    OfferSession(*local);
  }
  state_ = State::kHandshaking;
  return true;
}

void Link::OfferSession(LocalContext& local) {
  // A session stands for a verified certificate: of the same name, then.
  if (local.session == nullptr || local.session_name != server_name_) return;
  SSL_set_session(ssl_.get(), local.session.get());
  offered_ = bssl::UpRef(local.session);
}

// A session stays the one to offer until the server sends another or refuses it: not every server
// sends one with each resumed handshake (RFC 8446 section 4.6.1).
void Link::SettleOffer(bool taken) {
  const Handle<SSL_SESSION> offered = std::move(offered_);
  if (offered == nullptr || taken) return;
  LocalContext* local = shard_.Local(context_);
  if (local != nullptr && local->session == offered) local->session.reset();
}

HandshakeResult Link::Shake() {
  if (state_ == State::kOpen) return HandshakeResult::kDone;
  if (state_ == State::kFailed) return HandshakeResult::kFailed;
  ERR_clear_error();
  shard_.current_ = this;
  if (state_ == State::kWaiting) {
    if (is_server() && connection_.wire_in().empty()) {
      return connection_.wire_ended() ? FailHandshake(SSL_ERROR_SYSCALL)
                                      : HandshakeResult::kWantRecv;
    }
    if (!Begin()) {
      connection_.SetLayerError(CloseReason::kTlsNoMemory);
      state_ = State::kFailed;
      return HandshakeResult::kFailed;
    }
  }
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = State::kOpen;
    SettleOffer(SSL_session_reused(ssl_.get()) == 1);
    NoteHandshake();
    if (is_server() && SSL_version(ssl_.get()) == TLS1_3_VERSION) AwaitTickets();
    return HandshakeResult::kDone;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return HandshakeResult::kWantRecv;
    case SSL_ERROR_WANT_PRIVATE_KEY_OPERATION:
      return HandshakeResult::kWantTurn;
    case SSL_ERROR_WANT_WRITE:
      WaitForChunk();
      return HandshakeResult::kWantSend;
    default:
      return FailHandshake(error);
  }
}

void Link::NoteHandshake() {
  if (shard_.events_ == nullptr) return;
  const bool resumed = SSL_session_reused(ssl_.get()) == 1;
  shard_.events_->OnHandshake(context_.side(), resumed);
  if (names_session_) shard_.events_->OnSessionAsked(resumed);
}

CloseReason Link::ReasonOfFailure(int library_error) {
  const uint32_t error = ERR_peek_error();
  const bool is_ssl = error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL;
  const int reason = is_ssl ? ERR_GET_REASON(error) : 0;
  if (error == 0 && library_error == SSL_ERROR_SYSCALL) {
    return is_server() ? CloseReason::kTlsEmpty : CloseReason::kTlsServerClosed;
  }
  if (!verify_.ok()) {
    if (is_server()) {
      return verify_.depth > 0 ? CloseReason::kTlsCaRefused : CloseReason::kTlsCertificateRefused;
    }
    if (verify_.error != X509_V_ERR_HOSTNAME_MISMATCH) return CloseReason::kTlsServerRefused;
    return server_name_.empty() ? CloseReason::kTlsServerOtherHost
                                : CloseReason::kTlsServerMismatch;
  }
  if (!is_server()) return CloseReason::kTlsServerHandshake;
  return reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST
             ? CloseReason::kTlsPlainHttp
             : CloseReason::kTlsHandshake;
}

HandshakeResult Link::FailHandshake(int library_error) {
  state_ = State::kFailed;
  SettleOffer(false);
  error_code_ = ERR_peek_error();
  connection_.SetLayerError(ReasonOfFailure(library_error));
  if (!verify_.ok()) {
    detail_ = X509_verify_cert_error_string(verify_.error);
    ERR_clear_error();
  } else if (unknown_name_) {
    detail_ = "no certificate for the name the client asks for";
    ERR_clear_error();
  } else if (ERR_peek_error() != 0) {
    detail_ = TakeErrorText();
  }
  return HandshakeResult::kFailed;
}

// ---- callbacks of the library ------------------------------------------------------------------

ssl_select_cert_result_t Link::SelectCertificate(const SSL_CLIENT_HELLO* hello) {
  Link& link = OfSsl(hello->ssl);
  const char* name = SSL_get_servername(hello->ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) link.server_name_ = name;
  link.names_session_ = NamesCachedSession(*hello);
  // Before TLS 1.3 a session has an id of its own.
  const Options& options = link.context_.options();
  const bool is_tls13 = options.version_max == Version::kTls13 && SpeaksTls13(*hello);
  if (!options.tickets && !is_tls13) SSL_set_options(hello->ssl, SSL_OP_NO_TICKET);
  const size_t capture_bytes = options.capture_bytes;
  if (capture_bytes != 0) link.hello_ = HelloCapture::Take(*hello, capture_bytes);
  link.certificate_ = link.context_.certificates().Find(link.server_name_, VerifiesEcdsa(*hello));
  if (link.certificate_ == nullptr) {
    link.unknown_name_ = true;
    return ssl_select_cert_success;  // RefuseName() is next
  }
  if (!link.certificate_->Give(hello->ssl)) return ssl_select_cert_error;
  const Staple& staple = link.certificate_->staple();
  if (staple.IsGoodAt(int64_t(WallSeconds())) && AsksForStaple(*hello) &&
      SSL_set_ocsp_response(hello->ssl, reinterpret_cast<const uint8_t*>(staple.der.data()),
                            staple.der.size()) != 1) {
    return ssl_select_cert_error;
  }
  return ssl_select_cert_success;
}

// Here, because the callback above can end a handshake with one alert only, and no other one says
// why (RFC 6066 section 3).
int Link::RefuseName(SSL* ssl, int* alert, void*) {
  if (!OfSsl(ssl).unknown_name_) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Agreeing on a secret and signing it are the two long computations of a handshake. Between them
// whoever else has something to do comes first.
ssl_private_key_result_t Link::SignByKey(SSL* ssl, uint8_t*, size_t*, size_t, uint16_t algorithm,
                                         const uint8_t* in, size_t length) {
  OfSsl(ssl).signing_.reset(new Signing{algorithm, {in, in + length}});
  return ssl_private_key_retry;
}

ssl_private_key_result_t Link::FinishSigning(SSL* ssl, uint8_t* out, size_t* out_length,
                                             size_t out_max) {
  Link& link = OfSsl(ssl);
  const std::unique_ptr<const Signing> signing = std::move(link.signing_);
  const Certificate* certificate = link.certificate();
  const bool done =
      signing != nullptr && certificate != nullptr &&
      certificate->key().Sign(signing->algorithm, signing->message, {out, out_max}, out_length);
  return done ? ssl_private_key_success : ssl_private_key_failure;
}

ssl_private_key_result_t Link::DecryptByKey(SSL* ssl, uint8_t* out, size_t* out_length,
                                            size_t out_max, const uint8_t* in, size_t length) {
  const Certificate* certificate = OfSsl(ssl).certificate();
  const bool done = certificate != nullptr &&
                    certificate->key().Decrypt({in, length}, {out, out_max}, out_length);
  return done ? ssl_private_key_success : ssl_private_key_failure;
}

const SSL_PRIVATE_KEY_METHOD* KeyMethod() {
  static constexpr SSL_PRIVATE_KEY_METHOD kMethod = {Link::SignByKey, Link::DecryptByKey,
                                                     Link::FinishSigning};
  return &kMethod;
}

int Link::SelectProtocol(SSL* ssl, const uint8_t** out, uint8_t* out_length, const uint8_t* offered,
                         unsigned length, void*) {
  // Ours in our order; none in common goes on without the extension, as before there was one.
  for (const std::string& ours : OfSsl(ssl).context_.options().alpn) {
    for (unsigned at = 0; at + 1 <= length;) {
      const uint8_t bytes = offered[at];
      if (at + 1 + bytes > length) break;
      if (bytes == ours.size() && std::memcmp(offered + at + 1, ours.data(), bytes) == 0) {
        *out = offered + at + 1;
        *out_length = bytes;
        return SSL_TLSEXT_ERR_OK;
      }
      at += 1u + bytes;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

int Link::TicketKey(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac,
                    int encrypt) {
  Link& link = OfSsl(ssl);
  return link.shard_.ticket_keys_.Apply(link.context_.options().ticket_keys, WallSeconds(), name,
                                        iv, cipher, hmac, encrypt != 0);
}

int Link::TakeSession(SSL* ssl, SSL_SESSION* session) {
  Link& link = OfSsl(ssl);
  LocalContext* local = link.shard_.Local(link.context_);
  if (local == nullptr) return 0;
  local->session.reset(session);
  local->session_name = link.server_name_;
  return 1;  // it is ours now
}

int Link::KeepSession(SSL* ssl, SSL_SESSION* session) {
  OfSsl(ssl).shard_.sessions_.Keep(Handle<SSL_SESSION>(session));
  return 1;
}

SSL_SESSION* Link::FindSession(SSL* ssl, const uint8_t* id, int length, int* out_copy) {
  *out_copy = 0;
  return OfSsl(ssl).shard_.sessions_.Find({id, size_t(length)}).release();
}

// Without tickets that carry a session TLS 1.3 still has messages of that name: here they hold an
// id, and zeros up to the length that the library wants to read back.
int Link::SealTicket(SSL* ssl, uint8_t* out, size_t* out_length, size_t out_max, const uint8_t* in,
                     size_t length) {
  const size_t bytes = length + SessionCache::kIdBytes;
  uint8_t id[SessionCache::kIdBytes];
  if (out_max < bytes || !OfSsl(ssl).shard_.sessions_.KeepState({in, length}, id)) return 0;
  std::memset(out, 0, bytes);
  std::memcpy(out, id, sizeof(id));
  *out_length = bytes;
  return 1;
}

ssl_ticket_aead_result_t Link::OpenTicket(SSL* ssl, uint8_t* out, size_t* out_length,
                                          size_t out_max, const uint8_t* in, size_t length) {
  if (length < SessionCache::kIdBytes) return ssl_ticket_aead_ignore_ticket;
  const std::span<const uint8_t> state =
      OfSsl(ssl).shard_.sessions_.FindState({in, SessionCache::kIdBytes});
  if (state.empty() || state.size() > out_max) return ssl_ticket_aead_ignore_ticket;
  std::memcpy(out, state.data(), state.size());
  *out_length = state.size();
  return ssl_ticket_aead_success;
}

const SSL_TICKET_AEAD_METHOD* Link::EmptyTickets() {
  static constexpr SSL_TICKET_AEAD_METHOD kMethod = {TicketOverhead, SealTicket, OpenTicket};
  return &kMethod;
}

ssl_verify_result_t Link::VerifyPeer(SSL* ssl, uint8_t* alert) {
  Link& link = OfSsl(ssl);
  if (link.context_.options().verify == Verify::kNone) return ssl_verify_ok;
  LocalContext* local = link.shard_.Local(link.context_);
  // A session that was resumed brings no certificate, and was verified when it was made.
  if (local == nullptr || local->store == nullptr) return ssl_verify_invalid;
  VerifyRequest request;
  request.of_client = link.is_server();
  if (!link.is_server()) {
    const std::string& host = !link.server_name_.empty() ? link.server_name_ : link.context_.host();
    request.host = host.empty() ? nullptr : host.c_str();
  }
  link.verify_ = CheckPeer(ssl, local->store.get(), request, &link.root_);
  if (link.verify_.ok()) return ssl_verify_ok;
  *alert = AlertOf(link.verify_);
  return ssl_verify_invalid;
}

void SetServerCallbacks(SSL_CTX* context, bool tickets) {
  SSL_CTX_set_select_certificate_cb(context, Link::SelectCertificate);
  SSL_CTX_set_tlsext_servername_callback(context, Link::RefuseName);
  SSL_CTX_set_alpn_select_cb(context, Link::SelectProtocol, nullptr);
  if (tickets) {
    SSL_CTX_set_tlsext_ticket_key_cb(context, Link::TicketKey);
  } else {
    SSL_CTX_set_ticket_aead_method(context, Link::EmptyTickets());
  }
  SSL_CTX_sess_set_new_cb(context, Link::KeepSession);
  SSL_CTX_sess_set_get_cb(context, Link::FindSession);
  SSL_CTX_set_msg_callback(context, Link::NoteMessage);
}

void SetClientCallbacks(SSL_CTX* context) {
  SSL_CTX_sess_set_new_cb(context, Link::TakeSession);
  SSL_CTX_set_msg_callback(context, Link::NoteMessage);
}

void SetVerifyCallback(SSL_CTX* context, int mode) {
  // Also for `verify none`: without a callback a client of this library trusts nobody.
  SSL_CTX_set_custom_verify(context, mode, Link::VerifyPeer);
}

// The library itself tells of Finished before TLS 1.3 only.
void Link::NoteMessage(int is_write, int, int type, const void* bytes, size_t length, SSL* ssl,
                       void*) {
  constexpr size_t kHeaderBytes = 4;
  const auto* message = static_cast<const uint8_t*>(bytes);
  if (type != SSL3_RT_HANDSHAKE || length <= kHeaderBytes || message[0] != SSL3_MT_FINISHED) return;
  Link& link = OfSsl(ssl);
  const bool is_clients = (is_write != 0) != link.is_server();
  const bool is_wanted = is_clients != (SSL_session_reused(ssl) == 1);
  if (!is_wanted || SSL_version(ssl) != TLS1_3_VERSION) return;
  link.finished_bytes_ = uint8_t(std::min(length - kHeaderBytes, sizeof(link.finished_)));
  std::memcpy(link.finished_, message + kHeaderBytes, link.finished_bytes_);
}

void Link::NoteSecret(const SSL* ssl, const char* line) {
  Link& link = OfSsl(ssl);
  if (link.key_log_ == nullptr) link.key_log_ = std::make_unique<KeyLog>();
  link.key_log_->Note(line);
}

void SetKeyLogCallback(SSL_CTX* context) { SSL_CTX_set_keylog_callback(context, Link::NoteSecret); }

// ---- data --------------------------------------------------------------------------------------

void Link::EndRead(bool truncated) {
  peer_closed_ = true;
  truncated_ = truncated;
}

void Link::Fail(int library_error) {
  const uint32_t error = ERR_peek_error();
  const bool renegotiates = error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL &&
                            ERR_GET_REASON(error) == SSL_R_NO_RENEGOTIATION;
  state_ = State::kFailed;
  if (error != 0) detail_ = TakeErrorText();
  (void)library_error;
  const CloseReason reason = !is_server()   ? CloseReason::kTlsServerFatal
                             : renegotiates ? CloseReason::kTlsRenegotiation
                                            : CloseReason::kTlsFatal;
  connection_.FailLater(reason);
}

size_t Link::Recv(shard::ByteQueue& plain, size_t max) {
  if (state_ != State::kOpen || peer_closed_) return 0;
  SSL* const ssl = ssl_.get();
  if (connection_.wire_in().empty() && !connection_.wire_ended() && SSL_pending(ssl) == 0) return 0;
  shard::ChunkPool& pool = *connection_.context().small;
  shard_.current_ = this;
  size_t total = 0;
  shard::Slice slice;
  while (total < max) {
    if (slice.chunk == nullptr && (slice.chunk = pool.Take()) == nullptr) {
      recv_starved_ = true;
      WaitForChunk();
      break;
    }
    const size_t room = std::min<size_t>(slice.chunk->capacity - slice.length, max - total);
    ERR_clear_error();
    const int got = SSL_read(ssl, slice.begin() + slice.length, int(room));
    if (got > 0) {
      slice.length += uint32_t(got);
      total += size_t(got);
      if (slice.length < slice.chunk->capacity) continue;
      plain.Push(slice);
      slice = {};
      continue;
    }
    const int error = SSL_get_error(ssl, got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
    if (error == SSL_ERROR_ZERO_RETURN) {
      EndRead(false);
    } else if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
      // Who has heard our goodbye may just go.
      EndRead(!notified_);
    } else {
      Fail(error);
    }
    break;
  }
  if (slice.chunk != nullptr) plain.Push(slice);  // drops an empty one
  // An answer to a key update, or the alert of a failure.
  if (!connection_.wire_out().empty()) connection_.Flush();
  return total;
}

size_t Link::RecordBytes() {
  const Options& options = context_.options();
  const uint64_t now_ms = connection_.context().now_ms();
  if (now_ms - last_send_ms_ > kPauseMs) burst_bytes_ = 0;
  last_send_ms_ = now_ms;
  size_t bytes = SSL3_RT_MAX_PLAIN_LENGTH;
  if (burst_bytes_ < kBurstBytes) {
    bytes = options.first_record_bytes != 0 ? options.first_record_bytes : kFirstRecordBytes;
  }
  if (options.record_bytes_max != 0) bytes = std::min<size_t>(bytes, options.record_bytes_max);
  return std::min<size_t>(bytes, SSL3_RT_MAX_PLAIN_LENGTH);
}

bool Link::HasRoomFor(size_t plain_bytes) const {
  const shard::ShardContext& context = connection_.context();
  const size_t chunk_bytes = context.small->chunk_bytes();
  const size_t bytes = plain_bytes + kRecordOverheadBytes;
  const size_t chunks = (bytes + chunk_bytes - 1) / chunk_bytes;
  return FreeChunks(*context.small) >= chunks || FreeChunks(*context.large) >= 1;
}

// The library keeps the tickets of a handshake until something is written, if only nothing (as with
// SSL_key_update() in its ssl.h): a server that waits for its client would never send any.
bool Link::FlushTickets() {
  shard_.current_ = this;
  ERR_clear_error();
  const int written = SSL_write(ssl_.get(), "", 0);
  tickets_cut_ = false;
  if (written >= 0) return true;
  const int error = SSL_get_error(ssl_.get(), written);
  tickets_cut_ = error == SSL_ERROR_WANT_WRITE;
  if (!tickets_cut_) Fail(error);
  return false;
}

void Link::OnTimer() noexcept {
  // Who has ended its side takes them with the answer, if it waits for one.
  if (connection_.state() != shard::Connection::State::kOpen || state_ != State::kOpen) return;
  if (notified_ || peer_closed_ || connection_.wire_ended()) return;
  const bool sends = connection_.bytes_in() != ticket_bytes_in_ && ticket_waits_ < kTicketWaitsMax;
  if (!sends && FlushTickets()) return connection_.Flush();
  if (sends || tickets_cut_) AwaitTickets();
}

void Link::AwaitTickets() {
  ++ticket_waits_;
  ticket_bytes_in_ = connection_.bytes_in();
  const shard::ShardContext& context = connection_.context();
  ticket_timer_.Set(context.loop->timers(), context.now_ms() + kTicketWaitMs);
}

// The library is never given a record that the queue cannot take whole: one that is written half
// would have to be given again with the same bytes.
size_t Link::Send(shard::ByteQueue& plain) {
  if (state_ != State::kOpen || notified_) return 0;
  shard_.current_ = this;
  if (tickets_cut_ && !FlushTickets()) {
    send_starved_ = true;
    WaitForChunk();
    return 0;
  }
  size_t total = 0;
  while (!plain.empty() && !connection_.send_full()) {
    const shard::Slice& front = plain.front();
    size_t bytes = std::min(RecordBytes(), plain.size());
    if (front.length >= kLargeSliceBytes) bytes = std::min<size_t>(bytes, front.length);
    if (!HasRoomFor(bytes)) {
      send_starved_ = true;
      WaitForChunk();
      break;
    }
    const void* from = front.begin();
    if (front.length < bytes) {
      plain.Peek(reinterpret_cast<char*>(shard_.scratch_.get()), bytes);
      from = shard_.scratch_.get();
    }
    ERR_clear_error();
    const int written = SSL_write(ssl_.get(), from, int(bytes));
    if (written <= 0) {
      Fail(SSL_get_error(ssl_.get(), written));
      break;
    }
    ticket_timer_.Clear();  // this record has taken them along
    plain.Consume(size_t(written));
    total += size_t(written);
    burst_bytes_ = std::min<uint32_t>(burst_bytes_ + uint32_t(written), kBurstBytes);
  }
  return total;
}

void Link::CloseNotify() {
  if (state_ != State::kOpen || notified_) return;
  notified_ = true;
  // Without room the peer sees a cut connection, which is what it is.
  if (!HasRoomFor(0)) return;
  shard_.current_ = this;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void Link::OnBufferAvailable() noexcept {
  const bool recv = recv_starved_;
  const bool send = send_starved_;
  recv_starved_ = send_starved_ = false;
  connection_.Resume(recv, send);
}

}  // namespace tls
