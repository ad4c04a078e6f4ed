// link.h - TLS of one connection: the library's object, its bytes, and what became of it; and what
// a shard keeps for all of them.
//
// Owns:    a Link its SSL; it is the connection's layer state, in the slab of ShardTls. ShardTls
//          the slab, the contexts of this shard, the keys of tickets, the sessions that clients
//          name by an id, and a scratch.
// Threads: shard-local.
// Units:   bytes; milliseconds of the shard's clock.
// Errors:  recorded in the connection as a CloseReason; detail() has the library's words.
// States:  waiting (no SSL yet: an idle connect costs nothing) -> handshaking -> open -> failed.
//          An open one ends reading by the peer's close_notify, or by the wire's end without it:
//          truncated().
//
// The library reads from the connection's wire_in() and appends to wire_out(), through one BIO per
// shard: it always works on the connection whose call it is in.

#pragma once

#include <openssl/sha.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/slab.h"
#include "shard/conn/connection.h"
#include "tls/context.h"
#include "tls/handles.h"
#include "tls/hello_capture.h"
#include "tls/key_log.h"
#include "tls/link_events.h"
#include "tls/session_cache.h"
#include "tls/tickets.h"

namespace tls {

class Link;

class ShardTls {
 public:
  // `links_max`: connections with TLS at the same time. `events` may be null, else outlives it.
  ShardTls(uint32_t links_max, const TicketSecret& secret, LinkEvents* events = nullptr);
  ~ShardTls();
  ShardTls(const ShardTls&) = delete;
  ShardTls& operator=(const ShardTls&) = delete;

  // Null: no memory.
  LocalContext* Local(const Context& context);
  // Nobody will ask for this context any more: it goes with the last connection that has it.
  void Forget(const Context& context);
  // Before Start() of an accepted connection, or Dial() of one that goes out: it will speak TLS.
  // The shard keeps `context` as long as it has connections with it. `server_name` goes into SNI
  // and must be in the certificate where it is verified; empty: none.
  [[nodiscard]] bool Accept(shard::Connection& connection,
                            const std::shared_ptr<const Context>& context);
  [[nodiscard]] bool Connect(shard::Connection& connection,
                             const std::shared_ptr<const Context>& context,
                             std::string_view server_name, bool counted = false);
  uint32_t links() const { return links_.live(); }

 private:
  friend class Link;
  // Room for one record's plain bytes, where they lie in pieces.
  static constexpr size_t kScratchBytes = SSL3_RT_MAX_PLAIN_LENGTH;
  static constexpr size_t kSessionsMax = 4096;

  // A context of the configuration, or of one before it that connections are left of.
  struct Known {
    std::shared_ptr<const Context> context;
    std::unique_ptr<LocalContext> local;  // null: not asked for yet
    uint32_t links = 0;
    bool forgotten = false;
  };
  bool NewLink(shard::Connection& connection, const std::shared_ptr<const Context>& context,
               std::string_view server_name, shard::HandshakeStep step, bool counted);
  void OnLinkGone(const Context& context);

  base::Slab<Link> links_;
  LinkEvents* const events_;
  absl::flat_hash_map<const Context*, Known> contexts_;
  Handle<BIO> bio_;
  Link* current_ = nullptr;  // whose call the library is in
  TicketKeys ticket_keys_;
  SessionCache sessions_;  // of clients
  std::unique_ptr<uint8_t[]> scratch_;
};

class Link final : public shard::BufferWaiter, shard::TimerClient {
 public:
  enum class State : uint8_t { kWaiting, kHandshaking, kOpen, kFailed };

  Link(ShardTls& shard, const Context& context, shard::Connection& connection,
       std::string_view server_name, bool counted)
      : shard_(shard),
        context_(context),
        connection_(connection),
        counted_(counted),
        server_name_(server_name) {}
  ~Link();

  // Null for a connection without TLS.
  static Link* Of(const shard::Connection& connection);

  shard::HandshakeResult Shake();
  // The next Shake() will compute: something came, a client begins, or a signature is owed.
  bool shake_is_costly() const {
    return !connection_.wire_in().empty() || signing_ != nullptr ||
           (!is_server() && state_ == State::kWaiting);
  }
  size_t Recv(shard::ByteQueue& plain, size_t max);
  size_t Send(shard::ByteQueue& plain);
  void CloseNotify();
  void Release();
  bool read_ended() const { return peer_closed_; }
  // Plain bytes that the library holds already.
  bool has_unread() const { return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0; }

  const Context& context() const { return context_; }
  // Our own, which the peer was shown or may be; null: none, or not chosen yet.
  const Certificate* certificate() const {
    return is_server() ? certificate_ : context_.certificate();
  }
  State state() const { return state_; }
  const SSL* ssl() const { return ssl_.get(); }
  // The wire ended without a close_notify: what came may have been cut short.
  bool truncated() const { return truncated_; }
  // Why it failed, in the library's words; empty where the CloseReason says it all.
  const std::string& detail() const { return detail_; }
  const std::string& server_name() const { return server_name_; }
  // Of a server that keeps it; else null.
  const HelloCapture* hello() const { return hello_.get(); }
  // Where the context keeps secrets; else null.
  const KeyLog* key_log() const { return key_log_.get(); }
  // Of TLS 1.3: what the client's Finished says, in a resumed session the server's. Before TLS 1.3
  // SSL_get_tls_unique() has it.
  std::string_view finished() const {
    return {reinterpret_cast<const char*>(finished_), finished_bytes_};
  }
  // The CA at the end of the peer's chain. Null: none was verified, or the session was resumed.
  const X509* root() const { return root_.get(); }
  int verify_error() const { return verify_.error; }
  const VerifyResult& verify() const { return verify_; }
  // The library's number for what ended the handshake or the connection; 0: nothing has.
  uint32_t error_code() const { return error_code_; }

