#include "tests/fake/broken_tls_peer.h"

#include <openssl/aead.h>
#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/hkdf.h>
#include <openssl/hmac.h>
#include <openssl/nid.h>

#include <cstring>

#include "base/check.h"
#include "tls/handles.h"

namespace tests {
namespace {

using tls::Handle;

constexpr size_t kHeaderBytes = 5;
constexpr size_t kSecretBytes = 32;  // every suite here has SHA-256

std::string Big16(size_t value) { return {char(value >> 8), char(value & 0xff)}; }
size_t Read16(std::string_view text, size_t at) {
  return size_t(uint8_t(text[at])) << 8 | uint8_t(text[at + 1]);
}
const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string Unhex(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += char(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// RFC 8446 section 7.1.
std::string ExpandLabel(const std::string& secret, const std::string& label, size_t bytes) {
  const std::string name = "tls13 " + label;
  const std::string info = Big16(bytes) + char(name.size()) + name + std::string(1, 0);
  std::string out(bytes, 0);
  MUST(HKDF_expand(reinterpret_cast<uint8_t*>(out.data()), bytes, EVP_sha256(), Bytes(secret),
                   secret.size(), Bytes(info), info.size()) == 1);
  return out;
}

std::string Hmac(const std::string& key, const std::string& text) {
  std::string out(kSecretBytes, 0);
  unsigned length = 0;
  MUST(HMAC(EVP_sha256(), key.data(), key.size(), Bytes(text), text.size(),
            reinterpret_cast<uint8_t*>(out.data()), &length) != nullptr);
  return out;
}

// RFC 5246 section 5.
std::string KeyBlock(const std::string& master, const std::string& seed, size_t bytes) {
  std::string block, a = seed;
  while (block.size() < bytes) {
    a = Hmac(master, a);
    block += Hmac(master, a + seed);
  }
  return block;
}

}  // namespace

namespace broken_tls {

// AES-128-GCM of one direction and epoch, in either version.
struct Key {
  std::string secret;  // of TLS 1.3
  std::string key, iv;
  uint64_t sequence = 0;
  bool known() const { return !key.empty(); }

  void Take(const std::string& from) {
    secret = from;
    key = ExpandLabel(secret, "key", 16);
    iv = ExpandLabel(secret, "iv", 12);
    sequence = 0;
  }
  // To the next one (RFC 8446 section 7.2).
  void Roll() { Take(ExpandLabel(secret, "traffic upd", kSecretBytes)); }
  // Both ways: `is_13` says how a nonce is made and what is authenticated.
  bool Apply(bool seals, bool is_13, uint8_t type, std::string_view in, std::string* out) {
    std::string count;
    for (int shift = 56; shift >= 0; shift -= 8) count += char(sequence >> shift & 0xff);
    std::string nonce = iv, head;
    if (is_13) {
      for (size_t i = 0; i < 8; ++i) nonce[4 + i] ^= count[i];
      head = std::string("\x17\x03\x03", 3) + Big16(in.size() + (seals ? 16 : 0));
    } else {
      if (!seals && in.size() < 24) return false;
      nonce += seals ? count : std::string(in.substr(0, 8));
      if (!seals) in.remove_prefix(8);
      head = count + char(type) + "\x03\x03" + Big16(seals ? in.size() : in.size() - 16);
    }
    bssl::ScopedEVP_AEAD_CTX context;
    MUST(EVP_AEAD_CTX_init(context.get(), EVP_aead_aes_128_gcm(), Bytes(key), key.size(), 16,
                           nullptr) == 1);
    out->assign(in.size() + 16, 0);
    size_t length = 0;
    const auto apply = seals ? EVP_AEAD_CTX_seal : EVP_AEAD_CTX_open;
    const bool done =
        apply(context.get(), reinterpret_cast<uint8_t*>(out->data()), &length, out->size(),
              Bytes(nonce), nonce.size(), Bytes(in), in.size(), Bytes(head), head.size()) == 1;
    ERR_clear_error();
    if (!done) return false;
    ++sequence;
    out->resize(length);
    if (seals && !is_13) out->insert(0, count);
    return true;
  }
};

struct Keys {
  Key handshake, traffic;
};

}  // namespace broken_tls

using broken_tls::Key;
using broken_tls::Keys;

namespace {

std::string Framed(uint8_t type, std::string_view body) {
  return char(type) + std::string("\x03\x03") + Big16(body.size()) + std::string(body);
}

// A certificate by itself, with the key it is for or with another.
void GiveCertificate(SSL_CTX* context) {
  Handle<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  MUST(EC_KEY_generate_key(ec.get()) == 1);
  Handle<EVP_PKEY> key(EVP_PKEY_new());
  MUST(EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1);
  Handle<X509> leaf(X509_new());
  MUST(X509_set_version(leaf.get(), X509_VERSION_3) == 1);
  MUST(X509_gmtime_adj(X509_get_notBefore(leaf.get()), -3600) != nullptr);
  MUST(X509_gmtime_adj(X509_get_notAfter(leaf.get()), 86400) != nullptr);
  MUST(X509_set_pubkey(leaf.get(), key.get()) == 1);
  MUST(X509_sign(leaf.get(), key.get(), EVP_sha256()) > 0);
  MUST(SSL_CTX_use_certificate(context, leaf.get()) == 1);
  MUST(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
}

}  // namespace

struct BrokenTlsPeer::State {
  explicit State(const BrokenWay& the_way) : way(the_way) {}

  const BrokenWay& way;
  Handle<SSL_CTX> context;
  Handle<SSL> ssl;
  BIO* in = nullptr;
  BIO* out = nullptr;
  bool shaken = false;
  bool acted = false;
  bool silent = false;
  bool flight_sent = false;  // the first one
  WireEnd end = WireEnd::kStays;
  int alert = -1;
  std::vector<TlsPiece> first;
  std::string came;            // records that are not whole yet
  std::string messages;        // of the handshake, likewise, in what the honest end says
  bool honest_sealed = false;  // TLS 1.2, behind its ChangeCipherSpec
  bool came_sealed = false;    // likewise of the other end
  Keys opens;                  // what the honest end sends
  Keys seals;                  // what we send instead: the same keys, another count
  Keys reads;                  // what the other end sends

  bool is_13() const { return way.version == TLS1_3_VERSION; }
  bool is_client() const { return way.side == TlsSide::kClient; }

  static State& Of(const SSL* ssl) { return *static_cast<State*>(SSL_get_app_data(ssl)); }
  static void TakeSecret(const SSL* ssl, const char* line) {
    State& state = Of(ssl);
    const std::string text = line;
    const size_t gap = text.find(' ');
    const std::string label = text.substr(0, gap);
    const std::string secret = Unhex(text.substr(text.rfind(' ') + 1));
    if (label == "CLIENT_RANDOM") return state.TakeMaster(secret);
    const bool ours = label.starts_with("CLIENT_") == state.is_client();
    const bool handshake = label.find("_HANDSHAKE_") != std::string::npos;
    if (!handshake && label.find("_TRAFFIC_SECRET_0") == std::string::npos) return;
    const auto take = [&](Keys& keys) { (handshake ? keys.handshake : keys.traffic).Take(secret); };
    if (!ours) return take(state.reads);
    take(state.opens);
    take(state.seals);
  }
  void TakeMaster(const std::string& master) {
    const auto random = [this](auto get) {
      std::string bytes(32, 0);
      get(ssl.get(), reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
      return bytes;
    };
    const std::string block = KeyBlock(
        master, "key expansion" + random(SSL_get_server_random) + random(SSL_get_client_random),
        40);
    const auto take = [&](Key& key, bool of_client) {
      key.key = block.substr(of_client ? 0 : 16, 16);
      key.iv = block.substr(of_client ? 32 : 36, 4);
      key.sequence = 0;
    };
    take(opens.traffic, is_client());
    take(seals.traffic, is_client());
    take(reads.traffic, !is_client());
  }

  // Looks into what the other end sends for an alert.
  void Watch(std::string_view bytes) {
    came += bytes;
    while (came.size() >= kHeaderBytes && came.size() >= kHeaderBytes + Read16(came, 3)) {
      const uint8_t type = uint8_t(came[0]);
      std::string body = came.substr(kHeaderBytes, Read16(came, 3));
      came.erase(0, kHeaderBytes + body.size());
      if (type == kTlsCcs) came_sealed = true;
      uint8_t inner = type;
      if (is_13() && type == kTlsData) {
        std::string plain;
        for (Key* key : {&reads.handshake, &reads.traffic}) {
          if (key->known() && key->Apply(false, true, type, body, &plain)) break;
        }
        while (!plain.empty() && plain.back() == 0) plain.pop_back();
        if (plain.empty()) continue;
        inner = uint8_t(plain.back());
        plain.pop_back();
        body = plain;
      } else if (!is_13() && came_sealed && type != kTlsCcs) {
        std::string plain;
        if (!reads.traffic.known() || !reads.traffic.Apply(false, false, type, body, &plain)) {
          continue;
        }
        body = plain;
      }
      // A KeyUpdate (RFC 8446 section 4.6.3), perhaps behind tickets: then comes the next key.
      if (is_13() && inner == kTlsHandshake && body.size() >= 5 &&
          std::string_view(body).substr(body.size() - 5, 4) == std::string_view("\x18\0\0\1", 4)) {
        reads.traffic.Roll();
      }
      if (inner == kTlsAlert && body.size() == 2) alert = uint8_t(body[1]);
    }
  }

  // What the honest end wants to say, opened.
  std::vector<TlsPiece> Honest() {
    const uint8_t* bytes = nullptr;
    size_t length = 0;
    MUST(BIO_mem_contents(out, &bytes, &length) == 1);
    std::string text(reinterpret_cast<const char*>(bytes), length);
    BIO_reset(out);
    std::vector<TlsPiece> pieces;
    while (text.size() >= kHeaderBytes) {
      TlsPiece piece;
      piece.type = uint8_t(text[0]);
      piece.body = text.substr(kHeaderBytes, Read16(text, 3));
      text.erase(0, kHeaderBytes + piece.body.size());
      Open(&piece);
      if (piece.type != kTlsHandshake) {
        pieces.push_back(std::move(piece));
        continue;
      }
      messages += piece.body;
      while (messages.size() >= 4) {
        const size_t whole = 4 + (size_t(uint8_t(messages[1])) << 16) + Read16(messages, 2);
        if (messages.size() < whole) break;
        pieces.push_back({kTlsHandshake, piece.epoch, messages.substr(0, whole)});
        messages.erase(0, whole);
      }
    }
    return pieces;
  }
  void Open(TlsPiece* piece) {
    std::string plain;
    if (is_13()) {
      if (piece->type != kTlsData) return;
      piece->epoch = Epoch::kHandshake;
      if (!opens.handshake.Apply(false, true, kTlsData, piece->body, &plain)) {
        piece->epoch = Epoch::kTraffic;
        MUST(opens.traffic.Apply(false, true, kTlsData, piece->body, &plain));
      }
      while (!plain.empty() && plain.back() == 0) plain.pop_back();
      MUST(!plain.empty());
      piece->type = uint8_t(plain.back());
      plain.pop_back();
      piece->body = plain;
      return;
    }
    if (honest_sealed) {
      piece->epoch = Epoch::kTraffic;
      MUST(opens.traffic.Apply(false, false, piece->type, piece->body, &plain));
      piece->body = plain;
    }
    if (piece->type == kTlsCcs) honest_sealed = true;
  }

  Epoch EpochNow() const {
    if (!is_13()) return honest_sealed ? Epoch::kTraffic : Epoch::kPlain;
    if (shaken && seals.traffic.known()) return Epoch::kTraffic;
    return seals.handshake.known() ? Epoch::kHandshake : Epoch::kPlain;
  }
};

BrokenTlsPeer::BrokenTlsPeer(const BrokenWay& way) : state_(new State(way)) {
  State& s = *state_;
  s.context.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* const context = s.context.get();
  MUST(SSL_CTX_set_min_proto_version(context, way.version) == 1);
  MUST(SSL_CTX_set_max_proto_version(context, way.version) == 1);
  MUST(SSL_CTX_set_strict_cipher_list(
           context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") == 1);
  if (way.groups != nullptr) MUST(SSL_CTX_set1_curves_list(context, way.groups) == 1);
  SSL_CTX_set_keylog_callback(context, State::TakeSecret);
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_NONE, [](SSL*, uint8_t*) { return ssl_verify_ok; });
  if (!s.is_client() || way.shows_certificate) GiveCertificate(context);
  s.ssl.reset(SSL_new(context));
  SSL_set_app_data(s.ssl.get(), &s);
  s.in = BIO_new(BIO_s_mem());
  s.out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(s.in, -1);
  SSL_set_bio(s.ssl.get(), s.in, s.out);
  s.is_client() ? SSL_set_connect_state(s.ssl.get()) : SSL_set_accept_state(s.ssl.get());
}

BrokenTlsPeer::~BrokenTlsPeer() = default;

WireEnd BrokenTlsPeer::end() const { return state_->end; }
bool BrokenTlsPeer::acted() const { return state_->acted; }
int BrokenTlsPeer::alert() const { return state_->alert; }

std::string BrokenTlsPeer::Seal(const TlsPiece& piece) {
  State& s = *state_;
  if (piece.type == 0) return piece.body;
  if (piece.epoch == Epoch::kPlain) return Framed(piece.type, piece.body);
  Key& key = piece.epoch == Epoch::kHandshake ? s.seals.handshake : s.seals.traffic;
  std::string sealed;
  const std::string plain = s.is_13() ? piece.body + char(piece.type) : piece.body;
  MUST(key.known() && key.Apply(true, s.is_13(), piece.type, plain, &sealed));
  return Framed(s.is_13() ? kTlsData : piece.type, sealed);
}

void BrokenTlsPeer::RollKey() { state_->seals.traffic.Roll(); }

std::string BrokenTlsPeer::Step(std::string_view came) {
  State& s = *state_;
  if (!came.empty()) BIO_write(s.in, came.data(), int(came.size()));
  if (!s.shaken) s.shaken = SSL_do_handshake(s.ssl.get()) == 1;
  char buffer[4096];
  while (s.shaken && SSL_read(s.ssl.get(), buffer, sizeof(buffer)) > 0) {
  }
  ERR_clear_error();
  s.Watch(came);  // with the keys that came of it
  if (s.silent) return "";
  std::vector<TlsPiece> flight = s.Honest();
  BreakAt now = s.flight_sent ? BreakAt::kAnswer : BreakAt::kHello;
  std::string wire;
  const auto emit = [&] {
    for (const TlsPiece& piece : flight) wire += Seal(piece);
    flight.clear();
  };
  if (s.shaken && s.way.at == BreakAt::kData && !s.acted) {
    emit();  // the end of the handshake is honest
    now = BreakAt::kData;
    for (const char* text : {"first", "other"}) {
      flight.push_back({kTlsData, s.EpochNow(), text});
    }
  }
  if (flight.empty()) return wire;
  if (!s.flight_sent) s.first = flight;
  s.flight_sent = true;
  if (now == s.way.at && !s.acted) {
    s.acted = true;
    BreakAct act{*this, flight, s.first, flight.back().epoch};
    s.way.act(act);
    s.end = act.end;
    s.silent = !act.goes_on;
  }
  emit();
  return wire;
}

void BreakAct::Raw(std::string bytes) { flight.push_back({0, Epoch::kPlain, std::move(bytes)}); }
void BreakAct::Replace(std::string bytes) {
  flight.clear();
  Raw(std::move(bytes));
}
void BreakAct::Say(uint8_t type, std::string body) {
  flight.push_back({type, epoch, std::move(body)});
}
std::string BreakAct::Seal(const TlsPiece& piece) { return peer.Seal(piece); }
TlsPiece* BreakAct::Message(uint8_t kind) {
  for (TlsPiece& piece : flight) {
    if (piece.type == kTlsHandshake && uint8_t(piece.body[0]) == kind) return &piece;
  }
  return nullptr;
}
void BreakAct::Drop(uint8_t kind) {
  std::erase_if(flight, [kind](const TlsPiece& piece) {
    return piece.type == kTlsHandshake && uint8_t(piece.body[0]) == kind;
  });
}

const BrokenWay* FindBrokenWay(std::string_view name) {
  for (const BrokenWay& way : BrokenWays()) {
    if (way.name == name) return &way;
  }
  return nullptr;
}

}  // namespace tests
