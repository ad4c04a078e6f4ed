#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "engine/applet/cli_ask.h"
#include "engine/applet/cli_commands.h"
#include "engine/applet/stream_text.h"
#include "engine/config/value.h"
#include "engine/server/server_state.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"

namespace engine {
namespace {

// Streams that one question looks at closely, and those that it only passes over.
constexpr uint32_t kVisitsMax = 4096;

// Which streams are meant. What it points to is part of the configuration.
struct StreamFilter {
  const ProxyConfig* frontend = nullptr;
  const ProxyConfig* backend = nullptr;
  const ServerConfig* server = nullptr;
  uint64_t accepted_before_us = UINT64_MAX;
  bool suspicious = false;

  // By what is counted of it: a stream may have an older configuration.
  template <typename Config>
  static bool IsSame(const Config* one, const Config* asked) {
    return asked == nullptr || (one != nullptr && &one->state->part(0) == &asked->state->part(0));
  }
  bool Matches(Stream& stream) const {
    return IsSame(&stream.frontend(), frontend) && IsSame(stream.backend(), backend) &&
           IsSame<ServerConfig>(stream.slot().server(), server) &&
           stream.session().accepted_us() < accepted_before_us &&
           (!suspicious || IsSuspicious(stream, stream.worker().context().now_ms()));
  }
};

// Where a walk over a shard's streams stands. It ends at the one that was the newest when it began,
// or it might never end.
struct WalkPlace {
  uint64_t last_id = 0;  // visited
  uint64_t newest_id = 0;
  bool has_more = false;
};

// Some streams of a shard, in the order of their numbers: those after `place`, until what is done
// with them has taken its share of a turn.
class VisitStreams : public Question {
 public:
  VisitStreams(const StreamFilter& filter, const WalkPlace& from) : place(from), filter_(filter) {}
  void Answer(Worker& asked) override {
    uint32_t visits = 0;
    uint64_t newest_id = 0;
    const WalkPlace from = place;
    place.has_more = false;
    asked.ForEachStream([&](Stream& stream) {
      newest_id = stream.id();
      const bool is_new = from.newest_id != 0 && stream.id() > from.newest_id;
      if (place.has_more || is_new || stream.id() <= from.last_id) return;
      if (++visits > kVisitsMax || IsEnough()) {
        place.has_more = true;
        return;
      }
      place.last_id = stream.id();
      if (filter_.Matches(stream)) Visit(stream);
    });
    if (place.newest_id == 0) place.newest_id = newest_id;
  }
  WalkPlace place;

 protected:
  virtual void Visit(Stream& stream) = 0;
  virtual bool IsEnough() const { return false; }

 private:
  const StreamFilter filter_;
};

// How much is said of a stream.
enum class Detail : uint8_t { kLine, kLineAndUri, kAll };

class DescribeStreams final : public VisitStreams {
 public:
  DescribeStreams(const StreamFilter& filter, const WalkPlace& from, Detail detail)
      : VisitStreams(filter, from), detail_(detail) {}
  std::string text;

 private:
  void Visit(Stream& stream) override {
    const uint64_t now_us = stream.worker().context().loop->clock().now_us();
    text += detail_ == Detail::kAll ? StreamDetails(stream, now_us)
                                    : StreamLine(stream, now_us, detail_ == Detail::kLineAndUri);
  }
  bool IsEnough() const override { return text.size() >= kCliRunBytes; }
  const Detail detail_;
};

// Kept connections to a server in maintenance end with its streams (management 9.3).
class KillStreams final : public VisitStreams {
 public:
  KillStreams(const StreamFilter& filter, const WalkPlace& from)
      : VisitStreams(filter, from), server_(*filter.server) {}
  void Answer(Worker& asked) override {
    VisitStreams::Answer(asked);
    if (place.has_more || server_.state->effective_admin() != AdminState::kMaint) return;
    asked.idle_pool().CloseAllOf(server_);
  }

 private:
  const ServerConfig& server_;
  void Visit(Stream& stream) override { stream.Break(shard::CloseReason::kKilled); }
};

class ShowSess final : public AskShards<DescribeStreams> {
 public:
  ShowSess(Cli& cli, const StreamFilter& filter, Detail detail)
      : AskShards(cli), filter_(filter), detail_(detail) {}

 private:
  std::unique_ptr<DescribeStreams> Make() override {
    return std::make_unique<DescribeStreams>(filter_, place_, detail_);
  }
  bool Take(Cli& cli, DescribeStreams& answered) override {
    cli.Say(answered.text);
    place_ = answered.place.has_more ? answered.place : WalkPlace{};
    return answered.place.has_more;
  }
  const StreamFilter filter_;
  const Detail detail_;
  WalkPlace place_;
};

class ShutdownSessionsServer final : public AskShards<KillStreams> {
 public:
  ShutdownSessionsServer(Cli& cli, const StreamFilter& filter) : AskShards(cli), filter_(filter) {}

