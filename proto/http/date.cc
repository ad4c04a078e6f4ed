#include "proto/http/date.h"

#include <cstring>

#include "base/text.h"

namespace proto {
namespace {

constexpr std::string_view kDays[] = {"Thu", "Fri", "Sat", "Sun",
                                      "Mon", "Tue", "Wed"};  // day 0 first
constexpr std::string_view kLongDays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                          "Monday",   "Tuesday", "Wednesday"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kSecondsPerDay = 86400;

// Proleptic Gregorian calendar, counted in eras of 400 years that start in March, so that the leap
// day is the last of its year.
int64_t DaysFromDate(int64_t year, int month, int day) {
  if (month <= 2) --year;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct Date {
  int64_t year;
  int month;
  int day;
};
Date DateFromDays(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int day = int(day_of_year - (153 * shifted + 2) / 5 + 1);
  const int month = int(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

void PutTwo(char* out, int value) {
  out[0] = char('0' + value / 10);
  out[1] = char('0' + value % 10);
}

// Takes exactly what is asked for off the front of the text, or fails for good.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool good() const { return good_; }
  bool AtEnd() const { return good_ && rest_.empty(); }

  void Literal(std::string_view literal) {
    if (rest_.substr(0, literal.size()) != literal) {
      good_ = false;
      return;
    }
    rest_.remove_prefix(literal.size());
  }
  int Number(size_t digits) {
    if (rest_.size() < digits) good_ = false;
    if (!good_) return 0;
    int number = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (!base::IsDigit(rest_[i])) good_ = false;
      number = number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return good_ ? number : 0;
  }
  template <size_t kCount>
  int OneOf(const std::string_view (&words)[kCount]) {
    for (size_t i = 0; i < kCount; ++i) {
      if (rest_.substr(0, words[i].size()) != words[i]) continue;
      rest_.remove_prefix(words[i].size());
      return int(i);
    }
    good_ = false;
    return 0;
  }
  bool TrySpace() {
    if (rest_.empty() || rest_[0] != ' ') return false;
    rest_.remove_prefix(1);
    return true;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

struct Clock {
  int hour, minute, second;
};
Clock ReadClock(Scanner& scanner) {
  Clock clock;
  clock.hour = scanner.Number(2);
  scanner.Literal(":");
  clock.minute = scanner.Number(2);
  scanner.Literal(":");
  clock.second = scanner.Number(2);
  return clock;
}

int DaysInMonth(int64_t year, int month) {
  constexpr int kDaysInMonth[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDaysInMonth[month - 1];
}

std::optional<int64_t> Assemble(const Scanner& scanner, int64_t year, int month, int day,
                                const Clock& clock) {
  if (!scanner.AtEnd() || day < 1 || day > DaysInMonth(year, month)) return std::nullopt;
  // Second 60 is a leap second; it counts as the first of the next minute.
  if (clock.hour > 23 || clock.minute > 59 || clock.second > 60) return std::nullopt;
  return DaysFromDate(year, month, day) * kSecondsPerDay + clock.hour * 3600 + clock.minute * 60 +
         clock.second;
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<int64_t> ParseFixdate(std::string_view text) {
  Scanner scanner(text);
  scanner.OneOf(kDays);
  scanner.Literal(", ");
  const int day = scanner.Number(2);
  scanner.Literal(" ");
  const int month = scanner.OneOf(kMonths) + 1;
  scanner.Literal(" ");
  const int year = scanner.Number(4);
  scanner.Literal(" ");
  const Clock clock = ReadClock(scanner);
  scanner.Literal(" GMT");
  return Assemble(scanner, year, month, day, clock);
}

// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<int64_t> ParseRfc850(std::string_view text, int64_t now_seconds) {
  Scanner scanner(text);
  scanner.OneOf(kLongDays);
  scanner.Literal(", ");
  const int day = scanner.Number(2);
  scanner.Literal("-");
  const int month = scanner.OneOf(kMonths) + 1;
  scanner.Literal("-");
  const int two_digits = scanner.Number(2);
  scanner.Literal(" ");
  const Clock clock = ReadClock(scanner);
  scanner.Literal(" GMT");
  const int64_t year_now = DateFromDays(now_seconds / kSecondsPerDay).year;
  int64_t year = year_now - year_now % 100 + two_digits;
  if (year > year_now + 50) year -= 100;
  if (year <= year_now - 50) year += 100;
  return Assemble(scanner, year, month, day, clock);
}

// Sun Nov  6 08:49:37 1994
std::optional<int64_t> ParseAsctime(std::string_view text) {
  Scanner scanner(text);
  scanner.OneOf(kDays);
  scanner.Literal(" ");
  const int month = scanner.OneOf(kMonths) + 1;
  scanner.Literal(" ");
  const int day = scanner.TrySpace() ? scanner.Number(1) : scanner.Number(2);
  scanner.Literal(" ");
  const Clock clock = ReadClock(scanner);
  scanner.Literal(" ");
  const int year = scanner.Number(4);
  return Assemble(scanner, year, month, day, clock);
}

}  // namespace

void FormatDate(int64_t seconds, char (&out)[kDateBytes]) {
  constexpr int64_t kFirst = -62167219200;  // year 0
  constexpr int64_t kLast = 253402300799;   // the end of year 9999
  if (seconds < kFirst) seconds = kFirst;
  if (seconds > kLast) seconds = kLast;
  int64_t days = seconds / kSecondsPerDay;
  int64_t rest = seconds % kSecondsPerDay;
  if (rest < 0) {
    rest += kSecondsPerDay;
    --days;
  }
  const Date date = DateFromDays(days);
  std::memcpy(out, "Ddd, 00 Mmm 0000 00:00:00 GMT", kDateBytes);
  std::memcpy(out, kDays[(days % 7 + 7) % 7].data(), 3);
  PutTwo(out + 5, date.day);
  std::memcpy(out + 8, kMonths[date.month - 1].data(), 3);
  PutTwo(out + 12, int(date.year / 100));
  PutTwo(out + 14, int(date.year % 100));
  PutTwo(out + 17, int(rest / 3600));
  PutTwo(out + 20, int(rest / 60 % 60));
  PutTwo(out + 23, int(rest % 60));
}

std::optional<int64_t> ParseDate(std::string_view text, int64_t now_seconds) {
  if (text.size() == kDateBytes && text[3] == ',') return ParseFixdate(text);
  if (text.size() > 4 && text[3] == ' ') return ParseAsctime(text);
  return ParseRfc850(text, now_seconds);
}

}  // namespace proto
