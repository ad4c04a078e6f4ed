#include "tls/key_log.h"

#include <algorithm>
#include <iterator>

namespace tls {
namespace {

// In the order of KeyLog::Secret.
constexpr std::string_view kLabels[] = {"CLIENT_EARLY_TRAFFIC_SECRET",
                                        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                                        "CLIENT_TRAFFIC_SECRET_0",
                                        "SERVER_TRAFFIC_SECRET_0",
                                        "EXPORTER_SECRET",
                                        "EARLY_EXPORTER_SECRET"};
static_assert(std::size(kLabels) == size_t(KeyLog::Secret::kCount));

}  // namespace

void KeyLog::Note(std::string_view line) {
  const size_t label_bytes = line.find(' ');
  const size_t last = line.rfind(' ');
  const auto found = std::find(std::begin(kLabels), std::end(kLabels), line.substr(0, label_bytes));
  if (found == std::end(kLabels) || last == line.npos) return;
  secrets_[found - std::begin(kLabels)] = line.substr(last + 1);
}

}  // namespace tls
