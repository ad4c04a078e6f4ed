#include "proto/http1/chunk_decoder.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "proto/http/chars.h"
#include "proto/http/framing.h"
#include "proto/http/hop_by_hop.h"

namespace proto {
namespace {

constexpr uint8_t kDigitsMax = 16;
constexpr size_t kTrailerBytesAtFirst = 512;
// Trailers get no relaxation: the manual has none for them.
const ParserOptions kStrict;

uint32_t HexValue(char c) {
  if (c <= '9') return uint32_t(c - '0');
  return uint32_t((c | 0x20) - 'a' + 10);
}

}  // namespace

ChunkDecoder::ChunkDecoder(FieldList& trailers, const ChunkOptions& options)
    : trailers_(trailers),
      options_(options),
      trailer_parser_(kStrict, MessageKind::kRequest, trailers) {}

ChunkEvent ChunkDecoder::Fail(ChunkError error, size_t at) {
  state_ = State::kFailed;
  error_ = error;
  return {ChunkResult::kBad, at, 0, 0};
}

void ChunkDecoder::SkipData(uint64_t bytes) {
  MUST(state_ == State::kData);
  MUST(bytes <= left_);
  left_ -= bytes;
  if (left_ == 0) state_ = State::kDataCr;
}

// Up to the CR. False: the byte at `*at` may not stand there.
bool ChunkDecoder::SkipExtension(std::string_view bytes, size_t* at) {
  for (; *at < bytes.size(); ++*at) {
    const char c = bytes[*at];
    if (!HasClass(c, kValueClass)) return c == '\r' && !quoted_;
    if (++extension_bytes_ > options_.extension_bytes_max) return false;
    if (escaped_) {
      escaped_ = false;
    } else if (c == '"') {
      quoted_ = !quoted_;
    } else if (c == '\\') {
      if (!quoted_) return false;
      escaped_ = true;
    }
  }
  return true;
}

ChunkEvent ChunkDecoder::FailExtension(char c, size_t at) {
  if (extension_bytes_ > options_.extension_bytes_max) {
    return Fail(ChunkError::kExtensionTooLong, at);
  }
  return Fail(c == '\n' ? ChunkError::kBareLf : ChunkError::kBadExtension, at);
}

ChunkEvent ChunkDecoder::TakeData(std::string_view bytes, size_t at) {
  const size_t length = size_t(std::min<uint64_t>(left_, bytes.size() - at));
  SkipData(length);
  return {ChunkResult::kData, at + length, at, length};
}

// One flat switch over the states; longer than a screen because each is a few lines.
ChunkEvent ChunkDecoder::Next(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    switch (state_) {
      case State::kSizeStart:
        digits_ = 0;
        left_ = 0;
        extension_bytes_ = 0;
        if (!IsHexDigit(c)) {
          return Fail(c == '\n' ? ChunkError::kBareLf : ChunkError::kBadSize, at);
        }
        state_ = State::kSize;
        [[fallthrough]];

      case State::kSize:
        if (IsHexDigit(c)) {
          if (++digits_ > kDigitsMax) return Fail(ChunkError::kSizeOverflow, at);
          left_ = left_ << 4 | HexValue(c);
          if (left_ > kBodyBytesMax) return Fail(ChunkError::kSizeOverflow, at);
          ++at;
          break;
        }
        if (c == '\r') {
          ++at;
          state_ = State::kSizeLf;
          break;
        }
        if (c == '\n') return Fail(ChunkError::kBareLf, at);
        if (c != ';' && !IsBlank(c)) return Fail(ChunkError::kBadSize, at);
        state_ = State::kBlanks;
        [[fallthrough]];

      case State::kBlanks:
        if (IsBlank(c)) {
          if (++extension_bytes_ > options_.extension_bytes_max) return FailExtension(c, at);
          ++at;
          break;
        }
        if (c != ';') return Fail(ChunkError::kBadSize, at);
        quoted_ = escaped_ = false;
        state_ = State::kExtension;
        [[fallthrough]];

      case State::kExtension:
        if (!SkipExtension(bytes, &at)) return FailExtension(bytes[at], at);
        if (at < bytes.size()) {
          ++at;
          state_ = State::kSizeLf;
        }
        break;

      case State::kSizeLf:
        if (c != '\n') return Fail(ChunkError::kBareCr, at);
        ++at;
        state_ = left_ != 0 ? State::kData : State::kTrailerStart;
        break;

      case State::kData:
        return TakeData(bytes, at);

      case State::kDataCr:
        if (c != '\r') return Fail(ChunkError::kMissingCrlf, at);
        ++at;
        state_ = State::kDataLf;
        break;

      case State::kDataLf:
        if (c != '\n') return Fail(ChunkError::kMissingCrlf, at);
        ++at;
        state_ = State::kSizeStart;
        break;

      case State::kTrailerStart:
        if (c != '\r') {
          state_ = State::kTrailers;
          return ParseTrailers(bytes, at);
        }
        ++at;
        state_ = State::kLastLf;
        break;

      case State::kLastLf:
        if (c != '\n') return Fail(ChunkError::kBareCr, at);
        ++at;
        state_ = State::kDone;
        return {ChunkResult::kDone, at, 0, 0};

      case State::kTrailers:
        return ParseTrailers(bytes, at);

      case State::kDone:
        return {ChunkResult::kDone, 0, 0, 0};

      case State::kFailed:
        return {ChunkResult::kBad, 0, 0, 0};
    }
  }
  if (state_ == State::kDone) return {ChunkResult::kDone, at, 0, 0};
  if (state_ == State::kFailed) return {ChunkResult::kBad, at, 0, 0};
  return {ChunkResult::kNeedMore, at, 0, 0};
}

