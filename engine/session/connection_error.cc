#include "engine/session/connection_error.h"

#include <cerrno>

#include "shard/conn/connection.h"

namespace engine {
namespace {

using shard::CloseReason;

// The table of manual 7.3.3 (fc_err_str), as far as a connection here can meet with it.
struct ReasonRow {
  CloseReason reason;
  ConnectionError error;
};
constexpr ReasonRow kReasons[] = {
    {CloseReason::kNoMemory, {4, "SYS_MEMLIM", "Out of system buffers"}},
    {CloseReason::kClientHandshakeTimeout, {6, "SOCK_ERR", "General socket error"}},
    {CloseReason::kClientHandshakeFailed, {6, "SOCK_ERR", "General socket error"}},
    {CloseReason::kLocalPorts, {7, "PORT_RANGE", "Source port range exhausted"}},
    {CloseReason::kSourceAddress, {8, "CANT_BIND", "Can't bind to source address"}},
    {CloseReason::kProxyEmpty,
     {11, "PRX_EMPTY", "Connection closed while waiting for PROXY protocol header"}},
    {CloseReason::kProxyAbort,
     {12, "PRX_ABORT", "Connection error while waiting for PROXY protocol header"}},
    {CloseReason::kProxyTimeout,
     {13, "PRX_TIMEOUT", "Timeout while waiting for PROXY protocol header"}},
    {CloseReason::kProxyTruncated,
     {14, "PRX_TRUNCATED", "Truncated PROXY protocol header received"}},
    {CloseReason::kProxyNotHeader,
     {15, "PRX_NOT_HDR", "Received something which does not look like a PROXY protocol header"}},
    {CloseReason::kProxyBadHeader,
     {16, "PRX_BAD_HDR", "Received an invalid PROXY protocol header"}},
    {CloseReason::kProxyBadProtocol,
     {17, "PRX_BAD_PROTO", "Received an unhandled protocol in the PROXY protocol header"}},
    {CloseReason::kCipEmpty,
     {18, "CIP_EMPTY", "Connection closed while waiting for NetScaler Client IP header"}},
    {CloseReason::kCipAbort,
     {19, "CIP_ABORT", "Connection error while waiting for NetScaler Client IP header"}},
    {CloseReason::kCipTimeout,
     {20, "CIP_TIMEOUT", "Timeout while waiting for a NetScaler Client IP header"}},
    {CloseReason::kCipTruncated,
     {21, "CIP_TRUNCATED", "Truncated NetScaler Client IP header received"}},
    {CloseReason::kCipBadMagic,
     {22, "CIP_BAD_MAGIC", "Received an invalid NetScaler Client IP magic number"}},
    {CloseReason::kCipBadProtocol,
     {23, "CIP_BAD_PROTO", "Received an unhandled protocol in the NetScaler Client IP header"}},
    {CloseReason::kTlsEmpty, {24, "SSL_EMPTY", "Connection closed during SSL handshake"}},
    {CloseReason::kTlsServerClosed, {34, "SSL_HANDSHAKE", "SSL handshake failure"}},
    {CloseReason::kTlsAbort, {25, "SSL_ABORT", "Connection error during SSL handshake"}},
    {CloseReason::kTlsServerAbort, {25, "SSL_ABORT", "Connection error during SSL handshake"}},
    {CloseReason::kTlsTimeout, {26, "SSL_TIMEOUT", "Timeout during SSL handshake"}},
    {CloseReason::kTlsServerTimeout, {26, "SSL_TIMEOUT", "Timeout during SSL handshake"}},
    {CloseReason::kTlsLimit, {27, "SSL_TOO_MANY", "Too many SSL connections"}},
    {CloseReason::kTlsNoMemory,
     {28, "SSL_NO_MEM", "Out of memory when initializing an SSL connection"}},
    {CloseReason::kTlsRenegotiation,
     {29, "SSL_RENEG", "Rejected a client-initiated SSL renegotiation attempt"}},
    {CloseReason::kTlsCaRefused, {30, "SSL_CA_FAIL", "SSL client CA chain cannot be verified"}},
    {CloseReason::kTlsCertificateRefused,
     {31, "SSL_CRT_FAIL", "SSL client certificate not trusted"}},
    {CloseReason::kTlsServerOtherHost,
     {32, "SSL_MISMATCH", "Server presented an SSL certificate different from the configured one"}},
    {CloseReason::kTlsServerMismatch,
     {33, "SSL_MISMATCH_SNI",
      "Server presented an SSL certificate different from the expected one"}},
    {CloseReason::kTlsHandshake, {34, "SSL_HANDSHAKE", "SSL handshake failure"}},
    {CloseReason::kTlsPlainHttp, {34, "SSL_HANDSHAKE", "SSL handshake failure"}},
    {CloseReason::kTlsServerHandshake, {34, "SSL_HANDSHAKE", "SSL handshake failure"}},
    {CloseReason::kTlsServerRefused, {34, "SSL_HANDSHAKE", "SSL handshake failure"}},
    {CloseReason::kTlsFatal, {43, "SSL_FATAL", "SSL fatal error"}},
    {CloseReason::kTlsServerFatal, {43, "SSL_FATAL", "SSL fatal error"}},
};

struct ErrnoRow {
  int error;
  ConnectionError what;
};
constexpr ErrnoRow kErrnos[] = {
    {ECONNREFUSED, {46, "EREFUSED", "ECONNREFUSED returned by OS"}},
    {ECONNRESET, {47, "ERESET", "ECONNRESET returned by OS"}},
    {ENETUNREACH, {48, "EUNREACH", "ENETUNREACH returned by OS"}},
    {ENOMEM, {49, "ENOMEM", "ENOMEM returned by OS"}},
    {EBADF, {50, "EBADF", "EBADF returned by OS"}},
    {EFAULT, {51, "EFAULT", "EFAULT returned by OS"}},
    {EINVAL, {52, "EINVAL", "EINVAL returned by OS"}},
    {ENOTCONN, {53, "ENCONN", "ENCONN returned by OS"}},
    {ENOTSOCK, {54, "ENSOCK", "ENSOCK returned by OS"}},
    {ENOBUFS, {55, "ENOBUFS", "ENOBUFS returned by OS"}},
    {EPIPE, {56, "EPIPE", "EPIPE returned by OS"}},
};

}  // namespace

ConnectionError ErrorOf(CloseReason reason, int error) {
  for (const ReasonRow& row : kReasons) {
    if (row.reason == reason) return row.error;
  }
  if (error == 0) return {};
  for (const ErrnoRow& row : kErrnos) {
    if (row.error == error) return row.what;
  }
  return {6, "SOCK_ERR", "General socket error"};
}

ConnectionError ErrorOf(const shard::Connection& connection) {
  return ErrorOf(connection.reason(), connection.error());
}

}  // namespace engine
