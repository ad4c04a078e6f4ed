#include "tests/fuzz/strict_reader.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace fuzz {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return lower;
}
std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}
bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kTokenMarks.find(c) != std::string_view::npos;
  });
}
bool IsText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = uint8_t(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}
// The items of a list; a comma inside quotes divides nothing.
std::vector<std::string> Items(std::string_view text) {
  std::vector<std::string> items(1);
  bool quoted = false, escaped = false;
  for (char c : text) {
    if (c == ',' && !quoted) {
      items.emplace_back();
      continue;
    }
    if (c == '"' && !escaped) quoted = !quoted;
    escaped = quoted && c == '\\' && !escaped;
    items.back() += c;
  }
  for (std::string& item : items) item = std::string(Trim(item));
  return items;
}

// The next line of `text` from `*at` on, without its CRLF.
Reading NextLine(std::string_view text, size_t* at, std::string_view* line) {
  const size_t lf = text.find('\n', *at);
  if (lf == std::string_view::npos) return Reading::kShort;
  if (lf == *at || text[lf - 1] != '\r') return Reading::kBad;
  *line = text.substr(*at, lf - 1 - *at);
  *at = lf + 1;
  return line->find('\r') == std::string_view::npos ? Reading::kWhole : Reading::kBad;
}

// Fields up to and with the empty line.
Reading ReadFields(std::string_view text, size_t* at, bool obs_fold, Fields& fields) {
  for (;;) {
    std::string_view line;
    if (const Reading got = NextLine(text, at, &line); got != Reading::kWhole) return got;
    if (line.empty()) break;
    if (!IsText(line)) return Reading::kBad;
    if (line.front() == ' ' || line.front() == '\t') {
      if (!obs_fold || fields.empty()) return Reading::kBad;
      fields.back().second += "  " + std::string(line);
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return Reading::kBad;
    fields.emplace_back(Lower(line.substr(0, colon)), line.substr(colon + 1));
  }
  for (auto& [name, value] : fields) value = std::string(Trim(value));
  return Reading::kWhole;
}

bool IsVersion(std::string_view text, bool any) {
  if (any) return !text.empty();
  return text.size() == 8 && text.substr(0, 7) == "HTTP/1." && IsDigits(text.substr(7));
}

bool ReadRequestLine(std::string_view line, const ReaderOptions& options, StrictMessage& message) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  message.method = line.substr(0, first);
  message.target = line.substr(first + 1, last - first - 1);
  message.version = line.substr(last + 1);
  const bool target = std::all_of(message.target.begin(), message.target.end(), [&](char c) {
    const auto byte = uint8_t(c);
    if (c == '#') return options.fragment;
    return byte >= 0x80 ? options.high_target_bytes : byte > 0x20 && byte < 0x7f;
  });
  return IsToken(message.method) && !message.target.empty() && target &&
         IsVersion(message.version, options.any_version);
}

bool ReadStatusLine(std::string_view line, const ReaderOptions& options, StrictMessage& message) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return false;
  message.version = line.substr(0, blank);
  std::string_view rest = line.substr(blank + 1);
  const size_t end = rest.find(' ');
  const std::string_view status = rest.substr(0, end);
  message.reason = end == std::string_view::npos ? "" : rest.substr(end + 1);
  if (!IsDigits(status) || status.size() < 3 || status.size() > (options.any_status ? 5 : 3)) {
    return false;
  }
  message.status = unsigned(std::stoul(std::string(status)));
  return message.status >= 100 && message.status <= 65535 && IsText(message.reason) &&
         IsVersion(message.version, options.any_version);
}

// One Host that is a host, perhaps with a port.
bool HostIsGood(const StrictMessage& message) {
  const std::vector<std::string> hosts = message.Values("host");
  if (hosts.size() > 1 || (hosts.empty() && message.At11())) return false;
  return hosts.empty() || hosts[0].find_first_of(" \t/\\@#?\"<>") == std::string::npos;
}

// 0 to 2^63 - 1.
bool ReadNumber(std::string_view text, unsigned base, uint64_t* number) {
  *number = 0;
  for (char c : Lower(text)) {
    const unsigned digit = c >= 'a' ? unsigned(c - 'a' + 10) : unsigned(c - '0');
    if (digit >= base || *number > (uint64_t(INT64_MAX) - digit) / base) return false;
    *number = *number * base + digit;
  }
  return true;
}

Reading ReadChunks(std::string_view text, StrictMessage& message) {
  size_t at = message.head_bytes;
  for (;;) {
    std::string_view line;
    if (const Reading got = NextLine(text, &at, &line); got != Reading::kWhole) return got;
    const size_t digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
    uint64_t size = 0;
    if (digits == 0 || digits > 16 || !ReadNumber(line.substr(0, digits), 16, &size)) {
      return Reading::kBad;
    }
    const std::string_view extension = Trim(line.substr(digits));
    if (extension.empty() ? digits != line.size() : extension.front() != ';') return Reading::kBad;
    if (!IsText(extension)) return Reading::kBad;
    if (size == 0) break;
    message.data += text.substr(at, size_t(std::min<uint64_t>(size, text.size() - at)));
    if (text.size() - at < size + 2) return Reading::kShort;
    at += size_t(size);
    if (text.substr(at, 2) != "\r\n") return Reading::kBad;
    at += 2;
  }
  const Reading got = ReadFields(text, &at, false, message.trailers);
  message.bytes = at;
  return got;
}

}  // namespace

