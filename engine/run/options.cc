#include "engine/run/options.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/text.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

// How a flag finds its value.
enum class Value : uint8_t {
  kNone,
  kNext,          // the next argument, whatever it looks like
  kNextOptional,  // the next argument unless it starts with '-'
  kGlued,         // the rest of the word, possibly nothing
  kPids,          // the next arguments up to one that starts with '-'
};

// A flag that is only a switch names the member it sets; the others are handled by name in
// Parser::Take.
struct Flag : FlagInfo {
  Value value;
  bool Options::*set = nullptr;
};

constexpr Flag Works(std::string_view name, Value value, bool Options::*set = nullptr) {
  return {{name, FlagState::kWorks, {}}, value, set};
}
constexpr Flag NoMeaning(std::string_view name, Value value, bool Options::*set,
                         std::string_view why) {
  return {{name, FlagState::kNoMeaning, why}, value, set};
}

constexpr std::string_view kNoPoller = "'tune.ring' chooses what waits for descriptors";
constexpr std::string_view kNoFork = "nothing keeps this process from forking";

constexpr Flag kFlags[] = {
    Works("--", Value::kNone),
    Works("--help", Value::kNone),
    Works("--once", Value::kNone, &Options::once),
    Works("--quickstart", Value::kNone, &Options::quickstart),
    NoMeaning("-4", Value::kNone, &Options::ipv4_only, "there are no DNS resolvers yet"),
    Works("-C", Value::kNext),
    Works("-D", Value::kNone, &Options::daemon),
    Works("-L", Value::kNext),
    Works("-N", Value::kNext),
    Works("-S", Value::kNext),
    Works("-V", Value::kNone, &Options::verbose),
    Works("-W", Value::kNone),
    Works("-Ws", Value::kNone),
    Works("-c", Value::kNone),
    Works("-cc", Value::kNext),
    Works("-d", Value::kNone, &Options::debug),
    Works("-dA", Value::kGlued),
    Works("-dC", Value::kGlued),
    Works("-dD", Value::kNone, &Options::diagnostic),
    Works("-dF", Value::kNone, &Options::no_fast_forward),
    Works("-dG", Value::kNone, &Options::no_getaddrinfo),
    NoMeaning("-dI", Value::kNone, &Options::insecure_fork, kNoFork),
    Works("-dK", Value::kGlued),
    Works("-dL", Value::kNone, &Options::dump_libraries),
    Works("-dM", Value::kGlued),
    Works("-dR", Value::kNone, &Options::no_reuseport),
    Works("-dS", Value::kNone, &Options::no_splice),
    NoMeaning("-dT", Value::kNone, nullptr, "there is no kernel TLS to turn off"),
    Works("-dV", Value::kNone, &Options::server_verify_none),
    Works("-dW", Value::kNone, &Options::zero_warning),
    Works("-dZ", Value::kNone, &Options::no_zero_copy),
    Works("-db", Value::kNone, &Options::foreground),
    Works("-dc", Value::kNone, &Options::dump_cpus),
    NoMeaning("-de", Value::kNone, &Options::no_epoll, kNoPoller),
    NoMeaning("-dk", Value::kNone, nullptr, kNoPoller),
    NoMeaning("-dp", Value::kNone, nullptr, kNoPoller),
    Works("-dr", Value::kNone, &Options::resolve_may_fail),
    NoMeaning("-dt", Value::kNextOptional, nullptr, "there are no traces; '-d' shows every move"),
    NoMeaning("-dv", Value::kNone, nullptr, kNoPoller),
    Works("-f", Value::kNext),
    Works("-m", Value::kNext),
    Works("-n", Value::kNext),
    Works("-p", Value::kNext),
    Works("-q", Value::kNone, &Options::quiet),
    Works("-sf", Value::kPids),
    Works("-st", Value::kPids),
    Works("-v", Value::kNone),
    Works("-vv", Value::kNone),
    Works("-x", Value::kNext),
};

