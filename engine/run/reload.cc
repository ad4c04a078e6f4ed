// How the configuration of a running process is exchanged: the Supervisor's part of a reload.
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/background_thread.h"
#include "base/start_rights.h"
#include "engine/run/crash_streams.h"
#include "engine/run/http_profile.h"
#include "engine/run/limits.h"
#include "engine/run/supervisor.h"
#include "engine/server/saved_states.h"
#include "shard/net/socket_options.h"

namespace engine {
namespace {

// Messages name a configuration without a pin, each of them may bring another one: a lent
// connection is asked for, moved, and taken.
constexpr int kQuietRounds = 3;

// In one turn a shard begins or ends accepting on no more than these, or its traffic would wait.
constexpr size_t kSocketsPerTurn = 128;

template <typename Visit>
void ForPortions(std::span<const size_t> places, Visit visit) {
  for (; !places.empty(); places = places.subspan(std::min(kSocketsPerTurn, places.size()))) {
    visit(places.first(std::min(kSocketsPerTurn, places.size())));
  }
}

template <typename Map, typename Key>
typename Map::mapped_type LimitOf(const Map& map, Key key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

// Of a unix socket: nobody can come to it any more. What others have put there is theirs.
bool IsPathGone(const BindAddress& address) {
  if (address.address.family != AF_UNIX || address.address.local.abstract) return false;
  const std::string path(address.address.local.path, address.address.local.length);
  struct stat what = {};
  return base::StartRights::Current().Stat(path, &what) == -ENOENT;
}

const BindConfig* FindSameBind(const ProxyConfig& frontend, const BindConfig& bind) {
  for (const auto& other : frontend.binds) {
    if (!other->addresses.empty() && !bind.addresses.empty() &&
        other->addresses[0].Name() == bind.addresses[0].Name() &&
        other->addresses[0].inherited_fd == bind.addresses[0].inherited_fd) {
      return other.get();
    }
  }
  return nullptr;
}

}  // namespace

void Supervisor::PutToUse(Generation& generation, Generation* before) {
  Configuration& configuration = generation.configuration();
  states_.Attach(configuration);
  if (before != nullptr && process_.burst_guard != nullptr) {
    const uint64_t backlogs = BacklogsOf(configuration, settings_.shards);
    process_.burst_guard->SetBurst(int64_t(std::min(backlogs, kBurstMax)));
  }
  const auto limit = [this](const std::shared_ptr<shard::SharedLimit>& known, int64_t maxconn) {
    if (known == nullptr) return std::make_shared<shard::SharedLimit>(maxconn, settings_.shards);
    // Who waits is told when all shards have switched.
    known->SetMax(maxconn);
    return known;
  };
  for (const auto& proxy : configuration.proxies) {
    base::GiveWay();
    proxy->http_profile = MakeHttpProfile(*proxy, configuration.global);
    if (!proxy->is_frontend) continue;
    const ProxyConfig* was = before == nullptr ? nullptr : before->configuration().FindSame(*proxy);
    const int64_t maxconn = proxy->state->maxconn();
    generation.limits().frontends[proxy.get()] =
        limit(was == nullptr ? nullptr : LimitOf(before->limits().frontends, was),
              maxconn >= 0 ? maxconn : shard::SharedLimit::kNone);
    for (const auto& bind : proxy->binds) {
      if (bind->maxconn == 0) continue;
      const BindConfig* bind_was = was == nullptr ? nullptr : FindSameBind(*was, *bind);
      generation.limits().binds[bind.get()] = limit(
          bind_was == nullptr ? nullptr : LimitOf(before->limits().binds, bind_was), bind->maxconn);
    }
  }
}

// What the files say anew. What they said before, an operator may have changed since.
void Supervisor::FollowGlobal(const GlobalConfig& before, const GlobalConfig& next) {
  ProcessShared& shared = *process_.shared;
  const auto follow = [](shard::RateLimit& limit, uint32_t was, uint32_t now) {
    if (was != now) limit.SetMax(now);
  };
  follow(shared.connection_limit, before.connections_per_second, next.connections_per_second);
  follow(shared.session_limit, before.sessions_per_second, next.sessions_per_second);
  follow(shared.tls.session_limit, before.tls.sessions_per_second, next.tls.sessions_per_second);
  for (const StartVariable& one : next.start_variables) {
    const auto& known = before.start_variables;
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const StartVariable& was) {
      return was.name.name == one.name.name && was.HasValueOf(one);
    });
    if (!is_known) (void)process_.variables.Store(one.name, one.value());
  }
}

