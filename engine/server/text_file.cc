#include "engine/server/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_name.h"

namespace engine {

bool ReadTextFile(const std::string& path, std::string* text, std::string* why) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status = {};
  int error = fd < 0 || fstat(fd, &status) != 0 ? errno : 0;
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
