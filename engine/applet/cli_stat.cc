#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/applet/stat_walk.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

enum class Format : uint8_t { kCsv, kTyped, kJson };

// Goes through the proxies, and through the servers of one, over as many runs as it takes.
class ShowStat final : public CliCommand {
 public:
  ShowStat(const StatFilter& filter, Format format, bool with_purpose)
      : walk_(filter), format_(format), with_purpose_(with_purpose) {}
  CliStep Run(Cli& cli) override;

 private:
  void SayRow(Cli& cli, const StatRow& row);

  StatWalk walk_;
  const Format format_;
  const bool with_purpose_;
  bool header_said_ = false;
  bool any_said_ = false;
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

CliStep ShowStat::Run(Cli& cli) {
  const StatFacts facts = StatFactsOf(cli.worker());
  if (!header_said_ && format_ == Format::kCsv) cli.Say(StatHeader());
  header_said_ = true;
  StatItem item;
  while (walk_.Next(cli.worker().configuration(), &item)) {
    SayRow(cli, RowOf(item, facts));
    if (cli.output().size() >= kCliRunBytes) return CliStep::kAgain;
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
