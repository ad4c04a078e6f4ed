// build_text.h - a configuration in a string, built; for the tests of engine/server.
//
// Owns:    the tree, the messages and the result.
// Threads: one test.
// Units:   none.
// Errors:  `errors()` and `warnings()` list the messages as "LINE:COLUMN message".
// States:  none.
//
//   BuiltText built("global\n nbthread 2\n");
//   ASSERT_NE(built.configuration, nullptr) << built.Render();

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/config/condition.h"
#include "engine/config/diagnostics.h"
#include "engine/config/environment.h"
#include "engine/config/tree.h"
#include "engine/fetch/units.h"
#include "engine/rules/actions.h"
#include "engine/server/builder.h"

namespace engine {

struct BuiltText {
  explicit BuiltText(std::string text, BuildOptions options = {}) {
    if (options.services.empty()) options.services["echo"] = nullptr;
    if (options.http_services.empty()) options.http_services["prometheus-exporter"] = nullptr;
    if (options.units == nullptr) options.units = &AllUnits();
    if (options.actions == nullptr) options.actions = &AllActions();
    if (!options.resolve) {
      // No test asks the network: every name but those under .invalid is at a documentation
      // address.
      options.resolve = [](const AddressWord& word) {
        if (word.host.ends_with(".invalid")) {
          return Parsed<shard::Address>{{}, "could not resolve address '" + word.host + "'"};
        }
        return Parsed<shard::Address>{shard::Address::V4(0xc0000201, 0), {}};
      };
    }
    Environment environment;
    ConditionFacts facts;
    tree.ReadText("t.cfg", std::move(text), {environment, facts, diagnostics});
    configuration = Build(tree, diagnostics, options);
  }

  std::vector<std::string> Messages(Severity severity) const {
    std::vector<std::string> list;
    for (const Diagnostic& one : diagnostics.all()) {
      if (one.severity != severity) continue;
      list.push_back(std::to_string(one.line) + ":" + std::to_string(one.column) + " " +
                     one.message);
    }
    return list;
  }
  std::vector<std::string> errors() const { return Messages(Severity::kAlert); }
  std::vector<std::string> warnings() const { return Messages(Severity::kWarning); }
  std::string Render() const { return diagnostics.Render(); }

  Diagnostics diagnostics;
  Tree tree;
  std::unique_ptr<Configuration> configuration;
};

}  // namespace engine
