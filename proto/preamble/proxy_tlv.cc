#include "proto/preamble/proxy_tlv.h"

namespace proto {

bool ProxyTlvReader::Next(ProxyTlv* tlv) {
  if (bad_ || reader_.empty()) return false;
  uint8_t type;
  uint16_t length;
  bad_ = !reader_.ReadU8(&type) || !reader_.ReadU16(&length) ||
         !reader_.ReadBytes(length, &tlv->value);
  tlv->type = ProxyTlvType(type);
  return !bad_;
}

bool FindProxyTlv(std::string_view tlvs, ProxyTlvType type, std::string_view* value) {
  ProxyTlvReader reader(tlvs);
  ProxyTlv tlv;
  while (reader.Next(&tlv)) {
    if (tlv.type != type) continue;
    *value = tlv.value;
    return true;
  }
  return false;
}

bool ReadProxySslTlv(std::string_view value, ProxySslTlv* ssl) {
  ByteReader reader(value);
  uint8_t client;
  if (!reader.ReadU8(&client) || !reader.ReadU32(&ssl->verify)) return false;
  ssl->over_tls = (client & 0x01) != 0;
  ssl->certificate_now = (client & 0x02) != 0;
  ssl->certificate_known = (client & 0x04) != 0;
  ssl->tlvs = reader.rest();
  ProxyTlvReader inside(ssl->tlvs);
  ProxyTlv tlv;
  while (inside.Next(&tlv)) continue;
  return !inside.bad();
}

bool WriteProxyTlv(ProxyTlvType type, std::string_view value, ByteWriter& writer) {
  if (value.size() > UINT16_MAX || writer.room() < kProxyTlvHeaderBytes + value.size()) {
    return false;
  }
  return writer.WriteU8(uint8_t(type)) && writer.WriteU16(uint16_t(value.size())) &&
         writer.WriteBytes(value);
}

}  // namespace proto
