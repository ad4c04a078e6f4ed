#include "proto/http1/response_parser.h"

#include <cstring>

#include "base/text.h"
#include "proto/http/chars.h"
#include "proto/http1/scan.h"
#include "proto/http1/version.h"

namespace proto {
namespace {

constexpr uint32_t kStatusMin = 100;

// Three digits; more, up to 65535, where that is accepted. 0: neither.
uint32_t ParseStatus(std::string_view digits, bool accept_long) {
  if (digits.size() < 3 || (digits.size() > 3 && !accept_long)) return 0;
  uint32_t status = 0;
  for (char c : digits) {
    status = status * 10 + uint32_t(c - '0');
    if (status > UINT16_MAX) return 0;
  }
  return status < kStatusMin ? 0 : status;
}

}  // namespace

ParseResult ResponseParser::Fail(HeadError error, size_t offset, ParseResult result) {
  state_ = State::kFailed;
  error_ = error;
  error_offset_ = offset;
  failure_ = result;
  return result;
}

void ResponseParser::Relocate(const char* new_start) {
  if (start_ == new_start || start_ == nullptr) {
    start_ = new_start;
    return;
  }
  head_.reason = RelocateText(head_.reason, start_, bytes_, new_start);
  head_.other_version = RelocateText(head_.other_version, start_, bytes_, new_start);
  head_.fields.Relocate(start_, bytes_, new_start);
  start_ = new_start;
}

ParseResult ResponseParser::Parse(std::string_view bytes) {
  if (bytes.data() != start_) Relocate(bytes.data());
  if (state_ == State::kDone) return ParseResult::kDone;
  if (state_ == State::kFailed) return failure_;
  bytes_ = bytes.size();
  const std::string_view visible = bytes.substr(0, options_.head_bytes_max);
  const ParseResult result = Step(visible);
  if (result == ParseResult::kNeedMore && visible.size() == options_.head_bytes_max) {
    return Fail(HeadError::kHeadTooLarge, options_.head_bytes_max, ParseResult::kTooLarge);
  }
  return result;
}

ParseResult ResponseParser::Step(std::string_view bytes) {
  if (state_ != State::kFields) {
    const ParseResult result = ParseLine(bytes);
    if (result != ParseResult::kDone) return result;
  }
  const ParseResult result = fields_.Parse(bytes, &position_);
  if (result == ParseResult::kNeedMore) return result;
  if (result != ParseResult::kDone) return Fail(fields_.error(), fields_.error_offset(), result);
  state_ = State::kDone;
  return result;
}

// kDone: the status line is complete. One flat switch, as FieldParser::Parse.
ParseResult ResponseParser::ParseLine(std::string_view bytes) {
  const char* const start = bytes.data();
  const char* const end = start + bytes.size();
  const char* at = start + position_;
  const auto offset = [&] { return size_t(at - start); };
  const auto more = [&] {
    position_ = size_t(at - start);
    return ParseResult::kNeedMore;
  };

  for (;;) {
    switch (state_) {
      case State::kVersion: {
        at = SkipTarget(at, end);
        const size_t bad = VersionMismatch({start, offset()}, options_.accept_odd_version);
        if (bad != std::string_view::npos) return Fail(HeadError::kBadVersion, bad);
        if (at == end) return more();
        if (*at == '\n') return Fail(HeadError::kBareLf, offset());
        if (*at != ' ' || !ParseVersion({start, offset()}, options_.accept_odd_version,
                                        &head_.version, &head_.other_version)) {
          return Fail(HeadError::kBadVersion, offset());
        }
        ++at;
        token_ = offset();
        state_ = State::kStatus;
        [[fallthrough]];
      }

      case State::kStatus: {
        while (at < end && base::IsDigit(*at)) ++at;
        if (offset() - token_ > (options_.accept_long_status ? 5u : 3u)) {
          return Fail(HeadError::kBadStatus, token_);
        }
        if (at == end) return more();
        if (*at == '\n') return Fail(HeadError::kBareLf, offset());
        if (*at != ' ' && *at != '\r') return Fail(HeadError::kBadStatus, offset());
        const uint32_t status =
            ParseStatus({start + token_, offset() - token_}, options_.accept_long_status);
        if (status == 0) return Fail(HeadError::kBadStatus, token_);
        head_.status = uint16_t(status);
        state_ = *at == ' ' ? State::kReason : State::kLf;
        ++at;
        token_ = offset();
        continue;
      }

      case State::kReason:
        at = SkipValue(at, end);
        if (at == end) return more();
        if (*at == '\n') return Fail(HeadError::kBareLf, offset());
        if (*at != '\r') return Fail(HeadError::kBadReason, offset());
        head_.reason = {start + token_, offset() - token_};
        ++at;
        state_ = State::kLf;
        [[fallthrough]];

      case State::kLf:
        if (at == end) return more();
        if (*at != '\n') return Fail(HeadError::kBareCr, offset() - 1);
        position_ = offset() + 1;
        state_ = State::kFields;
        return ParseResult::kDone;

      case State::kFields:
      case State::kDone:
      case State::kFailed:
        return ParseResult::kDone;  // Step() never comes here in these
    }
  }
}

}  // namespace proto
