// cookie.h - reads and edits Cookie and Set-Cookie (RFC 6265 sections 4 and 5).
//
// Owns:    nothing; edits put new values into the list's arena.
// Threads: shard-local, as the FieldList.
// Units:   none.
// Errors:  cookies come from anywhere, so reading is lenient: what has no '=' is a name without
//          value, which edits leave alone because it is no cookie (RFC 6265 section 5.2, 2). A ';'
//          between the quotes of a value does not end it: RFC 6265 forbids it there, and to end
//          the value at it would let edits cut through what its sender kept together. A comma is
//          a byte like any other.
// States:  none.
//
//   CookieReader reader(head.fields);
//   while (reader.Next()) Use(reader.name(), reader.value());
//   if (const auto id = FindCookie(head.fields, "SRV")) ...
//   RemoveCookie(head.fields, "SRV");   // before the request goes to the server
//   CutCookieValues(head.fields, "SRV", '~');   // "SRV=s1~abc" becomes "SRV=abc"

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/http/field_list.h"

namespace proto {

// All cookies of all Cookie fields, in order.
class CookieReader {
 public:
  explicit CookieReader(const FieldList& fields);
  bool Next();
  std::string_view name() const { return name_; }
  // As sent: the quotes of a quoted value stay.
  std::string_view value() const { return value_; }
  // There was a '=': without one it is no cookie.
  bool has_value() const { return value_.data() != nullptr; }
  // Where the current cookie stands: the field's index, and the pair with its blanks, in its value.
  uint32_t field_index() const { return fields_.IndexOf(field_); }
  std::string_view pair() const { return pair_; }

 private:
  const FieldList& fields_;
  const Field* field_;
  std::string_view rest_;
  std::string_view pair_, name_, value_;
};

// The first cookie of that name; names are case-sensitive.
std::optional<std::string_view> FindCookie(const FieldList& fields, std::string_view name);
// Takes every cookie of that name out; a Cookie field left without any goes as well. Returns how
// many.
uint32_t RemoveCookie(FieldList& fields, std::string_view name);
// Takes the first `mark` and what stands before it out of the value of every cookie of that name
// that has one. Returns how many had.
uint32_t CutCookieValues(FieldList& fields, std::string_view name, char mark);
// Gives the first cookie of that name another value, of any length. False: there is none.
bool SetCookieValue(FieldList& fields, std::string_view name, std::string_view value);

// The parts of one Set-Cookie value.
struct SetCookie {
  std::string_view name;
  std::string_view value;
  std::string_view attributes;  // what follows the first ';', or empty
  // There was a '=': without one a client ignores it (RFC 6265 section 5.2, 2).
  bool has_value() const { return value.data() != nullptr; }
};
SetCookie ParseSetCookie(std::string_view field_value);
// Takes one "Name" or "Name=value" off the front of `attributes`; false at the end.
bool NextAttribute(std::string_view* attributes, std::string_view* name, std::string_view* value);
// Replaces the cookie's value in the Set-Cookie field at `index` and keeps its attributes.
void ReplaceSetCookieValue(FieldList& fields, uint32_t index, std::string_view value);
// Puts `prefix` and `mark` before its value.
void PrefixSetCookieValue(FieldList& fields, uint32_t index, std::string_view prefix, char mark);

}  // namespace proto
