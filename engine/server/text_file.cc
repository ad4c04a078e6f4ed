#include "engine/server/text_file.h"

#include <sys/stat.h>

#include "base/errno_name.h"
#include "base/start_rights.h"

namespace engine {

bool ReadTextFile(const std::string& path, std::string* text, std::string* why) {
  base::StartRights& rights = base::StartRights::Current();
  struct stat status = {};
  int result = rights.Stat(path, &status);
  const bool is_file = result >= 0 && S_ISREG(status.st_mode);
  if (is_file) result = rights.ReadFile(path, text);
  *why = result < 0 ? base::ErrnoText(-result) : is_file ? "" : "it is not a file";
  return result >= 0 && is_file;
}

}  // namespace engine
