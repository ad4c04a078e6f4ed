#include "engine/log/log_plan.h"

#include <cstring>
#include <iterator>

namespace engine {
namespace {

constexpr std::string_view kFormats[] = {"local", "rfc3164", "rfc5424", "priority",
                                         "short", "timed",   "iso",     "raw"};
constexpr std::string_view kFacilityNames[] = {
    "kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "auth2",  "ftp",    "ntp",    "audit",  "alert",  "cron2",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};
constexpr std::string_view kLevels[] = {"emerg",   "alert",  "crit", "err",
                                        "warning", "notice", "info", "debug"};

template <size_t kSize>
int IndexOf(const std::string_view (&names)[kSize], std::string_view name) {
  for (size_t i = 0; i < kSize; ++i) {
    if (names[i] == name) return int(i);
  }
  return -1;
}

}  // namespace

int FindSyslogFormat(std::string_view name) { return IndexOf(kFormats, name); }
int FindFacility(std::string_view name) { return IndexOf(kFacilityNames, name); }
int FindLogLevel(std::string_view name) { return IndexOf(kLevels, name); }
std::string_view FacilityName(uint32_t facility) {
  return facility < std::size(kFacilityNames) ? kFacilityNames[facility] : std::string_view();
}

bool LogTarget::operator==(const LogTarget& other) const {
  return kind == other.kind && fd == other.fd && ring == other.ring &&
         address_length == other.address_length &&
         std::memcmp(&address, &other.address, address_length) == 0;
}

bool LogRingServer::operator==(const LogRingServer& other) const {
  return name == other.name && octet_count == other.octet_count &&
         address_length == other.address_length &&
         std::memcmp(&address, &other.address, address_length) == 0;
}

bool LogSample::Takes(uint64_t line) const {
  if (ranges.empty()) return true;
  const uint64_t position = line % size + 1;
  for (const Range& range : ranges) {
    if (position >= range.low && position <= range.high) return true;
  }
  return false;
}

uint32_t LogPlan::AddTarget(const LogTarget& target) {
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] == target) return uint32_t(i);
  }
  targets.push_back(target);
  return uint32_t(targets.size() - 1);
}

}  // namespace engine
