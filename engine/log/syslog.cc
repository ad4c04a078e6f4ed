#include "engine/log/syslog.h"

namespace engine {
namespace {

void WriteNumber(uint32_t number, LogLine& line) { line.Char('<').Number(number).Char('>'); }

void WriteIso(uint64_t wall_us, LogDates& dates, LogLine& line) {
  line.Text(dates.Iso(wall_us)).Char('.').Padded(wall_us % 1000000, 6).Text(dates.IsoZone(wall_us));
}

}  // namespace

void WriteSyslogHeader(SyslogFormat format, const SyslogHeader& header, LogDates& dates,
                       LogLine& line) {
  const auto level = uint32_t(header.level);
  const uint32_t priority = uint32_t(header.facility) * 8 + level;
  switch (format) {
    case SyslogFormat::kLocal:
    case SyslogFormat::kRfc3164:
      WriteNumber(priority, line);
      line.Text(dates.Syslog(header.wall_us)).Char(' ');
      if (format == SyslogFormat::kRfc3164) {
        line.Text(header.hostname.empty() ? "localhost" : header.hostname).Char(' ');
      }
      line.Text(header.tag).Char('[').Number(header.pid).Text("]: ");
      break;
    case SyslogFormat::kRfc5424:
      WriteNumber(priority, line);
      line.Text("1 ");
      WriteIso(header.wall_us, dates, line);
      line.Char(' ').Text(header.hostname.empty() ? "-" : header.hostname);
      line.Char(' ').Text(header.tag).Char(' ').Number(header.pid).Text(" - ");
      line.Text(header.structured_data.empty() ? "-" : header.structured_data).Char(' ');
      break;
    case SyslogFormat::kPriority:
      WriteNumber(priority, line);
      break;
    case SyslogFormat::kShort:
      WriteNumber(level, line);
      break;
    case SyslogFormat::kTimed:
      WriteNumber(level, line);
      WriteIso(header.wall_us, dates, line);
      line.Char(' ');
      break;
    case SyslogFormat::kIso:
      WriteIso(header.wall_us, dates, line);
      line.Char(' ');
      break;
    case SyslogFormat::kRaw:
    case SyslogFormat::kCount:
      break;
  }
}

}  // namespace engine
