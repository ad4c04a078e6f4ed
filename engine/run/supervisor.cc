#include "engine/run/supervisor.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/errno_name.h"
#include "base/start_rights.h"
#include "base/text.h"
#include "engine/check/check_runner.h"
#include "engine/run/crash_report.h"
#include "engine/run/crash_streams.h"
#include "engine/run/takeover.h"
#include "engine/run/version.h"
#include "engine/server/log_config.h"
#include "shard/net/connector.h"
#include "shard/net/socket_options.h"

namespace engine {
namespace {

std::vector<int> UsableCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

// 0: the system's largest.
uint32_t BacklogOf(const BindConfig& bind) {
  if (bind.backlog != 0) return bind.backlog;
  return bind.frontend->backlog != 0 ? bind.frontend->backlog : bind.frontend->maxconn;
}

shard::ListenOptions OptionsOf(const BindConfig& bind, const BindAddress& address,
                               bool reuse_port) {
  shard::ListenOptions options;
  options.address = address.address;
  options.inherited_fd = address.inherited_fd;
  options.backlog = BacklogOf(bind);
  options.reuse_port = reuse_port;
  options.v6only = bind.v6only;
  options.v4v6 = bind.v4v6;
  options.tcp_fast_open = bind.tcp_fast_open;
  options.defer_accept = bind.defer_accept;
  options.delays_first_ack = bind.frontend->accepts_smartly();
  options.mss = uint32_t(std::max(bind.mss, 0));
  options.transparent = bind.transparent;
  options.user_timeout_ms = bind.tcp_user_timeout_ms;
  options.save_syn = bind.tcp_save_syn;
  options.interface = bind.interface;
  options.unix_mode = bind.mode;
  options.unix_uid = bind.uid;
  options.unix_gid = bind.gid;
  return options;
}

// What makes two sockets the same one, beside the shards that accept on them.
std::string OptionsText(const shard::ListenOptions& options) {
  std::string key = options.inherited_fd >= 0 ? "fd@" + std::to_string(options.inherited_fd)
                                              : options.address.ToString();
  for (const int64_t value :
       {int64_t(options.reuse_port), int64_t(options.v6only), int64_t(options.v4v6),
        int64_t(options.transparent), int64_t(options.tcp_fast_open), int64_t(options.defer_accept),
        int64_t(options.delays_first_ack), int64_t(options.mss), int64_t(options.user_timeout_ms),
        int64_t(options.save_syn), int64_t(options.unix_mode), options.unix_uid,
        options.unix_gid}) {
    key += ' ' + std::to_string(value);
  }
  return key + ' ' + options.interface;
}

}  // namespace

template <typename Visit>
void Supervisor::ForEachBind(Visit visit) const {
  for (const auto& proxy : configuration().proxies) {
    if (!proxy->is_frontend || proxy->disabled) continue;
    for (const auto& bind : proxy->binds) visit(*bind);
  }
}

std::string Supervisor::BindingText(const BindConfig& bind) {
  return "Binding [" + bind.place.file + ":" + std::to_string(bind.place.line) + "] for " +
         bind.frontend->kind + " " + bind.frontend->name;
}

bool Supervisor::RunsPrograms(const Configuration& configuration) {
  return std::any_of(
      configuration.proxies.begin(), configuration.proxies.end(), [](const auto& proxy) {
        return proxy->checks != nullptr && proxy->checks->kind == CheckKind::kExternal;
      });
}

bool Supervisor::AcceptsOn(const Socket& socket, uint32_t shard) {
  if (socket.shard >= 0) return socket.shard == int(shard);
  return socket.allowed == 0 || (socket.allowed >> (shard % 64) & 1) != 0;
}

// Nobody of this process listens there, or it would be found as well.
bool Supervisor::IsListenedOnByOthers(const Socket& socket) const {
  if (!socket.address->address.is_ip() || !settings_.reuse_port) return false;
  for (const Socket& own : sockets_) {
    if (own.fd >= 0 && own.address->address.port == socket.address->address.port) return false;
  }
  return shard::IsListenedOn(OptionsOf(*socket.bind, *socket.address, false));
}

uint32_t Supervisor::ShardsFor(const GlobalConfig& global) {
  if (global.nbthread != 0) return global.nbthread;
  return uint32_t(std::min<size_t>(UsableCpus().size(), 64));
}

uint64_t Supervisor::BacklogsOf(const Configuration& configuration, uint32_t shards) {
  uint64_t system_max = SOMAXCONN;
  if (FILE* file = std::fopen("/proc/sys/net/core/somaxconn", "re")) {
    unsigned long long number = 0;
    if (std::fscanf(file, "%llu", &number) == 1 && number > 0) system_max = number;
    std::fclose(file);
  }
  uint64_t sum = 0;
  for (const auto& proxy : configuration.proxies) {
    if (proxy->is_internal || proxy->disabled) continue;
    for (const auto& bind : proxy->binds) {
      for (const BindAddress& address : bind->addresses) {
        // What is inherited may have any.
        const uint64_t wanted = address.inherited_fd >= 0 ? system_max : BacklogOf(*bind);
        // The kernel lets one more in than it is told to.
        sum += shards * (std::min<uint64_t>(wanted != 0 ? wanted : SOMAXCONN, system_max) + 1);
      }
    }
  }
  return sum;
}

Supervisor::Supervisor(std::unique_ptr<Configuration> first, const SupervisorSettings& settings)
    : settings_(settings),
      states_(settings.shards),
      generation_(std::make_unique<Generation>(1, std::move(first), settings.shards)),
      sharing_([this] { return OfferedSockets(); }),
      mailroom_(settings.shards),
      board_(settings.shards),
      cpus_(UsableCpus()) {
  const Configuration& configuration = generation_->configuration();
  process_.configuration = &configuration;
  for (const StartVariable& one : configuration.global.start_variables) {
    (void)process_.variables.Store(one.name, one.value());
  }
  process_.debug_moves = settings_.debug_moves;
  process_.version = CompatibleVersion();
  process_.startup_logs = settings_.startup_logs;
  process_.sockets_max = settings_.sockets_max;
  process_.hard_maxconn = uint64_t(settings_.maxconn);
  process_.memory_max_mb = settings_.memory_max_mb;
  if (pipe2(question_fds_, O_CLOEXEC | O_NONBLOCK) == 0) process_.control = this;
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    process_.fds_max = files.rlim_cur;
    const uint64_t spare =
        files.rlim_cur - std::min<uint64_t>(settings_.sockets_max, files.rlim_cur);
    const uint64_t for_burst = std::min(spare, settings_.burst_max);
    process_.burst_guard =
        std::make_unique<shard::BurstGuard>(int64_t(for_burst), int64_t(settings_.burst_max));
    process_.outlived_max =
        uint32_t(std::min<uint64_t>((spare - for_burst) / settings_.shards, UINT32_MAX));
  }
  logs_ = std::make_unique<LogHub>(configuration.logs, settings_.shards);
  process_.logs = logs_.get();
  if (RunsPrograms(configuration)) {
    external_checks_ = std::make_unique<ExternalChecks>();
    process_.external_checks = external_checks_.get();
  }
  process_.shared = std::make_unique<ProcessShared>(configuration.global, settings_.shards);
  process_.global_maxconn =
      std::make_unique<shard::SharedLimit>(settings_.maxconn, settings_.shards);
  PutToUse(*generation_, nullptr);
  process_.limits = generation_->limits();
}

