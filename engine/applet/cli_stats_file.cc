#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/server/saved_counters.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// A section after the other, a few kilobytes per run.
class DumpStatsFile final : public CliCommand {
 public:
  CliStep Run(Cli& cli) override;

 private:
  enum class Section : uint8_t { kFrontends, kBackends, kServers, kCount };

  std::string Head() const;
  // False: the run's share was reached.
  bool SayProxy(Cli& cli, const ProxyConfig& proxy);

  uint8_t section_ = 0;
  bool head_said_ = false;  // of that section
  size_t proxy_ = 0;
  size_t server_ = 0;
};

std::string DumpStatsFile::Head() const {
  switch (Section(section_)) {
    case Section::kFrontends:
      return SavedCountersHead() + FrontendCountersHead();
    case Section::kBackends:
      return BackendCountersHead();
    case Section::kServers:
    case Section::kCount:
      break;
  }
  return ServerCountersHead();
}

bool DumpStatsFile::SayProxy(Cli& cli, const ProxyConfig& proxy) {
  const auto section = Section(section_);
  if (section == Section::kServers) {
    for (; server_ < proxy.servers.size(); ++server_) {
      if (cli.output().size() >= kCliRunBytes) return false;
      const ServerConfig& server = *proxy.servers[server_];
      if (!server.guid.empty()) cli.Say(ServerCountersLine(server));
    }
    server_ = 0;
    return true;
  }
  const bool is_front = section == Section::kFrontends;
  if (proxy.guid.empty() || !(is_front ? proxy.is_frontend : proxy.is_backend)) return true;
  if (cli.output().size() >= kCliRunBytes) return false;
  cli.Say(is_front ? FrontendCountersLine(proxy) : BackendCountersLine(proxy));
  return true;
}

CliStep DumpStatsFile::Run(Cli& cli) {
  const auto& proxies = cli.worker().configuration().proxies;
  for (; section_ < uint8_t(Section::kCount); ++section_, proxy_ = 0, head_said_ = false) {
    if (!head_said_) cli.Say(Head());
    head_said_ = true;
    for (; proxy_ < proxies.size(); ++proxy_) {
      if (!SayProxy(cli, *proxies[proxy_])) return CliStep::kAgain;
    }
  }
  cli.Say(SavedCountersEnd());
  return CliStep::kDone;
}

}  // namespace

std::unique_ptr<CliCommand> StartDumpStatsFile(Cli&, const CliCall&) {
  return std::make_unique<DumpStatsFile>();
}

}  // namespace engine
