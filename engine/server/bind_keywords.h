// bind_keywords.h - the options of a `bind` line that have an effect (manual 5.1).
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of proxy_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. Words without effect are in engine/config/keyword_states.h.

#pragma once

#include <memory>
#include <string_view>

#include "engine/config/keywords.h"
#include "engine/config/value.h"
#include "engine/server/proxy_config.h"

namespace engine {

struct WordPlace;

void RegisterBindKeywords(BuildKeywords& keywords);

// `mode` of a unix socket: an octal number.
Parsed<int> ParseFileMode(std::string_view text);

// The address and the options after it, of a `bind` line or of another that takes what `bind`
// takes (`stats socket`). `good` is false when an error was reported; what could be read is
// returned all the same. `*id` becomes the place of an `id` option.
std::unique_ptr<BindConfig> ReadBind(BuildContext& context, KeywordUse& use, ProxyConfig& frontend,
                                     WordPlace* id, bool* good);

}  // namespace engine
