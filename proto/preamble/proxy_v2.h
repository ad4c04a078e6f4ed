// proxy_v2.h - the PROXY protocol's binary header (proxy-protocol.txt 2.2): parsed and written.
//
// Owns:    nothing: TLVs view the received bytes.
// Threads: any-thread.
// Units:   bytes.
// Errors:  refused: another version, a command, family or transport that nobody has defined, a
//          length shorter than the addresses, a broken TLV, a wrong checksum, a unique id over 128.
//          Families that are defined but mean nothing here (unix, UDP, unspecified) and LOCAL give
//          kNone.
// States:  none.
//
// Of LOCAL, and of an unspecified family or transport, nothing but the length is believed. A
// checksum is looked for there too, if what follows reads as TLVs from end to end.

#pragma once

#include <string_view>

#include "proto/preamble/preamble.h"
#include "proto/wire/byte_writer.h"

namespace proto {

inline constexpr size_t kProxyV2FixedBytes = 16;
inline constexpr size_t kProxyV2BytesMax = kProxyV2FixedBytes + 65535;
inline constexpr size_t kProxyV2AddressBytesMax = 36;  // of what is written

struct ProxyV2Header {
  Preamble preamble;
  std::string_view tlvs;  // well formed; empty with LOCAL
};

// kNeedMore gives the whole length once the first 16 bytes are there, and those have been judged.
PreambleParse ParseProxyV2(std::string_view received, ProxyV2Header* header);

// `tlvs` and `more` are written as they are. kNone is written as LOCAL: receivers need not accept
// a PROXY command without a family, but must accept that. False when it does not fit.
[[nodiscard]] bool WriteProxyV2(const Preamble& preamble, std::string_view tlvs, bool crc32c,
                                ByteWriter& writer, std::string_view more = {});

}  // namespace proto
