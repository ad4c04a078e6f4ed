#include "engine/log/log_dates.h"

#include <cstdlib>
#include <ctime>

#include "engine/log/log_line.h"

namespace engine {
namespace {

constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kQuarterSeconds = 900;

struct Civil {
  uint32_t year, month, day, hour, minute, second;  // month from 0
};

// The proleptic Gregorian calendar, counted in eras of 400 years from 1 March 0000.
Civil CivilOf(int64_t seconds) {
  if (seconds < 0) seconds = 0;
  const int64_t days = seconds / 86400 + 719468;
  const auto rest = uint32_t(seconds % 86400);
  const int64_t era = days / 146097;
  const auto day_of_era = uint32_t(days - era * 146097);
  const uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t shifted = (5 * day_of_year + 2) / 153;  // months from March
  const uint32_t month = shifted < 10 ? shifted + 2 : shifted - 10;
  return {uint32_t(int64_t(year_of_era) + era * 400) + (month <= 1 ? 1u : 0u),
          month,
          day_of_year - (153 * shifted + 2) / 5 + 1,
          rest / 3600,
          rest / 60 % 60,
          rest % 60};
}

void WriteTime(LogLine& line, const Civil& time) {
  line.Padded(time.hour, 2).Char(':').Padded(time.minute, 2).Char(':').Padded(time.second, 2);
}

void WriteClf(const Civil& time, char (&out)[20]) {
  LogLine line(out, sizeof(out));
  line.Padded(time.day, 2).Char('/').Text(kMonths[time.month]).Char('/').Padded(time.year, 4);
  WriteTime(line.Char(':'), time);
}

}  // namespace

const LogDates::Offset& LogDates::FindOffset(int64_t second) {
  const int64_t quarter = second / kQuarterSeconds;
  Offset& one = offsets_[uint64_t(quarter) % kOffsetsKept];
  if (one.quarter == quarter) return one;
  const auto asked = time_t(quarter * kQuarterSeconds);
  tm local{};
  localtime_r(&asked, &local);
  one.quarter = quarter;
  one.seconds = int32_t(local.tm_gmtoff);
  const auto minutes = uint32_t(std::abs(one.seconds) / 60);
  const char sign = one.seconds < 0 ? '-' : '+';
  LogLine text(one.text, sizeof(one.text));
  text.Char(sign).Padded(minutes / 60, 2).Padded(minutes % 60, 2);
  LogLine iso(one.iso_text, sizeof(one.iso_text));
  iso.Char(sign).Padded(minutes / 60, 2).Char(':').Padded(minutes % 60, 2);
  return one;
}

const LogDates::Second& LogDates::Find(uint64_t wall_us) {
  const auto second = int64_t(wall_us / 1000000);
  Second& one = seconds_[uint64_t(second) % kSecondsKept];
  if (one.second == second) return one;
  one.second = second;
  const Civil local = CivilOf(second + FindOffset(second).seconds);
  WriteClf(local, one.clf_local);
  WriteClf(CivilOf(second), one.clf_utc);
  LogLine syslog(one.syslog, sizeof(one.syslog));
  syslog.Text(kMonths[local.month]).Char(' ');
  if (local.day < 10) syslog.Char(' ');
  WriteTime(syslog.Number(local.day).Char(' '), local);
  LogLine iso(one.iso, sizeof(one.iso));
  iso.Padded(local.year, 4).Char('-').Padded(local.month + 1, 2).Char('-').Padded(local.day, 2);
  WriteTime(iso.Char('T'), local);
  return one;
}

std::string_view LogDates::Clf(uint64_t wall_us, Zone zone) {
  const Second& one = Find(wall_us);
  return {zone == Zone::kUtc ? one.clf_utc : one.clf_local, sizeof(one.clf_utc)};
}

std::string_view LogDates::Syslog(uint64_t wall_us) {
  const Second& one = Find(wall_us);
  return {one.syslog, sizeof(one.syslog)};
}

std::string_view LogDates::Iso(uint64_t wall_us) {
  const Second& one = Find(wall_us);
  return {one.iso, sizeof(one.iso)};
}

std::string_view LogDates::ZoneText(uint64_t wall_us, Zone zone) {
  if (zone == Zone::kUtc) return "+0000";
  const Offset& one = FindOffset(int64_t(wall_us / 1000000));
  return {one.text, sizeof(one.text)};
}

std::string_view LogDates::IsoZone(uint64_t wall_us) {
  const Offset& one = FindOffset(int64_t(wall_us / 1000000));
  return {one.iso_text, sizeof(one.iso_text)};
}

}  // namespace engine
