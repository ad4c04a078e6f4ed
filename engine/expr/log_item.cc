#include "engine/expr/log_item.h"

#include <algorithm>
#include <iterator>

namespace engine {
namespace {

// The table of manual 8.2.6, in its order.
constexpr LogTagSpec kTags[] = {
    {"o", LogTag::kFlags},
    {"T", LogTag::kAcceptUtc},
    {"Tl", LogTag::kAcceptLocal},
    {"Ts", LogTag::kAcceptSeconds},
    {"t", LogTag::kAcceptMs},
    {"ms", LogTag::kAcceptMilliseconds},
    {"tr", LogTag::kRequestMs, true},
    {"trg", LogTag::kRequestUtc, true},
    {"trl", LogTag::kRequestLocal, true},
    {"Ta", LogTag::kActive, true},
    {"Tc", LogTag::kConnect},
    {"Td", LogTag::kData},
    {"Th", LogTag::kHandshake},
    {"Ti", LogTag::kIdle, true},
    {"Tq", LogTag::kUntilRequest, true},
    {"TR", LogTag::kRequestTime, true},
    {"Tr", LogTag::kResponse, true},
    {"Tt", LogTag::kTotal},
    {"Tu", LogTag::kUser},
    {"Tw", LogTag::kQueue},
    {"B", LogTag::kBytesOut},
    {"CC", LogTag::kRequestCookie, true},
    {"CS", LogTag::kResponseCookie, true},
    {"H", LogTag::kHostname},
    {"HM", LogTag::kMethod, true, kNeedsRequest},
    {"HP", LogTag::kTargetPath, true, kNeedsRequest},
    {"HPO", LogTag::kPath, true, kNeedsRequest},
    {"HQ", LogTag::kQuery, true, kNeedsRequest},
    {"HU", LogTag::kTarget, true, kNeedsRequest},
    {"HV", LogTag::kVersion, true, kNeedsRequest},
    {"ID", LogTag::kUniqueId, false, kNeedsUniqueId},
    {"ST", LogTag::kStatus},
    {"U", LogTag::kBytesIn},
    {"ac", LogTag::kProcessConnections, false, kNeedsCounts},
    {"b", LogTag::kBackend},
    {"bc", LogTag::kBackendConnections, false, kNeedsCounts},
    {"bi", LogTag::kSourceIp, false, kNeedsSource},
    {"bp", LogTag::kSourcePort, false, kNeedsSource},
    {"bq", LogTag::kBackendQueue},
    {"ci", LogTag::kClientIp, false, kNeedsClient},
    {"cp", LogTag::kClientPort, false, kNeedsClient},
    {"f", LogTag::kFrontend},
    {"fc", LogTag::kFrontendConnections, false, kNeedsCounts},
    {"fi", LogTag::kFrontendIp, false, kNeedsFrontendAddress},
    {"fp", LogTag::kFrontendPort, false, kNeedsFrontendAddress},
    {"ft", LogTag::kFrontendTransport},
    {"lc", LogTag::kLogCounter, false, kNeedsCounts},
    {"hr", LogTag::kRequestHeaders},
    {"hrl", LogTag::kRequestHeaderList},
    {"hs", LogTag::kResponseHeaders},
    {"hsl", LogTag::kResponseHeaderList},
    {"OG", LogTag::kOrigin},
    {"pid", LogTag::kPid},
    {"r", LogTag::kRequest, true, kNeedsRequest},
    {"rc", LogTag::kRetries},
    {"rt", LogTag::kRequestCounter},
    {"s", LogTag::kServer},
    {"sc", LogTag::kServerConnections, false, kNeedsCounts},
    {"si", LogTag::kServerIp},
    {"sp", LogTag::kServerPort},
    {"sq", LogTag::kServerQueue},
    {"sslc", LogTag::kTlsCipher},
    {"sslv", LogTag::kTlsVersion},
    {"ts", LogTag::kStates},
    {"tsc", LogTag::kStatesCookie, true},
};

}  // namespace

const LogTagSpec* FindLogTag(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTags), std::end(kTags),
                                   [&](const LogTagSpec& one) { return one.name == name; });
  return found == std::end(kTags) ? nullptr : found;
}

std::vector<std::string_view> LogTagNames() {
  std::vector<std::string_view> names;
  for (const LogTagSpec& one : kTags) names.push_back(one.name);
  return names;
}

}  // namespace engine
