#include "proto/http/cookie.h"

#include <cstring>
#include <initializer_list>

#include "base/check.h"
#include "proto/http/chars.h"

namespace proto {
namespace {

// Takes one ';'-separated piece off the front; a quoted value may hold ';'.
std::string_view TakePair(std::string_view* rest) {
  bool quoted = false;
  size_t end = 0;
  for (; end < rest->size(); ++end) {
    const char c = (*rest)[end];
    // A quote opens only right behind '=': elsewhere it is an ordinary byte of a sloppy cookie.
    if (c == '"' && (quoted || (end > 0 && (*rest)[end - 1] == '='))) {
      quoted = !quoted;
    } else if (c == ';' && !quoted) {
      break;
    }
  }
  if (quoted) {
    // Never closed: then it is no quoted value, and must not swallow the cookies behind it.
    end = rest->find(';');
    if (end == std::string_view::npos) end = rest->size();
  }
  const std::string_view pair = rest->substr(0, end);
  *rest = end < rest->size() ? rest->substr(end + 1) : std::string_view();
  return pair;
}

// `value` is null without '='; otherwise it points into `pair`, or behind it.
void SplitPair(std::string_view pair, std::string_view* name, std::string_view* value) {
  const size_t equals = pair.find('=');
  *name = TrimBlanks(pair.substr(0, equals));
  *value =
      equals != std::string_view::npos ? TrimBlanks(pair.substr(equals + 1)) : std::string_view();
}

bool IsCookie(std::string_view pair, std::string_view wanted) {
  std::string_view name, value;
  SplitPair(pair, &name, &value);
  return name == wanted && value.data() != nullptr;
}

std::string_view Join(base::Arena& arena, std::initializer_list<std::string_view> parts) {
  size_t bytes = 0;
  for (std::string_view part : parts) bytes += part.size();
  char* text = static_cast<char*>(arena.Allocate(bytes, 1));
  char* cursor = text;
  for (std::string_view part : parts) {
    if (!part.empty()) std::memcpy(cursor, part.data(), part.size());
    cursor += part.size();
  }
  return {text, bytes};
}

// `whole` with the part `piece` (a view into it) replaced.
std::string_view Splice(base::Arena& arena, std::string_view whole, std::string_view piece,
                        std::string_view replacement) {
  const size_t start = size_t(piece.data() - whole.data());
  return Join(arena, {whole.substr(0, start), replacement, whole.substr(start + piece.size())});
}

}  // namespace

CookieReader::CookieReader(const FieldList& fields)
    : fields_(fields), field_(fields.Find(FieldName::kCookie)) {
  if (field_ != nullptr) rest_ = field_->value();
}

bool CookieReader::Next() {
  while (field_ != nullptr) {
    while (!rest_.empty()) {
      pair_ = TakePair(&rest_);
      SplitPair(pair_, &name_, &value_);
      if (!name_.empty()) return true;
    }
    field_ = fields_.FindNext(field_);
    if (field_ != nullptr) rest_ = field_->value();
  }
  return false;
}

std::optional<std::string_view> FindCookie(const FieldList& fields, std::string_view name) {
  CookieReader reader(fields);
  while (reader.Next()) {
    if (reader.name() == name) return reader.value();
  }
  return std::nullopt;
}

uint32_t RemoveCookie(FieldList& fields, std::string_view name) {
  uint32_t removed = 0;
  for (uint32_t i = fields.size(); i-- > 0;) {
    if (fields[i].id() != FieldName::kCookie) continue;
    const std::string_view whole = fields[i].value();
    uint32_t pairs = 0, removed_here = 0;
    for (std::string_view rest = whole; !rest.empty(); ++pairs) {
      removed_here += IsCookie(TakePair(&rest), name);
    }
    if (removed_here == 0) continue;
    removed += removed_here;
    // Written afresh with "; " between the pairs, which may add a blank for each of them.
    char* text = static_cast<char*>(fields.arena().Allocate(whole.size() + pairs, 1));
    size_t bytes = 0;
    for (std::string_view rest = whole; !rest.empty();) {
      const std::string_view pair = TrimBlanks(TakePair(&rest));
      if (IsCookie(pair, name) || pair.empty()) continue;
      if (bytes != 0) {
        std::memcpy(text + bytes, "; ", 2);
        bytes += 2;
      }
      std::memcpy(text + bytes, pair.data(), pair.size());
      bytes += pair.size();
    }
    if (bytes == 0) {
      fields.Remove(i);
    } else {
      fields.SetValue(i, {text, bytes});
    }
  }
  return removed;
}

uint32_t CutCookieValues(FieldList& fields, std::string_view name, char mark) {
  uint32_t cut = 0;
  for (uint32_t i = 0; i < fields.size(); ++i) {
    if (fields[i].id() != FieldName::kCookie) continue;
    const std::string_view whole = fields[i].value();
    char* text = nullptr;
    size_t bytes = 0;
    size_t copied = 0;  // of `whole`
    for (std::string_view rest = whole; !rest.empty();) {
      std::string_view pair_name, value;
      SplitPair(TakePair(&rest), &pair_name, &value);
      const size_t at = pair_name == name ? value.find(mark) : std::string_view::npos;
      if (at == std::string_view::npos) continue;
      if (text == nullptr) text = static_cast<char*>(fields.arena().Allocate(whole.size(), 1));
      const size_t start = size_t(value.data() - whole.data());
      std::memcpy(text + bytes, whole.data() + copied, start - copied);
      bytes += start - copied;
      copied = start + at + 1;
      ++cut;
    }
    if (text == nullptr) continue;
    std::memcpy(text + bytes, whole.data() + copied, whole.size() - copied);
    fields.SetValue(i, {text, bytes + whole.size() - copied});
  }
  return cut;
}

bool SetCookieValue(FieldList& fields, std::string_view name, std::string_view value) {
  CookieReader reader(fields);
  while (reader.Next()) {
    if (reader.name() != name) continue;
    const uint32_t index = reader.field_index();
    const std::string_view pair = reader.pair();
    // A cookie without '=' gets one; otherwise the value alone is exchanged.
    const std::string_view whole = fields[index].value();
    const bool bare = pair.find('=') == std::string_view::npos;
    const std::string_view replacement =
        bare ? Join(fields.arena(), {reader.name(), "=", value}) : value;
    const std::string_view piece =
        bare ? reader.name()
             : pair.substr(pair.find('=') + 1);  // with its blanks, which are not kept
    fields.SetValue(index, Splice(fields.arena(), whole, piece, replacement));
    return true;
  }
  return false;
}

SetCookie ParseSetCookie(std::string_view field_value) {
  SetCookie cookie;
  std::string_view rest = field_value;
  SplitPair(TakePair(&rest), &cookie.name, &cookie.value);
  cookie.attributes = rest;
  return cookie;
}

bool NextAttribute(std::string_view* attributes, std::string_view* name, std::string_view* value) {
  while (!attributes->empty()) {
    SplitPair(TakePair(attributes), name, value);
    if (!name->empty()) return true;
  }
  return false;
}

namespace {

void WriteSetCookie(FieldList& fields, uint32_t index, const SetCookie& cookie,
                    std::initializer_list<std::string_view> value) {
  base::Arena& arena = fields.arena();
  const std::string_view tail =
      cookie.attributes.empty()
          ? std::string_view()
          : std::string_view(cookie.attributes.data() - 1, cookie.attributes.size() + 1);
  fields.SetValue(index, Join(arena, {cookie.name, "=", Join(arena, value), tail}));
}

}  // namespace

void ReplaceSetCookieValue(FieldList& fields, uint32_t index, std::string_view value) {
  WriteSetCookie(fields, index, ParseSetCookie(fields[index].value()), {value});
}

void PrefixSetCookieValue(FieldList& fields, uint32_t index, std::string_view prefix, char mark) {
  const SetCookie cookie = ParseSetCookie(fields[index].value());
  WriteSetCookie(fields, index, cookie, {prefix, {&mark, 1}, cookie.value});
}

}  // namespace proto
