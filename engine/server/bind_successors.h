// bind_successors.h - where a client goes on after a reload: for each bind line of earlier
// configurations the line of the next one that takes its place.
//
// Owns:    nothing of the configurations: of one that is gone no line may be asked for.
// Threads: built by the main thread, then immutable.
// Units:   none.
// Errors:  a line that nothing takes the place of has no successor.
// States:  built once.
//
//   BindSuccessors successors({&before}, next);
//   if (const BindConfig* line = successors.Find(session.bind())) ...
//
// First comes the frontend of the same name, if it still listens at one of the addresses. Else it
// is the line where somebody who connects to the same address now would come in: one that names the
// address, or all addresses. That one must treat its clients in the same way: they were let in by
// another's rules, PROXY header and certificates.

#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/server/proxy_config.h"

namespace engine {

class BindSuccessors {
 public:
  BindSuccessors() = default;
  // States must be attached.
  BindSuccessors(std::span<const Configuration* const> before, const Configuration& next);

  // Null: nothing goes on for its clients.
  const BindConfig* Find(const BindConfig& bind) const {
    const auto found = successors_.find(&bind);
    return found == successors_.end() ? nullptr : found->second;
  }

 private:
  using Lines = std::unordered_map<std::string, std::vector<const BindConfig*>>;  // by address

  static const BindConfig* InSameFrontend(const Lines& lines, const BindConfig& bind);
  static const BindConfig* LineAt(const Lines& lines, const BindConfig& bind,
                                  const BindAddress& at);
  static const BindConfig* WhoeverListens(const Lines& lines, const BindConfig& bind);

  std::unordered_map<const BindConfig*, const BindConfig*> successors_;
};

}  // namespace engine