Supervisor::~Supervisor() {
  if (!threads_.empty()) Stop();
  CloseSockets();
  for (int fd : question_fds_) {
    if (fd >= 0) close(fd);
  }
}

bool Supervisor::OpenOne(const BindConfig& bind, const BindAddress& address, int shard,
                         uint64_t allowed, Takeover& takeover, std::vector<std::string>* errors) {
  const shard::ListenOptions options = OptionsOf(bind, address, settings_.reuse_port);
  std::string why;
  int fd;
  do {
    fd = shard::BindListenSocket(options, &why);
  } while (fd < 0 && errno == EADDRINUSE && takeover.MakeRoom());
  if (fd < 0) {
    errors->push_back(BindingText(bind) + ": " + why);
    return false;
  }
  sockets_.push_back({.bind = &bind,
                      .inherited = address.inherited_fd >= 0,
                      .fd = fd,
                      .shard = shard,
                      .allowed = allowed,
                      .address = &address});
  return true;
}

Supervisor::BindPlan Supervisor::PlanOf(const BindConfig& bind) const {
  BindPlan plan;
  for (const uint32_t shard : bind.threads) {
    if (shard < settings_.shards) plan.accepting.push_back(shard);
  }
  for (const uint32_t shard : plan.accepting) plan.allowed |= uint64_t(1) << (shard % 64);
  if (plan.accepting.empty()) {
    for (uint32_t shard = 0; shard < settings_.shards; ++shard) plan.accepting.push_back(shard);
  }
  const uint32_t shards = uint32_t(plan.accepting.size());
  plan.sockets = bind.shards == 0 ? shards : std::min<uint32_t>(bind.shards, shards);
  return plan;
}

