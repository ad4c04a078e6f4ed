// defaults.h - which `defaults` sections a proxy starts from (manual 4).
//
// Owns:    pointers into the Tree, which must outlive it.
// Threads: start-up; immutable after Resolve().
// Units:   none.
// Errors:  an unknown, ambiguous, later or cyclic `from` is reported once and resolves to nothing;
//          so is a section with rules that frontends and backends start from.
// States:  none.
//
//   DefaultsChains chains;
//   chains.Resolve(tree, diagnostics);
//   for (const Section* section : chains.Chain(frontend)) Apply(section->lines);  // itself last
//
// A section inherits from what stands before it only, in the order of the files, so a chain ends.

#pragma once

#include <map>
#include <vector>

#include "engine/config/diagnostics.h"
#include "engine/config/tree.h"

namespace engine {

class DefaultsChains {
 public:
  // False when an error was reported.
  bool Resolve(const Tree& tree, Diagnostics& diagnostics);

  // The sections whose lines make up `section`, in the order to apply them, `section` itself last.
  std::vector<const Section*> Chain(const Section& section) const;
  // The nearest one, or null.
  const Section* Parent(const Section& section) const;
  // False: lines were lost on the way, or a `from` leads nowhere, which has been reported.
  bool IsWhole(const Section& section) const;

 private:
  const Section* FindFrom(const Tree& tree, const Section& section, Diagnostics& diagnostics) const;
  void CheckRules(const Tree& tree, Diagnostics& diagnostics) const;

  std::map<const Section*, const Section*> parents_;
};

}  // namespace engine
