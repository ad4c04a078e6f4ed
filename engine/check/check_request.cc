#include "engine/check/check_request.h"

#include "base/text.h"

namespace engine {

std::string RequestBytes(const CheckRequest& request, std::string_view state) {
  std::string bytes = request.method + " " + request.uri + " " + request.version + "\r\n";
  bool says_connection = false;
  for (const auto& [name, value] : request.fields) {
    says_connection |= base::EqualsIgnoreCase(name, "connection");
    bytes += name + ": " + value + "\r\n";
  }
  if (!state.empty()) bytes.append("x-haproxy-server-state: ").append(state).append("\r\n");
  if (!request.body.empty()) {
    bytes += "content-length: " + std::to_string(request.body.size()) + "\r\n";
  }
  // What HTTP/1.0 does by itself.
  if (!says_connection && request.version != "HTTP/1.0") bytes += "connection: close\r\n";
  return bytes + "\r\n" + request.body;
}

}  // namespace engine
