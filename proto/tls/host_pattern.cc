#include "proto/tls/host_pattern.h"

#include "base/text.h"

namespace proto {

bool HostMatches(std::string_view pattern, std::string_view host) {
  if (base::EqualsIgnoreCase(pattern, host)) return true;
  const size_t pattern_dot = pattern.find('.');
  const size_t host_dot = host.find('.');
  if (pattern_dot == pattern.npos || host_dot == host.npos || host_dot == 0) return false;
  const std::string_view label = host.substr(0, host_dot);
  const std::string_view rest = pattern.substr(pattern_dot);
  const size_t star = pattern.find('*');
  if (star > pattern_dot || pattern.find('*', star + 1) != pattern.npos || rest.size() == 1) {
    return false;
  }
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1, pattern_dot - star - 1);
  return label.size() >= before.size() + after.size() &&
         base::EqualsIgnoreCase(label.substr(0, before.size()), before) &&
         base::EqualsIgnoreCase(label.substr(label.size() - after.size()), after) &&
         base::EqualsIgnoreCase(host.substr(host_dot), rest);
}

}  // namespace proto
