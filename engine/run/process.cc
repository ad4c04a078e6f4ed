#include "engine/run/process.h"

#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "base/background_thread.h"
#include "base/clock.h"
#include "base/errno_name.h"
#include "base/start_rights.h"
#include "base/text.h"
#include "engine/applet/cli_applet.h"
#include "engine/applet/echo.h"
#include "engine/applet/prometheus.h"
#include "engine/check/check_runner.h"
#include "engine/config/tree.h"
#include "engine/expr/regex.h"
#include "engine/log/console.h"
#include "engine/run/condition_answer.h"
#include "engine/run/crash_report.h"
#include "engine/run/daemon.h"
#include "engine/run/dump.h"
#include "engine/run/keyword_dump.h"
#include "engine/run/limits.h"
#include "engine/run/load.h"
#include "engine/run/master.h"
#include "engine/run/privileges.h"
#include "engine/run/quickstart.h"
#include "engine/run/reload_diff.h"
#include "engine/run/sandbox.h"
#include "engine/run/signals.h"
#include "engine/run/start_helper.h"
#include "engine/run/supervisor.h"
#include "engine/run/takeover.h"
#include "engine/run/version.h"
#include "engine/run/worker_link.h"
#include "engine/server/builder.h"
#include "engine/server/saved_counters.h"
#include "engine/server/saved_states.h"
#include "shard/ring/probe.h"
#include "tls/handles.h"

namespace engine {
namespace {

// How often a soft stop looks whether everything has ended.
constexpr int kDrainPollMs = 20;
// How often it is looked whether configurations before the last reload are still used.
constexpr int kLeftoversPollMs = 200;
constexpr int kReloadTries = 3;

BuildFacts FactsOfBuild() {
  BuildFacts facts;
  const shard::UringFeatures uring = shard::ProbeUring();
  facts.drivers.push_back({"uring", 2, uring.usable, uring.usable ? uring.Describe() : uring.why});
  facts.drivers.push_back({"poll", 1, true, "epoll"});
  facts.default_threads = Supervisor::ShardsFor(GlobalConfig{});
  facts.libraries.push_back("Built with OpenSSL version : " + tls::LibraryVersion());
  facts.libraries.push_back("Built with PCRE2 version : " + Regex::LibraryVersion());
  facts.libraries.push_back("Encrypted password support via crypt(3): yes");
  facts.services.push_back(EchoApplet().name());
  facts.services.emplace_back(kExporterName);
  facts.muxes.push_back("h1  : mode=HTTP side=FE|BE");
  facts.muxes.push_back("raw : mode=TCP  side=FE|BE");
  return facts;
}

bool IsRingDriver(std::string_view name) {
  return name == "auto" || name == "uring" || name == "poll";
}

// A pipe cannot. What is gone is told by who reads it next.
bool CanBeReadAgain(const std::string& path) {
  struct stat what = {};
  return base::StartRights::Current().Stat(path, &what) != 0 || S_ISREG(what.st_mode) ||
         S_ISDIR(what.st_mode);
}

// One run of the process that reads a configuration.
class Run {
 public:
  explicit Run(const Options& options) : options_(options), takeover_(options_) {}
  int Execute();

 private:
  enum class Phase : uint8_t {
    kServing,
    kGrace,     // SIGUSR1 has come, and `grace` is not over
    kDraining,  // no listener is left
  };

