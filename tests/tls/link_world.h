// link_world.h - a connection with TLS over the scripted ring, and a client of the same library in
// memory.
//
// Owns:    all of it.
// Threads: one.
// Units:   as the real ones.
// Errors:  leaks kill the test (FakeNet).
// States:  none.

#pragma once

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "tests/shard/conn/conn_world.h"
#include "tests/tls/test_certificates.h"
#include "tls/layer.h"
#include "tls/link.h"

namespace tls {

using shard::ConnWorld;
using shard::ConnWorldOptions;
using tests::FakePeer;

inline std::string Letters(size_t bytes) {
  std::string text(bytes, 0);
  std::mt19937 random(unsigned(bytes) + 1);
  for (char& c : text) c = char('a' + random() % 26);
  return text;
}

// The other end, which trusts anybody.
class TlsClient {
 public:
  explicit TlsClient(int version = 0, bool server = false) : context_(SSL_CTX_new(TLS_method())) {
    if (version != 0) {
      SSL_CTX_set_min_proto_version(context_.get(), uint16_t(version));
      SSL_CTX_set_max_proto_version(context_.get(), uint16_t(version));
    }
    if (server) {
      const PemPair pem = MakePem({.names = {"localhost"}});
      Handle<BIO> text(BIO_new_mem_buf(pem.certificate.data(), int(pem.certificate.size())));
      Handle<X509> leaf(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
      Handle<BIO> key_text(BIO_new_mem_buf(pem.key.data(), int(pem.key.size())));
      Handle<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
      SSL_CTX_use_certificate(context_.get(), leaf.get());
      SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl_.get(), in_, out_);
    server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
  }
  // Takes what came, goes on with the handshake or reads; returns what is to be sent.
  std::string Step(const std::string& came) {
    if (!came.empty()) BIO_write(in_, came.data(), int(came.size()));
    if (!done_) done_ = SSL_do_handshake(ssl_.get()) == 1;
    char buffer[20000];
    while (done_) {
      const int got = SSL_read(ssl_.get(), buffer, sizeof(buffer));
      if (got <= 0) {
        closed_ = closed_ || SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
        break;
      }
      plain.append(buffer, size_t(got));
    }
    ERR_clear_error();
    return Pending();
  }
  std::string Seal(std::string_view text) {
    while (!text.empty()) {
      const int n = SSL_write(ssl_.get(), text.data(), int(std::min<size_t>(text.size(), 16384)));
      EXPECT_GT(n, 0);
      if (n <= 0) break;
      text.remove_prefix(size_t(n));
    }
    return Pending();
  }
  std::string Close() {
    SSL_shutdown(ssl_.get());
    return Pending();
  }
  std::string Pending() {
    const uint8_t* bytes = nullptr;
    size_t length = 0;
    BIO_mem_contents(out_, &bytes, &length);
    std::string text(reinterpret_cast<const char*>(bytes), length);
    BIO_reset(out_);
    return text;
  }
  bool done() const { return done_; }
  bool closed() const { return closed_; }
  SSL* ssl() { return ssl_.get(); }
  std::string plain;

 private:
  Handle<SSL_CTX> context_;
  Handle<SSL> ssl_;
  BIO* in_;
  BIO* out_;
  bool done_ = false;
  bool closed_ = false;
};

class LinkTest : public testing::Test {
 protected:
  ~LinkTest() override {
    peer_.reset();
    world_.reset();
    if (tls_ != nullptr) {
      EXPECT_EQ(tls_->links(), 0u);
    }
  }
  void Open(const ConnWorldOptions& options = {}, Options tls_options = {}) {
    world_ = std::make_unique<ConnWorld>(options);
    world_->handshakes.steps[size_t(shard::HandshakeStep::kTlsAccept)] = AcceptStep();
    tls_ = std::make_unique<ShardTls>(16, TicketSecret::Draw(0));
    CertStore store;
    store.Add(Certificate(), {});
    std::string error;
    context_ = Context::MakeServer(std::move(tls_options), std::move(store), &error);
    ASSERT_NE(context_, nullptr) << error;
    Accept();
  }
  static std::shared_ptr<const tls::Certificate> Certificate() {
    static const auto certificate = MakeCertificate({.names = {"localhost"}});
    return certificate;
  }
  void Accept() {
    connection_ = world_->Accepted(&peer_);
    handle_ = connection_->handle();
    connection_->SetEvents(&hearer_);
    ASSERT_TRUE(tls_->Accept(*connection_, context_));
    EXPECT_FALSE(connection_->Start());
  }
  // Moves bytes between both ends, `piece` at a time, until nothing moves.
  void Shake(TlsClient& client, size_t piece = SIZE_MAX) {
    std::string to_send = client.Step("");
    for (int i = 0; i < 3000; ++i) {
      if (!to_send.empty()) to_send.erase(0, peer_->Write(to_send.substr(0, piece)));
      world_->Settle();
      const std::string came = peer_->Read(piece);
      if (!came.empty()) to_send += client.Step(came);
      if (to_send.empty() && came.empty() && peer_->readable() == 0) break;
    }
  }
  void Send(std::string_view text) {
    shard::ByteQueue queue(world_->slices);
    ASSERT_EQ(queue.Append(text, world_->small), text.size());
    connection_->Send(queue);
    EXPECT_TRUE(queue.empty());
  }
  std::string Received(size_t max = SIZE_MAX) {
    shard::ByteQueue queue(world_->slices);
    connection_->Recv(queue, max);
    return shard::Text(queue);
  }
  bool gone() { return world_->table->Find(handle_) == nullptr; }
  // The alert at the end of what the connection sent; -1: none.
  int LastAlert() {
    const std::string sent = peer_->Read();
    return sent.size() >= 7 && sent[sent.size() - 7] == SSL3_RT_ALERT ? uint8_t(sent.back()) : -1;
  }

  std::shared_ptr<const Context> context_;
  std::unique_ptr<ShardTls> tls_;
  std::unique_ptr<ConnWorld> world_;
  shard::Hearer hearer_;
  std::unique_ptr<FakePeer> peer_;
  shard::Connection* connection_ = nullptr;
  base::Handle handle_;
};

}  // namespace tls
