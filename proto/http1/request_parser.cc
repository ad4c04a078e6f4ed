#include "proto/http1/request_parser.h"

#include <algorithm>
#include <cstring>

#include "proto/http/chars.h"
#include "proto/http1/scan.h"
#include "proto/http1/version.h"

namespace proto {
namespace {

constexpr size_t kUsualVersionBytes = 10;  // "HTTP/1.1" CRLF

}  // namespace

ParseResult RequestParser::Fail(HeadError error, size_t offset, ParseResult result) {
  state_ = State::kFailed;
  error_ = error;
  error_offset_ = offset;
  failure_ = result;
  return result;
}

void RequestParser::Relocate(const char* new_start) {
  if (start_ == new_start || start_ == nullptr) {
    start_ = new_start;
    return;
  }
  for (std::string_view* text : {&head_.method_text, &head_.target, &head_.other_version,
                                 &head_.scheme, &head_.authority, &head_.path, &head_.query}) {
    *text = RelocateText(*text, start_, bytes_, new_start);
  }
  head_.fields.Relocate(start_, bytes_, new_start);
  start_ = new_start;
}

ParseResult RequestParser::Parse(std::string_view bytes) {
  if (bytes.data() != start_) Relocate(bytes.data());
  if (state_ == State::kDone) return ParseResult::kDone;
  if (state_ == State::kFailed) return failure_;
  // What lies past the limit is not looked at, so how the bytes are cut makes no difference.
  bytes_ = bytes.size();
  const std::string_view visible = bytes.substr(0, options_.head_bytes_max);
  const ParseResult result = Step(visible);
  if (result == ParseResult::kNeedMore && visible.size() == options_.head_bytes_max) {
    return Fail(HeadError::kHeadTooLarge, options_.head_bytes_max, ParseResult::kTooLarge);
  }
  return result;
}

ParseResult RequestParser::Step(std::string_view bytes) {
  if (state_ != State::kFields) {
    const ParseResult result = ParseLine(bytes);
    if (result != ParseResult::kDone || state_ == State::kDone) return result;
  }
  const ParseResult result = fields_.Parse(bytes, &position_);
  if (result == ParseResult::kNeedMore) return result;
  if (result != ParseResult::kDone) return Fail(fields_.error(), fields_.error_offset(), result);
  return EndHead();
}

// By far the most frequent end of a request line, in one comparison.
bool RequestParser::TakeUsualVersion(const char* at, const char* end) {
  if (size_t(end - at) < kUsualVersionBytes || std::memcmp(at, "HTTP/1.", 7) != 0) return false;
  if ((at[7] != '1' && at[7] != '0') || at[8] != '\r' || at[9] != '\n') return false;
  head_.version = {1, uint16_t(at[7] - '0')};
  return true;
}

// kDone: the request line is complete. One flat switch, as FieldParser::Parse.
ParseResult RequestParser::ParseLine(std::string_view bytes) {
  const char* const start = bytes.data();
  const char* const end = start + bytes.size();
  const char* at = start + position_;
  const auto offset = [&] { return size_t(at - start); };
  const auto more = [&] {
    position_ = size_t(at - start);
    return ParseResult::kNeedMore;
  };
  size_t bad = 0;

  for (;;) {
    switch (state_) {
      case State::kEmptyLines:
        if (at == end) return more();
        if (__builtin_expect(*at == '\r', 0)) {
          const bool too_many = ++empty_lines_ > options_.empty_lines_max;
          if (too_many) return Fail(HeadError::kTooManyEmptyLines, offset());
          ++at;
          state_ = State::kEmptyLineLf;
          continue;
        }
        if (*at == '\n') return Fail(HeadError::kBareLf, offset());
        token_ = offset();
        state_ = State::kMethod;
        [[fallthrough]];

      case State::kMethod:
        at = SkipToken(at, end);
        if (at == end) return more();
        if (*at != ' ' || offset() == token_) return Fail(HeadError::kBadMethod, offset());
        head_.method_text = {start + token_, offset() - token_};
        head_.method = FindMethod(head_.method_text);
        ++at;
        token_ = target_ = offset();
        state_ = State::kTarget;
        [[fallthrough]];

      case State::kTarget:
        at = SkipTarget(at, end);
        if (at == end) return more();
        if (__builtin_expect(*at != ' ', 0)) {
          const HeadError error = TargetByteError(*at);
          if (error != HeadError::kNone) return Fail(error, offset());
        }
        if (*at != ' ' && *at != '\r') {  // accepted within the target
          ++at;
          continue;
        }
        if (EndTarget(bytes, offset()) != ParseResult::kDone) return failure_;
        state_ = *at == ' ' ? State::kVersion : State::kShortLf;
        ++at;
        token_ = offset();
        continue;

      case State::kVersion:
        if (offset() == token_ && TakeUsualVersion(at, end)) {
          if (IsPreface()) return Fail(HeadError::kBadTarget, target_);
          position_ = offset() + kUsualVersionBytes;
          state_ = State::kFields;
          return ParseResult::kDone;
        }
        at = SkipTarget(at, end);
        bad = VersionMismatch(std::string_view(start + token_, offset() - token_),
                              options_.accept_odd_version);
        if (bad != std::string_view::npos) {
          position_ = offset();
          return EndBadVersion(bytes, token_ + bad);
        }
        if (at == end) return more();
        if (*at == '\n') return Fail(HeadError::kBareLf, offset());
        if (*at != '\r') return Fail(HeadError::kBadVersion, offset());
        if (EndVersion(bytes, offset()) != ParseResult::kDone) return failure_;
        ++at;
        state_ = State::kVersionLf;
        [[fallthrough]];

      case State::kVersionLf:
        if (at == end) return more();
        if (*at != '\n') return Fail(HeadError::kBareCr, offset() - 1);
        position_ = offset() + 1;
        state_ = State::kFields;
        return ParseResult::kDone;

      case State::kShortLf:
        if (at == end) return more();
        if (*at != '\n') return Fail(HeadError::kBareCr, offset() - 1);
        head_.version = {0, 9};
        position_ = offset() + 1;
        state_ = State::kDone;
        return ParseResult::kDone;

      case State::kEmptyLineLf:
        if (at == end) return more();
        if (*at != '\n') return Fail(HeadError::kBareCr, offset() - 1);
        ++at;
        state_ = State::kEmptyLines;
        continue;

      case State::kFields:
      case State::kDone:
      case State::kFailed:
        return ParseResult::kDone;  // Step() never comes here in these
    }
  }
}

// What to say of a byte that no target should hold. kNone: it is accepted there, or it is a CR
// where one may end the line, as in HTTP/0.9's "GET /path".
HeadError RequestParser::TargetByteError(char c) const {
  if (c == '#') return options_.accept_fragment ? HeadError::kNone : HeadError::kFragment;
  if (c == '\n') return HeadError::kBareLf;
  const bool short_line = options_.accept_odd_version && head_.method == Method::kGet;
  if (c == '\r') return short_line ? HeadError::kNone : HeadError::kBadVersion;
  const bool accepted = uint8_t(c) >= 0x80 && options_.accept_high_target_bytes;
  return accepted ? HeadError::kNone : HeadError::kBadTargetByte;
}

// The preface of HTTP/2 fails at its "2": all of it must be there before it is given its name.
ParseResult RequestParser::EndBadVersion(std::string_view bytes, size_t offset) {
  if (IsPreface()) {
    const std::string_view preface("HTTP/2.0\r\n");
    const std::string_view got = bytes.substr(token_, preface.size());
    if (preface == got) return Fail(HeadError::kHttp2Preface, token_);
    if (preface.substr(0, got.size()) == got) return ParseResult::kNeedMore;
  }
  return Fail(HeadError::kBadVersion, offset);
}

ParseResult RequestParser::EndTarget(std::string_view bytes, size_t end) {
  const std::string_view target = bytes.substr(target_, end - target_);
  // HTTP/2's preface uses an asterisk with a method of its own; the version line names it.
  if (head_.method_text == "PRI" && target == "*") {
    head_.target = target;
    return ParseResult::kDone;
  }
  const HeadError error = FromTargetError(ParseTarget(target, options_.target, head_));
  return error == HeadError::kNone ? ParseResult::kDone : Fail(error, target_);
}

ParseResult RequestParser::EndVersion(std::string_view bytes, size_t end) {
  const std::string_view text = bytes.substr(token_, end - token_);
  if (IsPreface()) {
    // Only reached where odd versions are accepted, or with a version that makes it no preface.
    return text == "HTTP/2.0" ? Fail(HeadError::kHttp2Preface, token_)
                              : Fail(HeadError::kBadTarget, target_);
  }
  if (!ParseVersion(text, options_.accept_odd_version, &head_.version, &head_.other_version)) {
    return Fail(HeadError::kBadVersion, token_);
  }
  return ParseResult::kDone;
}

ParseResult RequestParser::EndHead() {
  const TargetError error = CheckHost(head_, options_.target);
  if (error == TargetError::kNone) {
    state_ = State::kDone;
    return ParseResult::kDone;
  }
  // Points at the Host to blame: the second of two, else the only one, else the target.
  size_t offset = target_;
  if (const Field* host = head_.fields.Find(FieldName::kHost); host != nullptr) {
    if (error == TargetError::kRepeatedHost) host = head_.fields.FindNext(host);
    offset = size_t(host->name().data() - start_);
  }
  return Fail(FromTargetError(error), offset);
}

}  // namespace proto
