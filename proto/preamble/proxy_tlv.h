// proxy_tlv.h - the typed values behind the addresses of a PROXY header (proxy-protocol.txt 2.2).
//
// Owns:    nothing: values view the caller's bytes.
// Threads: any-thread; plain values.
// Units:   bytes.
// Errors:  a length that points past the end ends the walk and is bad().
// States:  none beyond the position.
//
//   ProxyTlvReader reader(tlvs);
//   ProxyTlv tlv;
//   while (reader.Next(&tlv)) ...
//   if (reader.bad()) return kMalformed;

#pragma once

#include <cstdint>
#include <string_view>

#include "proto/wire/byte_reader.h"
#include "proto/wire/byte_writer.h"

namespace proto {

enum class ProxyTlvType : uint8_t {
  kAlpn = 0x01,
  kAuthority = 0x02,
  kCrc32c = 0x03,
  kNoop = 0x04,
  kUniqueId = 0x05,
  kSsl = 0x20,
  kSslVersion = 0x21,  // these and those below stand inside kSsl
  kSslCommonName = 0x22,
  kSslCipher = 0x23,
  kSslSignatureAlgorithm = 0x24,
  kSslKeyAlgorithm = 0x25,
  kSslGroup = 0x26,
  kSslSignatureScheme = 0x27,
  kSslClientCertificate = 0x28,
  kNetns = 0x30,
  kCustomFirst = 0xe0,  // for applications; up to 0xef
  kCustomLast = 0xef,
};

inline constexpr size_t kProxyUniqueIdBytesMax = 128;
inline constexpr size_t kProxyTlvHeaderBytes = 3;

struct ProxyTlv {
  ProxyTlvType type{};
  std::string_view value;
};

class ProxyTlvReader {
 public:
  explicit ProxyTlvReader(std::string_view tlvs) : reader_(tlvs) {}
  // False at the end, and at what is not a TLV.
  [[nodiscard]] bool Next(ProxyTlv* tlv);
  bool bad() const { return bad_; }

 private:
  ByteReader reader_;
  bool bad_ = false;
};

// The first value of `type`; false when there is none.
[[nodiscard]] bool FindProxyTlv(std::string_view tlvs, ProxyTlvType type, std::string_view* value);

// What a value of type kSsl holds.
struct ProxySslTlv {
  bool over_tls = false;           // PP2_CLIENT_SSL
  bool certificate_now = false;    // given on this connection
  bool certificate_known = false;  // given at least once in this TLS session
  uint32_t verify = 0;             // 0: the certificate was verified
  std::string_view tlvs;           // well formed
};
// False when the value is too short or the TLVs inside are broken.
[[nodiscard]] bool ReadProxySslTlv(std::string_view value, ProxySslTlv* ssl);

// False when it does not fit, or the value is longer than 65535 bytes.
[[nodiscard]] bool WriteProxyTlv(ProxyTlvType type, std::string_view value, ByteWriter& writer);

}  // namespace proto
