#include <netinet/tcp.h>

#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"

namespace engine {
namespace {

// Addresses ---------------------------------------------------------------------------------------

bool GiveIp(Sample& sample, const shard::Address& address) {
  if (!address.is_ip()) return false;
  shard::Address ip = address;
  ip.port = 0;
  sample = Sample::Address(ip);
  return true;
}

bool GivePort(Sample& sample, const shard::Address& address) {
  return address.is_ip() && GiveNumber(sample, address.port);
}

bool Source(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIp(sample, Traffic(context).Source());
}
bool SourcePort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GivePort(sample, Traffic(context).Source());
}
bool Destination(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveIp(sample, Traffic(context).Destination());
}
bool DestinationPort(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GivePort(sample, Traffic(context).Destination());
}

constexpr Needs kClient = needs::kClient;
constexpr FetchSpec kFetches[] = {
    {"dst", SampleKind::kAddress, {}, kClient, &Destination},
    {"dst_port", SampleKind::kInteger, {}, kClient, &DestinationPort},
    {"src", SampleKind::kAddress, {}, kClient, &Source},
    {"src_port", SampleKind::kInteger, {}, kClient, &SourcePort},
};

}  // namespace

std::span<const FetchSpec> ConnectionFetches() { return kFetches; }

}  // namespace engine