std::vector<std::string> StrictMessage::Values(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [have, value] : fields) {
    if (have == name) values.push_back(value);
  }
  return values;
}

bool StrictMessage::At11() const {
  const size_t slash = version.find('/');
  const size_t dot = version.find('.', slash);
  if (dot == std::string::npos) return false;
  const auto number = [](const std::string& text) { return std::atoi(text.c_str()); };
  const int major = number(version.substr(slash + 1));
  return major > 1 || (major == 1 && number(version.substr(dot + 1)) >= 1);
}

Reading ReadHead(std::string_view text, bool response, const ReaderOptions& options,
                 StrictMessage& message) {
  message.response = response;
  size_t at = 0;
  std::string_view line;
  do {
    if (const Reading got = NextLine(text, &at, &line); got != Reading::kWhole) return got;
  } while (!response && line.empty());
  const bool good =
      response ? ReadStatusLine(line, options, message) : ReadRequestLine(line, options, message);
  if (!good) return Reading::kBad;
  const Reading got = ReadFields(text, &at, options.obs_fold, message.fields);
  if (got != Reading::kWhole) return got;
  message.head_bytes = at;
  return response || HostIsGood(message) ? Reading::kWhole : Reading::kBad;
}

Reading ReadFraming(std::string_view method, StrictMessage& message) {
  const bool success = message.status >= 200 && message.status < 300;
  if (message.response && (message.status == 101 || (method == "CONNECT" && success))) {
    message.body = Body::kTunnel;
    return Reading::kWhole;
  }
  if (message.response && (message.status < 200 || message.status == 204)) return Reading::kWhole;
  const std::vector<std::string> lengths = message.Values("content-length");
  if (lengths.size() > 1) return Reading::kBad;
  if (lengths.size() == 1) {
    if (!IsDigits(lengths[0]) || !ReadNumber(lengths[0], 10, &message.length)) return Reading::kBad;
    message.body = message.length != 0 ? Body::kLength : Body::kNone;
  } else if (message.response) {
    message.body = Body::kUntilClose;
  }
  std::vector<std::string> codings;
  for (const std::string& value : message.Values("transfer-encoding")) {
    for (const std::string& item : Items(value)) codings.push_back(Lower(item));
  }
  if (!codings.empty()) {
    const auto chunked = std::count(codings.begin(), codings.end(), "chunked");
    if (!message.At11() || chunked != 1 || codings.back() != "chunked") return Reading::kBad;
    message.body = Body::kChunked;
    message.length = 0;
  }
  if (message.response && (method == "HEAD" || message.status == 304)) {
    message.body = Body::kNone;
    message.length = 0;
  }
  if (!message.response && message.method == "CONNECT") {
    if (message.body != Body::kNone) return Reading::kBad;
    message.body = Body::kTunnel;
  }
  return Reading::kWhole;
}

Reading ReadBody(std::string_view text, StrictMessage& message) {
  const std::string_view rest = text.substr(message.head_bytes);
  message.bytes = message.head_bytes;
  switch (message.body) {
    case Body::kNone:
      return Reading::kWhole;
    case Body::kLength:
      message.data = rest.substr(0, size_t(std::min<uint64_t>(message.length, rest.size())));
      message.bytes += message.data.size();
      return message.data.size() == message.length ? Reading::kWhole : Reading::kShort;
    case Body::kChunked:
      return ReadChunks(text, message);
    case Body::kUntilClose:
    case Body::kTunnel:
      message.data = rest;
      message.bytes = text.size();
      return Reading::kWhole;
  }
  return Reading::kBad;
}

Reading ReadMessage(std::string_view text, bool response, std::string_view method,
                    const ReaderOptions& options, StrictMessage& message) {
  Reading got = ReadHead(text, response, options, message);
  if (got == Reading::kWhole) got = ReadFraming(method, message);
  return got == Reading::kWhole ? ReadBody(text, message) : got;
}

Fields EndToEnd(const StrictMessage& message) {
  std::set<std::string> gone = {"connection", "proxy-connection", "keep-alive",
                                "te",         "upgrade",          "http2-settings"};
  for (const std::string& value : message.Values("connection")) {
    for (const std::string& item : Items(value)) gone.insert(Lower(item));
  }
  for (const char* name : {"host", "content-length", "transfer-encoding"}) gone.erase(name);
  Fields kept;
  for (const auto& field : message.fields) {
    if (gone.count(field.first) == 0) kept.push_back(field);
  }
  return kept;
}

}  // namespace fuzz
