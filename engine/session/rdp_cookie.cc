#include "engine/session/rdp_cookie.h"

#include <endian.h>

#include "base/text.h"
#include "engine/session/stream.h"
#include "engine/session/stream_context.h"
#include "engine/session/worker.h"

namespace engine {

std::optional<shard::Address> AddressOfRdpCookie(std::string_view text) {
  const size_t first = text.find('.');
  const size_t second = first == text.npos ? first : text.find('.', first + 1);
  if (second == text.npos) return std::nullopt;
  const auto address = base::ParseUnsigned(text.substr(0, first));
  const auto port = base::ParseUnsigned(text.substr(first + 1, second - first - 1));
  if (!address || *address > UINT32_MAX || !port || *port > UINT16_MAX) return std::nullopt;
  // They were written by a machine whose lowest byte comes first.
  return shard::Address::V4(be32toh(htole32(uint32_t(*address))),
                            be16toh(htole16(uint16_t(*port))));
}

// persist rdp-cookie (manual 4.2).
void Stream::ChooseByRdpCookie() {
  StreamContext context(*this);
  Sample sample;
  if (!backend_->rdp_cookie->Run(context, sample)) return;
  const std::optional<shard::Address> wanted = AddressOfRdpCookie(sample.text);
  if (!wanted) return;
  Backend& backend = *backend_->state->backend();
  for (const auto& server : backend_->servers) {
    const shard::Address& address = server->state->dial(worker_.index()).address;
    if (!(address == *wanted)) continue;
    if (!backend_->persist && !backend.IsUsable(worker_.index(), server->index)) return;
    chosen_server_ = int(server->index);
    return;
  }
}

}  // namespace engine
