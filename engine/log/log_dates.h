// log_dates.h - points in time as logs write them, formatted once per second and reused.
//
// Owns:    its cache of a few seconds and of the zone's offset around them.
// Threads: shard-local.
// Units:   microseconds since 1970.
// Errors:  none.
// States:  none.
//
// A line needs the time of now and of an accept or two, so seconds repeat far more often than they
// change. The zone's rules are asked of libc once per quarter of an hour, the finest grain at which
// any zone changes its offset; that call takes a lock, which is why it is not made per second.
//
//   dates.Clf(wall_us, LogDates::Zone::kLocal)   // "06/Feb/2009:12:14:14"

#pragma once

#include <cstdint>
#include <string_view>

namespace engine {

class LogDates {
 public:
  enum class Zone : uint8_t { kUtc, kLocal };

  // "06/Feb/2009:12:14:14"
  std::string_view Clf(uint64_t wall_us, Zone zone);
  // "Feb  6 12:14:14", local
  std::string_view Syslog(uint64_t wall_us);
  // "2009-02-06T12:14:14", local
  std::string_view Iso(uint64_t wall_us);
  // "+0100" as Clf is followed by, "+01:00" as Iso is.
  std::string_view ZoneText(uint64_t wall_us, Zone zone);
  std::string_view IsoZone(uint64_t wall_us);

 private:
  static constexpr uint32_t kSecondsKept = 8;
  static constexpr uint32_t kOffsetsKept = 4;
  struct Second {
    int64_t second = -1;
    char clf_local[20];
    char clf_utc[20];
    char syslog[15];
    char iso[19];
  };
  struct Offset {
    int64_t quarter = -1;
    int32_t seconds = 0;
    char text[5];      // +0100
    char iso_text[6];  // +01:00
  };
  const Second& Find(uint64_t wall_us);
  const Offset& FindOffset(int64_t second);

  Second seconds_[kSecondsKept];
  Offset offsets_[kOffsetsKept];
};

}  // namespace engine
