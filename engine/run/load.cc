#include "engine/run/load.h"

#include <cstdio>
#include <utility>

#include "base/own_heap.h"
#include "base/start_rights.h"
#include "engine/applet/cli_applet.h"
#include "engine/applet/echo.h"
#include "engine/applet/prometheus.h"
#include "engine/applet/stats_page.h"
#include "engine/fetch/units.h"
#include "engine/rules/actions.h"
#include "engine/run/quickstart.h"
#include "engine/run/version.h"
#include "engine/server/builder.h"

namespace engine {

std::vector<std::string> FilesOf(const Tree& tree) {
  std::vector<std::string> files;
  for (const auto& file : tree.files()) files.push_back(file->path);
  return files;
}

std::vector<std::string> StatsSocketsOf(const Configuration& configuration) {
  std::vector<std::string> names;
  for (const auto& proxy : configuration.proxies) {
    if (!proxy->is_internal) continue;
    for (const auto& bind : proxy->binds) {
      for (const BindAddress& address : bind->addresses) {
        if (std::string name = address.Name(); !name.empty()) names.push_back(std::move(name));
      }
    }
  }
  return names;
}

std::unique_ptr<Configuration> LoadConfiguration(const LoadRequest& request, Environment given,
                                                 Tree& tree, Diagnostics& diagnostics) {
  const auto own = std::make_shared<Environment>(std::move(given));
  Environment& environment = *own;
  const Options& options = request.options;
  PresetVariables(options, &environment);
  if (request.has_master || options.master_worker != MasterWorker::kNone) {
    environment.Preset("HAPROXY_MWORKER", "1", Environment::kFixed);
  }
  const ConditionFacts facts = MakeConditionFacts(options);
  diagnostics.set_show_diag(options.diagnostic);
  const ReadContext context{environment, facts, diagnostics, true, !options.local_peer.empty()};
  bool good;
  if (options.quickstart) {
    std::vector<std::string> notes;
    std::string text = QuickstartText(&notes);
    for (const std::string& note : notes) std::printf("%s\n", note.c_str());
    good = tree.ReadText(kQuickstartName, std::move(text), context);
  } else {
    good = tree.ReadPaths(options.paths, context);
  }
  PresetLateVariables(FilesOf(tree), {}, &environment);
  // While shards run they may be reading what a change would move.
  if (good && !request.serves) environment.Export();
  BuildOptions build;
  build.units = &AllUnits();
  build.actions = &AllActions();
  build.services["echo"] = &EchoApplet();
  build.http_services[std::string(kExporterName)] = &PrometheusExporter();
  build.stats_page = &StatsPage();
  build.cli = &CliApplet();
  build.has_master = request.has_master;
  build.proxy_maxconn = options.proxy_maxconn.value_or(0);
  build.resolve_may_fail = options.resolve_may_fail;
  build.no_getaddrinfo = options.no_getaddrinfo;
  build.trusts_servers = options.server_verify_none;
  std::unique_ptr<Configuration> configuration;
  base::StartRights& rights = base::StartRights::Current();
  std::shared_ptr<base::OwnHeap> heap = base::OwnHeap::Run([&] {
    base::StartRights::FileHashes files;
    rights.NoteFiles(&files);
    Environment::SetCurrent(own);  // fetches of variables take them now (manual 7.3.2, env)
    configuration = Build(tree, diagnostics, build);
    Environment::SetCurrent(nullptr);
    rights.NoteFiles(nullptr);
    if (configuration != nullptr) configuration->files = std::move(files);
  });
  if (!good) base::OwnHeap::Finish(heap, [&] { configuration.reset(); });
  if (configuration == nullptr) return nullptr;
  PresetLateVariables(FilesOf(tree), StatsSocketsOf(*configuration), &environment);
  if (!request.serves) environment.Export();
  configuration->environment = own;
  // At a start there may follow a fork, which no thread survives.
  if (request.serves) configuration->heap = std::move(heap);
  if (options.no_splice) configuration->global.splice = false;
  return configuration;
}

}  // namespace engine