const Flag* FindFlag(std::string_view word) {
  for (const Flag& flag : kFlags) {
    if (word == flag.name) return &flag;
  }
  for (const Flag& flag : kFlags) {
    if (flag.value == Value::kGlued && word.starts_with(flag.name)) return &flag;
  }
  return nullptr;
}

// Walks the arguments once. Take() handles one flag and answers false with the error set.
class Parser {
 public:
  Parser(std::span<const char* const> arguments, Options& options, OptionError& error)
      : arguments_(arguments), options_(options), error_(error) {}

  bool Run() {
    while (next_ < arguments_.size() && !finished_) {
      word_ = arguments_[next_++];
      const Flag* flag = FindFlag(word_);
      if (flag == nullptr) return Unknown();
      std::string_view value;
      if (!FindValue(*flag, value)) return false;
      if (flag->set != nullptr) options_.*flag->set = true;
      if (flag->state == FlagState::kNoMeaning) {
        options_.without_effect.push_back("'" + Printable(word_) +
                                          "' has no effect: " + std::string(flag->note));
      }
      if (!Take(flag->name, value)) return false;
    }
    options_.no_splice |= options_.no_fast_forward || options_.no_zero_copy;
    return true;
  }

  bool Fail(std::string message, bool show_usage) {
    error_.message = std::move(message);
    error_.show_usage = show_usage;
    return false;
  }

 private:
  bool Unknown() {
    const std::string word = Printable(word_);
    if (!word_.starts_with('-') || word_ == "-") {
      return Fail(
          "'" + word + "' is no option: write '-f " + word + "' if it is a configuration file",
          true);
    }
    // -n100 and -f/etc/x.cfg: the value is there, only in the wrong place.
    if (const Flag* flag = FindFlag(word_.substr(0, 2));
        flag != nullptr && word_[1] != '-' && flag->value == Value::kNext) {
      return Fail("unknown option '" + word + "': the value of '" + std::string(flag->name) +
                      "' is an argument of its own, '" + std::string(flag->name) + " " +
                      Printable(word_.substr(2)) + "'",
                  true);
    }
    std::vector<std::string_view> names;
    for (const Flag& flag : kFlags) names.push_back(flag.name);
    const std::string_view near = word_.starts_with("--")   ? NearestWord(word_, names)
                                  : word_.starts_with("-h") ? "--help"
                                                            : std::string_view{};
    std::string message = "unknown option '" + word + "'";
    if (!near.empty()) message += ", did you mean '" + std::string(near) + "'?";
    return Fail(std::move(message), true);
  }

  bool FindValue(const Flag& flag, std::string_view& value) {
    if (flag.value == Value::kGlued) value = word_.substr(flag.name.size());
    if (flag.value == Value::kNext) {
      if (next_ == arguments_.size()) {
        return Fail("option '" + std::string(flag.name) + "' needs a value after it", true);
      }
      value = arguments_[next_++];
    }
    if (flag.value == Value::kNextOptional && next_ < arguments_.size() &&
        arguments_[next_][0] != '-') {
      value = arguments_[next_++];
    }
    return true;
  }

  bool Take(std::string_view name, std::string_view value) {
    if (name == "--") return TakePaths();
    if (name == "-f") return TakePath(value);
    if (name == "--help") return Finish(Action::kHelp);
    if (name == "-v") return Finish(Action::kVersion);
    if (name == "-vv") return Finish(Action::kBuild);
    if (name == "-c") return options_.action = Action::kCheck, true;
    if (name == "-cc") return options_.action = Action::kCondition, Keep(options_.condition, value);
    if (name == "-C") return Keep(options_.directory, value);
    if (name == "-L") return Keep(options_.local_peer, value);
    if (name == "-p") return Keep(options_.pidfile, value);
    if (name == "-S") return Keep(options_.master_cli, value);
    if (name == "-x") return Keep(options_.listeners_from, value);
    if (name == "-W") return options_.master_worker = MasterWorker::kPlain, true;
    if (name == "-Ws") return options_.master_worker = MasterWorker::kNotify, true;
    if (name == "-n") return TakeNumber(value, "connections", options_.maxconn);
    if (name == "-N") return TakeNumber(value, "connections", options_.proxy_maxconn);
    if (name == "-m") return TakeNumber(value, "megabytes", options_.memory_mb);
    if (name == "-dA") return options_.dump_archive = true, Keep(options_.archive_path, value);
    if (name == "-dC") return TakeKey(value);
    if (name == "-dK") return TakeClasses(value);
    if (name == "-dM") return TakeMemoryDebug(value);
    if (name == "-sf") return TakePids(options_.finish_pids);
    if (name == "-st") return TakePids(options_.terminate_pids);
    return true;
  }

