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

// What happens to a flag that is only a switch; the others are handled by name in Parser::Take.
struct Flag {
  std::string_view name;
  Value value;
  bool Options::*set;  // null: handled by name, or without effect
  bool has_effect;
};

constexpr Flag kFlags[] = {
    {"--", Value::kNone, nullptr, true},
    {"--help", Value::kNone, nullptr, true},
    {"--once", Value::kNone, &Options::once, true},
    {"--quickstart", Value::kNone, &Options::quickstart, true},
    {"-4", Value::kNone, &Options::ipv4_only, true},
    {"-C", Value::kNext, nullptr, true},
    {"-D", Value::kNone, &Options::daemon, true},
    {"-L", Value::kNext, nullptr, true},
    {"-N", Value::kNext, nullptr, true},
    {"-S", Value::kNext, nullptr, true},
    {"-V", Value::kNone, &Options::verbose, true},
    {"-W", Value::kNone, nullptr, true},
    {"-Ws", Value::kNone, nullptr, true},
    {"-c", Value::kNone, nullptr, true},
    {"-cc", Value::kNext, nullptr, true},
    {"-d", Value::kNone, &Options::debug, true},
    {"-dA", Value::kGlued, nullptr, false},
    {"-dC", Value::kGlued, nullptr, true},
    {"-dD", Value::kNone, &Options::diagnostic, true},
    {"-dF", Value::kNone, &Options::no_fast_forward, true},
    {"-dG", Value::kNone, &Options::no_getaddrinfo, true},
    {"-dI", Value::kNone, &Options::insecure_fork, true},
    {"-dK", Value::kGlued, nullptr, true},
    {"-dL", Value::kNone, &Options::dump_libraries, true},
    {"-dM", Value::kGlued, nullptr, false},
    {"-dR", Value::kNone, &Options::no_reuseport, true},
    {"-dS", Value::kNone, &Options::no_splice, true},
    {"-dT", Value::kNone, nullptr, false},  // there is no kernel TLS to turn off
    {"-dV", Value::kNone, &Options::server_verify_none, true},
    {"-dW", Value::kNone, &Options::zero_warning, true},
    {"-dZ", Value::kNone, &Options::no_zero_copy, true},
    {"-db", Value::kNone, &Options::foreground, true},
    {"-dc", Value::kNone, &Options::dump_cpus, true},
    {"-de", Value::kNone, &Options::no_epoll, false},  // `tune.ring` picks the driver
    {"-dk", Value::kNone, nullptr, false},
    {"-dp", Value::kNone, nullptr, false},
    {"-dr", Value::kNone, &Options::resolve_may_fail, true},
    {"-dt", Value::kNextOptional, nullptr, false},
    {"-dv", Value::kNone, nullptr, false},
    {"-f", Value::kNext, nullptr, true},
    {"-m", Value::kNext, nullptr, true},
    {"-n", Value::kNext, nullptr, true},
    {"-p", Value::kNext, nullptr, true},
    {"-q", Value::kNone, &Options::quiet, true},
    {"-sf", Value::kPids, nullptr, true},
    {"-st", Value::kPids, nullptr, true},
    {"-v", Value::kNone, nullptr, true},
    {"-vv", Value::kNone, nullptr, true},
    {"-x", Value::kNext, nullptr, true},
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
      if (!flag->has_effect) options_.without_effect.push_back(std::string(word_));
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
    const std::string_view near =
        word_.starts_with("--") ? NearestWord(word_, names) : std::string_view{};
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
    if (name == "-dC") return TakeKey(value);
    if (name == "-dK") return TakeClasses(value);
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

// What can be parsed, and checked with -c, but not started yet. Null: nothing stands in the way.
const char* NotSupportedYet(const Options& options) {
  if (options.master_worker == MasterWorker::kNotify) {
    return "'-Ws' (master-worker mode that notifies systemd) is not supported yet: "
           "start with '-db' and Type=simple, or with '-D' and Type=forking";
  }
  if (options.master_worker == MasterWorker::kPlain) {
    return "'-W' (master-worker mode) is not supported yet: start with '-D' or '-db'";
  }
  if (!options.master_cli.empty()) {
    return "'-S' (the master's command socket) is not supported yet: remove it";
  }
  if (!options.listeners_from.empty()) {
    return "'-x' (taking over the listening sockets of another process) is not supported yet: "
           "remove it";
  }
  if (!options.finish_pids.empty()) {
    return "'-sf' (taking over from another process) is not supported yet: "
           "stop that process with SIGUSR1, then start without '-sf'";
  }
  if (!options.terminate_pids.empty()) {
    return "'-st' (replacing another process) is not supported yet: "
           "stop that process with SIGTERM, then start without '-st'";
  }
  return nullptr;
}

}  // namespace

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
  if (options->action != Action::kStart) return true;
  if (const char* missing = NotSupportedYet(*options)) return parser.Fail(missing, false);
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
  -dV              do not verify certificates of servers
  -4               use IPv4 answers of resolvers only

Process
  -D               run in the background     -db  stay in the foreground, whatever the file says
  -d               foreground, show events   -p FILE  write the process id to FILE
  -q               print nothing             -V   print everything, and undo -q
  -n N             connections in total (maxconn)
  -N N             connections of each proxy that sets no maxconn
  -m MB            memory the process may use
  -W, -Ws, -S ADDR master-worker mode (not supported yet)
  -sf PID...       once serving, have these processes finish (not supported yet)
  -st PID...       once serving, terminate these processes (not supported yet)
  -x SOCKET        take listening sockets from SOCKET (not supported yet)

Debugging
  -dS, -dF, -dZ    copy instead of splicing  -dR  do not use SO_REUSEPORT
  -dC[KEY]         print the configuration; with a KEY, without its secrets
  -dKCLASS,...     print the known keywords
  -dL, -dc         print the shared libraries in use; print what was found about CPUs
  -dG, -dI         do not use getaddrinfo(); allow forks while serving
  -dA[FILE] -dM[BYTE,...] -dT -de -dk -dp -dt [TRACE,...] -dv   accepted, without effect here
)";
}

}  // namespace engine