 private:
  std::unique_ptr<KillStreams> Make() override {
    return std::make_unique<KillStreams>(filter_, place_);
  }
  bool Take(Cli&, KillStreams& answered) override {
    place_ = answered.place.has_more ? answered.place : WalkPlace{};
    return answered.place.has_more;
  }
  const StreamFilter filter_;
  WalkPlace place_;
};

// What is done with the one stream of a number.
class OneStream final : public Question {
 public:
  OneStream(uint64_t id, bool kills) : id_(id), kills_(kills) {}
  void Answer(Worker& asked) override {
    asked.ForEachStream([&](Stream& stream) {
      if (stream.id() != id_) return;
      found = true;
      if (kills_) return stream.Break(shard::CloseReason::kKilled);
      text = StreamDetails(stream, asked.context().loop->clock().now_us());
    });
  }
  bool found = false;
  std::string text;

 private:
  const uint64_t id_;
  const bool kills_;
};

class AskOneStream final : public AskShards<OneStream> {
 public:
  AskOneStream(Cli& cli, uint32_t shard, uint64_t id, bool kills)
      : AskShards(cli, shard, 1), id_(id), kills_(kills) {}

 private:
  std::unique_ptr<OneStream> Make() override { return std::make_unique<OneStream>(id_, kills_); }
  bool Take(Cli& cli, OneStream& answered) override {
    cli.Say(answered.text);
    if (!answered.found) cli.SayLine("No such session (use 'show sess').");
    return false;
  }
  const uint64_t id_;
  const bool kills_;
};

// One of `backend B`, `frontend F`, `server B/S`, `older AGE`. False: it has been said why not.
bool TakeOption(Cli& cli, std::string_view option, std::string_view value, StreamFilter& filter) {
  const Configuration& configuration = cli.worker().configuration();
  if (option == "server") {
    filter.server = FindServerOf(cli, value);
    return filter.server != nullptr;
  }
  if (option == "older") {
    const Parsed<uint64_t> age_ms = ParseTime(value, TimeUnit::kSecond, TimeUnit::kMillisecond);
    if (!age_ms) {
      cli.SayLine("'older' " + age_ms.error + ".");
      return false;
    }
    const uint64_t now_us = base::MonotonicMicros();
    filter.accepted_before_us = now_us - std::min(now_us, age_ms.value * 1000);
    return true;
  }
  if (option != "backend" && option != "frontend") {
    cli.SayLine("'show sess' does not know '" + std::string(option) + "'; see 'show sess help'.");
    return false;
  }
  const bool is_backend = option == "backend";
  const ProxyConfig* proxy = FindProxyOf(configuration, value, is_backend);
  if (proxy == nullptr) cli.SayLine("No such " + std::string(option) + ".");
  (is_backend ? filter.backend : filter.frontend) = proxy;
  return proxy != nullptr;
}

}  // namespace

std::unique_ptr<CliCommand> StartShowSess(Cli& cli, const CliCall& call) {
  if (call.argument(0) == "help") {
    cli.Say(
        "Usage: show sess [<id> | all | help] [<option>]*\n"
        "  Without <id> and all, a line for each stream. With them, all that is known of it,\n"
        "  with its last moves: time, side, from which state to which, and why.\n"
        "  Options: backend <b>, frontend <f>, server <b/s>, older <age in seconds>, susp (only\n"
        "  those that should have ended), show-uri (in lines, where a log keeps it)\n");
    return nullptr;
  }
  const uint32_t shards = cli.worker().shard().board().shards();
  uint32_t shard = 0;
  uint64_t id = 0;
  size_t i = 0;
  Detail detail = Detail::kLine;
  if (call.argument(0) == "all") {
    detail = Detail::kAll;
    ++i;
  } else if (ParseStreamId(call.argument(0), shards, &shard, &id)) {
    return std::make_unique<AskOneStream>(cli, shard, id, false);
  }
  StreamFilter filter;
  for (; i < call.arguments(); ++i) {
    if (call.argument(i) == "susp") {
      filter.suspicious = true;
    } else if (call.argument(i) == "show-uri") {
      if (detail == Detail::kLine) detail = Detail::kLineAndUri;
    } else {
      if (!TakeOption(cli, call.argument(i), call.argument(i + 1), filter)) return nullptr;
      ++i;
    }
  }
  return std::make_unique<ShowSess>(cli, filter, detail);
}

std::unique_ptr<CliCommand> StartShutdownSession(Cli& cli, const CliCall& call) {
  const uint32_t shards = cli.worker().shard().board().shards();
  uint32_t shard = 0;
  uint64_t id = 0;
  if (call.arguments() == 0) {
    cli.SayLine("Session pointer expected (use 'show sess').");
    return nullptr;
  }
  if (!ParseStreamId(call.argument(0), shards, &shard, &id)) {
    cli.SayLine("No such session (use 'show sess').");
    return nullptr;
  }
  return std::make_unique<AskOneStream>(cli, shard, id, true);
}

std::unique_ptr<CliCommand> StartShutdownSessionsServer(Cli& cli, const CliCall& call) {
  StreamFilter filter;
  filter.server = FindServerOf(cli, call.argument(0));
  if (filter.server == nullptr) return nullptr;
  return std::make_unique<ShutdownSessionsServer>(cli, filter);
}

}  // namespace engine
