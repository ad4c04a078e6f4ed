// dump.h - what -dC, -dL, -dA and -dc print once the configuration is read (management.txt 3).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   bytes.
// Errors:  WriteArchive answers false with a message; the others have none.
// States:  none.
//
//   std::fputs(ConfigurationText(tree, options.anonymizing_key).c_str(), stdout);   // -dC[key]
//   std::fputs(LoadedLibraries(options.verbose).c_str(), stdout);                   // -dL

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

class Tree;
struct GlobalConfig;

// The lines that count, as words: comments, skipped branches and indentation are gone. What is
// printed means the same when read again. With a key other than 0 it may be shown to strangers:
// words of the language and numbers stay, every other word becomes a hash of it and the key, and a
// line ends before a secret.
std::string ConfigurationText(const Tree& tree, uint64_t key);
// Six hexadecimal digits: the same word gives the same ones under the same key.
std::string AnonymousWord(std::string_view word, uint64_t key);
// A word as the language writes it: bare where that is possible, else in quotes.
std::string WrittenWord(std::string_view word);

// The paths of the program and of the libraries it has loaded, one per line; with their address
// ranges when `with_addresses`.
std::string LoadedLibraries(bool with_addresses);
// The files of LoadedLibraries() as a tar archive in `path`; empty: to standard output.
[[nodiscard]] bool WriteArchive(const std::string& path, std::string* error);

// Every CPU of the machine: usable or not, where it sits, and which threads are bound to it.
std::string CpuText(const GlobalConfig& global, uint32_t threads);

}  // namespace engine
