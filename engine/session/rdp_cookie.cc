#include "engine/session/rdp_cookie.h"

#include <endian.h>

#include "base/text.h"

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

}  // namespace engine
