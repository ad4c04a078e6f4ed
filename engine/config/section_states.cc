// The words of the sections that stand beside proxies (manual 5.3.2 to 12.9), for keyword_states.h.

#include "engine/config/keyword_states.h"

namespace engine {
namespace {

// A section is accepted as long as only words that are refused refer to it: `log-forward` and
// `acme` act by themselves, and are refused whole. The note says what the words wait for.
constexpr Support kWithSection = Support::kTunesOnly;
constexpr Support kRefused = Support::kNotSupportedYet;
constexpr std::string_view kNoResolvers = "with 'resolvers' on a server line";
constexpr std::string_view kNoCache = "with 'http-request cache-use'";
constexpr std::string_view kNoFastCgi = "with 'use-fcgi-app'";
constexpr std::string_view kNoTables = "with 'stick-table'";
constexpr std::string_view kNoTraces = "HAProxy's own subsystems are not here";
constexpr std::string_view kNoMailers = "with 'email-alert'";
constexpr std::string_view kNoChecks = "with 'healthcheck' on a server line";

constexpr KeywordState kSectionStates[] = {
    // resolvers (manual 5.3.2): `resolvers` on a server line is refused.
    {"accepted_payload_size", scope::kResolvers, kWithSection, kNoPrefix, 0, kNoResolvers},
    {"hold", scope::kResolvers, kWithSection, kNoPrefix, 0, kNoResolvers},
    {"nameserver", scope::kResolvers, kWithSection, kNoPrefix, 0, kNoResolvers},
    {"parse-resolv-conf", scope::kResolvers, kWithSection, kNoPrefix, 0, kNoResolvers},
    {"resolve_retries", scope::kResolvers, kWithSection, kNoPrefix, 0, kNoResolvers},
    {"timeout", scope::kResolvers, kWithSection, kNoPrefix, 0, kNoResolvers},
    // cache (manual 6.2.1).
    {"early-hints", scope::kCache, kWithSection, kNoPrefix, 0, kNoCache},
    {"max-age", scope::kCache, kWithSection, kNoPrefix, 0, kNoCache},
    {"max-object-size", scope::kCache, kWithSection, kNoPrefix, 0, kNoCache},
    {"max-secondary-entries", scope::kCache, kWithSection, kNoPrefix, 0, kNoCache},
    {"process-vary", scope::kCache, kWithSection, kNoPrefix, 0, kNoCache},
    {"total-max-size", scope::kCache, kWithSection, kNoPrefix, 0, kNoCache},
    // fcgi-app (manual 10.1.1).
    {"acl", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"docroot", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"index", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"log-stderr", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"pass-header", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"path-info", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"option get-values", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"option keep-conn", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"option max-reqs", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"option mpxs-conns", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    {"set-param", scope::kFcgiApp, kWithSection, kNoPrefix, 0, kNoFastCgi},
    // peers (manual 11.2).
    {"bind", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"default-bind", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"default-server", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"disabled", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"enabled", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"log", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"peer", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"server", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"shards", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    {"table", scope::kPeers, kWithSection, kNoPrefix, 0, kNoTables},
    // traces (manual 12.1).
    {"trace", scope::kTraces, kWithSection, kNoPrefix, 0, kNoTraces},
    // mailers (manual 12.3).
    {"mailer", scope::kMailers, kWithSection, kNoPrefix, 0, kNoMailers},
    {"timeout mail", scope::kMailers, kWithSection, kNoPrefix, 0, kNoMailers},
    // ring (manual 12.5).
    {"backing-file", scope::kRing, Support::kTunesOnly},
    // log-forward (manual 12.6).
    {"backlog", scope::kLogForward, kRefused},
    {"bind", scope::kLogForward, kRefused},
    {"dgram-bind", scope::kLogForward, kRefused},
    {"log", scope::kLogForward, kRefused},
    {"maxconn", scope::kLogForward, kRefused},
    {"option assume-rfc6587-ntf", scope::kLogForward, kRefused},
    {"option dont-parse-log", scope::kLogForward, kRefused},
    {"option host", scope::kLogForward, kRefused},
    {"timeout client", scope::kLogForward, kRefused},
    // The options of `load` (manual 12.7.1).
    {"acme", scope::kCrtLoad, kRefused, kNoPrefix, 1},
    {"bits", scope::kCrtLoad, kRefused, kNoPrefix, 1},
    {"curves", scope::kCrtLoad, kRefused, kNoPrefix, 1},
    {"domains", scope::kCrtLoad, kRefused, kNoPrefix, 1},
    {"ips", scope::kCrtLoad, kRefused, kNoPrefix, 1},
    {"keytype", scope::kCrtLoad, kRefused, kNoPrefix, 1},
    // acme (manual 12.8).
    {"account-key", scope::kAcme, kRefused},
    {"acme-vars", scope::kAcme, kRefused},
    {"bits", scope::kAcme, kRefused},
    {"challenge", scope::kAcme, kRefused},
    {"challenge-ready", scope::kAcme, kRefused},
    {"contact", scope::kAcme, kRefused},
    {"curves", scope::kAcme, kRefused},
    {"directory", scope::kAcme, kRefused},
    {"dns-delay", scope::kAcme, kRefused},
    {"dns-timeout", scope::kAcme, kRefused},
    {"eab-key-id", scope::kAcme, kRefused},
    {"eab-mac-alg", scope::kAcme, kRefused},
    {"eab-mac-key", scope::kAcme, kRefused},
    {"keytype", scope::kAcme, kRefused},
    {"map", scope::kAcme, kRefused},
    {"profile", scope::kAcme, kRefused},
    {"provider-name", scope::kAcme, kRefused},
    {"reuse-key", scope::kAcme, kRefused},
    // healthcheck (manual 12.9).
    {"http-check comment", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check connect", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check disable-on-404", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check expect", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check send", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check send-state", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check set-var", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check set-var-fmt", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"http-check unset-var", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check comment", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check connect", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check expect", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check send", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check send-binary", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check send-binary-lf", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check send-lf", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check set-var", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check set-var-fmt", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"tcp-check unset-var", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
    {"type", scope::kHealthcheck, kWithSection, kNoPrefix, 0, kNoChecks},
};

}  // namespace

std::span<const KeywordState> SectionStates() { return kSectionStates; }

}  // namespace engine
