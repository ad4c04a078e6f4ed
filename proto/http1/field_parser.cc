#include "proto/http1/field_parser.h"

#include "proto/http/chars.h"
#include "proto/http1/scan.h"

namespace proto {

bool FieldParser::Commit(const char* start) {
  if (drop_) {
    ++dropped_;
    return true;
  }
  const std::string_view name(start + name_, name_end_ - name_);
  size_t end = value_end_;
  while (end > value_ && IsBlank(start[end - 1])) --end;
  return fields_.Add(FindFieldName(name), name, {start + value_, end - value_});
}

// The last field's value spans lines: [value_, value_end_) with CRLFs inside. Each becomes two
// spaces, so nothing changes its place.
void FieldParser::Unfold(const char* start) {
  folded_ = false;
  if (drop_) return;
  const std::string_view raw(start + value_, value_end_ - value_);
  char* text = static_cast<char*>(fields_.arena().Allocate(raw.size(), 1));
  for (size_t i = 0; i < raw.size(); ++i) {
    text[i] = raw[i] == '\r' || raw[i] == '\n' ? ' ' : raw[i];
  }
  fields_.SetValue(fields_.size() - 1, TrimBlanks({text, raw.size()}));
}

// A name with a byte that no token has. Only reached when such names are accepted: the field is
// read to its end and left out. A blank right before the colon is no part of a name, and RFC 9112
// section 5.1 settles it: refused in requests, taken away in responses.
ParseResult FieldParser::ParseBadName(std::string_view bytes, size_t* position) {
  const char* const start = bytes.data();
  size_t at = *position;
  while (at < bytes.size() && bytes[at] != ':' && bytes[at] != '\r' && bytes[at] != '\n') ++at;
  *position = at;
  if (at == bytes.size()) return ParseResult::kNeedMore;
  if (bytes[at] != ':') return Fail(HeadError::kMissingColon, at);
  if (IsBlank(bytes[at - 1])) {
    if (kind_ == MessageKind::kRequest) return Fail(HeadError::kBlankBeforeColon, at - 1);
    const std::string_view name = TrimBlanks({start + name_, at - name_});
    drop_ = !IsToken(name);
    name_end_ = name_ + name.size();
  } else {
    drop_ = true;
  }
  *position = at + 1;
  state_ = State::kBlanks;
  return ParseResult::kDone;
}

// What to say of `c`, which ends a name and is no colon; kNone: it starts a bad name that is
// accepted.
HeadError FieldParser::NameError(char c) const {
  if (c == '\n') return HeadError::kBareLf;
  if (c == '\r') return HeadError::kMissingColon;
  if (options_.accept_bad_field_names) return HeadError::kNone;
  return IsBlank(c) ? HeadError::kBlankBeforeColon : HeadError::kBadNameByte;
}

// One flat switch over the states, each falling into the one that follows it on a good line; longer
// than a screen because `at` stays in a register across all of them.
ParseResult FieldParser::Parse(std::string_view bytes, size_t* position) {
  const char* const start = bytes.data();
  const char* const end = start + bytes.size();
  const char* at = start + *position;
  const auto more = [&] {
    *position = size_t(at - start);
    return ParseResult::kNeedMore;
  };
  const auto offset = [&] { return size_t(at - start); };

  for (;;) {
    switch (state_) {
      case State::kLineStart:
        if (at == end) return more();
        if (__builtin_expect(IsBlank(*at), 0)) {
          if (first_) return Fail(HeadError::kBlankBeforeFirstField, offset());
          if (!options_.accept_obs_fold) return Fail(HeadError::kObsFold, offset());
          folded_ = true;
          state_ = State::kValue;  // value_ stays: the value goes on
          continue;
        }
        if (__builtin_expect(folded_, 0)) Unfold(start);
        if (*at == '\r') {
          ++at;
          state_ = State::kLastLf;
          continue;
        }
        if (*at == ':') return Fail(HeadError::kEmptyName, offset());
        first_ = false;
        drop_ = false;
        name_ = offset();
        state_ = State::kName;
        [[fallthrough]];

      case State::kName:
        at = SkipToken(at, end);
        if (at == end) return more();
        if (__builtin_expect(*at != ':', 0)) {
          const HeadError error = NameError(*at);
          if (error != HeadError::kNone) return Fail(error, offset());
          state_ = State::kBadName;
          continue;
        }
        name_end_ = offset();
        if (name_end_ - name_ > UINT16_MAX) {
          return Fail(HeadError::kHeadTooLarge, name_, ParseResult::kTooLarge);
        }
        ++at;
        state_ = State::kBlanks;
        [[fallthrough]];

      case State::kBlanks:
        while (at < end && IsBlank(*at)) ++at;
        if (at == end) return more();
        value_ = offset();
        state_ = State::kValue;
        [[fallthrough]];

      case State::kValue:
        at = SkipValue(at, end);
        if (at == end) return more();
        if (__builtin_expect(*at != '\r', 0)) {
          if (*at == '\n') return Fail(HeadError::kBareLf, offset());
          const bool accepted = *at == '\0' && options_.accept_nul_in_values;
          if (!accepted) return Fail(HeadError::kBadValueByte, offset());
          ++at;
          continue;
        }
        value_end_ = offset();
        ++at;
        state_ = State::kLf;
        [[fallthrough]];

      case State::kLf:
        if (at == end) return more();
        if (*at != '\n') return Fail(HeadError::kBareCr, offset() - 1);
        ++at;
        // A folded field is in the list since its first line; Unfold() gives it the whole value.
        if (!folded_ && !Commit(start)) {
          return Fail(HeadError::kTooManyFields, name_, ParseResult::kTooLarge);
        }
        state_ = State::kLineStart;
        continue;

      case State::kBadName: {
        *position = offset();
        const ParseResult result = ParseBadName(bytes, position);
        if (result != ParseResult::kDone) return result;
        at = start + *position;
        continue;
      }

      case State::kLastLf:
        if (at == end) return more();
        if (*at != '\n') return Fail(HeadError::kBareCr, offset() - 1);
        ++at;
        state_ = State::kDone;
        [[fallthrough]];

      case State::kDone:
        *position = offset();
        return ParseResult::kDone;
    }
  }
}

}  // namespace proto
