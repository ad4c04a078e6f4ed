// proxy_v1.h - the PROXY protocol's line of text (proxy-protocol.txt 2.1): parsed and written.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes.
// Errors:  strict: one space between words, no leading zero, ports up to 65535, octets up to 255,
//          nothing behind the last port, CRLF within 107 bytes. After UNKNOWN anything may stand
//          before the CRLF.
// States:  none.
//
//   Preamble preamble;
//   PreambleParse parse = ParseProxyV1(received, &preamble);
//   if (parse.result == PreambleResult::kDone) queue.Consume(parse.bytes);

#pragma once

#include <string_view>

#include "proto/preamble/preamble.h"
#include "proto/wire/byte_writer.h"

namespace proto {

inline constexpr size_t kProxyV1BytesMax = 107;

PreambleParse ParseProxyV1(std::string_view received, Preamble* preamble);
// False when it does not fit; kProxyV1BytesMax always do. kNone is written as UNKNOWN.
[[nodiscard]] bool WriteProxyV1(const Preamble& preamble, ByteWriter& writer);

}  // namespace proto