void ChunkDecoder::ReserveTrailers(size_t bytes) {
  if (bytes <= trailer_capacity_) return;
  const size_t capacity = std::max({bytes, trailer_capacity_ * 2, kTrailerBytesAtFirst});
  char* text = static_cast<char*>(trailers_.arena().Allocate(capacity, 1));
  if (trailer_bytes_ != 0) std::memcpy(text, trailer_text_, trailer_bytes_);
  trailers_.Relocate(trailer_text_, trailer_bytes_, text);
  trailer_text_ = text;
  trailer_capacity_ = capacity;
}

ChunkEvent ChunkDecoder::ParseTrailers(std::string_view bytes, size_t at) {
  const size_t before = trailer_bytes_;
  const size_t room = options_.trailer_bytes_max - trailer_bytes_;
  const size_t taken = std::min(bytes.size() - at, room);
  ReserveTrailers(trailer_bytes_ + taken);
  std::memcpy(trailer_text_ + trailer_bytes_, bytes.data() + at, taken);
  trailer_bytes_ += taken;
  switch (trailer_parser_.Parse({trailer_text_, trailer_bytes_}, &trailer_position_)) {
    case ParseResult::kNeedMore:
      if (trailer_bytes_ >= options_.trailer_bytes_max) {
        return Fail(ChunkError::kTrailersTooLarge, at + taken);
      }
      return {ChunkResult::kNeedMore, bytes.size(), 0, 0};
    case ParseResult::kBad:
    case ParseResult::kTooLarge: {
      // Of a bare CR, as everywhere in this decoder, the byte behind it is to blame: the CR itself
      // may have been consumed with an earlier span.
      const HeadError error = trailer_parser_.error();
      const size_t offset = trailer_parser_.error_offset() + (error == HeadError::kBareCr ? 1 : 0);
      return Fail(error == HeadError::kTooManyFields ? ChunkError::kTrailersTooLarge
                                                     : ChunkError::kBadTrailer,
                  at + (offset > before ? offset - before : 0));
    }
    case ParseResult::kDone:
      break;
  }
  const size_t consumed = at + (trailer_position_ - before);
  state_ = State::kDone;
  trailers_.RemoveIf([](const Field& field) { return !MayBeTrailer(field.id()); });
  return {trailers_.empty() ? ChunkResult::kDone : ChunkResult::kTrailers, consumed, 0, 0};
}

std::string_view ChunkErrorText(ChunkError error) {
  switch (error) {
    case ChunkError::kNone:
      return "none";
    case ChunkError::kBadSize:
      return "bad_chunk_size";
    case ChunkError::kSizeOverflow:
      return "chunk_size_overflow";
    case ChunkError::kBadExtension:
      return "bad_chunk_extension";
    case ChunkError::kExtensionTooLong:
      return "chunk_extension_too_long";
    case ChunkError::kBareLf:
      return "bare_lf_in_chunk";
    case ChunkError::kBareCr:
      return "bare_cr_in_chunk";
    case ChunkError::kMissingCrlf:
      return "missing_crlf_after_chunk";
    case ChunkError::kBadTrailer:
      return "bad_trailer";
    case ChunkError::kTrailersTooLarge:
      return "trailers_too_large";
    case ChunkError::kCount:
      break;
  }
  return "unknown";
}

}  // namespace proto
