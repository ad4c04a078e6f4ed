#include "engine/run/version.h"

#include <absl/base/config.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "engine/expr/log_format.h"

#ifndef RINGWAY_VERSION
#define RINGWAY_VERSION "0"
#endif

namespace engine {
namespace {

struct Feature {
  std::string_view name;
  bool works;
};

// haproxy's names in its order, so that scripts find them. Turn one on together with the test that
// proves it.
constexpr Feature kFeatures[] = {
    {"51DEGREES", false},
    {"ACCEPT4", true},
    {"BACKTRACE", true},
    {"CLOSEFROM", false},
    {"CPU_AFFINITY", true},
    {"CRYPT_H", true},
    {"DEVICEATLAS", false},
    {"DL", false},
    {"ECH", false},
    {"ENGINE", false},
    {"EPOLL", true},  // the poll driver
    {"EVPORTS", false},
    {"GETADDRINFO", true},
    {"KQUEUE", false},
    {"KTLS", false},
    {"LIBATOMIC", false},
    {"LIBCRYPT", true},
    {"LINUX_CAP", true},
    {"LINUX_SPLICE", true},
    {"LINUX_TPROXY", true},
    {"LUA", false},
    {"MATH", false},
    {"MEMORY_PROFILING", false},
    {"NETFILTER", true},
    {"NS", false},
    {"OBSOLETE_LINKER", false},
    {"OPENSSL", true},  // its interface, by BoringSSL
    {"OPENSSL_AWSLC", false},
    {"OPENSSL_WOLFSSL", false},
    {"OT", false},
    {"PCRE", false},
    {"PCRE2", true},
    {"PCRE2_JIT", true},
    {"PCRE_JIT", false},
    {"POLL", false},
    {"PRCTL", true},
    {"PROCCTL", false},
    {"PROMEX", true},
    {"PTHREAD_EMULATION", false},
    {"QUIC", false},
    {"QUIC_OPENSSL_COMPAT", false},
    {"RT", false},
    {"SHM_OPEN", false},
    {"SLZ", false},
    {"SSL", true},
    {"STATIC_PCRE", false},
    {"STATIC_PCRE2", false},
    {"SYSTEMD", true},
    {"TFO", true},
    {"THREAD", true},
    {"THREAD_DUMP", false},
    {"TPROXY", true},
    {"TRACE", false},
    {"WURFL", false},
    {"ZLIB", false},
};

// The formats of manual 8.2.2 to 8.2.4, and of tune.ssl.keylog (3.3), on one line each.
struct FormatVariable {
  const char* name;
  std::string_view text;
};

#define RINGWAY_KEYLOG_FORMAT(side)                               \
  "CLIENT_EARLY_TRAFFIC_SECRET %[ssl_" side                       \
  "_client_random,hex] "                                          \
  "%[ssl_" side                                                   \
  "_client_early_traffic_secret]\n"                               \
  "CLIENT_HANDSHAKE_TRAFFIC_SECRET %[ssl_" side                   \
  "_client_random,hex] "                                          \
  "%[ssl_" side                                                   \
  "_client_handshake_traffic_secret]\n"                           \
  "SERVER_HANDSHAKE_TRAFFIC_SECRET %[ssl_" side                   \
  "_client_random,hex] "                                          \
  "%[ssl_" side                                                   \
  "_server_handshake_traffic_secret]\n"                           \
  "CLIENT_TRAFFIC_SECRET_0 %[ssl_" side                           \
  "_client_random,hex] "                                          \
  "%[ssl_" side                                                   \
  "_client_traffic_secret_0]\n"                                   \
  "SERVER_TRAFFIC_SECRET_0 %[ssl_" side                           \
  "_client_random,hex] "                                          \
  "%[ssl_" side                                                   \
  "_server_traffic_secret_0]\n"                                   \
  "EXPORTER_SECRET %[ssl_" side "_client_random,hex] %[ssl_" side \
  "_exporter_secret]\n"                                           \
  "EARLY_EXPORTER_SECRET %[ssl_" side "_client_random,hex] %[ssl_" side "_early_exporter_secret]"

constexpr FormatVariable kFormatVariables[] = {
    {"HAPROXY_HTTP_LOG_FMT", kHttpLogFormat},
    {"HAPROXY_HTTP_CLF_LOG_FMT", kHttpClfLogFormat},
    {"HAPROXY_HTTPS_LOG_FMT", kHttpsLogFormat},
    {"HAPROXY_TCP_LOG_FMT", kTcpLogFormat},
    {"HAPROXY_TCP_CLF_LOG_FMT", kTcpClfLogFormat},
    {"HAPROXY_KEYLOG_FC_LOG_FMT", RINGWAY_KEYLOG_FORMAT("fc")},
    {"HAPROXY_KEYLOG_BC_LOG_FMT", RINGWAY_KEYLOG_FORMAT("bc")},
};
#undef RINGWAY_KEYLOG_FORMAT

std::string RunningOn() {
  utsname names{};
  if (uname(&names) != 0) return "Running on: unknown\n";
  return base::Format("Running on: %s %s %s %s\n", names.sysname, names.release, names.version,
                      names.machine);
}

std::string Compiler() {
#if defined(__clang__)
  return base::Format("clang %d.%d.%d", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return base::Format("gcc %d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::string BuildFlags() {
  std::string flags = "c++20";
#if defined(__OPTIMIZE__)
  flags += " optimized";
#endif
#if defined(__SANITIZE_ADDRESS__)
  flags += " address-sanitizer";
#endif
#if defined(__SANITIZE_THREAD__)
  flags += " thread-sanitizer";
#endif
#if defined(RINGWAY_DEBUG_CHECKS)
  flags += " debug-checks";
#endif
  return flags;
}

std::string Abseil() {
#ifdef ABSL_LTS_RELEASE_VERSION
  return base::Format("%d.%d", ABSL_LTS_RELEASE_VERSION, ABSL_LTS_RELEASE_PATCH_LEVEL);
#else
  return "head";
#endif
}

std::string FeatureList() {
  std::string list;
  for (const Feature& feature : kFeatures) {
    list += feature.works ? " +" : " -";
    list += feature.name;
  }
  return list;
}

std::string DriverText(const std::vector<RingDriver>& drivers) {
  std::vector<RingDriver> sorted = drivers;
  std::stable_sort(sorted.begin(), sorted.end(), [](const RingDriver& a, const RingDriver& b) {
    return a.preference > b.preference;
  });
  std::string text = "Available polling systems :\n";
  std::string chosen = "none";
  int usable = 0;
  for (const RingDriver& driver : sorted) {
    text += base::Format("%11s : pref=%d,  test result %s", driver.name.c_str(), driver.preference,
                         driver.usable ? "OK" : "FAILED");
    if (!driver.details.empty()) text += "  (" + driver.details + ")";
    text += '\n';
    if (driver.usable && usable++ == 0) chosen = driver.name;
  }
  return text + base::Format("Total: %zu (%d usable), will use %s.\n", sorted.size(), usable,
                             chosen.c_str());
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

void PresetList(const char* name, const std::vector<std::string>& words, Environment* environment) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ";") + word;
  if (!list.empty()) environment->Preset(name, list, Environment::kFixed);
}

}  // namespace

std::string CompatibleVersion() {
  return std::string(kCompatibleBranch) + "-ringway" + RINGWAY_VERSION;
}

std::string VersionText() {
  return std::string("Ringway version ") + RINGWAY_VERSION + "\nHAProxy version " +
         CompatibleVersion() + " compatible\n" + RunningOn();
}

std::string BuildText(const BuildFacts& facts) {
  std::string text = VersionText();
  text += "Build options :\n  TARGET  = linux-glibc\n  CC      = " + Compiler() +
          "\n  FLAGS   = " + BuildFlags() + "\n  OPTIONS =";
  for (const Feature& feature : kFeatures) {
    if (feature.works) text += " USE_" + std::string(feature.name) + "=1";
  }
  text += "\n\nFeature list :" + FeatureList() + "\n\nDefault settings :\n";
  text += base::Format("  bufsize = %u, maxrewrite = %u\n\n", facts.bufsize, facts.maxrewrite);
  text += base::Format("Built with multi-threading support (default=%u).\n", facts.default_threads);
  text += "Built with compiler : " + Compiler() + "\n";
  text += "Built with Abseil version : " + Abseil() + "\n";
  text += base::Format("Running on glibc version : %s\n", gnu_get_libc_version());
  for (const std::string& line : facts.libraries) text += line + '\n';
  text += '\n' + DriverText(facts.drivers);
  if (!facts.muxes.empty()) text += "\nAvailable multiplexer protocols :\n";
  for (const std::string& line : facts.muxes) text += "  " + line + '\n';
  text += "\nAvailable services :";
  for (const std::string& name : facts.services) text += ' ' + name;
  return text + (facts.services.empty() ? " none\n" : "\n");
}

bool HasFeature(std::string_view name) {
  return std::any_of(std::begin(kFeatures), std::end(kFeatures),
                     [&](const Feature& feature) { return feature.works && feature.name == name; });
}

ConditionFacts MakeConditionFacts(const Options& options) {
  ConditionFacts facts;
  facts.version = kCompatibleBranch;
  for (const Feature& feature : kFeatures) {
    if (feature.works) facts.features.push_back(std::string(feature.name));
  }
  const auto enable = [&](const char* name, bool enabled) {
    if (enabled) facts.enabled_options.push_back(name);
  };
  enable("EPOLL", HasFeature("EPOLL") && !options.no_epoll);
  enable("GETADDRINFO", HasFeature("GETADDRINFO") && !options.no_getaddrinfo);
  enable("SPLICE", HasFeature("LINUX_SPLICE") && !options.no_splice);
  enable("REUSEPORT", !options.no_reuseport);
  enable("SERVER-SSL-VERIFY-NONE", options.server_verify_none);
  return facts;
}

void PresetVariables(const Options& options, Environment* environment) {
  const std::string peer = options.local_peer.empty() ? HostName() : options.local_peer;
  environment->Preset("HAPROXY_STARTUP_VERSION", CompatibleVersion(), Environment::kFixed);
  environment->Preset("HAPROXY_BRANCH", kCompatibleBranch, Environment::kFixed);
  environment->Preset("HAPROXY_LOCALPEER", peer, Environment::kFixed);
  for (const FormatVariable& format : kFormatVariables) {
    environment->Preset(format.name, format.text, Environment::kUnlisted);
  }
  // A process that was started by a master would inherit what is not true for it.
  environment->Unset("HAPROXY_MWORKER");
  environment->Unset("HAPROXY_MASTER_CLI");
  environment->Unset("HAPROXY_CLI");
  environment->Unset("HAPROXY_CFGFILES");
}

void PresetLateVariables(const std::vector<std::string>& files,
                         const std::vector<std::string>& stats_sockets, Environment* environment) {
  PresetList("HAPROXY_CFGFILES", files, environment);
  PresetList("HAPROXY_CLI", stats_sockets, environment);
}

void PresetMasterVariables(const std::vector<std::string>& sockets, Environment* environment) {
  environment->Unset("HAPROXY_LOCALPEER");
  environment->Unset("HAPROXY_CLI");
  environment->Preset("HAPROXY_MWORKER", "1", Environment::kFixed);
  PresetList("HAPROXY_MASTER_CLI", sockets, environment);
}

}  // namespace engine
