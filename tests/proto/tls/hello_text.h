// hello_text.h - a ClientHello in bytes, made from what it is to say.
//
// Owns:    nothing.
// Threads: one test.
// Units:   bytes.
// Errors:  none.
// States:  none.
//
//   const std::string bytes = HelloText({.server_name = "www.example.com", .alpn = {"h2"}});

#pragma once

#include <optional>
#include <string>
#include <vector>

namespace proto {

struct HelloParts {
  std::string server_name;  // empty: no such extension, as with the others
  std::vector<std::string> alpn;
  std::optional<std::string> ticket;
  std::string versions;
  std::string groups;
  std::string signatures;
  std::string key_shares;
};

inline std::string Counted(int length_bytes, const std::string& text) {
  std::string counted;
  for (int i = length_bytes; i-- > 0;) counted += char(text.size() >> (8 * i));
  return counted + text;
}

inline std::string HelloText(const HelloParts& parts) {
  std::string extensions;
  const auto add = [&](int type, const std::string& value) {
    extensions += char(type >> 8);
    extensions += char(type);
    extensions += Counted(2, value);
  };
  if (!parts.server_name.empty()) {
    add(0, Counted(2, std::string(1, '\0') + Counted(2, parts.server_name)));
  }
  if (!parts.groups.empty()) add(10, Counted(2, parts.groups));
  if (!parts.signatures.empty()) add(13, Counted(2, parts.signatures));
  if (!parts.alpn.empty()) {
    std::string list;
    for (const std::string& one : parts.alpn) list += Counted(1, one);
    add(16, Counted(2, list));
  }
  if (parts.ticket) add(35, *parts.ticket);
  if (!parts.versions.empty()) add(43, Counted(1, parts.versions));
  if (!parts.key_shares.empty()) add(51, Counted(2, parts.key_shares));
  const std::string body = std::string("\x03\x03", 2) + std::string(32, 'r') + Counted(1, "id") +
                           Counted(2, std::string("\x13\x01\xc0\x2f", 4)) +
                           Counted(1, std::string(1, '\0')) + Counted(2, extensions);
  const std::string message = "\x01" + Counted(3, body);
  return std::string("\x16\x03\x01", 3) + Counted(2, message);
}

}  // namespace proto
