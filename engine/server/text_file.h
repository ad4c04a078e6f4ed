// text_file.h - a file that another process has written, read whole.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   bytes.
// Errors:  said as a text.
// States:  none.

#pragma once

#include <string>

namespace engine {

// Appends to `*text`. Nothing that could block or never end is read.
bool ReadTextFile(const std::string& path, std::string* text, std::string* why);

}  // namespace engine
