#include "engine/config/capability_names.h"

#include <linux/capability.h>

namespace engine {
namespace {

struct Row {
  std::string_view name;
  int number;
};

constexpr Row kRows[] = {
    {"cap_net_admin", CAP_NET_ADMIN},
    {"cap_net_bind_service", CAP_NET_BIND_SERVICE},
    {"cap_net_raw", CAP_NET_RAW},
    {"cap_sys_admin", CAP_SYS_ADMIN},
};

}  // namespace

int FindCapability(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.number;
  }
  return -1;
}

std::string_view CapabilityName(int number) {
  for (const Row& row : kRows) {
    if (row.number == number) return row.name;
  }
  return "?";
}

std::string CapabilityNames() {
  std::string names;
  for (const Row& row : kRows) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace engine
