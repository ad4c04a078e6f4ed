#include "base/clock.h"
#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/applet/stat_row.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// Which objects are listed (management 9.3, show stat).
constexpr int64_t kFrontends = 1;
constexpr int64_t kBackends = 2;
constexpr int64_t kServers = 4;

struct StatFilter {
  int64_t proxy_id = -1;  // -1: all
  int64_t types = -1;
  int64_t server_id = -1;
  bool without_maintenance = false;
  bool only_up = false;
};

enum class Format : uint8_t { kCsv, kTyped, kJson };

// Goes through the proxies, and through the servers of one, over as many runs as it takes.
class ShowStat final : public CliCommand {
 public:
  ShowStat(const StatFilter& filter, Format format, bool with_purpose)
      : filter_(filter), format_(format), with_purpose_(with_purpose) {}
  CliStep Run(Cli& cli) override;

 private:
  void ListServers(Cli& cli, const ProxyConfig& proxy, const StatFacts& facts);
  void SayRow(Cli& cli, const StatRow& row);
  bool Wants(int64_t type) const { return (filter_.types & type) != 0; }

  const StatFilter filter_;
  const Format format_;
  const bool with_purpose_;
  bool header_said_ = false;
  bool any_said_ = false;
  bool frontend_said_ = false;  // of proxy_
  size_t proxy_ = 0;
  size_t server_ = 0;  // of proxy_; where to go on
};

void ShowStat::SayRow(Cli& cli, const StatRow& row) {
  switch (format_) {
    case Format::kCsv:
      return cli.Say(row.ToCsv());
    case Format::kTyped:
      return cli.Say(row.ToTyped(with_purpose_));
    case Format::kJson:
      break;
  }
  cli.Say(any_said_ ? "," : "[");
  any_said_ = true;
  cli.Say(row.ToJson());
}

// Leaves server_ behind the last one, or where the run's share was reached.
void ShowStat::ListServers(Cli& cli, const ProxyConfig& proxy, const StatFacts& facts) {
  for (; server_ < proxy.servers.size() && cli.output().size() < kCliRunBytes; ++server_) {
    const ServerConfig& server = *proxy.servers[server_];
    if (filter_.server_id >= 0 && filter_.server_id != int64_t(server.id)) continue;
    const ServerState& state = *server.state;
    if (filter_.without_maintenance && state.effective_admin() == AdminState::kMaint) continue;
    if (filter_.only_up && state.operational() == Operational::kStopped) continue;
    SayRow(cli, ServerRow(server, facts));
  }
}

CliStep ShowStat::Run(Cli& cli) {
  const ProcessContext& process = cli.worker().process();
  const auto& proxies = cli.worker().configuration().proxies;
  const StatFacts facts{base::MonotonicMicros(), uint32_t(process.global_maxconn->max()),
                        cli.worker().shard().draining(), cli.worker().index()};
  if (!header_said_ && format_ == Format::kCsv) cli.Say(StatHeader());
  header_said_ = true;
  for (; proxy_ < proxies.size(); ++proxy_, server_ = 0, frontend_said_ = false) {
    const ProxyConfig& proxy = *proxies[proxy_];
    if (proxy.is_internal || proxy.disabled) continue;
    if (filter_.proxy_id >= 0 && filter_.proxy_id != int64_t(proxy.id)) continue;
    if (cli.output().size() >= kCliRunBytes) return CliStep::kAgain;
    const bool is_one_server = filter_.server_id > 0;
    const bool is_gone = proxy.state->listening() == Listening::kShutDown;
    if (!frontend_said_ && proxy.is_frontend && !is_gone && Wants(kFrontends) && !is_one_server) {
      SayRow(cli, FrontendRow(proxy, facts));
    }
    frontend_said_ = true;
    if (!proxy.is_backend) continue;
    if (Wants(kServers)) {
      ListServers(cli, proxy, facts);
      if (server_ < proxy.servers.size()) return CliStep::kAgain;
    }
    if (Wants(kBackends) && !is_one_server) SayRow(cli, BackendRow(proxy, facts));
  }
  if (format_ == Format::kJson) cli.SayLine(any_said_ ? "]" : "[]");
  return CliStep::kDone;
}

// `{<iid>|<proxy>} <type> <sid>`: all three or none.
bool TakeSelection(Cli& cli, const CliCall& call, StatFilter& filter) {
  const std::string_view name = call.argument(0);
  const std::optional<int64_t> id = base::ParseSigned(name);
  if (id) {
    filter.proxy_id = *id;
  } else {
    const Configuration& configuration = cli.worker().configuration();
    const ProxyConfig* proxy = FindProxyOf(configuration, name, true);
    if (proxy == nullptr) proxy = FindProxyOf(configuration, name, false);
    if (proxy == nullptr) {
      cli.SayLine("No such proxy.");
      return false;
    }
    filter.proxy_id = proxy->id;
  }
  const std::optional<int64_t> types = base::ParseSigned(call.argument(1));
  const std::optional<int64_t> server = base::ParseSigned(call.argument(2));
  if (!types || !server) {
    cli.SayLine("'show stat' expects a proxy, a number for the types and one for the server.");
    return false;
  }
  filter.types = *types;
  filter.server_id = *server;
  return true;
}

}  // namespace

std::unique_ptr<CliCommand> StartShowStat(Cli& cli, const CliCall& call) {
  StatFilter filter;
  Format format = Format::kCsv;
  bool with_purpose = false;
  size_t i = 0;
  if (call.argument(0) == "domain") {
    if (call.argument(1) != "proxy") {
      cli.SayLine("'show stat' knows the domain 'proxy' only.");
      return nullptr;
    }
    i = 2;
  }
  for (; i < call.arguments(); ++i) {
    const std::string_view word = call.argument(i);
    if (word == "up") {
      filter.only_up = true;
    } else if (word == "no-maint") {
      filter.without_maintenance = true;
    } else if (word == "typed" || word == "json") {
      format = word == "typed" ? Format::kTyped : Format::kJson;
    } else if (word == "desc") {  // of the typed format alone
      with_purpose = true;
    } else if (i == 0 && call.arguments() >= 3) {
      if (!TakeSelection(cli, call, filter)) return nullptr;
      i = 2;
    } else {
      cli.SayLine("'show stat' does not know '" + std::string(word) + "'.");
      return nullptr;
    }
  }
  return std::make_unique<ShowStat>(filter, format, with_purpose);
}

}  // namespace engine
