// keyword_dump.h - what is registered and works, by class of words, for -dK (management.txt 3).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   none.
// Errors:  a class that does not exist is told to the caller, who says so.
// States:  none.
//
//   std::string unknown;
//   const std::string text = KeywordDump({"cfg", "cli"}, &unknown);
//
// Only what works is in it, which is what a tool wants that looks for what it may use.
// docs/keywords.md has the rest.

#pragma once

#include <span>
#include <string>

namespace engine {

// "help" lists the classes, "all" stands for each of them. `*unknown_class` becomes the first class
// that does not exist; the others are dumped all the same.
std::string KeywordDump(std::span<const std::string> classes, std::string* unknown_class);

}  // namespace engine
