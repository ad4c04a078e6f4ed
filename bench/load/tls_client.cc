#include "bench/load/tls_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include <algorithm>
#include <climits>

namespace bench {
namespace {

ssize_t Result(SSL* ssl, int done) {
  if (done > 0) return done;
  switch (SSL_get_error(ssl, done)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      ERR_clear_error();
      errno = EPROTO;
      return -1;
  }
}

int Length(size_t bytes) { return int(std::min<size_t>(bytes, INT_MAX)); }

}  // namespace

TlsClient::TlsClient(bool resumes, const char* group) : context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX* const context = context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set1_curves_list(context, group) != 1) {
    abort();
  }
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_NONE, [](SSL*, uint8_t*) { return ssl_verify_ok; });
  if (!resumes) return;
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, TakeSession);
}

int TlsClient::TakeSession(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->session_.reset(session);
  return 1;  // it is ours now
}

SSL* TlsClient::Open(int fd) {
  SSL* ssl = SSL_new(context_.get());
  if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1) abort();
  SSL_set_connect_state(ssl);
  SSL_set_tlsext_host_name(ssl, "bench");
  if (session_ != nullptr) SSL_set_session(ssl, session_.get());
  return ssl;
}

ssize_t TlsClient::Read(SSL* ssl, void* to, size_t bytes) {
  return Result(ssl, SSL_read(ssl, to, Length(bytes)));
}

ssize_t TlsClient::Write(SSL* ssl, const void* from, size_t bytes) {
  return Result(ssl, SSL_write(ssl, from, Length(bytes)));
}

void TlsClient::Close(SSL* ssl) {
  (void)SSL_shutdown(ssl);
  ERR_clear_error();
  SSL_free(ssl);
}

}  // namespace bench
