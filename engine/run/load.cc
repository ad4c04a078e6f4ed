#include "engine/run/load.h"

#include <cstdio>
#include <utility>

#include "base/start_rights.h"
#include "engine/applet/cli_applet.h"
#include "engine/applet/echo.h"
#include "engine/applet/prometheus.h"
#include "engine/applet/stats_page.h"
#include "engine/fetch/units.h"
#include "engine/rules/actions.h"
#include "engine/run/own_heap.h"
#include "engine/run/quickstart.h"
#include "engine/run/version.h"
#include "engine/server/builder.h"

namespace engine {

std::vector<std::string> FilesOf(const Tree& tree) {
  std::vector<std::string> files;
  for (const auto& file : tree.files()) files.push_back(file->path);
  return files;
}

std::unique_ptr<Configuration> LoadConfiguration(const LoadRequest& request,
                                                 Environment& environment, Tree& tree,
                                                 Diagnostics& diagnostics) {
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
  // Fetches of variables take them when they are built (manual 7.3.2, env). Not at a reload: shards
  // may be reading what a change would move.
  if (good && !request.serves) {
    PresetLateVariables(FilesOf(tree), {}, &environment);
    environment.Export();
  }
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
  std::shared_ptr<OwnHeap> heap = OwnHeap::Run([&] {
    base::StartRights::FileHashes files;
    rights.NoteFiles(&files);
    configuration = Build(tree, diagnostics, build);
    rights.NoteFiles(nullptr);
    if (configuration != nullptr) configuration->files = std::move(files);
  });
  if (!good) configuration = nullptr;  // before its heap
  if (configuration == nullptr) return nullptr;
  // At a start there may follow a fork, which no thread survives.
  if (request.serves) configuration->heap = std::move(heap);
  if (options.no_splice) configuration->global.splice = false;
  return configuration;
}

}  // namespace engine
