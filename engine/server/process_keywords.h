// process_keywords.h - the words of the global section about the process itself: its limits, its
// privileges, how it stops, and where its files and sockets lie (manual 3.1, 3.2).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of proxy_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. `localpeer` and `setenv` are executed while the tree is read; here only their form
//          is checked.

#pragma once

#include <string>
#include <string_view>

#include "engine/config/keywords.h"

namespace engine {

struct BindAddress;
struct BindConfig;

void RegisterProcessKeywords(BuildKeywords& keywords);

// `default-path` (manual 3.1): the path that a file named `name` on `line` is opened with.
std::string FilePath(const BuildContext& context, const Line& line, std::string_view name);

// `unix-bind` (manual 3.1): what a `bind` line did not say about its unix sockets.
void ApplyUnixBind(const BuildContext& context, BindConfig& bind);

}  // namespace engine