bool Supervisor::TakesOneSocket(const BindAddress& address, const BindPlan& plan) const {
  return address.inherited_fd >= 0 || !address.address.is_ip() || !settings_.reuse_port ||
         plan.sockets == 1;
}

// All sockets of the old process at our addresses are accepted on, also when they are more than we
// would have opened: whoever waits in one would be reset by its end.
void Supervisor::AdoptLine(const BindConfig& bind, Takeover& takeover) {
  const BindPlan plan = PlanOf(bind);
  for (const BindAddress& address : bind.addresses) {
    // A path is bound anew beside the old one and put in its place; an inherited one comes again.
    if (address.inherited_fd >= 0 ||
        (!address.address.is_ip() && !address.address.local.abstract)) {
      continue;
    }
    const std::vector<int> fds = takeover.Match(OptionsOf(bind, address, settings_.reuse_port));
    for (size_t i = 0; i < fds.size(); ++i) {
      const bool of_all = TakesOneSocket(address, plan) || !shard::SharesItsPort(fds[i]);
      const int shard = of_all ? -1 : int(plan.accepting[i % plan.accepting.size()]);
      sockets_.push_back({.bind = &bind,
                          .fd = fds[i],
                          .shard = shard,
                          .allowed = plan.allowed,
                          .address = &address,
                          .is_adopted = true});
    }
  }
}

bool Supervisor::BindLine(const BindConfig& bind, Takeover& takeover,
                          std::vector<std::string>* errors) {
  const BindPlan plan = PlanOf(bind);
  bool good = true;
  for (const BindAddress& address : bind.addresses) {
    uint32_t there = 0;
    bool is_whole = false;  // every shard accepts on what is there
    for (const Socket& socket : sockets_) {
      if (socket.address != &address) continue;
      ++there;
      is_whole |= socket.shard < 0;
    }
    if (is_whole) continue;
    if (TakesOneSocket(address, plan)) {
      if (there == 0) good &= OpenOne(bind, address, -1, plan.allowed, takeover, errors);
      continue;
    }
    for (uint32_t i = there; i < plan.sockets && good; ++i) {
      good &= OpenOne(bind, address, int(plan.accepting[i]), plan.allowed, takeover, errors);
    }
  }
  return good;
}

std::vector<Supervisor::Socket> Supervisor::SocketsOf(const BindConfig& bind) const {
  const BindPlan plan = PlanOf(bind);
  std::vector<Socket> sockets;
  if (bind.is_masters) sockets.push_back({.bind = &bind});
  for (const BindAddress& address : bind.addresses) {
    Socket socket{.bind = &bind,
                  .inherited = address.inherited_fd >= 0,
                  .allowed = plan.allowed,
                  .address = &address};
    if (TakesOneSocket(address, plan)) {
      sockets.push_back(socket);
      continue;
    }
    for (uint32_t i = 0; i < plan.sockets; ++i) {
      socket.shard = int(plan.accepting[i]);
      sockets.push_back(socket);
    }
  }
  return sockets;
}

