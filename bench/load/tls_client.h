// tls_client.h - TLS for the load client: sockets that are read and written as plain ones are.
//
// Owns:    the library's context, and the session that is offered again.
// Threads: one.
// Units:   bytes.
// Errors:  as recv() and send(): -1 with errno, EAGAIN while nothing can be done; 0 is the end.
// States:  none. It verifies nobody: what is measured is the other end.
//
//   TlsClient tls(/*resumes=*/true, "X25519");
//   SSL* ssl = tls.Open(fd);      // Write() and Read() shake hands, too
//   TlsClient::Close(ssl);        // says goodbye; the caller closes fd

#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

namespace bench {

class TlsClient {
 public:
  // TLS 1.3, one group by its name (X25519, P-256), and what the server's certificate asks for.
  // Resuming offers the last session.
  TlsClient(bool resumes, const char* group);

  SSL* Open(int fd);
  static ssize_t Read(SSL* ssl, void* to, size_t bytes);
  static ssize_t Write(SSL* ssl, const void* from, size_t bytes);
  static void Close(SSL* ssl);

 private:
  static int TakeSession(SSL* ssl, SSL_SESSION* session);

  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL_SESSION> session_;
};

}  // namespace bench
