// options.h - the command line as a value (manual management.txt 3, and our own --quickstart,
// --once, --help).
//
// Owns:    copies of every argument it keeps.
// Threads: start-up.
// Units:   memory in megabytes (-m), connections (-n, -N).
// Errors:  ParseOptions answers false with a message; main prints it, the usage too when it asks
//          for that, and exits 1.
// States:  none. ParseOptions touches no file, environment variable or descriptor.
//
//   Options options;
//   OptionError error;
//   if (!ParseOptions({argv + 1, argv + argc}, isatty(1), &options, &error)) {
//     console.Alert(error.message);
//     if (error.show_usage) std::fputs(UsageText().c_str(), stderr);
//     return kExitRefused;
//   }
//
// What a program that starts us may rely on (the process contract):
//   0  served and stopped by SIGINT (not under -W), SIGTERM or SIGUSR1; -c found the configuration
//      good; -v, -vv, --help; -cc found the condition true; the parent of -D saw its child serve.
//   1  a bad command line, a bad configuration (also under -c), a warning under -dW, a failed
//      start; -cc found the condition false; a file without a listener that was to be started.
//   2  -c of a file that is good but has no listener; -cc of what is no condition.
// -c prints nothing when all is well unless -V ("Configuration file is valid"). The two exits of 2
// are worth a line on stderr. -W answers SIGINT with 130.
//
// A value stands in the next argument (`-n 100`), except for -dA, -dC, -dK and -dM, which carry it
// (`-dKall`). -dt takes the next argument unless that starts with '-'; -sf and -st take all numbers
// up to the next '-'. Everything after `--` is a configuration file or directory. A bare word is an
// error, as with haproxy, because a forgotten -f would otherwise load a second file unseen.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/memory_debug.h"

namespace engine {

inline constexpr int kExitGood = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitNoListener = 2;  // -c only
inline constexpr int kExitUnparsable = 2;  // -cc only
inline constexpr int kExitConditionFalse = 1;

enum class Action : uint8_t {
  kStart,
  kCheck,       // -c
  kCondition,   // -cc EXPR
  kVersion,     // -v
  kBuild,       // -vv
  kHelp,        // --help
  kMemoryHelp,  // -dMhelp
};

enum class MasterWorker : uint8_t { kNone, kPlain, kNotify };  // -W, -Ws

struct Options {
  Action action = Action::kStart;
  std::vector<std::string> arguments;  // all of them, the program's name first
  std::vector<std::string> paths;      // -f and `--`, in order; each a file or a directory
  std::string condition;               // -cc
  std::string directory;               // -C, entered before any file is opened; empty: stay
  std::string pidfile;                 // -p, wins over `pidfile`
  std::string local_peer;              // -L; empty: the host's name

  // How the process stands. RunsInForeground() settles -d, -db, -D and the file's `daemon`.
  bool daemon = false;      // -D
  bool foreground = false;  // -db
  bool debug = false;       // -d: foreground, and events are shown
  bool quiet = false;       // -q
  bool verbose = false;     // -V: undoes -q and `quiet`, whatever the order
  MasterWorker master_worker = MasterWorker::kNone;
  std::string master_cli;             // -S
  std::string listeners_from;         // -x
  std::vector<pid_t> finish_pids;     // -sf: SIGUSR1 once we serve
  std::vector<pid_t> terminate_pids;  // -st: SIGTERM once we serve

  // Limits; unset when not given, and 0 means "as if not given", as for haproxy.
  std::optional<uint32_t> maxconn;        // -n, wins over the global `maxconn`
  std::optional<uint32_t> proxy_maxconn;  // -N
  std::optional<uint32_t> memory_mb;      // -m

  // What the configuration's reading is told.
  bool zero_warning = false;        // -dW; warnings "accepted without effect" never count
  bool diagnostic = false;          // -dD: `.diag` and its kin are shown
  bool resolve_may_fail = false;    // -dr
  bool server_verify_none = false;  // -dV
  bool ipv4_only = false;           // -4
  bool no_getaddrinfo = false;      // -dG
  MemoryDebug memory_debug;         // -dM

  // What the shards are told.
  bool no_splice = false;        // -dS, and what -dF and -dZ imply
  bool no_fast_forward = false;  // -dF
  bool no_zero_copy = false;     // -dZ
  bool no_reuseport = false;     // -dR
  bool no_epoll = false;         // -de: seen by enabled(EPOLL) only
  bool insecure_fork = false;    // -dI

  // What is printed before serving, once the configuration is read.
  bool dump_configuration = false;           // -dC
  uint64_t anonymizing_key = 0;              // -dCKEY; 0: in clear
  bool dump_libraries = false;               // -dL
  bool dump_cpus = false;                    // -dc
  std::vector<std::string> keyword_classes;  // -dKCLASS,...

  bool quickstart = false;  // --quickstart, or no -f at a terminal
  bool once = false;        // --once: the quickstart ends after its demonstration

  bool dump_archive = false;  // -dA
  std::string archive_path;   // -dAFILE; empty: standard output

  // Flags that were accepted and change nothing here, with the reason: a notice under -V.
  std::vector<std::string> without_effect;
};

// What happens to a flag of the manual's list (management.txt 3).
enum class FlagState : uint8_t {
  kWorks,
  kNoMeaning,  // accepted; what it would turn on or off does not exist here
};
struct FlagInfo {
  std::string_view name;
  FlagState state;
  std::string_view note;  // why not, or what to do instead; empty for what works
};
// Null for a flag that is unknown.
const FlagInfo* FindFlagInfo(std::string_view name);

struct OptionError {
  std::string message;
  bool show_usage = false;
};

// `arguments` without the program's name. `on_terminal`: someone is there to see the quickstart
// that a call without -f then means.
[[nodiscard]] bool ParseOptions(std::span<const char* const> arguments, bool on_terminal,
                                Options* options, OptionError* error);

// True when the process must stay what it is: no fork, standard output kept. `daemon_keyword` is
// the global section's `daemon`.
bool RunsInForeground(const Options& options, bool daemon_keyword);
// True when nothing but the exit status may tell what happened (-q, `quiet`, unless -V).
bool IsQuiet(const Options& options, bool quiet_keyword);

std::string UsageText();

}  // namespace engine