// Or free.
bool Supervisor::IsLeaving(size_t place) const {
  return sockets_[place].bind == nullptr ||
         std::find(leaving_sockets_.begin(), leaving_sockets_.end(), place) !=
             leaving_sockets_.end();
}

// Finds the sockets that are open already, and opens the others. What was opened is closed again
// where one of them cannot be.
bool Supervisor::OpenNewSockets(std::vector<Socket>& wanted, std::vector<std::string>* errors) {
  for (Socket& open : sockets_) open.key = open.bind == nullptr ? std::string() : KeyOf(open);
  for (Socket& socket : wanted) socket.key = KeyOf(socket);
  std::vector<bool> is_taken(sockets_.size(), false);
  // Within a chroot the same path is another file's.
  const bool sees_paths = configuration().global.chroot.empty() || !base::StartRights::AreOwn();
  const auto is_same = [&](size_t place, const Socket& socket) {
    const Socket& open = sockets_[place];
    return !is_taken[place] && (open.fd >= 0 || open.is_masters()) && !open.is_closing &&
           open.allowed == socket.allowed && open.key == socket.key && !IsLeaving(place) &&
           !(open.fd >= 0 && !open.inherited && !sharing_.IsShared(open.fd) && sees_paths &&
             IsPathGone(*open.address));
  };
  const auto take = [&](size_t place, Socket& socket) {
    is_taken[place] = true;
    const Socket& open = sockets_[place];
    socket.fd = open.fd;
    socket.shard = open.shard;
    socket.is_open = open.is_open;
    socket.is_adopted = open.is_adopted;
    socket.place = int(place);
  };
  for (Socket& socket : wanted) {
    for (size_t i = 0; i < sockets_.size() && socket.place < 0; ++i) {
      if (sockets_[i].shard == socket.shard && is_same(i, socket)) take(i, socket);
    }
  }
  // Of another process there may have come more than one for each shard, and who waits in them must
  // not be reset.
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const auto like = std::find_if(wanted.begin(), wanted.end(),
                                   [&](const Socket& socket) { return is_same(i, socket); });
    if (!sockets_[i].is_adopted || like == wanted.end()) continue;
    Socket more = *like;
    take(i, more);
    wanted.push_back(std::move(more));
  }
  // Before anything is bound, or we would find ourselves.
  const BindAddress* failed = nullptr;
  for (const Socket& socket : wanted) {
    if (socket.place >= 0 || socket.address == failed || !IsListenedOnByOthers(socket)) continue;
    failed = socket.address;
    errors->push_back(BindingText(*socket.bind) + ": another process listens on " +
                      socket.address->address.ToString());
  }
  if (!errors->empty()) return false;
  std::vector<Socket*> opened;
  for (Socket& socket : wanted) {
    if (socket.place >= 0 || socket.address == failed) continue;
    if (Open(socket, errors)) {
      opened.push_back(&socket);
    } else {
      failed = socket.address;
    }
  }
  if (errors->empty()) return true;
  for (Socket* socket : opened) CloseSocket(*socket);
  return false;
}