std::string Supervisor::KeyOf(const Socket& socket) const {
  if (socket.is_masters()) return "master " + std::to_string(int(socket.bind->level));
  return socket.address->Name() + ' ' +
         OptionsText(OptionsOf(*socket.bind, *socket.address, settings_.reuse_port));
}

bool Supervisor::Open(Socket& socket, std::vector<std::string>* errors) {
  const shard::ListenOptions options =
      OptionsOf(*socket.bind, *socket.address, settings_.reuse_port);
  std::string why;
  socket.fd = shard::BindListenSocket(options, &why);
  const bool good =
      socket.fd >= 0 && (socket.inherited || shard::BeginListening(socket.fd, options, &why));
  if (!good) {
    errors->push_back(BindingText(*socket.bind) + ": " + why);
    if (socket.fd >= 0 && !socket.inherited) shard::RemoveBoundPath(socket.fd);
    CloseSocket(socket);
  }
  return good;
}

void Supervisor::RehearseBinding(const Configuration& next) {
  for (const auto& proxy : next.proxies) {
    if (!proxy->is_frontend || proxy->disabled) continue;
    for (const auto& bind : proxy->binds) {
      for (const BindAddress& address : bind->addresses) {
        if (address.inherited_fd >= 0) continue;
        std::string why;
        const int fd = shard::BindListenSocket(OptionsOf(*bind, address, false), &why);
        if (fd >= 0) close(fd);
        if (address.unix_path.empty() || address.address.local.abstract) continue;
        (void)base::StartRights::Current().Exists(address.unix_path);  // see OpenNewSockets()
      }
    }
  }
}

// With SO_REUSEPORT a second process gets a part of the first one's clients and nobody is told.
// That is what a takeover wants; started by mistake it is a riddle.
void Supervisor::WarnOfOthers(const Takeover& takeover, std::vector<std::string>* warnings) {
  ForEachBind([&](const BindConfig& bind) {
    for (const BindAddress& address : bind.addresses) {
      if (address.inherited_fd >= 0 || !address.address.is_ip()) continue;
      if (takeover.MayListenAt(address.address.port)) continue;
      if (!shard::IsListenedOn(OptionsOf(bind, address, false))) continue;
      warnings->push_back(BindingText(bind) + ": another process listens on " +
                          address.address.ToString() +
                          " as well, new connections are divided between both");
    }
  });
}

bool Supervisor::Bind(Takeover& takeover, std::vector<std::string>* errors,
                      std::vector<std::string>* warnings) {
  // Before anything is bound, or we would find ourselves.
  std::vector<std::string> others;
  if (settings_.reuse_port) WarnOfOthers(takeover, &others);
  bool good = true;
  // First all that was given, so that its givers know what else to make room for.
  ForEachBind([&](const BindConfig& bind) { AdoptLine(bind, takeover); });
  takeover.CloseUnmatched(sharing_);
  ForEachBind([&](const BindConfig& bind) { good &= BindLine(bind, takeover, errors); });
  // Where binding failed, the error says it.
  if (good) warnings->insert(warnings->end(), others.begin(), others.end());
  return good;
}

bool Supervisor::BeginListening(std::vector<std::string>* errors) {
  MUST(!listens_);
  for (const Socket& socket : sockets_) {
    if (socket.inherited || socket.is_masters()) continue;
    const shard::ListenOptions options =
        OptionsOf(*socket.bind, *socket.address, settings_.reuse_port);
    std::string why;
    const bool good = socket.is_adopted ? shard::AdjustListenSocket(socket.fd, options, &why)
                                        : shard::BeginListening(socket.fd, options, &why);
    if (!good) errors->push_back(BindingText(*socket.bind) + ": " + why);
  }
  listens_ = errors->empty();  // else CloseSocket() takes away what was not put in place
  return listens_;
}

