// external_job.h - what a program that checks a server is told (manual 4.2, external-check).
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <memory>

#include "engine/check/external_check.h"
#include "engine/config/environment.h"
#include "engine/server/proxy_config.h"

namespace engine {

// `target`: where the check would connect to. `kept`: an environment that goes along; null: none.
std::unique_ptr<ExternalJob> MakeJob(const ServerConfig& server, const CheckTarget& target,
                                     const CheckRules& rules, const Environment* kept);

}  // namespace engine
