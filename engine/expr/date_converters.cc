#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/text.h"
#include "engine/expr/converters.h"
#include "proto/http/date.h"

namespace engine {
namespace {

constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr int kQuarterSeconds = 900;

// The local time's distance from UTC. It changes at quarters of an hour only, so the C library,
// which takes a lock for it, is asked once in each.
struct Zone {
  int64_t quarter = INT64_MIN;
  long offset_s = 0;
  char name[16] = {};
};
const Zone& ZoneOf(int64_t seconds) {
  thread_local Zone zone;
  const int64_t quarter = seconds / kQuarterSeconds;
  if (zone.quarter == quarter) return zone;
  const time_t at = time_t(seconds);
  tm local{};
  zone = {quarter, 0, "UTC"};
  if (localtime_r(&at, &local) == nullptr) return zone;
  zone.offset_s = local.tm_gmtoff;
  std::snprintf(zone.name, sizeof(zone.name), "%s", local.tm_zone);
  return zone;
}

// A text that grows in what is left of the scratch; what does not fit is an end.
class DateText {
 public:
  explicit DateText(Scratch& scratch)
      : scratch_(scratch), room_(scratch.left()), begin_(scratch.Take(room_)) {}
  void Char(char c) {
    full_ = full_ || used_ == room_;
    if (!full_) begin_[used_++] = c;
  }
  void Text(std::string_view text) {
    for (const char c : text) Char(c);
  }
  void Number(int64_t number, int width, char pad = '0') {
    char digits[24];
    int count = 0;
    const bool negative = number < 0;
    uint64_t rest = negative ? 0 - uint64_t(number) : uint64_t(number);
    do {
      digits[count++] = char('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) Char('-');
    for (int i = count; i < width; ++i) Char(pad);
    while (count > 0) Char(digits[--count]);
  }
  // Must be called, once.
  bool Finish(Sample& sample) {
    scratch_.Shrink(begin_, full_ ? 0 : used_);
    sample.SetString({begin_, used_});
    return !full_;
  }

 private:
  Scratch& scratch_;
  const size_t room_;
  char* const begin_;
  size_t used_ = 0;
  bool full_ = false;
};

// ISO 8601: the week that holds the year's first Thursday is the first.
int IsoWeek(const tm& date, int* year) {
  const int weekday = (date.tm_wday + 6) % 7;  // Monday is 0
  int week = (date.tm_yday - weekday + 10) / 7;
  *year = date.tm_year + 1900;
  const auto weeks_in = [](int of) {
    const auto first = [](int y) { return (y + y / 4 - y / 100 + y / 400) % 7; };
    return first(of) == 4 || first(of - 1) == 3 ? 53 : 52;
  };
  if (week < 1) {
    --*year;
    week = weeks_in(*year);
  } else if (week > weeks_in(*year)) {
    ++*year;
    week = 1;
  }
  return week;
}

struct DateWriter {
  const tm& date;
  int64_t seconds;
  long offset_s;
  std::string_view zone;
  uint32_t nanoseconds;
  DateText& out;

  int hour12() const { return date.tm_hour % 12 == 0 ? 12 : date.tm_hour % 12; }
  int64_t year() const { return int64_t{date.tm_year} + 1900; }
  void Write(std::string_view format);
  bool WriteNumber(char c);
  bool WriteText(char c);
};

// The conversions of strftime(3) in the C locale, and %N.
void DateWriter::Write(std::string_view format) {
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out.Char(format[i]);
      continue;
    }
    char c = format[++i];
    int width = 9;
    if (base::IsDigit(c) && i + 1 < format.size() && format[i + 1] == 'N') {
      width = c - '0';
      c = format[++i];
    }
    if (c == 'N') {
      uint32_t rest = nanoseconds;
      if (width < 1 || width > 9) width = 9;
      for (int digit = width; digit < 9; ++digit) rest /= 10;
      out.Number(rest, width);
    } else if (!WriteNumber(c) && !WriteText(c)) {
      out.Char('%');
      out.Char(c);
    }
  }
}

bool DateWriter::WriteNumber(char c) {
  int iso_year = 0;
  switch (c) {
    case 'C':
      out.Number(year() / 100, 2);
      return true;
    case 'd':
      out.Number(date.tm_mday, 2);
      return true;
    case 'e':
      out.Number(date.tm_mday, 2, ' ');
      return true;
    case 'G':
      IsoWeek(date, &iso_year);
      out.Number(iso_year, 4);
      return true;
    case 'g':
      IsoWeek(date, &iso_year);
      out.Number(iso_year % 100, 2);
      return true;
    case 'V':
      out.Number(IsoWeek(date, &iso_year), 2);
      return true;
    case 'H':
      out.Number(date.tm_hour, 2);
      return true;
    case 'k':
      out.Number(date.tm_hour, 2, ' ');
      return true;
    case 'I':
      out.Number(hour12(), 2);
      return true;
    case 'l':
      out.Number(hour12(), 2, ' ');
      return true;
    case 'j':
      out.Number(date.tm_yday + 1, 3);
      return true;
    case 'm':
      out.Number(date.tm_mon + 1, 2);
      return true;
    case 'M':
      out.Number(date.tm_min, 2);
      return true;
    case 'S':
      out.Number(date.tm_sec, 2);
      return true;
    case 's':
      out.Number(seconds, 1);
      return true;
    case 'u':
      out.Number(date.tm_wday == 0 ? 7 : date.tm_wday, 1);
      return true;
    case 'w':
      out.Number(date.tm_wday, 1);
      return true;
    case 'U':
      out.Number((date.tm_yday + 7 - date.tm_wday) / 7, 2);
      return true;
    case 'W':
      out.Number((date.tm_yday + 7 - (date.tm_wday + 6) % 7) / 7, 2);
      return true;
    case 'y':
      out.Number(year() % 100, 2);
      return true;
    case 'Y':
      out.Number(year(), 1);
      return true;
    default:
      return false;
  }
}

bool DateWriter::WriteText(char c) {
  const std::string_view day = kDays[size_t(date.tm_wday)];
  const std::string_view month = kMonths[size_t(date.tm_mon)];
  switch (c) {
    case 'a':
      out.Text(day.substr(0, 3));
      return true;
    case 'A':
      out.Text(day);
      return true;
    case 'b':
    case 'h':
      out.Text(month.substr(0, 3));
      return true;
    case 'B':
      out.Text(month);
      return true;
    case 'c':
      Write("%a %b %e %H:%M:%S %Y");
      return true;
    case 'D':
    case 'x':
      Write("%m/%d/%y");
      return true;
    case 'F':
      Write("%Y-%m-%d");
      return true;
    case 'n':
      out.Char('\n');
      return true;
    case 't':
      out.Char('\t');
      return true;
    case 'p':
      out.Text(date.tm_hour < 12 ? "AM" : "PM");
      return true;
    case 'P':
      out.Text(date.tm_hour < 12 ? "am" : "pm");
      return true;
    case 'r':
      Write("%I:%M:%S %p");
      return true;
    case 'R':
      Write("%H:%M");
      return true;
    case 'T':
    case 'X':
      Write("%H:%M:%S");
      return true;
    case 'z': {
      const long minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
      out.Char(offset_s < 0 ? '-' : '+');
      out.Number(minutes / 60, 2);
      out.Number(minutes % 60, 2);
      return true;
    }
    case 'Z':
      out.Text(zone);
      return true;
    case '%':
      out.Char('%');
      return true;
    default:
      return false;
  }
}

// `kPerSecond`: units of the input in a second.
template <int64_t kPerSecond, bool kLocal>
bool FormatTime(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  int64_t units = 0;
  if (__builtin_add_overflow(sample.number, unit.arguments.number(1, 0), &units)) return false;
  int64_t seconds = units / kPerSecond;
  int64_t rest = units % kPerSecond;
  if (rest < 0) {
    rest += kPerSecond;
    --seconds;
  }
  long offset_s = 0;
  std::string_view zone = "GMT";
  if (kLocal) {
    const Zone& local = ZoneOf(seconds);
    offset_s = local.offset_s;
    zone = local.name;
  }
  const time_t at = time_t(seconds + offset_s);
  tm date{};
  if (gmtime_r(&at, &date) == nullptr) return false;
  DateText out(context.scratch());
  const auto nanoseconds = uint32_t(rest * (1000000000 / kPerSecond));
  DateWriter{date, seconds, offset_s, zone, nanoseconds, out}.Write(unit.arguments.text(0));
  return out.Finish(sample);
}

bool HttpDate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  int64_t units = 0;
  if (__builtin_add_overflow(sample.number, unit.arguments.number(0, 0), &units)) return false;
  char text[proto::kDateBytes];
  proto::FormatDate(units / unit.number, text);
  char* copy = context.scratch().Take(sizeof(text));
  if (copy == nullptr) return false;
  std::memcpy(copy, text, sizeof(text));
  sample.SetString({copy, sizeof(text)});
  return true;
}

bool PrepareHttpDate(PreparedUnit& unit, std::string* why) {
  const std::string_view text = unit.arguments.text(1, "s");
  unit.number = text == "s" ? 1 : text == "ms" ? 1000 : text == "us" ? 1000000 : 0;
  if (unit.number != 0) return true;
  *why = "a unit is one of 's', 'ms' and 'us'";
  return false;
}

bool ReadDate(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const auto seconds = proto::ParseDate(sample.text, int64_t(context.WallMicros() / 1000000));
  if (!seconds) return false;
  sample.SetInteger(*seconds);
  return true;
}

constexpr ArgumentSpec kFormat[] = {{"format", ArgumentType::kString},
                                    {"offset", ArgumentType::kInteger, kOptional}};
constexpr ArgumentSpec kOffsetUnit[] = {{"offset", ArgumentType::kInteger, kOptional},
                                        {"unit", ArgumentType::kString, kOptional}};

using kind::kNumber;
using kind::kText;
constexpr int64_t kMilli = 1000;
constexpr int64_t kMicro = 1000000;

constexpr ConverterSpec kDateConverters[] = {
    {"date", kText, kNumber, {}, &ReadDate},
    {"http_date", kNumber, kText, kOffsetUnit, &HttpDate, &PrepareHttpDate},
    {"ltime", kNumber, kText, kFormat, &FormatTime<1, true>},
    {"ms_ltime", kNumber, kText, kFormat, &FormatTime<kMilli, true>},
    {"ms_utime", kNumber, kText, kFormat, &FormatTime<kMilli, false>},
    {"us_ltime", kNumber, kText, kFormat, &FormatTime<kMicro, true>},
    {"us_utime", kNumber, kText, kFormat, &FormatTime<kMicro, false>},
    {"utime", kNumber, kText, kFormat, &FormatTime<1, false>},
};

}  // namespace

std::span<const ConverterSpec> DateConverters() { return kDateConverters; }

}  // namespace engine