bool Supervisor::CheckRights(const Configuration& configuration, std::string* why) {
  for (const auto& proxy : configuration.proxies) {
    for (const auto& server : proxy->servers) {
      if (proxy->disabled || !server->source.is_transparent()) continue;
      const int error = shard::TransparentError();
      if (error == 0) return true;  // the same for all of them
      *why =
          "[" + server->place.file + ":" + std::to_string(server->place.line) +
          "] the source of server '" + proxy->name + "/" + server->name +
          "' says 'usesrc', which needs CAP_NET_ADMIN or CAP_NET_RAW: " + base::ErrnoText(error) +
          " (" + base::ErrnoName(error) + ")";
      return false;
    }
  }
  return true;
}

bool Supervisor::OpenShards(std::string* why) {
  ForEachBind([this](const BindConfig& bind) {
    if (bind.is_masters) sockets_.push_back({.bind = &bind});
  });
  shard::Shard::RingFactory factory =
      settings_.ring_driver == "poll" ? &shard::OpenPoll : &shard::OpenUring;
  for (uint32_t index = 0; index < settings_.shards; ++index) {
    shard::ShardOptions options;
    options.index = index;
    // Any shard may come to serve nearly everything, so each has room for all: address space, not
    // memory.
    options.connections_max = 2 * settings_.maxconn + CountChecks(configuration()) +
                              CountRingServers(configuration().logs) + 64;
    options.small_chunk_bytes = configuration().global.bufsize;
    options.large_chunk_bytes = std::max<uint32_t>(65536, configuration().global.bufsize);
    options.small_chunks = settings_.small_chunks;
    options.large_chunks = settings_.large_chunks;
    options.pipes_max = (settings_.pipes_max + settings_.shards - 1) / settings_.shards;
    if (configuration().global.pipe_bytes != 0) {
      options.pipe_bytes = configuration().global.pipe_bytes;
    }
    clocks_.push_back(std::make_unique<base::Clock>());
    std::unique_ptr<shard::Shard> shard =
        shard::Shard::Open(options, mailroom_, board_, *clocks_.back(), factory, why);
    if (shard == nullptr && index == 0 && settings_.ring_driver == "auto") {
      driver_note_ = *why;
      factory = &shard::OpenPoll;
      shard = shard::Shard::Open(options, mailroom_, board_, *clocks_.back(), factory, why);
    }
    if (shard == nullptr) return false;
    workers_.push_back(std::make_unique<Worker>(
        process_, settings_.maxconn + 16 + configuration().global.stats_maxconn));
    shard->SetApp(workers_.back().get());
    for (const Socket& socket : sockets_) {
      shard->AddListener(AcceptsOn(socket, index) ? socket.fd : -1, socket.bind, socket.allowed);
      // Of what is inherited nobody says who else has it: a predecessor, for one.
      if (socket.is_adopted || socket.inherited) {
        shard->listener(shard->listeners() - 1).LookAgain();
      }
    }
    shards_.push_back(std::move(shard));
  }
  driver_ = shards_[0]->context().ring().name();
  return true;
}

