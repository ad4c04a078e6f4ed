#include "engine/applet/invalid_text.h"

#include <ctime>

#include "base/text.h"

namespace engine {
namespace {

constexpr size_t kColumnsMax = 79;
constexpr std::string_view kNobody = "<NONE> (#-1)";

std::string NameOf(const InvalidParty& party) {
  return party.known() ? party.name + base::Format(" (#%u)", party.id) : std::string(kNobody);
}

std::string Encoded(char c) {
  switch (c) {
    case '\t':
      return "\\t";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case 27:
      return "\\e";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  const uint8_t byte = uint8_t(c);
  if (byte < 0x20 || byte >= 0x7f) return base::Format("\\x%02X", byte);
  return std::string(1, c);
}

}  // namespace

std::string CliDate(uint64_t wall_us) {
  const time_t seconds = time_t(wall_us / 1000000);
  tm local{};
  localtime_r(&seconds, &local);
  char date[64];
  strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S", &local);
  return base::Format("%s.%03u", date, unsigned(wall_us / 1000 % 1000));
}

std::string DumpText(std::string_view bytes) {
  std::string text;
  std::string line;
  bool goes_on = false;  // the line before was broken
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::string one = Encoded(bytes[i]);
    if (!line.empty() && line.size() + one.size() > kColumnsMax) {
      text += line + '\n';
      line.clear();
      goes_on = true;
    }
    if (line.empty()) line = base::Format("  %05zu%c ", i, goes_on ? '+' : ' ');
    line += one;
    if (bytes[i] != '\n') continue;
    text += line + '\n';
    line.clear();
    goes_on = false;
  }
  return line.empty() ? text : text + line + '\n';
}

std::string InvalidText(const InvalidMessage& message) {
  const char* what = message.is_response ? "response" : "request";
  const std::string client = message.client.is_ip() ? message.client.Ip() : "unix";
  std::string text = "[" + CliDate(message.wall_us) + "] ";
  text += (message.is_response ? "backend " : "frontend ") + NameOf(message.proxy);
  text += std::string(" : invalid ") + what + "\n";
  text +=
      base::Format("  src %s, session #%llu, %s %s, server %s, event #%llu\n", client.c_str(),
                   static_cast<unsigned long long>(message.session),
                   message.is_response ? "frontend" : "backend",
                   NameOf(message.is_response ? message.frontend : InvalidParty()).c_str(),
                   NameOf(message.server).c_str(), static_cast<unsigned long long>(message.number));
  text += base::Format("  %s length %zu bytes, error at position %zu:\n  \n", what,
                       message.bytes.size(), message.position);
  return text + DumpText(message.bytes);
}

}  // namespace engine
