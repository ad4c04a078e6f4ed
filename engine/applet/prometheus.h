// prometheus.h - the service that tells a Prometheus server what `show info` and `show stat` know
// (`http-request use-service prometheus-exporter`).
//
// Owns:    nothing.
// Threads: immutable; an answer under way is shard-local.
// Units:   of the base units of the text format: bytes, seconds.
// Errors:  a query that is not understood is answered with 400. What is not known is NaN.
// States:  of an answer: process -> frontends -> backends -> servers, each as far as it is asked
//          for: `scope=global|frontend|backend|server|listener|sticktable|*`, `no-maint`.
//
// The text format wants all samples of a metric together, and a slow reader must not make it hold
// them: so lines are computed metric by metric, each for one column alone.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/session/http_service.h"

namespace engine {

// What of the query says which part is asked for. All of it by default.
struct ExportWish {
  bool global = true;
  bool frontends = true;
  bool backends = true;
  bool servers = true;
  bool without_maintenance = false;
};
// False: a scope that there is not.
[[nodiscard]] bool ParseExportWish(std::string_view query, ExportWish* wish);
// A value of a label, between its quotes.
void AddLabelText(std::string_view text, std::string& out);
std::string LabelText(std::string_view text);

const HttpService& PrometheusExporter();
inline constexpr std::string_view kExporterName = "prometheus-exporter";

}  // namespace engine
