#include "engine/check/expect.h"

#include <algorithm>

#include "base/text.h"

namespace engine {
namespace {

std::string HexOf(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    text += kDigits[uint8_t(c) >> 4];
    text += kDigits[uint8_t(c) & 15];
  }
  return text;
}

bool MatchesBytes(const ExpectRule& rule, std::string_view bytes) {
  switch (rule.match) {
    case ExpectRule::Match::kString:
    case ExpectRule::Match::kBinary:
      return bytes.find(rule.pattern) != std::string_view::npos;
    case ExpectRule::Match::kRegex:
      return rule.regex->Matches(bytes);
    case ExpectRule::Match::kBinaryRegex:
      return rule.regex->Matches(HexOf(bytes));
    default:
      return false;  // these look at messages
  }
}

// What messages call the content that was looked for.
std::string ContentName(const ExpectRule& rule) {
  switch (rule.match) {
    case ExpectRule::Match::kString:
      return "'" + rule.pattern + "'";
    case ExpectRule::Match::kBinary:
      return "(binary)";
    case ExpectRule::Match::kRegex:
      return "(regex)";
    case ExpectRule::Match::kBinaryRegex:
      return "(binary regex)";
    default:
      return {};
  }
}

// Fewer bytes than that say nothing (manual 4.2, tcp-check expect, min-recv).
size_t BytesNeeded(const ExpectRule& rule) {
  const bool is_exact =
      rule.match == ExpectRule::Match::kString || rule.match == ExpectRule::Match::kBinary;
  const size_t wanted = rule.min_recv > 0 ? size_t(rule.min_recv) : 0;
  if (!is_exact) return wanted;
  return rule.min_recv >= 0 ? std::min(wanted, rule.pattern.size()) : rule.pattern.size();
}

bool MatchesText(const HeaderPattern& pattern, std::string_view text, bool ignore_case) {
  const auto equal = [ignore_case](std::string_view a, std::string_view b) {
    return ignore_case ? base::EqualsIgnoreCase(a, b) : a == b;
  };
  const std::string_view wanted = pattern.text;
  if (pattern.match == HeaderPattern::Match::kAny) return true;
  if (pattern.match == HeaderPattern::Match::kRegex) return pattern.regex->Matches(text);
  if (text.size() < wanted.size()) return false;
  switch (pattern.match) {
    case HeaderPattern::Match::kBegin:
      return equal(text.substr(0, wanted.size()), wanted);
    case HeaderPattern::Match::kEnd:
      return equal(text.substr(text.size() - wanted.size()), wanted);
    case HeaderPattern::Match::kPart:
      for (size_t at = 0; at + wanted.size() <= text.size(); ++at) {
        if (equal(text.substr(at, wanted.size()), wanted)) return true;
      }
      return false;
    default:
      return equal(text, wanted);
  }
}

bool MatchesHeader(const ExpectRule& rule, const proto::FieldList& fields) {
  for (const proto::Field& field : fields) {
    if (!MatchesText(rule.header_name, field.name(), true)) continue;
    if (rule.match == ExpectRule::Match::kFullHeader) {
      if (MatchesText(rule.header_value, field.value(), false)) return true;
      continue;
    }
    for (const std::string_view value : base::Split(field.value(), ',')) {
      if (MatchesText(rule.header_value, base::Trim(value), false)) return true;
    }
  }
  return false;
}

bool MatchesHead(const ExpectRule& rule, const proto::ResponseHead& head) {
  switch (rule.match) {
    case ExpectRule::Match::kStatus:
      return std::any_of(rule.codes.begin(), rule.codes.end(), [&](const auto& range) {
        return head.status >= range.first && head.status <= range.second;
      });
    case ExpectRule::Match::kStatusRegex:
      return rule.regex->Matches(std::to_string(head.status));
    default:
      return MatchesHeader(rule, head.fields);
  }
}

bool LooksAtBody(const ExpectRule& rule) {
  return rule.match == ExpectRule::Match::kBody || rule.match == ExpectRule::Match::kBodyRegex;
}

bool MatchesBody(const ExpectRule& rule, std::string_view body) {
  return rule.match == ExpectRule::Match::kBody ? body.find(rule.pattern) != std::string_view::npos
                                                : rule.regex->Matches(body);
}

}  // namespace

ExpectResult EvaluateAnswer(const ExpectRule& rule, const HttpAnswer& answer,
                            HttpAnswer::Progress progress, bool is_final, ExpectNote* note) {
  note->status = CheckStatus::kL7Response;
  note->text.clear();
  if (progress == HttpAnswer::Progress::kBad) return ExpectResult::kFailed;
  if (progress == HttpAnswer::Progress::kNothing) {
    return is_final ? ExpectResult::kFailed : ExpectResult::kNeedMore;
  }
  const proto::ResponseHead& head = answer.head();
  note->code = head.status;
  note->status = rule.error_status;
  if (!LooksAtBody(rule)) {
    if (MatchesHead(rule, head) != rule.negated) return ExpectResult::kMatch;
    note->text = head.reason;
    return ExpectResult::kFailed;
  }
  const bool is_whole = progress == HttpAnswer::Progress::kWhole || is_final;
  const std::string_view body = answer.body();
  if (!is_whole && rule.min_recv > 0 && body.size() < size_t(rule.min_recv)) {
    return ExpectResult::kNeedMore;
  }
  const bool matches = MatchesBody(rule, body);
  if (!matches && !is_whole && rule.min_recv == -1) return ExpectResult::kNeedMore;
  if (matches != rule.negated) return ExpectResult::kMatch;
  note->text = matches ? "HTTP check matched unwanted content" : "HTTP content check did not match";
  return ExpectResult::kFailed;
}

ExpectResult EvaluateBytes(const ExpectRule& rule, std::string_view bytes, bool is_final,
                           ExpectNote* note) {
  if (rule.match == ExpectRule::Match::kFunction) return rule.function(bytes, is_final, note);
  note->status = rule.error_status;
  note->text.clear();
  if (bytes.empty()) {
    if (!is_final) return ExpectResult::kNeedMore;
    note->status = CheckStatus::kL7Response;
    note->text = "TCPCHK got an empty response";
    return ExpectResult::kFailed;
  }
  if (!is_final && bytes.size() < BytesNeeded(rule)) return ExpectResult::kNeedMore;
  const bool matches = MatchesBytes(rule, bytes);
  if (!matches && !is_final && rule.min_recv == -1) return ExpectResult::kNeedMore;
  if (matches != rule.negated) return ExpectResult::kMatch;
  note->text = (matches ? "TCPCHK matched unwanted content " : "TCPCHK did not match content ") +
               ContentName(rule);
  return ExpectResult::kFailed;
}

std::string ExpectName(const ExpectRule& rule) {
  switch (rule.match) {
    case ExpectRule::Match::kString:
      return "expect string '" + rule.pattern + "'";
    case ExpectRule::Match::kBinary:
      return "expect binary '" + rule.pattern + "'";
    case ExpectRule::Match::kRegex:
      return "expect regex";
    case ExpectRule::Match::kBinaryRegex:
      return "expect binary regex";
    default:
      return "expect";
  }
}

}  // namespace engine
