// units.h - every fetch and converter there is, and the families of those that read traffic.
//
// Owns:    constant tables; the registry of them all is made once.
// Threads: any-thread.
// Units:   see the manual, 7.3.
// Errors:  see engine/expr/unit.h.
// States:  none.
//
// The fetches here are given a StreamContext, whatever rule or log line asks. One that gives
// nothing where its object is missing (a head that is gone, an applet in the server's place) is all
// the error there is.

#pragma once

#include <span>

#include "engine/expr/unit.h"

namespace engine {

// For BuildOptions::units.
const Registry& AllUnits();

std::span<const FetchSpec> AuthFetches();         // manual 7.3.6: http_auth http_auth_group
std::span<const FetchSpec> ConnectionFetches();   // manual 7.3.3: src dst fc_* bc_* ...
std::span<const FetchSpec> ProxyFetches();        // manual 7.3.2, 7.3.3: fe_* be_* srv_* ...
std::span<const FetchSpec> TlsFetches();          // manual 7.3.4: ssl_fc_* ssl_c_* ssl_bc_*
std::span<const FetchSpec> CertificateFetches();  // manual 7.3.4: ssl_c_s_dn ssl_c_der ssl_s_* ...
std::span<const FetchSpec> ContentFetches();      // manual 7.3.5: req.len req.ssl_sni ...
std::span<const FetchSpec> RequestFetches();      // manual 7.3.6: method path url urlp ...
std::span<const FetchSpec> HeaderFetches();       // manual 7.3.6: hdr cook and their kin
std::span<const FetchSpec> LayerFetches();        // manual 7.3.4: fs.* bs.*
std::span<const FetchSpec> DumpFetches();         // manual 7.3.2: dump_all_vars
std::span<const FetchSpec> TransactionFetches();  // manual 7.3.2, 7.3.6: status timers captures

// Converters that need more than their sample.
std::span<const ConverterSpec> TokenConverters();        // jwt_verify jwt_verify_cert
std::span<const ConverterSpec> SecretTokenConverters();  // jwt_decrypt_*
std::span<const ConverterSpec> HashConverters();         // sha2 digest hmac aes_* crc32 ...
std::span<const ConverterSpec> ProxyConverters();        // nbsrv srv_is_up fe_exists ...
std::span<const ConverterSpec> TransactionConverters();  // capture-req when ...

}  // namespace engine