void Supervisor::RunShard(uint32_t index) {
  const auto& wanted = process_.configuration->global.thread_cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (index < wanted.size() && !wanted[index].empty()) {
    for (int cpu : wanted[index]) CPU_SET(cpu, &set);
  } else {
    CPU_SET(cpus_[index % cpus_.size()], &set);
  }
  // A cpu-map that names a missing CPU leaves the thread where it is: slower, not wrong.
  (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  char name[16];
  std::snprintf(name, sizeof(name), "ringway/%u", index);
  pthread_setname_np(pthread_self(), name);
  PrepareCrashStack();
  SetCrashWorker(workers_[index].get());
  shards_[index]->Run();
}

// What happens to a proxy is told where that proxy logs to.
void Supervisor::LogProxy(const ProxyConfig& proxy, const std::string& text) {
  if (main_log_ == nullptr || proxy.log == nullptr) return;
  main_log_->Sync(base::MonotonicMicros());
  main_log_->Say(proxy.log->loggers,
                 {.level = LogLevel::kWarning, .tag = proxy.log->tag, .structured_data = {}}, text);
  main_log_->Flush();
}

void Supervisor::LogProcess(LogLevel level, const std::string& text) {
  const LogPlan& plan = configuration().logs;
  if (main_log_ == nullptr || plan.global.empty()) return;
  main_log_->Sync(base::MonotonicMicros());
  main_log_->Say(plan.global, {.level = level, .tag = plan.tag, .structured_data = {}}, text);
  main_log_->Flush();
}

void Supervisor::Start() {
  SetCrashConfiguration(&configuration());
  logs_->Start();
  if (external_checks_ != nullptr && !external_checks_->Start()) {
    process_.external_checks = nullptr;  // each of these checks fails
  }
  main_log_ = std::make_unique<ShardLog>(*logs_, settings_.shards);
  for (uint32_t index = 0; index < settings_.shards; ++index) {
    threads_.emplace_back([this, index] { RunShard(index); });
  }
}

void Supervisor::Post(uint32_t shard, const shard::Message& message) {
  // The main thread may wait: a shard that lives empties its mailbox in every turn.
  while (!mailroom_.TryPost(mailroom_.main_sender(), shard, message, nullptr)) usleep(1000);
}

void Supervisor::HandleDrain(shard::Shard& shard, const shard::Message& message) noexcept {
  auto* self = reinterpret_cast<Supervisor*>(message.words[0]);
  const auto what = Worker::Drained(message.words[1]);
  auto& worker = *static_cast<Worker*>(shard.app());
  if (what == Worker::Drained::kAccepts) {
    shard.StopListening();
    worker.spread_close().Start(self->configuration().global.close_spread_ms);
  }
  const auto done = [](void* busy) {
    static_cast<std::atomic<uint32_t>*>(busy)->fetch_sub(1, std::memory_order_release);
  };
  worker.WhenDrained(what, done, &self->busy_shards_);
}

void Supervisor::Drain(Worker::Drained what) {
  draining_ = what;
  busy_shards_.store(uint32_t(shards_.size()), std::memory_order_release);
  for (uint32_t index = 0; index < shards_.size(); ++index) {
    Post(index, {&HandleDrain, {reinterpret_cast<uint64_t>(this), uint64_t(what)}});
  }
}

void Supervisor::SoftStop() { Drain(Worker::Drained::kAccepts); }

bool Supervisor::TryIdle() {
  if (busy_shards_.load(std::memory_order_acquire) != 0) return false;
  switch (draining_) {
    case Worker::Drained::kAccepts:
      TakeBacklogs();
      CloseSockets();
      NoteAllStopped(&Supervisor::Tell);
      Drain(Worker::Drained::kWaiting);
      return false;
    case Worker::Drained::kWaiting:
      // Nobody is accepted any more, so the board only falls. It counts who is on the way from one
      // shard to another as well, whom neither of them would name.
      for (uint32_t shard = 0; shard < settings_.shards; ++shard) {
        if (board_.load(shard) != 0) return false;
      }
      Drain(Worker::Drained::kSessions);
      return false;
    case Worker::Drained::kSessions:
      break;
  }
  return true;
}

void Supervisor::TakeBacklogs() {
  for (size_t i = 0; i < sockets_.size(); ++i) TakeBacklog(i);
}

bool Supervisor::HasOwnBacklog(const Socket& socket) const {
  return socket.fd >= 0 && !socket.inherited && socket.is_open && !sharing_.IsShared(socket.fd);
}

// Also where others accept as well: of those who wait for a client the kernel wakes one, and when
// that one was us, who no longer wait, the client would stand there until the next one comes.
void Supervisor::TakeBacklog(size_t place) {
  const Socket& socket = sockets_[place];
  if (socket.fd < 0 || !socket.is_open) return;
  // As many as may wait at once: who comes faster than this is refused with all who come later.
  for (uint32_t taken = 0; taken < kBacklogMax; ++taken) {
    // What is inherited may block, and another process may be faster.
    const int fd = socket.inherited
                       ? accept_guard_.Accept(socket.fd)
                       : accept4(socket.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    const uint32_t shard = socket.shard >= 0 ? uint32_t(socket.shard) : taken % shards();
    Post(shard, {[](shard::Shard& shard, const shard::Message& message) noexcept {
                   shard.listener(uint32_t(message.words[0])).Offer(int(message.words[1]));
                 },
                 {place, uint64_t(fd)}});
  }
}

void Supervisor::ServeMastersClient(int fd, CliLevel level) {
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const Socket& socket = sockets_[i];
    if (!socket.is_masters() || socket.bind->level != level) continue;
    Post(0, {[](shard::Shard& shard, const shard::Message& message) noexcept {
               shard.listener(uint32_t(message.words[0])).Offer(int(message.words[1]));
             },
             {i, uint64_t(fd)}});
    return;
  }
  close(fd);
}

std::vector<int> Supervisor::OfferedSockets() const {
  std::vector<int> fds;
  for (size_t place = 0; place < sockets_.size(); ++place) {
    const Socket& socket = sockets_[place];
    if (socket.address == nullptr) continue;
    const shard::Address& address = socket.address->address;
    const bool travels = address.is_ip() || (address.family == AF_UNIX && address.local.abstract);
    if (!travels || socket.fd < 0 || socket.inherited || !socket.is_open) continue;
    if (!IsLeaving(place)) fds.push_back(socket.fd);
  }
  return fds;
}

bool Supervisor::ShareWithMaster(std::function<int()> open) {
  open_masters_session_ = std::move(open);
  if (!sharing_.GiveToMaster(open_masters_session_())) return false;
  sharing_.set_shares_all(false);
  return true;
}

bool Supervisor::TellMaster() {
  // One that is gone has let go.
  if (!open_masters_session_ || !sharing_.has_master()) return true;
  return sharing_.GiveToMaster(open_masters_session_());
}

void Supervisor::CloseSocket(Socket& socket) {
  if (socket.fd < 0 || socket.inherited) return;
  if (!listens_) shard::RemoveBoundPath(socket.fd);
  // The ring may hold on to it for a while: nobody is to be accepted by a process that is gone.
  // What another process listens on as well goes on for it.
  if (!sharing_.IsShared(socket.fd)) (void)shutdown(socket.fd, SHUT_RDWR);
  sharing_.Forget(socket.fd);
  close(socket.fd);
  socket.fd = -1;
}

void Supervisor::CloseSockets() {
  for (Socket& socket : sockets_) CloseSocket(socket);
  sharing_.Close();
}

void Supervisor::OnAllShards(const std::function<void(shard::Shard&)>& work) {
  struct Order {
    Supervisor& self;
    const std::function<void(shard::Shard&)>& work;
  } order{*this, work};
  untold_shards_.store(uint32_t(shards_.size()), std::memory_order_release);
  for (uint32_t index = 0; index < shards_.size(); ++index) {
    Post(index, {[](shard::Shard& shard, const shard::Message& message) noexcept {
                   const auto& order = *reinterpret_cast<const Order*>(message.words[0]);
                   Supervisor& self = order.self;
                   order.work(shard);
                   self.untold_shards_.fetch_sub(1, std::memory_order_release);
                 },
                 {reinterpret_cast<uint64_t>(&order)}});
  }
  while (untold_shards_.load(std::memory_order_acquire) != 0) usleep(200);
}

// Returns when every shard has done it: from then on none names the descriptors unasked.
void Supervisor::TellListeners(std::span<const size_t> sockets,
                               void (Supervisor::*change)(shard::Listener&)) {
  if (sockets.empty()) return;
  OnAllShards([&](shard::Shard& shard) {
    for (const size_t socket : sockets) (this->*change)(shard.listener(uint32_t(socket)));
  });
}

// A driver may name a descriptor until it has taken the cancel.
void Supervisor::EndAccepting(std::span<const size_t> sockets) {
  TellListeners(sockets, &Supervisor::End);
  do {
    still_accepting_.store(0, std::memory_order_relaxed);
    TellListeners(sockets, &Supervisor::CountAccepting);
  } while (still_accepting_.load(std::memory_order_relaxed) != 0);
}

// One that is paused gets it when it listens again.
void Supervisor::FollowBacklog(const Socket& before, const Socket& now) {
  if (now.fd < 0 || now.inherited || !now.is_open) return;
  if (BacklogOf(*before.bind) == BacklogOf(*now.bind)) return;
  std::string why;
  if (!shard::AdjustListenSocket(now.fd, OptionsOf(*now.bind, *now.address, settings_.reuse_port),
                                 &why)) {
    LogProxy(*now.bind->frontend, BindingText(*now.bind) + ": " + why);
  }
}

bool Supervisor::Reopen(Socket& socket, std::string* why) {
  const bool was_released = !socket.inherited && socket.address->address.is_ip();
  if (!was_released) return true;
  const auto options = OptionsOf(*socket.bind, *socket.address, settings_.reuse_port);
  if (shard::Listen(socket.fd, options) == 0) return true;
  const int error = errno;
  *why = BindingText(*socket.bind) + ": cannot listen again: " + base::ErrnoText(error) + " (" +
         base::ErrnoName(error) + ")";
  return false;
}

bool Supervisor::Submit(Question& question) {
  const Question* pointer = &question;
  return write(question_fds_[1], &pointer, sizeof(pointer)) == ssize_t(sizeof(pointer));
}

void Supervisor::TakeQuestions() {
  Question* question = nullptr;
  while (read(question_fds_[0], &question, sizeof(question)) == ssize_t(sizeof(question))) {
    const uint32_t home = question->home();
    question->AnswerMain(*this);
    Post(home, question->AnswerMessage());
  }
}

void Supervisor::Stop() {
  for (uint32_t index = 0; index < shards_.size() && !threads_.empty(); ++index) {
    Post(index, {[](shard::Shard& shard, const shard::Message&) noexcept { shard.Stop(); }, {}});
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  SetCrashConfiguration(nullptr);
  for (const auto& worker : workers_) worker->FlushLog();
  NoteAllStopped(&Supervisor::LogProxy);
  if (external_checks_ != nullptr) external_checks_->Stop();
  logs_->Stop();
}

void Supervisor::Dump() {
  // Each shard writes its own part; the last one prints. Allocating is fine here: an operator
  // asked.
  struct Report {
    std::atomic<uint32_t> left;
    std::vector<std::string> parts;
  };
  auto* report = new Report{{uint32_t(shards_.size())}, std::vector<std::string>(shards_.size())};
  for (uint32_t index = 0; index < shards_.size(); ++index) {
    const shard::Message message{
        [](shard::Shard& shard, const shard::Message& dump) noexcept {
          auto* report = reinterpret_cast<Report*>(dump.words[0]);
          auto& worker = *static_cast<Worker*>(shard.app());
          char text[512];
          std::snprintf(
              text, sizeof(text),
              "{\"connections\":%d,\"sessions\":%u,\"streams\":%u,\"sockets\":%u,\"small_chunks\":%"
              "u,"
              "\"large_chunks\":%u,\"slices\":%u,\"turns\":%llu,\"ring_enters\":%llu,\"adopted\":%"
              "llu,"
              "\"stale\":%llu,\"ends_missed\":%llu}",
              shard.board().load(shard.index()), worker.live_sessions(), worker.live_streams(),
              shard.connections().live(), shard.small().in_use(), shard.large().in_use(),
              shard.slices().in_use(),
              static_cast<unsigned long long>(shard.loop().counters().turns.Get()),
              static_cast<unsigned long long>(shard.context().ring().enter_calls()),
              static_cast<unsigned long long>(shard.connections().counters().adopted.Get()),
              static_cast<unsigned long long>(
                  shard.connections().counters().stale_completions.Get()),
              static_cast<unsigned long long>(shard.connections().counters().ends_missed.Get()));
          report->parts[shard.index()] = text;
          if (report->left.fetch_sub(1) != 1) return;
          std::string all = "{\"shards\":[";
          for (size_t i = 0; i < report->parts.size(); ++i)
            all += (i == 0 ? "" : ",") + report->parts[i];
          std::fprintf(stderr, "%s]}\n", all.c_str());
          delete report;
        },
        {reinterpret_cast<uint64_t>(report)}};
    Post(index, message);
  }
}

}  // namespace engine
