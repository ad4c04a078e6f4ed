// source_place.h - where something of a configuration was written.
//
// Owns:    the file's name.
// Threads: immutable.
// Units:   lines from 1.
// Errors:  none.
// States:  none.

#pragma once

#include <string>

namespace engine {

// Where a word of the configuration stands, for messages that come later than parsing.
struct SourcePlace {
  std::string file;
  int line = 0;
};

}  // namespace engine