bool Supervisor::SwitchShards(Generation& next, std::vector<Socket>& wanted) {
  std::vector<size_t> opened;
  std::vector<size_t> kept;
  std::vector<bool> is_kept(sockets_.size(), false);
  for (Socket& socket : wanted) {
    if (socket.place < 0) continue;
    const size_t place = size_t(socket.place);
    is_kept[place] = true;
    kept.push_back(place);
    FollowBacklog(sockets_[place], socket);
    sockets_[place] = socket;
  }
  for (size_t i = 0; i < is_kept.size(); ++i) {
    if (!is_kept[i] && !IsLeaving(i)) leaving_sockets_.push_back(i);
  }
  size_t free_place = 0;
  for (Socket& socket : wanted) {
    if (socket.place >= 0) continue;
    while (free_place < sockets_.size() && sockets_[free_place].bind != nullptr) ++free_place;
    if (free_place == sockets_.size()) sockets_.emplace_back();
    socket.place = int(free_place);
    sockets_[free_place] = socket;
    opened.push_back(free_place);
  }
  OnAllShards([&](shard::Shard& shard) { static_cast<Worker*>(shard.app())->Prepare(next); });
  ForPortions(opened, [this](std::span<const size_t> places) {
    OnAllShards([&](shard::Shard& shard) {
      for (const size_t place : places) {
        const Socket& socket = sockets_[place];
        shard.PutListener(uint32_t(place), AcceptsOn(socket, shard.index()) ? socket.fd : -1,
                          socket.bind, socket.allowed);
      }
    });
  });
  OnAllShards([&](shard::Shard& shard) {
    static_cast<Worker*>(shard.app())->SwitchTo(next);
    for (const size_t place : kept) {
      shard.listener(uint32_t(place)).SetBind(sockets_[place].bind);
    }
  });
  ForPortions(opened, [this](std::span<const size_t> places) {
    OnAllShards([&](shard::Shard& shard) {
      for (const size_t place : places) shard.listener(uint32_t(place)).Start();
    });
  });
  const bool is_told = (opened.empty() && leaving_sockets_.empty()) || TellMaster();
  OnAllShards([](shard::Shard& shard) { static_cast<Worker*>(shard.app())->OnLimitsChanged(); });
  return is_told;
}

// Who was paused stays so. Anybody else listens: also where the socket comes from one of another
// name, which did not, and who was shut down, as in a process that is started anew.
void Supervisor::MoveHalts(const Generation& before, std::vector<std::string>* notes) {
  std::map<const ProxyConfig*, Halt> halts;
  for (const auto& old : before.configuration().proxies) {
    const auto found = halts_.find(old.get());
    if (found == halts_.end() || !found->second.any()) continue;
    const ProxyConfig* now = configuration().FindSame(*old);
    if (now == nullptr) continue;
    const Halt& halt = found->second;
    halts[now] = halt.for_ever ? Halt{.by_signal = halt.by_signal} : halt;
    if (!halt.for_ever || now->disabled || now->binds.empty()) continue;
    notes->push_back("Frontend " + now->name + " had been shut down: it is opened again.");
  }
  halts_ = std::move(halts);
  // One that cannot listen again is paused, and says so where `enable frontend` tries it anew.
  for (const auto& [frontend, why] : ApplyHalts(ListeningFrontends())) LogProxy(*frontend, why);
}

bool Supervisor::Reload(std::unique_ptr<Configuration> next, std::vector<std::string>* errors,
                        std::vector<std::string>* warnings) {
  const auto refuse = [&] {
    Configuration::Free(std::move(next));
    return false;
  };
  if (threads_.empty()) {
    errors->push_back("the process is not serving");
    return refuse();
  }
  if (std::string why; !CheckRights(*next, &why)) {
    errors->push_back(why);
    return refuse();
  }
  CollectLeftovers();
  std::vector<Socket> wanted;
  for (const auto& proxy : next->proxies) {
    if (!proxy->is_frontend || proxy->disabled) continue;
    for (const auto& bind : proxy->binds) {
      for (Socket& socket : SocketsOf(*bind)) wanted.push_back(std::move(socket));
    }
  }
  if (!OpenNewSockets(wanted, errors)) return refuse();
  // Nothing fails from here on.
  if (external_checks_ == nullptr && RunsPrograms(*next)) {
    external_checks_ = std::make_unique<ExternalChecks>();
    if (external_checks_->Start()) process_.external_checks = external_checks_.get();
  }
  const SavedStates saved = SavedStates::Read(*next, &configuration(), warnings);
  saved.MoveServers(*next);
  auto generation =
      std::make_unique<Generation>(generation_->number() + 1, std::move(next), settings_.shards);
  PutToUse(*generation, generation_.get());
  saved.Restore(generation->configuration(), base::MonotonicMicros(), warnings, warnings);
  std::vector<const Configuration*> earlier = {&configuration()};
  for (const auto& old : old_generations_) earlier.push_back(&old->configuration());
  generation->successors() = BindSuccessors(earlier, generation->configuration());
  FollowGlobal(configuration().global, generation->configuration().global);
  if (!SwitchShards(*generation, wanted)) {
    warnings->push_back(
        "The master process listens on what it had until the start of another is over.");
  }
  std::unique_ptr<Generation> before = std::move(generation_);
  generation_ = std::move(generation);
  SetCrashConfiguration(&configuration());
  // Shards have read them when they started.
  process_.configuration = &configuration();
  process_.limits = FrontendLimits();
  MoveHalts(*before, warnings);
  old_generations_.push_back(std::move(before));
  CollectLeftovers();
  return true;
}