  // Null: refused, and `diagnostics` say why.
  std::unique_ptr<Configuration> Load(Environment environment, Tree& tree,
                                      Diagnostics& diagnostics) const;
  bool Read();
  bool Reload(std::string* text);
  bool TryReload(std::string* text);
  void Rehearse() const;
  void TellFailure(const std::string& text);
  bool ForkHelper(std::string* error);
  void ReloadOnSignal();
  bool PrintDumps(const Tree& tree);
  void PrintKeywords();
  static bool HasListener(const Configuration& configuration);
  int Check();
  int Start();
  bool PlanLimits(LimitsPlan* plan);
  bool Bind();
  int RefuseListeners(const std::vector<std::string>& errors);
  bool WantsMaster() const;
  bool GoToBackground(int* status);
  int StartMaster();
  std::unique_ptr<Configuration> ReadMasterCli();
  int Serve();
  bool GiveToMaster();
  [[nodiscard]] bool ShutIn(std::string* error);
  bool ReportReady(std::string* error);
  void OnMasterSays();
  bool FollowOrder();
  void WaitForTheEnd(SignalWaiter& signals);
  void OnSoftStopSignal();
  void BeginSoftStop();
  void PauseOrResume(bool pause);
  int WaitMs() const;
  const Configuration& configuration() const {
    return supervisor_ != nullptr ? supervisor_->configuration() : *configuration_;
  }
  static uint64_t NowMs() { return base::MonotonicMicros() / 1000; }
  int Refuse(const std::string& message) {
    console_.Alert(message);
    return kExitRefused;
  }

