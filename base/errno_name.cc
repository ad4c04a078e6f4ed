#include "base/errno_name.h"

#include <cstring>

namespace base {

const char* ErrnoName(int error) noexcept {
  const char* name = strerrorname_np(error < 0 ? -error : error);
  return name != nullptr ? name : "E?";
}

const char* ErrnoText(int error) noexcept {
  const char* text = strerrordesc_np(error < 0 ? -error : error);
  return text != nullptr ? text : "unknown error";
}

}  // namespace base
