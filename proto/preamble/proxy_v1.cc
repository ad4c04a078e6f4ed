#include "proto/preamble/proxy_v1.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace proto {
namespace {

constexpr std::string_view kMark = "PROXY ";
constexpr std::string_view kUnknown = "UNKNOWN";

// The next word of `line`, which ends at a space or with the line. False: there is none.
bool TakeWord(std::string_view& line, std::string_view* word) {
  const size_t end = std::min(line.find(' '), line.size());
  *word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return !word->empty();
}

bool ParseIp(int family, std::string_view word, uint8_t* ip) {
  char text[INET6_ADDRSTRLEN];
  if (word.size() >= sizeof(text) || word.find('\0') != std::string_view::npos) return false;
  std::memcpy(text, word.data(), word.size());
  text[word.size()] = '\0';
  return inet_pton(family, text, ip) == 1;  // refuses leading zeroes in octets, and zones
}

bool ParsePort(std::string_view word, uint16_t* port) {
  if (word.size() > 1 && word[0] == '0') return false;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, *port);
  return error == std::errc() && stop == end;
}

// What stands between "PROXY " and the CRLF.
PreambleError ParseLine(std::string_view line, Preamble* preamble) {
  const bool has_more = line.size() > kUnknown.size();
  if (line.starts_with(kUnknown) && (!has_more || line[kUnknown.size()] == ' ')) {
    *preamble = {};
    return PreambleError::kNone;
  }
  // A space at the end would have begun one more word.
  if (line.ends_with(' ')) return PreambleError::kMalformed;
  std::string_view protocol, source_ip, destination_ip, source_port, destination_port;
  if (!TakeWord(line, &protocol)) return PreambleError::kMalformed;
  const bool is_v4 = protocol == "TCP4";
  if (!is_v4 && protocol != "TCP6") return PreambleError::kProtocol;
  const int family = is_v4 ? AF_INET : AF_INET6;
  Preamble parsed;
  parsed.family = is_v4 ? PreambleFamily::kIpv4 : PreambleFamily::kIpv6;
  const bool good = TakeWord(line, &source_ip) && TakeWord(line, &destination_ip) &&
                    TakeWord(line, &source_port) && TakeWord(line, &destination_port) &&
                    line.empty() && ParseIp(family, source_ip, parsed.source.ip) &&
                    ParseIp(family, destination_ip, parsed.destination.ip) &&
                    ParsePort(source_port, &parsed.source.port) &&
                    ParsePort(destination_port, &parsed.destination.port);
  if (!good) return PreambleError::kMalformed;
  *preamble = parsed;
  return PreambleError::kNone;
}

}  // namespace

PreambleParse ParseProxyV1(std::string_view received, Preamble* preamble) {
  const size_t marked = std::min(received.size(), kMark.size());
  for (size_t i = 0; i < marked; ++i) {
    if (received[i] == kMark[i]) continue;
    // Without its space it is still the protocol's own word.
    return PreambleParse::Bad(i + 1 == kMark.size() ? PreambleError::kMalformed
                                                    : PreambleError::kNotHeader);
  }
  const std::string_view line = received.substr(0, kProxyV1BytesMax);
  const size_t end = line.find_first_of("\r\n");
  if (end == std::string_view::npos || (line[end] == '\r' && end + 1 == line.size())) {
    return line.size() == kProxyV1BytesMax ? PreambleParse::Bad(PreambleError::kMalformed)
                                           : PreambleParse::NeedMore(line.size() + 1);
  }
  if (line[end] == '\n' || line[end + 1] != '\n') {
    return PreambleParse::Bad(PreambleError::kMalformed);
  }
  const PreambleError error = ParseLine(line.substr(marked, end - marked), preamble);
  return error == PreambleError::kNone ? PreambleParse::Done(end + 2) : PreambleParse::Bad(error);
}

bool WriteProxyV1(const Preamble& preamble, ByteWriter& writer) {
  if (preamble.family == PreambleFamily::kNone) return writer.WriteBytes("PROXY UNKNOWN\r\n");
  const bool is_v4 = preamble.family == PreambleFamily::kIpv4;
  const int family = is_v4 ? AF_INET : AF_INET6;
  char text[kProxyV1BytesMax + 1];
  ByteWriter line(text, sizeof(text));
  const auto add_ip = [&](const PreambleEndpoint& endpoint) {
    char ip[INET6_ADDRSTRLEN];
    return inet_ntop(family, endpoint.ip, ip, sizeof(ip)) != nullptr && line.WriteBytes(ip) &&
           line.WriteBytes(" ");
  };
  const auto add_port = [&](const PreambleEndpoint& endpoint, std::string_view after) {
    char port[8];
    const char* end = std::to_chars(port, port + sizeof(port), endpoint.port).ptr;
    return line.WriteBytes({port, size_t(end - port)}) && line.WriteBytes(after);
  };
  return line.WriteBytes(is_v4 ? "PROXY TCP4 " : "PROXY TCP6 ") && add_ip(preamble.source) &&
         add_ip(preamble.destination) && add_port(preamble.source, " ") &&
         add_port(preamble.destination, "\r\n") && writer.WriteBytes(line.bytes());
}

}  // namespace proto
