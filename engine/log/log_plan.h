// log_plan.h - where logs go, as the configuration says it: targets, rings and `log` lines.
//
// Owns:    its texts. It knows no configuration: the keywords fill it.
// Threads: start-up, then immutable, but for the count of a sample (any thread).
// Units:   bytes; levels are syslog's severities, 0 (emerg) to 7 (debug).
// Errors:  none.
// States:  none.

#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

// How a line begins (manual 4.2, log ... format).
enum class SyslogFormat : uint8_t {
  kLocal,
  kRfc3164,
  kRfc5424,
  kPriority,
  kShort,
  kTimed,
  kIso,
  kRaw,
  kCount
};

// Severities, the more severe the lower.
enum class LogLevel : uint8_t {
  kEmerg,
  kAlert,
  kCritical,
  kError,
  kWarning,
  kNotice,
  kInfo,
  kDebug,
  kCount
};

inline constexpr uint32_t kFacilities = 24;
inline constexpr uint32_t kLogLineBytesDefault = 1024;
inline constexpr uint32_t kLogLineBytesMax = 65535;

// The index of a name, or -1. NameOf... gives it back.
int FindSyslogFormat(std::string_view name);
int FindFacility(std::string_view name);
int FindLogLevel(std::string_view name);
std::string_view FacilityName(uint32_t facility);

// Something that takes lines. `log` lines that name the same one share it.
struct LogTarget {
  enum class Kind : uint8_t { kDatagram, kFd, kRing };
  Kind kind = Kind::kDatagram;
  sockaddr_storage address{};
  socklen_t address_length = 0;
  int fd = -1;
  uint32_t ring = 0;  // among LogPlan::rings

  bool operator==(const LogTarget& other) const;
};

// A server that a ring's lines are sent to, over a stream (manual 12.5, server).
struct LogRingServer {
  std::string name;
  sockaddr_storage address{};
  socklen_t address_length = 0;
  bool octet_count = false;  // log-proto: RFC 6587 section 3.4.1, else 3.4.2

  bool operator==(const LogRingServer& other) const;
};

// A `ring` section (manual 12.5), or what a `log tcp@` line keeps its lines in.
struct LogRingPlan {
  std::string name;
  std::string description;
  SyslogFormat format = SyslogFormat::kRaw;
  uint64_t size_bytes = 16384;
  uint32_t line_bytes_max = kLogLineBytesDefault;
  std::vector<LogRingServer> servers;
  uint32_t connect_ms = 5000;  // timeout connect
  uint32_t server_ms = 0;      // timeout server; 0: no limit
  bool is_implicit = false;    // of a `log` line, which says the format
};

// `sample 2-3,8:10`: which of every `size` lines go out, counted from 1.
struct LogSample {
  struct Range {
    uint32_t low = 0;
    uint32_t high = 0;
  };
  // The lines so far, of all threads: shares are exact only where everybody draws from one place.
  // One word per `log` line that has a sample; it is drawn from once per line, and lines without
  // one touch nothing shared.
  struct alignas(64) Count {
    std::atomic<uint64_t> lines{0};
  };
  std::vector<Range> ranges;  // empty: all
  uint32_t size = 0;
  std::shared_ptr<Count> count;  // of the `log` line, whichever copy of it; null: ranges is empty

  bool Takes(uint64_t line) const;  // counted from 0
  // Any thread: counts one more, and says whether that one goes out.
  bool TakesNext() const {
    return ranges.empty() || Takes(count->lines.fetch_add(1, std::memory_order_relaxed));
  }
};

// A `log` line.
struct Logger {
  uint32_t target = 0;  // among LogPlan::targets
  SyslogFormat format = SyslogFormat::kLocal;
  uint8_t facility = 0;
  LogLevel level_max = LogLevel::kDebug;           // less severe lines are left out
  LogLevel level_min = LogLevel::kEmerg;           // more severe ones are capped to it
  uint32_t line_bytes_max = kLogLineBytesDefault;  // without the line feed
  LogSample sample;
  int32_t profile = -1;  // among the sections `log-profile`; -1: it says what its proxy says
};

// A target that expressions write to by name (manual 7.3.1, debug).
struct LogSink {
  std::string name;
  uint32_t target = 0;  // among LogPlan::targets
};

struct LogPlan {
  std::vector<LogTarget> targets;
  std::vector<LogSink> sinks;
  std::vector<LogRingPlan> rings;
  std::vector<Logger> global;  // the global section's lines
  std::string tag;             // log-tag; empty: the program's name
  // log-send-hostname; empty: not sent, as far as the format can do without.
  std::string hostname;

  uint32_t AddTarget(const LogTarget& target);
};

}  // namespace engine