  bool Finish(Action action) {
    options_.action = action;
    finished_ =
        true;  // what follows is not looked at, so that `ringway -v anything` always answers
    return true;
  }
  static bool Keep(std::string& kept, std::string_view value) {
    kept = value;
    return true;
  }
  bool TakePath(std::string_view path) {
    if (path.empty())
      return Fail("'" + std::string(word_) + "' was given an empty file name", true);
    options_.paths.push_back(std::string(path));
    return true;
  }
  bool TakePaths() {
    while (next_ < arguments_.size()) {
      if (!TakePath(arguments_[next_++])) return false;
    }
    return true;
  }
  bool TakeNumber(std::string_view text, const char* unit, std::optional<uint32_t>& number) {
    const std::optional<uint64_t> parsed = base::ParseUnsigned(text);
    if (!parsed || *parsed > std::numeric_limits<int32_t>::max()) {
      return Fail(base::Format("option '%s' takes a number of %s from 0 to %d, not '%s'",
                               std::string(word_).c_str(), unit,
                               std::numeric_limits<int32_t>::max(), Printable(text).c_str()),
                  true);
    }
    number.reset();
    if (*parsed != 0) number = uint32_t(*parsed);
    return true;
  }
  bool TakeKey(std::string_view text) {
    options_.dump_configuration = true;
    if (text.empty()) return true;
    const std::optional<uint64_t> key = base::ParseUnsigned(text);
    if (!key || *key > std::numeric_limits<uint32_t>::max()) {
      return Fail("option '-dC' takes a 32-bit number as its key, not '" + Printable(text) + "'",
                  true);
    }
    options_.anonymizing_key = *key;
    return true;
  }
  bool TakeClasses(std::string_view text) {
    if (text.empty()) return Fail("option '-dK' needs a class, as in '-dKall' or '-dKhelp'", true);
    for (std::string_view word : base::Split(text, ',')) {
      if (!word.empty()) options_.keyword_classes.push_back(std::string(word));
    }
    return true;
  }
  bool TakeMemoryDebug(std::string_view text) {
    std::string why;
    if (!ParseMemoryDebug(text, &options_.memory_debug, &why)) {
      return Fail("option '" + Printable(word_) + "' " + why, true);
    }
    if (options_.memory_debug.help) return Finish(Action::kMemoryHelp);
    for (const std::string& word : options_.memory_debug.no_effect) {
      options_.without_effect.push_back("'-dM" + word + "' has no effect: there are no such pools");
    }
    options_.memory_debug.no_effect.clear();
    return true;
  }
  // An empty list is what `-sf $(cat FILE)` gives on the first start.
  bool TakePids(std::vector<pid_t>& pids) {
    for (; next_ < arguments_.size() && arguments_[next_][0] != '-'; ++next_) {
      const std::string_view text = arguments_[next_];
      // Some scripts quote the list, so one argument may hold several numbers or none.
      std::string spaced(text);
      std::replace_if(
          spaced.begin(), spaced.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
      for (std::string_view word : base::Split(spaced, ' ')) {
        if (word.empty()) continue;
        const std::optional<uint64_t> pid = base::ParseUnsigned(word);
        if (!pid || *pid == 0 || *pid > std::numeric_limits<pid_t>::max()) {
          return Fail(
              "'" + std::string(word_) + "' takes process ids, not '" + Printable(word) + "'",
              true);
        }
        pids.push_back(pid_t(*pid));
      }
    }
    return true;
  }

  std::span<const char* const> arguments_;
  Options& options_;
  OptionError& error_;
  size_t next_ = 0;
  std::string_view word_;  // the option being read, as written
  bool finished_ = false;
};

}  // namespace

