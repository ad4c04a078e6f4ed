// typed_field.h - one value of `show info` or `show stat` with all a program needs to know of it
// (management 9.2): as a typed line and as JSON.
//
// Owns:    nothing; a field refers to the texts of whoever lists it.
// Threads: any-thread.
// Units:   none.
// Errors:  none: bytes that are no UTF-8 become escapes in JSON.
// States:  none.
//
//   cli.Say(TypedLine("F.2.0.", field, with_purpose));      // F.2.0.4.scur.1:MGPV:u32:0
//   cli.Say(JsonField("\"objType\":\"Frontend\",", field));   // one object, without a separator

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

struct TypedField {
  uint32_t position = 0;  // for ever the same
  std::string_view name;
  std::string_view tags;  // origin, nature, scope, persistence: a letter each
  std::string_view type;  // u32, u64, str
  std::string_view value;
  std::string_view purpose;
};

// `object`: what stands before the position. With a line feed.
std::string TypedLine(std::string_view object, const TypedField& field, bool with_purpose);
// `members`: further members of the object, each with its comma.
std::string JsonField(std::string_view members, const TypedField& field);
// In quotes.
std::string JsonText(std::string_view text);
// What `show info json` and `show stat json` say, as a JSON Schema.
std::string_view JsonSchema();

}  // namespace engine
