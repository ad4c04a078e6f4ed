// stats_page.h - the page of statistics of a proxy (manual 4.2, `stats ...`): who may see it, what
// of it is asked for, and in which form.
//
// Owns:    nothing.
// Threads: immutable; an answer under way is shard-local.
// Units:   none.
// Errors:  a user who is not known is asked again (401).
// States:  none.
//
// Behind the address of the page may stand, each with a ';' before it: `csv`, `json`,
// `json-schema`, `up` (no servers that are down), `no-maint`, `norefresh`, `st=CODE` (what a change
// came to).

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/applet/stat_walk.h"
#include "engine/applet/text_service.h"

namespace engine {

struct StatsWish {
  enum class Form : uint8_t { kHtml, kCsv, kJson, kJsonSchema };
  Form form = Form::kHtml;
  bool only_up = false;
  bool without_maintenance = false;
  bool no_refresh = false;
  std::string result;  // "DONE"; empty: nothing was changed
};
// Of what follows the address of the page.
StatsWish ParseStatsWish(std::string_view behind);

const HttpService& StatsPage();

}  // namespace engine