// All of `places` go through each step together: four times all shards are waited for, not four
// times for each. Those whose listener keeps nobody are free afterwards.
void Supervisor::DropSockets(std::span<const size_t> places) {
  std::vector<size_t> accepting;
  for (const size_t place : places) {
    if (sockets_[place].fd >= 0 && !sockets_[place].is_closing) accepting.push_back(place);
  }
  for (const size_t place : accepting) {
    const Socket& socket = sockets_[place];
    if (HasOwnBacklog(socket) && socket.address->address.is_ip()) {
      shard::IgnoreNewClients(socket.fd);
    }
  }
  EndAccepting(accepting);
  for (const size_t place : accepting) {
    TakeBacklog(place);
    CloseSocket(sockets_[place]);
    sockets_[place].is_closing = true;
  }
  const auto keeps_any = std::make_unique<std::atomic<bool>[]>(places.size());
  OnAllShards([&](shard::Shard& shard) {
    for (size_t i = 0; i < places.size(); ++i) {
      if (shard.listener(uint32_t(places[i])).keeps_none()) continue;
      keeps_any[i].store(true, std::memory_order_relaxed);  // a limit is full
    }
  });
  std::vector<size_t> gone;
  for (size_t i = 0; i < places.size(); ++i) {
    if (!keeps_any[i].load(std::memory_order_relaxed)) gone.push_back(places[i]);
  }
  if (gone.empty()) return;
  OnAllShards([&](shard::Shard& shard) {
    for (const size_t place : gone) shard.listener(uint32_t(place)).SetBind(nullptr);
  });
  for (const size_t place : gone) sockets_[place] = Socket{};
}

// Returns when everything that lay in a mailbox at its beginning has been handled.
void Supervisor::FlushMail() {
  for (uint32_t to = 0; to < settings_.shards; ++to) {
    for (uint32_t from = 0; from <= settings_.shards; ++from) {
      while (from != to && mailroom_.HasMailFrom(from, to)) usleep(200);
    }
  }
  OnAllShards([](shard::Shard&) {});
}

bool Supervisor::TryFree(Generation& old) {
  if (old.Pinned() != 0) return false;
  for (const size_t place : leaving_sockets_) {
    if (sockets_[place].bind->frontend->generation == &old) return false;
  }
  for (int round = 0; round < kQuietRounds; ++round) {
    std::atomic<bool> is_quiet{true};
    OnAllShards([&](shard::Shard& shard) {
      if (!static_cast<Worker*>(shard.app())->IsQuiet(old)) {
        is_quiet.store(false, std::memory_order_relaxed);
      }
    });
    if (!is_quiet.load(std::memory_order_relaxed)) return false;
    FlushMail();
  }
  OnAllShards([&](shard::Shard& shard) { static_cast<Worker*>(shard.app())->Forget(old); });
  return true;
}

void Supervisor::CollectLeftovers() {
  if (!HasLeftovers() || threads_.empty()) return;
  ForPortions(leaving_sockets_, [this](std::span<const size_t> some) { DropSockets(some); });
  std::erase_if(leaving_sockets_, [this](size_t place) { return sockets_[place].bind == nullptr; });
  bool was_scattered = false;
  std::erase_if(old_generations_, [&](const auto& old) {
    if (!TryFree(*old)) return false;
    was_scattered |= old->configuration().heap == nullptr;
    return true;
  });
  if (!was_scattered) return;
  // That of the start, which no heap of its own gives back: it would stay for good.
  base::GiveWay();
  malloc_trim(0);
}

}  // namespace engine