const FlagInfo* FindFlagInfo(std::string_view name) {
  for (const Flag& flag : kFlags) {
    if (name == flag.name) return &flag;
  }
  return nullptr;
}

bool ParseOptions(std::span<const char* const> arguments, bool on_terminal, Options* options,
                  OptionError* error) {
  *options = Options{};
  *error = OptionError{};
  Parser parser(arguments, *options, *error);
  if (!parser.Run()) return false;
  if (options->action != Action::kStart && options->action != Action::kCheck) return true;

  if (options->paths.empty() && options->action == Action::kStart && on_terminal &&
      !options->daemon) {
    options->quickstart = true;
  }
  if (options->quickstart && !options->paths.empty()) {
    return parser.Fail("'--quickstart' brings its own configuration: leave out the files", true);
  }
  if (options->once && !options->quickstart) {
    return parser.Fail("'--once' belongs to '--quickstart'", true);
  }
  if (options->paths.empty() && !options->quickstart) {
    return parser.Fail("no configuration file was given: name one with '-f'", true);
  }
  return true;
}

bool RunsInForeground(const Options& options, bool daemon_keyword) {
  if (options.debug || options.foreground) return true;
  if (options.quickstart) return true;  // it talks to the terminal it was started from
  return !options.daemon && !daemon_keyword;
}

bool IsQuiet(const Options& options, bool quiet_keyword) {
  return !options.verbose && (options.quiet || quiet_keyword);
}

std::string UsageText() {
  return
      R"(Usage: ringway -f FILE|DIR [-f FILE|DIR]... [OPTION]... [-- FILE|DIR...]
       ringway --quickstart [--once]

What to do
  -c               check the configuration and exit: 0 good, 1 bad, 2 good but nothing to listen on
  -cc CONDITION    evaluate a condition of `.if` and exit: 0 true, 1 false, 2 not a condition
  -v, -vv          show the version; show how this program was built and what it can use
  --help           show this text
  --quickstart     serve the built-in example; --once ends it after its demonstration

Configuration
  -f FILE|DIR      read FILE, or every .cfg file of DIR; may be repeated, the order counts
  -- FILE|DIR...   read all of these as well
  -C DIR           change to DIR first
  -L NAME          name of the local peer (default: the host's name)
  -dW              refuse to start when there is a warning
  -dD              show diagnostic messages about what looks odd
  -dr              accept server names that do not resolve

Process
  -D               run in the background     -db  stay in the foreground, whatever the file says
  -d               foreground, show events   -p FILE  write the process id to FILE
  -q               print nothing             -V   print everything, and undo -q
  -n N             connections in total (maxconn)
  -N N             connections of each proxy that sets no maxconn
  -m MB            memory the process may use
  -W               a master process that restarts and reloads the one that serves
  -Ws              the same, and tell systemd about it (Type=notify)
  -S ADDR[,OPTION] where the master takes commands, as a `stats socket` line has it
  -sf PID...       take over their sockets; once serving, have these processes finish
  -st PID...       the same, but terminate them
  -x SOCKET        take over the sockets of the process whose `stats socket` this is

Debugging
  -dS, -dF, -dZ    copy instead of splicing  -dR  do not use SO_REUSEPORT
  -dC[KEY]         print the configuration; with a KEY, without its secrets
  -dKCLASS,...     print the known keywords
  -dL, -dc         print the shared libraries in use; print what was found about CPUs
  -dA[FILE]        write a tar archive of the program and its libraries
  -dG              do not use getaddrinfo() to resolve names
  -dV              trust servers whose certificate nothing says how to verify
  -dM[BYTE,...]    fill fresh memory with BYTE; -dMhelp says more
  -4 -dI -dT -de -dk -dp -dt [TRACE,...] -dv
                   accepted, without effect here
)";
}

}  // namespace engine