 private:
  friend const SSL_PRIVATE_KEY_METHOD* KeyMethod();
  friend void SetServerCallbacks(SSL_CTX*, bool);
  friend void SetClientCallbacks(SSL_CTX*);
  friend void SetVerifyCallback(SSL_CTX*, int);
  friend void SetKeyLogCallback(SSL_CTX*);
  friend class ShardTls;

  static Link& OfSsl(const SSL* ssl) { return *static_cast<Link*>(SSL_get_app_data(ssl)); }
  static int ReadWire(BIO* bio, char* to, int max);
  static int WriteWire(BIO* bio, const char* from, int length);
  static long ControlWire(BIO* bio, int command, long, void*);
  static const BIO_METHOD* WireMethod();
  static ssl_private_key_result_t SignByKey(SSL* ssl, uint8_t* out, size_t* out_length,
                                            size_t out_max, uint16_t algorithm, const uint8_t* in,
                                            size_t length);
  static ssl_private_key_result_t DecryptByKey(SSL* ssl, uint8_t* out, size_t* out_length,
                                               size_t out_max, const uint8_t* in, size_t length);
  static ssl_private_key_result_t FinishSigning(SSL* ssl, uint8_t* out, size_t* out_length,
                                                size_t out_max);
  static ssl_select_cert_result_t SelectCertificate(const SSL_CLIENT_HELLO* hello);
  static int RefuseName(SSL* ssl, int* alert, void*);
  static int SelectProtocol(SSL*, const uint8_t** out, uint8_t* out_length, const uint8_t* offered,
                            unsigned length, void*);
  static int TicketKey(SSL*, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac,
                       int encrypt);
  static int TakeSession(SSL*, SSL_SESSION* session);
  static int KeepSession(SSL*, SSL_SESSION* session);
  static SSL_SESSION* FindSession(SSL*, const uint8_t* id, int length, int* out_copy);
  static size_t TicketOverhead(SSL*) { return SessionCache::kIdBytes; }
  static int SealTicket(SSL*, uint8_t* out, size_t* out_length, size_t out_max, const uint8_t* in,
                        size_t length);
  static ssl_ticket_aead_result_t OpenTicket(SSL*, uint8_t* out, size_t* out_length, size_t out_max,
                                             const uint8_t* in, size_t length);
  static const SSL_TICKET_AEAD_METHOD* EmptyTickets();
  static ssl_verify_result_t VerifyPeer(SSL*, uint8_t* alert);
  static void NoteMessage(int is_write, int version, int type, const void* bytes, size_t length,
                          SSL* ssl, void*);
  static void NoteSecret(const SSL* ssl, const char* line);

  void NoteHandshake();
  bool Begin();
  void OfferSession(LocalContext& local);
  void SettleOffer(bool taken);
  shard::HandshakeResult FailHandshake(int library_error);
  shard::CloseReason ReasonOfFailure(int library_error);
  // Of an open connection: recorded, told from the loop.
  void Fail(int library_error);
  void EndRead(bool truncated);
  size_t RecordBytes();
  bool FlushTickets();
  // Tickets go when a little time has passed, unless something is sent before.
  void AwaitTickets();
  void OnTimer() noexcept override;
  bool HasRoomFor(size_t plain_bytes) const;
  void WaitForChunk() { connection_.context().small->WaitForChunk(this); }
  void OnBufferAvailable() noexcept override;
  bool is_server() const { return context_.side() == Context::Side::kServer; }

  // A signature that is put off to a turn of its own.
  struct Signing {
    uint16_t algorithm;
    std::vector<uint8_t> message;
  };

  ShardTls& shard_;
  const Context& context_;
  shard::Connection& connection_;
  Handle<SSL> ssl_;
  Handle<SSL_SESSION> offered_;               // to a server that has not answered yet
  const Certificate* certificate_ = nullptr;  // of a server
  uint64_t last_send_ms_ = 0;
  uint32_t burst_bytes_ = 0;  // sent since the last pause
  uint8_t ticket_waits_ = 0;
  uint64_t ticket_bytes_in_ = 0;  // of the connection, when the last wait began
  shard::Timer ticket_timer_{this};
  VerifyResult verify_;
  uint32_t error_code_ = 0;
  State state_ = State::kWaiting;
  uint8_t finished_bytes_ = 0;
  uint8_t finished_[SHA384_DIGEST_LENGTH];
  const bool counted_ : 1;
  bool names_session_ : 1 = false;  // the client asks for one of the cache
  bool peer_closed_ : 1 = false;
  bool truncated_ : 1 = false;
  bool notified_ : 1 = false;      // our close_notify is written
  bool recv_starved_ : 1 = false;  // reading waits for a chunk
  bool send_starved_ : 1 = false;
  bool tickets_cut_ : 1 = false;   // part of them is written, the rest waits for a chunk
  bool unknown_name_ : 1 = false;  // the client asked for a name that nothing covers
  std::string server_name_;
  std::string detail_;
  std::unique_ptr<const HelloCapture> hello_;
  std::unique_ptr<KeyLog> key_log_;
  std::unique_ptr<const Signing> signing_;
  Handle<X509> root_;
};

// Signs and decrypts with the key of the link's certificate.
const SSL_PRIVATE_KEY_METHOD* KeyMethod();
// `tickets`: they carry the session; else it stays with the shard.
void SetServerCallbacks(SSL_CTX* context, bool tickets);
void SetClientCallbacks(SSL_CTX* context);
void SetVerifyCallback(SSL_CTX* context, int mode);
void SetKeyLogCallback(SSL_CTX* context);

}  // namespace tls
