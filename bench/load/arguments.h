// arguments.h - the command line of a bench tool: --name VALUE pairs and --name flags.
//
// Owns:    nothing; texts point into argv.
// Threads: start-up.
// Units:   as each tool's usage says.
// Errors:  an unknown or malformed argument prints the usage and ends the process.
// States:  ask for every known name, then Finish().
//
//   bench::Arguments arguments(argc, argv, "usage: ...");
//   const long port = arguments.Number("--port", 0);
//   arguments.Finish();

#pragma once

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

namespace bench {

class Arguments {
 public:
  Arguments(int argc, char** argv, const char* usage)
      : argc_(argc), argv_(argv), usage_(usage), known_(size_t(argc)) {}

  bool Flag(const char* name) {
    const int at = Find(name);
    return at > 0;
  }

  const char* Text(const char* name, const char* otherwise) {
    const int at = Find(name);
    if (at == 0) return otherwise;
    if (at + 1 >= argc_) Fail(name);
    known_[size_t(at) + 1] = true;
    return argv_[at + 1];
  }

  double Real(const char* name, double otherwise) {
    const char* text = Text(name, nullptr);
    if (text == nullptr) return otherwise;
    char* end = nullptr;
    const double value = strtod(text, &end);
    if (end == text || *end != 0 || value < 0) Fail(name);
    return value;
  }

  long Number(const char* name, long otherwise) { return long(Real(name, double(otherwise))); }

  void Finish() {
    for (int i = 1; i < argc_; ++i) {
      if (!known_[size_t(i)]) Fail(argv_[i]);
    }
  }

  [[noreturn]] void Fail(const char* what) {
    fprintf(stderr, "bad argument: %s\n%s\n", what, usage_);
    exit(2);
  }

 private:
  int Find(const char* name) {
    for (int i = 1; i < argc_; ++i) {
      if (known_[size_t(i)] || strcmp(argv_[i], name) != 0) continue;
      known_[size_t(i)] = true;
      return i;
    }
    return 0;
  }

  int argc_;
  char** argv_;
  const char* usage_;
  std::vector<bool> known_;
};

inline bool PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace bench