  Options options_;
  std::vector<std::string> given_environment_;
  std::unique_ptr<WorkerLink> link_;  // null: no master has started us
  Console console_;
  Diagnostics diagnostics_;
  std::string startup_logs_;                      // what both have said until the shards start
  std::unique_ptr<Configuration> configuration_;  // until the supervisor has it
  // Outlives what listens: those who were paused come back when the ports are free again.
  Takeover takeover_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<StartHelper> helper_;  // null: no right is given up, or nobody keeps it
  Daemon daemon_;
  NullDevice null_;  // a worker's
  PidFile pidfile_;
  bool detached_ = false;
  Phase phase_ = Phase::kServing;
  uint64_t deadline_ms_ = UINT64_MAX;  // of the grace, then of the draining
};

std::unique_ptr<Configuration> Run::Load(Environment environment, Tree& tree,
                                         Diagnostics& diagnostics) const {
  const LoadRequest request = {
      .options = options_, .has_master = link_ != nullptr, .serves = supervisor_ != nullptr};
  return LoadConfiguration(request, std::move(environment), tree, diagnostics);
}

bool Run::Read() {
  Tree tree;
  configuration_ = Load(Environment::FromProcess(), tree, diagnostics_);
  // Where nobody serves what is there is better than nothing.
  const bool is_reload = link_ != nullptr && link_->task() == WorkerTask::kReload;
  if (is_reload && !AreFinished(tree, &diagnostics_)) configuration_ = nullptr;
  const bool quiet_keyword = configuration_ != nullptr && configuration_->global.quiet;
  const bool quiet = IsQuiet(options_, quiet_keyword);
  console_ = Console(quiet              ? Verbosity::kQuiet
                     : options_.verbose ? Verbosity::kVerbose
                                        : Verbosity::kNormal);
  startup_logs_ = diagnostics_.Render();
  console_.RecordTo(&startup_logs_);
  const bool refused_warnings = configuration_ != nullptr && diagnostics_.strict_warnings() > 0 &&
                                (options_.zero_warning || configuration_->global.zero_warning);
  // Of what is good, the worker tells.
  const bool worker_tells = configuration_ != nullptr && !refused_warnings &&
                            options_.action == Action::kStart && WantsMaster();
  if (!quiet && !worker_tells) diagnostics_.Print(stderr);
  if (refused_warnings) {
    console_.Alert("Some warnings were found and 'zero-warning' is set. Aborting.");
    configuration_ = nullptr;
  }
  if (!worker_tells) {
    for (const std::string& text : options_.without_effect) console_.Detail(text);
  }
  if (configuration_ == nullptr) return false;
  return link_ != nullptr || PrintDumps(tree);  // the master has printed them
}

// Whatever -q says: who asks for a dump wants to see it.
bool Run::PrintDumps(const Tree& tree) {
  const auto print = [](const std::string& text) { std::fputs(text.c_str(), stdout); };
  PrintKeywords();
  if (options_.dump_configuration) print(ConfigurationText(tree, options_.anonymizing_key));
  if (options_.dump_libraries) print(LoadedLibraries(options_.verbose && !options_.quiet));
  if (options_.dump_cpus) {
    print(CpuText(configuration_->global, Supervisor::ShardsFor(configuration_->global)));
  }
  std::fflush(stdout);
  std::string error;
  if (!options_.dump_archive || WriteArchive(options_.archive_path, &error)) return true;
  console_.Alert(error);
  return false;
}

void Run::PrintKeywords() {
  if (options_.keyword_classes.empty()) return;
  std::string unknown;
  std::fputs(KeywordDump(options_.keyword_classes, &unknown).c_str(), stdout);
  std::fflush(stdout);
  if (!unknown.empty()) {
    console_.Warning("'-dK': no class of keywords is named '" + unknown + "': see '-dKhelp'");
  }
}

// What the master brings to a worker listens nowhere.
bool Run::HasListener(const Configuration& configuration) {
  const auto serves = [](const auto& bind) { return !bind->is_masters; };
  return std::any_of(configuration.proxies.begin(), configuration.proxies.end(),
                     [&](const auto& proxy) {
                       return proxy->is_frontend && !proxy->disabled &&
                              std::any_of(proxy->binds.begin(), proxy->binds.end(), serves);
                     });
}

int Run::Check() {
  if (!HasListener(*configuration_)) {
    console_.Alert("Configuration file has no listener: nothing would be served.");
    return kExitNoListener;
  }
  if (options_.verbose) std::printf("Configuration file is valid\n");
  return kExitGood;
}

bool Run::PlanLimits(LimitsPlan* plan) {
  const uint32_t shards = Supervisor::ShardsFor(configuration_->global);
  uint32_t sockets = 0;
  uint32_t client_sockets = 0;
  for (const auto& proxy : configuration_->proxies) {
    for (const auto& bind : proxy->binds) {
      sockets += uint32_t(bind->addresses.size()) * shards;
      if (!proxy->is_internal) client_sockets += uint32_t(bind->addresses.size()) * shards;
    }
  }
  LimitsRequest request = MakeLimitsRequest(configuration_->global, options_, shards, sockets);
  request.splice = configuration_->splices();
  request.health_checks = CountChecks(*configuration_) + CountRingServers(configuration_->logs);
  request.client_sockets = client_sockets;
  request.backlogs = Supervisor::BacklogsOf(*configuration_, shards);
  *plan = ComputeLimits(request, ReadSystemLimits());
  for (const std::string& text : plan->notices) console_.Detail(text);
  for (const std::string& text : plan->warnings) console_.Warning(text);
  for (const std::string& text : plan->errors) console_.Alert(text);
  std::string error;
  if (!plan->errors.empty()) return false;
  if (ApplyLimits(*plan, &error)) return true;
  console_.Alert(error);
  return false;
}

int Run::Start() {
  if (!HasListener(*configuration_))
    return Refuse("Configuration file has no listener: nothing to serve.");
  const GlobalConfig& global = configuration_->global;
  LimitsPlan plan;
  if (!PlanLimits(&plan)) return kExitRefused;
  SupervisorSettings settings;
  settings.shards = Supervisor::ShardsFor(global);
  settings.console = &console_;
  settings.startup_logs = startup_logs_;
  console_.RecordTo(nullptr);
  settings.maxconn = plan.maxconn;
  settings.ring_driver = global.ring_driver;
  if (const char* driver = std::getenv("RINGWAY_RING"); driver != nullptr && *driver != '\0') {
    settings.ring_driver = driver;
    if (!IsRingDriver(settings.ring_driver)) {
      return Refuse("RINGWAY_RING is '" + settings.ring_driver +
                    "' in the environment: it may be 'auto', 'uring' or 'poll', or unset");
    }
  }
  settings.pipes_max = plan.pipes;
  settings.debug_moves = options_.debug;
  settings.sockets_max = plan.fds_needed;
  settings.burst_max = plan.burst_max;
  settings.small_chunks = plan.small_chunks;
  settings.large_chunks = plan.large_chunks;
  settings.memory_max_mb = options_.memory_mb.value_or(0);
  settings.reuse_port = !options_.no_reuseport && global.reuse_port;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
  const SavedStates saved = SavedStates::Read(*configuration_, nullptr, &warnings);
  saved.MoveServers(*configuration_);
  supervisor_ = std::make_unique<Supervisor>(std::move(configuration_), settings);
  saved.Restore(configuration(), base::MonotonicMicros(), &notes, &warnings);
  SavedCounters::Read(configuration().global.stats_file, &warnings).Restore(configuration());
  for (const std::string& text : notes) console_.Notice(text);
  for (const std::string& text : warnings) console_.Warning(text);
  if (!Bind()) return kExitRefused;
  int status = kExitGood;
  return GoToBackground(&status) ? Serve() : status;
}

// Opens the pid file and forks, where that is asked for. False: `*status` ends this process.
bool Run::GoToBackground(int* status) {
  if (link_ != nullptr) return true;  // the master has
  const GlobalConfig& global = configuration().global;
  std::string error;
  const bool foreground = RunsInForeground(options_, global.daemon);
  // In the foreground nobody asks for it, and the file may be that of a daemon with the same file.
  const std::string& pidfile = !options_.pidfile.empty() ? options_.pidfile : global.pidfile;
  *status = kExitRefused;
  if ((!foreground || WantsMaster()) && !pidfile_.Open(pidfile, &error)) {
    console_.Alert(error);
    return false;
  }
  if (foreground) return true;
  // Before any thread or ring exists: neither survives a fork.
  switch (daemon_.Detach(&error)) {
    case Daemon::Side::kFailed:
      console_.Alert(error);
      return false;
    case Daemon::Side::kParent: {
      *status = daemon_.WaitUntilReady(&error);
      if (*status != kExitGood) takeover_.GiveUp();  // it may have had no time to
      if (!error.empty()) console_.Alert(error);
      std::fflush(nullptr);
      _exit(*status);  // what is bound and open is the child's now
    }
    case Daemon::Side::kChild:
      detached_ = true;
  }
  return true;
}

bool Run::WantsMaster() const {
  return link_ == nullptr && !options_.quickstart &&
         (options_.master_worker != MasterWorker::kNone || configuration().global.master_worker);
}

// The socket of -S is a `stats socket` line without the section: "ADDRESS,OPTION,VALUE,...", whose
// level is admin where the options say no other: `reload` is what it is there for.
std::unique_ptr<Configuration> Run::ReadMasterCli() {
  std::string line = options_.master_cli;
  line.insert(std::min(line.find(','), line.size()), ",level,admin");
  std::replace(line.begin(), line.end(), ',', ' ');
  Environment environment = Environment::FromProcess();
  const ConditionFacts facts = MakeConditionFacts(options_);
  Diagnostics diagnostics;
  const ReadContext context{environment, facts, diagnostics, true, true};
  Tree tree;
  const bool good = tree.ReadText("-S", "global\n  stats socket " + line + "\n", context);
  BuildOptions build;
  build.cli = &CliApplet();
  std::unique_ptr<Configuration> configuration = Build(tree, diagnostics, build);
  if (console_.verbosity() != Verbosity::kQuiet) diagnostics.Print(stderr);
  return good ? std::move(configuration) : nullptr;
}

int Run::StartMaster() {
  if (!HasListener(*configuration_))
    return Refuse("Configuration file has no listener: nothing to serve.");
  for (const std::string& path : options_.paths) {
    if (CanBeReadAgain(path)) continue;
    return Refuse("'" + path +
                  "' can be read only once: with a master each worker reads it, so "
                  "it must be a file or a folder");
  }
  MasterSettings settings;
  settings.arguments = options_.arguments;
  settings.environment = std::move(given_environment_);
  settings.notifies = options_.master_worker == MasterWorker::kNotify;
  settings.reloads_max = configuration().global.mworker_reloads_max;
  settings.stays = configuration().global.master_stays;
  Master master(std::move(settings), console_);
  std::unique_ptr<Configuration> cli;
  std::string error;
  if (!options_.master_cli.empty()) {
    cli = ReadMasterCli();
    if (cli == nullptr) return kExitRefused;
    for (const auto& proxy : cli->proxies) {
      if (!master.Listen(proxy->binds, &error)) return Refuse("'-S': " + error);
    }
  }
  Environment environment = Environment::FromProcess();
  PresetMasterVariables(cli == nullptr ? std::vector<std::string>() : StatsSocketsOf(*cli),
                        &environment);
  environment.Export();
  int status = kExitGood;
  if (!GoToBackground(&status)) return status;
  // The workers read it anew.
  configuration_ = nullptr;
  malloc_trim(0);
  status = master.Run([this] {
    std::string why;
    if (pidfile_.Write(getpid(), &why) && daemon_.ReportReady(&why)) return true;
    console_.Alert(why);
    return false;
  });
  pidfile_.Remove();
  return status;
}

bool Run::Bind() {
  std::vector<std::string> notes;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::string error;
  if (link_ != nullptr) {
    std::vector<int> kept;
    if (!link_->TakeSockets(&kept, &error)) {
      console_.Alert("the master gives no listening sockets: " + error);
      return false;
    }
    takeover_.AddKept(std::move(kept));
    supervisor_->sharing().set_shares_all(true);
  }
  if (!takeover_.Begin(&notes, &error)) {
    console_.Alert(error);
    return false;
  }
  for (const std::string& text : notes) console_.Detail(text);
  const bool bound = supervisor_->Bind(takeover_, &errors, &warnings);
  for (const std::string& text : warnings) console_.Warning(text);
  if (!bound) RefuseListeners(errors);
  return bound;
}

int Run::RefuseListeners(const std::vector<std::string>& errors) {
  for (const std::string& text : errors) console_.Alert(text);
  return Refuse("Some protocols failed to start their listeners! Exiting.");
}

// Under a master its reload starts a worker with all rights; `-db` means one process.
bool Run::ForkHelper(std::string* error) {
  if (link_ != nullptr || options_.foreground || options_.debug || options_.quickstart) return true;
  if (!GivesUpRights(MakePrivilegeRequest(configuration().global))) return true;
  helper_ = StartHelper::Fork([this] { Rehearse(); }, error);
  return helper_ != nullptr;
}

// What the helper lets a reload ask for: TryReload() without its end. What is wrong with the files
// TryReload() finds as well, and tells.
void Run::Rehearse() const {
  for (const std::string& path : options_.paths) {
    if (!CanBeReadAgain(path)) return;
  }
  Tree tree;
  Diagnostics diagnostics;
  const std::unique_ptr<Configuration> next =
      Load(Environment::From(given_environment_), tree, diagnostics);
  if (next == nullptr) return;
  std::vector<std::string> unused;
  (void)SavedStates::Read(*next, nullptr, &unused);
  Supervisor::RehearseBinding(*next);
}

int Run::Serve() {
  std::string error;
  if (!ForkHelper(&error)) return Refuse(error);
  BlockSignals();
  std::unique_ptr<SignalWaiter> signals = SignalWaiter::Create(&error);
  if (signals == nullptr) return Refuse(error);
  if (!supervisor_->OpenShards(&error)) return Refuse("cannot start a shard: " + error);
  if (!supervisor_->driver_note().empty()) {
    console_.Notice("ring driver poll is used, because uring cannot be: " +
                    supervisor_->driver_note());
  }
  std::vector<std::string> errors;
  if (!supervisor_->BeginListening(&errors)) return RefuseListeners(errors);
  // Before privileges are dropped, so that a successor sees the user that we were started as.
  if (!supervisor_->sharing().Open(&error)) console_.Detail(error);
  if (!GiveToMaster()) return Refuse("the master does not take the listening sockets");
  if (link_ != nullptr && !null_.Open(&error)) return Refuse(error);
  std::vector<std::string> warnings;
  const PrivilegeRequest privileges = MakePrivilegeRequest(configuration().global);
  const bool keeps_rights = !GivesUpRights(privileges) && privileges.capabilities.empty();
  if (!keeps_rights && !takeover_.KeepRights(&error)) console_.Warning(error);
  if (!DropPrivileges(privileges, &warnings, &error)) return Refuse(error);
  base::StartRights::Use(helper_.get());
  // Nobody is helped by being told to chroot a demonstration.
  for (const std::string& text : warnings) {
    options_.quickstart ? console_.Detail(text) : console_.Warning(text);
  }
  if (!Supervisor::CheckRights(configuration(), &error)) return Refuse(error);
  if (pidfile_.is_open() && !pidfile_.Write(getpid(), &error)) return Refuse(error);
  supervisor_->SetReloader([this] {
    std::string text;
    (void)Reload(&text);
    return text;
  });
  supervisor_->Start();
  base::BecomeBackgroundThread();  // after the shards were made, which are not
  // Small pieces join their neighbours one by one as they are freed. Left to gather until a large
  // one is asked for, those of a thousand backends took 4 ms of a CPU that a shard waited for.
  (void)mallopt(M_MXFAST, 0);
  if (!ReportReady(&error)) return Refuse(error);
  warnings.clear();
  takeover_.Complete(supervisor_->sharing(), &warnings);
  for (const std::string& text : warnings) console_.Warning(text);
  if (!ShutIn(&error)) return Refuse(error);
  console_.Detail(std::string("serving with ring driver ") + supervisor_->driver());
  int status = kExitGood;
  bool wait = true;
  if (options_.quickstart) {
    if (!RunQuickstart(configuration(), supervisor_->driver(), supervisor_->shards()))
      status = kExitRefused;
    wait = !options_.once;
    if (wait) std::printf("Serving until Ctrl-C.\n"), std::fflush(stdout);
  }
  if (wait) WaitForTheEnd(*signals);
  supervisor_->Stop();
  pidfile_.Remove();
  return status;
}

// Last of all: what the start needs to do and nothing later does is over.
bool Run::ShutIn(std::string* error) {
  const GlobalConfig& global = configuration().global;
  const char* word = std::getenv("RINGWAY_SANDBOX");
  const bool is_asked = word != nullptr && std::string_view(word) == "on";
  if (!global.sandbox && (!is_asked || global.external_checks)) return true;
  if (!EnterSandbox(error)) return false;
  console_.Detail("this process has shut itself in (tune.sandbox)");
  return true;
}

bool Run::GiveToMaster() {
  if (link_ == nullptr) return true;
  return supervisor_->ShareWithMaster([this] { return link_->OpenSession(); });
}

bool Run::ReportReady(std::string* error) {
  if (link_ == nullptr) return !detached_ || daemon_.ReportReady(error);
  if (!link_->ReportReady(configuration().global.mworker_reloads_max, CompatibleVersion())) {
    *error = "the master is gone";
    return false;
  }
  return RunsInForeground(options_, configuration().global.daemon) ||
         null_.TakeStandardStreams(error);
}

void Run::OnMasterSays() {
  int client = -1;
  CliLevel level = CliLevel::kUser;
  switch (link_->Read(&client, &level)) {
    case WorkerLink::Event::kNone:
      break;
    case WorkerLink::Event::kClient:
      supervisor_->ServeMastersClient(client, level);
      break;
    case WorkerLink::Event::kGone:
      // Nobody could reload or stop us any more, and a new master takes new sockets.
      console_.Warning("the master process is gone: no new connections, what is open may finish");
      if (phase_ != Phase::kDraining) BeginSoftStop();
  }
}

// `*text` is the answer of the command: every error with its place, or what was changed.
bool Run::Reload(std::string* text) {
  std::string why;
  bool done = false;
  // Files that change between the rehearsal and this are read again.
  for (int turn = 0; turn < kReloadTries && !done; ++turn) {
    text->clear();
    const bool has_rights = helper_ == nullptr || helper_->Begin(&why);
    done = has_rights && TryReload(text);
    if (!has_rights || helper_ == nullptr || !helper_->End(&why) || !helper_->was_refused()) break;
  }
  if (done) return true;
  if (helper_ != nullptr && helper_->was_refused()) why = "The files have changed meanwhile.";
  if (link_ != nullptr && GivesUpRights(MakePrivilegeRequest(configuration().global))) {
    why = "This worker has given up rights: the master reloads with all of them.";
  }
  if (!why.empty()) *text += Console::Render("[ALERT]", why) + "\n";
  *text += "The configuration was not reloaded: nothing was changed.\n";
  TellFailure(*text);
  return false;
}

// Who asked gets it as well, but may be a script that looks at nothing.
void Run::TellFailure(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  for (const std::string_view line : base::Split(text, '\n')) {
    const bool goes_on = line.empty() || line[0] == ' ';  // shows the place of the line before
    if (!goes_on) supervisor_->LogProcess(LogLevel::kAlert, std::string(line));
  }
}

bool Run::TryReload(std::string* text) {
  const auto refuse = [&](const std::string& why) {
    *text += why + "\n";
    return false;
  };
  if (phase_ != Phase::kServing) return refuse("The process is stopping.");
  if (options_.quickstart) return refuse("The quickstart has no file.");
  for (const std::string& path : options_.paths) {
    if (CanBeReadAgain(path)) continue;
    return refuse("'" + path + "' can be read only once.");
  }
  // As it was given: the process's own has what the configuration before has set.
  Tree tree;
  Diagnostics diagnostics;
  std::unique_ptr<Configuration> next =
      Load(Environment::From(given_environment_), tree, diagnostics);
  const bool finished = AreFinished(tree, &diagnostics);
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
  Configuration& now = supervisor_->configuration();
  if (next != nullptr) {
    if (diagnostics.strict_warnings() > 0 && (options_.zero_warning || next->global.zero_warning)) {
      errors.push_back("Some warnings were found and 'zero-warning' is set.");
    }
    if (!HasListener(*next)) errors.push_back("Configuration file has no listener.");
    for (std::string& one : FindObstacles(now, *next)) errors.push_back(std::move(one));
    notes = KeepStartValues(now, next.get());
  }
  *text += diagnostics.Render();
  std::string start_notes;
  for (const std::string& note : notes) {
    start_notes += diagnostics.RenderPlain(Severity::kWarning, note);
  }
  if (next != nullptr) next->start_notes = start_notes;
  std::string changes = next == nullptr ? std::string() : DiffText(now, *next);
  const bool done = next != nullptr && finished && errors.empty() &&
                    supervisor_->Reload(std::move(next), &errors, &warnings);
  for (const std::string& error : errors) {
    *text += diagnostics.RenderPlain(Severity::kAlert, error);
  }
  if (!done) {
    Configuration::Free(std::move(next));
    return false;
  }
  for (const std::string& warning : warnings) {
    *text += diagnostics.RenderPlain(Severity::kWarning, warning);
  }
  *text += start_notes;
  if (changes.empty()) changes = "No proxy, server or bind was changed.\n";
  *text += changes + "The configuration was reloaded.\n";
  return true;
}

void Run::ReloadOnSignal() {
  std::string text;
  if (!Reload(&text)) return;  // it has been told
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void Run::BeginSoftStop() {
  phase_ = Phase::kDraining;
  deadline_ms_ = UINT64_MAX;
  const uint64_t hard_stop_ms = supervisor_->configuration().global.hard_stop_after_ms;
  if (hard_stop_ms != 0) deadline_ms_ = NowMs() + hard_stop_ms;
  supervisor_->SoftStop();
}

// SIGUSR1 twice is not an error.
void Run::OnSoftStopSignal() {
  if (phase_ != Phase::kServing) return;
  supervisor_->NoteStopping();  // whoever balances over us is to know before we stop to listen
  const uint64_t grace_ms = supervisor_->configuration().global.grace_ms;
  if (grace_ms == 0) return BeginSoftStop();
  phase_ = Phase::kGrace;
  deadline_ms_ = NowMs() + grace_ms;
}

void Run::PauseOrResume(bool pause) {
  if (phase_ == Phase::kDraining) return;  // nobody listens any more
  std::vector<std::string> problems;
  const std::vector<std::string> names =
      pause ? supervisor_->Pause() : supervisor_->Resume(&problems);
  for (const std::string& name : names) {
    console_.Warning((pause ? "Paused " : "Resumed ") + name + ".");
  }
  for (const std::string& problem : problems) console_.Warning(problem);
}

int Run::WaitMs() const {
  if (phase_ == Phase::kServing) return supervisor_->HasLeftovers() ? kLeftoversPollMs : -1;
  if (phase_ == Phase::kDraining) return kDrainPollMs;
  const uint64_t now_ms = NowMs();
  return deadline_ms_ > now_ms ? int(std::min<uint64_t>(deadline_ms_ - now_ms, INT_MAX)) : 0;
}

// What a successor says in place of a signal that it may not send. True: stop now.
bool Run::FollowOrder() {
  const SocketSharing::Order order = supervisor_->sharing().Turn();
  if (order == SocketSharing::Order::kSoftStop) OnSoftStopSignal();
  return order == SocketSharing::Order::kStop;
}

void Run::WaitForTheEnd(SignalWaiter& signals) {
  for (;;) {
    if (phase_ == Phase::kGrace && NowMs() >= deadline_ms_) BeginSoftStop();
    if (phase_ == Phase::kDraining) {
      if (supervisor_->TryIdle()) return;
      if (NowMs() >= deadline_ms_) return supervisor_->TellHardStop();
    }
    supervisor_->CollectLeftovers();
    const int link_fd = link_ != nullptr ? link_->fd() : -1;
    const int wake_fds[] = {supervisor_->question_fd(), supervisor_->sharing().fd(), link_fd};
    const SignalRequest request = signals.Wait(WaitMs(), wake_fds).request;
    // Whatever woke us: a pause must know what a successor has kept.
    if (FollowOrder()) return;
    switch (request) {
      case SignalRequest::kStop:
        return;
      case SignalRequest::kSoftStop:
        OnSoftStopSignal();
        break;
      case SignalRequest::kDump:
        supervisor_->Dump();
        break;
      case SignalRequest::kReload:
        ReloadOnSignal();
        break;
      case SignalRequest::kPause:
        PauseOrResume(true);
        break;
      case SignalRequest::kResume:
        PauseOrResume(false);
        break;
      case SignalRequest::kWake:
        if (link_fd >= 0) OnMasterSays();
        supervisor_->TakeQuestions();
        break;
      default:
        break;
    }
  }
}

int Run::Execute() {
  link_ = WorkerLink::FromEnvironment();
  if (options_.action == Action::kStart) {
    PrepareCrashReport(link_ != nullptr ? link_->crash_page_fd() : -1);
  }
  for (char** one = environ; *one != nullptr; ++one) given_environment_.push_back(*one);
  if (link_ != nullptr && link_->task() != WorkerTask::kFirst) {
    options_.finish_pids.clear();
    options_.terminate_pids.clear();
    options_.listeners_from.clear();
  }
  // A worker starts where its master is.
  if (!options_.directory.empty() && link_ == nullptr && chdir(options_.directory.c_str()) != 0) {
    return Refuse("cannot enter directory " + options_.directory + ": " + base::ErrnoText(errno));
  }
  if (!Read()) return kExitRefused;
  if (options_.action == Action::kCheck) return Check();
  return WantsMaster() ? StartMaster() : Start();
}

}  // namespace

int RunProcess(const Options& options) {
  if (options.memory_debug.poison) PoisonMemory(*options.memory_debug.poison);
  switch (options.action) {
    case Action::kHelp:
      std::fputs(UsageText().c_str(), stdout);
      return kExitGood;
    case Action::kMemoryHelp:
      std::fputs(MemoryDebugHelp(options.memory_debug).c_str(), stdout);
      return kExitGood;
    case Action::kVersion:
      std::fputs(VersionText().c_str(), stdout);
      return kExitGood;
    case Action::kBuild:
      std::fputs(BuildText(FactsOfBuild()).c_str(), stdout);
      return kExitGood;
    case Action::kCondition:
      return PrintCondition(options);
    case Action::kCheck:
    case Action::kStart:
      break;
  }
  return Run(options).Execute();
}

}  // namespace engine
