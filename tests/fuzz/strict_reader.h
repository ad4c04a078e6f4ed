// strict_reader.h - a second reading of HTTP/1 messages, to hold the parsers to.
//
// Owns:    what it read, copied.
// Threads: any-thread.
// Units:   bytes.
// Errors:  Reading::kBad; the text is not what RFC 9112 lets a sender write.
// States:  head -> framing -> body.
//
// Written for plainness, line by line over a whole text, and without any of proto/: where both read
// a message, they must read the same one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

enum class Reading : uint8_t { kWhole, kShort, kBad };
enum class Body : uint8_t { kNone, kLength, kChunked, kUntilClose, kTunnel };

struct ReaderOptions {
  bool high_target_bytes = false;
  bool fragment = false;
  bool any_version = false;  // any word will do
  bool any_status = false;   // four and five digits
  bool obs_fold = false;
};

struct StrictMessage {
  bool response = false;
  std::string method, target, version, reason;  // method and target: of a request
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  size_t head_bytes = 0;
  Body body = Body::kNone;
  uint64_t length = 0;
  std::string data;
  std::vector<std::pair<std::string, std::string>> trailers;
  size_t bytes = 0;  // of the whole message

  std::vector<std::string> Values(std::string_view name) const;
  bool At11() const;
};

Reading ReadHead(std::string_view text, bool response, const ReaderOptions& options,
                 StrictMessage& message);
// `method`: of the request that a response answers.
Reading ReadFraming(std::string_view method, StrictMessage& message);
Reading ReadBody(std::string_view text, StrictMessage& message);
// All three. A body that only the end of a connection ends takes all there is.
Reading ReadMessage(std::string_view text, bool response, std::string_view method,
                    const ReaderOptions& options, StrictMessage& message);

// The fields that a proxy passes on: without those of the hop, which Connection names or which
// always are.
std::vector<std::pair<std::string, std::string>> EndToEnd(const StrictMessage& message);

}  // namespace fuzz
