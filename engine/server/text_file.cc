#include "engine/server/text_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_name.h"
#include "base/start_rights.h"

namespace engine {

bool ReadTextFile(const std::string& path, std::string* text, std::string* why) {
  const int fd = base::StartRights::Current().Open(path);
  struct stat status = {};
  int error = fd < 0 ? -fd : fstat(fd, &status) != 0 ? errno : 0;
  const bool is_file = error == 0 && S_ISREG(status.st_mode);
  char bytes[16384];
  while (is_file) {
    const ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    text->append(bytes, size_t(got));
  }
  if (fd >= 0) close(fd);
  *why = error != 0 ? base::ErrnoText(error) : is_file ? "" : "it is not a file";
  return error == 0 && is_file;
}

}  // namespace engine
