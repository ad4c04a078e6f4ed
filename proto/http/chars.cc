#include "proto/http/chars.h"

namespace proto {

bool NextListItem(std::string_view* rest, std::string_view* item) {
  if (rest->data() == nullptr) return false;
  bool quoted = false;
  size_t end = 0;
  for (; end < rest->size(); ++end) {
    const char c = (*rest)[end];
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '\\' && quoted) {
      if (end + 1 < rest->size()) ++end;  // quoted-pair
    } else if (c == ',' && !quoted) {
      break;
    }
  }
  *item = TrimBlanks(rest->substr(0, end));
  *rest = end < rest->size() ? rest->substr(end + 1) : std::string_view();
  return true;
}

}  // namespace proto
