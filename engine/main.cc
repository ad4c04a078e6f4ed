// The program: options in, exit status out. Everything else is in engine/run.

#include <unistd.h>

#include <cstdio>
#include <span>

#include "engine/log/console.h"
#include "engine/run/daemon.h"
#include "engine/run/options.h"
#include "engine/run/process.h"

int main(int argc, char** argv) {
  engine::FillStandardStreams();
  engine::Options options;
  engine::OptionError error;
  const std::span<const char* const> arguments(argv + 1, argc > 0 ? size_t(argc - 1) : 0);
  if (!engine::ParseOptions(arguments, isatty(STDOUT_FILENO) != 0, &options, &error)) {
    engine::Console().Alert(error.message);
    if (error.show_usage) std::fputs(engine::UsageText().c_str(), stderr);
    return engine::kExitRefused;
  }
  options.arguments.assign(argv, argv + argc);
  return engine::RunProcess(options);
}
