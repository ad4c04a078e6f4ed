// info.h - what can be said about the TLS of a connection: for logs, and later for rules.
//
// Owns:    nothing. Texts that are static may be kept; the others live as long as the connection.
// Threads: shard-local.
// Units:   none.
// Errors:  a connection without TLS, or whose handshake has not come to it, gives null or an empty
//          text.
// States:  none.

#pragma once

#include <cstdint>
#include <string_view>

#include "shard/conn/connection.h"

namespace tls {

struct Info {
  const char* version = nullptr;  // "TLSv1.3"; static
  const char* cipher = nullptr;   // "TLS_AES_128_GCM_SHA256"; static
  bool resumed = false;
};

// As far as its handshake came: version and cipher are agreed on together.
Info InfoOf(const shard::Connection& connection);
bool IsTls(const shard::Connection& connection);
// The name the client asked for, or the one that a server was asked for.
std::string_view ServerName(const shard::Connection& connection);
// The protocol that both ends have agreed on (ALPN).
std::string_view Protocol(const shard::Connection& connection);
// The name that a Host field asks a server for, without its port: what SNI carries where it can,
// and what the server's certificate is checked for. Empty: there is no name but an address (RFC
// 6066 section 3). What cannot be anybody's name is given as it is, so that no certificate has it.
std::string_view NameOfHost(std::string_view host);
// What stands for a server's name where names are compared, cannot be steered and must be short.
void DigestName(std::string_view name, uint8_t digest[16]);
// Why the handshake or a record was refused, in the library's words.
std::string_view FailureText(const shard::Connection& connection);

}  // namespace tls
