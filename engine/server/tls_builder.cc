#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "engine/server/crt_store_keywords.h"
#include "engine/server/rule_config.h"
#include "engine/server/tls_files.h"
#include "engine/server/tls_keywords.h"
#include "tls/context.h"
#include "tls/names.h"
#include "tls/tickets.h"

namespace engine {
namespace {

using tls::Verify;
using tls::Version;

// `@system-ca` (manual 5.2, ca-file).
std::string SystemAuthorities() {
  const char* folder = std::getenv("SSL_CERT_DIR");
  return folder != nullptr && *folder != '\0' ? folder : "/etc/ssl/certs/ca-certificates.crt";
}

template <typename T>
const std::optional<T>& First(const std::optional<T>& line, const std::optional<T>& defaults) {
  return line.has_value() ? line : defaults;
}

bool NeedsCheckContext(const ServerConfig& server) {
  if (!server.check.enabled) return false;
  if (server.check.over_tls) return true;
  const CheckRules* rules = server.backend->checks.get();
  return rules != nullptr && std::any_of(rules->rules.begin(), rules->rules.end(),
                                         [](const CheckRule& rule) { return rule.over_tls; });
}

// Whether HTTP may have to be spoken with the clients of `frontend`: also in mode tcp, where a rule
// or a backend makes HTTP of a connection (manual 4; 4.4, switch-mode). A backend whose name is
// made for each stream is not known here.
bool MaySpeakHttp(const ProxyConfig& frontend) {
  const auto is_http = [](const ProxyConfig* proxy) {
    return proxy != nullptr && proxy->mode == Mode::kHttp;
  };
  if (is_http(&frontend) || is_http(frontend.default_backend)) return true;
  const ProxyRules* rules = frontend.rules.get();
  return rules != nullptr &&
         (rules->SwitchesMode() ||
          std::any_of(rules->use_backend.begin(), rules->use_backend.end(),
                      [&](const BackendRule& rule) { return is_http(rule.backend); }));
}

bool ChecksSpeakHttp(const ServerConfig& server) {
  const CheckRules* rules = server.backend->checks.get();
  return rules != nullptr && rules->kind == CheckKind::kHttp;
}

// Makes contexts of the lines, and reports at each line what does not work.
class TlsBuilder {
 public:
  explicit TlsBuilder(BuildContext& context)
      : context_(context),
        global_(context.configuration.global.tls),
        files_(global_.crt_base, global_.key_base, global_.extra_files) {}

  void LoadStores();
  void FinishBind(BindConfig& bind);
  void FinishServer(ServerConfig& server);
  // Without `ssl`: what is named has to be there all the same, as HAProxy wants it.
  void FinishPlain(const BindConfig& bind);
  void FinishPlain(const ServerConfig& server);
  void TellWarnings(const SourcePlace& place);
  void TellOfVerifyHost(const ServerConfig& server, Verify verify);

 private:
  bool Refuse(const SourcePlace& place, const std::string& what, const std::string& error) {
    context_.diagnostics.Error(At(place), what + ": " + error);
    return false;
  }
  bool TakeVersions(const TlsWords& line, const TlsWords& defaults, tls::Options* options,
                    std::string* error);
  bool TakeNames(const TlsWords& line, const TlsWords& defaults, tls::Options* options,
                 std::string* error);
  bool TakeSignatures(const std::optional<std::string>& given, std::vector<uint16_t>* kinds,
                      std::string* error);
  // One warning per run for each name that the library does not know.
  void TellUnknown(const char* kind, const std::vector<std::string>& names);
  bool TakeTrust(const std::vector<std::string>& paths, std::vector<tls::NamedText>* texts,
                 std::string* error);
  bool TakeRevocations(const std::vector<std::string>& paths, std::vector<tls::NamedText>* texts,
                       std::string* error);
  bool TakeAlpn(const std::string& list, bool speaks_http, tls::Options* options,
                std::string* error);
  bool TakeCommon(const TlsWords& line, const TlsWords& defaults, bool is_bind,
                  tls::Options* options, std::string* error);
  bool LoadCertificates(const BindTls& words, tls::CertStore* store, std::string* error);
  void TellUseless(const SourcePlace& place, const std::string& what);

  BuildContext& context_;
  const GlobalTls& global_;
  TlsFiles files_;
  size_t warnings_told_ = 0;
  SourcePlace place_;
};

bool TlsBuilder::TakeVersions(const TlsWords& line, const TlsWords& defaults, tls::Options* options,
                              std::string* error) {
  options->version_min = First(line.version_min, defaults.version_min).value_or(Version::kTls12);
  options->version_max = First(line.version_max, defaults.version_max).value_or(Version::kTls13);
  // A range has no holes: versions are taken away from its ends.
  const auto off = [&](Version version) {
    return line.versions_off[size_t(version)] || defaults.versions_off[size_t(version)];
  };
  int low = int(options->version_min);
  int high = int(options->version_max);
  while (low <= high && off(Version(low))) ++low;
  while (low <= high && off(Version(high))) --high;
  if (low > high) {
    *error = "no version of TLS is left";
    return false;
  }
  options->version_min = Version(low);
  options->version_max = Version(high);
  for (int version = low; version <= high; ++version) {
    if (!off(Version(version))) continue;
    *error =
        "versions of TLS cannot be left out from the middle: use 'ssl-min-ver' and 'ssl-max-ver'";
    return false;
  }
  return true;
}

void TlsBuilder::TellUnknown(const char* kind, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    context_.diagnostics.NoEffect(
        "tls " + name, At(place_),
        std::string(kind) + " '" + name + "' is not known to the TLS library and is skipped");
  }
}

bool TlsBuilder::TakeNames(const TlsWords& line, const TlsWords& defaults, tls::Options* options,
                           std::string* error) {
  const auto take = [&](const std::optional<std::string>& given, const char* kind,
                        tls::NameList (*filter)(std::string_view), std::string* to) {
    if (!given.has_value()) return true;
    const tls::NameList list = filter(*given);
    TellUnknown(kind, list.unknown);
    *to = list.text;
    if (!list.text.empty()) return true;
    *error = "no " + std::string(kind) + " of '" + *given + "' is known to the TLS library";
    return false;
  };
  std::string suites;
  if (!take(First(line.ciphers, defaults.ciphers), "cipher", tls::FilterCiphers,
            &options->ciphers) ||
      !take(First(line.suites, defaults.suites), "cipher suite", tls::FilterSuites, &suites) ||
      !take(First(line.curves, defaults.curves), "curve", tls::FilterCurves, &options->curves)) {
    return false;
  }
  const size_t named =
      suites.empty() ? 0 : size_t(std::count(suites.begin(), suites.end(), ':')) + 1;
  if (named != 0 && named < 3) {
    context_.diagnostics.NoEffect("tls ciphersuites", At(place_),
                                  "'ciphersuites' is accepted, but the TLS library always offers "
                                  "its three suites of TLS 1.3");
  }
  return true;
}

bool TlsBuilder::TakeSignatures(const std::optional<std::string>& given,
                                std::vector<uint16_t>* kinds, std::string* error) {
  if (!given.has_value()) return true;
  tls::SignatureList list = tls::FilterSignatures(*given);
  TellUnknown("signature algorithm", list.unknown);
  *kinds = std::move(list.kinds);
  if (!kinds->empty()) return true;
  *error = "no signature algorithm of '" + *given + "' is known to the TLS library";
  return false;
}

bool TlsBuilder::TakeTrust(const std::vector<std::string>& paths,
                           std::vector<tls::NamedText>* texts, std::string* error) {
  std::vector<std::string> warnings;
  for (const std::string& path : paths) {
    const std::string full =
        path == "@system-ca" ? SystemAuthorities() : BelowBase(global_.ca_base, path);
    if (!ReadAuthorities(full, texts, &warnings, error)) return false;
  }
  for (const std::string& warning : warnings) context_.diagnostics.Warning(At(place_), warning);
  return true;
}

bool TlsBuilder::TakeRevocations(const std::vector<std::string>& paths,
                                 std::vector<tls::NamedText>* texts, std::string* error) {
  for (const std::string& path : paths) {
    tls::NamedText text;
    if (!ReadTlsFile(BelowBase(global_.ca_base, path), &text, error)) return false;
    texts->push_back(std::move(text));
  }
  return true;
}

// HTTP/2 is not spoken yet, so it is not offered where it would have to be; who passes bytes offers
// what the ends behind it speak.
bool TlsBuilder::TakeAlpn(const std::string& list, bool speaks_http, tls::Options* options,
                          std::string* error) {
  bool leaves_out_h2 = false;
  options->alpn.clear();
  for (size_t from = 0; from <= list.size();) {
    const size_t comma = std::min(list.find(',', from), list.size());
    const std::string protocol = list.substr(from, comma - from);
    from = comma + 1;
    if (protocol.empty()) {
      context_.diagnostics.NoEffect(
          "alpn " + list, At(place_),
          "'alpn " + list + "': a protocol without a name is left out of the list");
    } else if (protocol == "h2" && speaks_http) {
      leaves_out_h2 = true;
    } else {
      options->alpn.push_back(protocol);
    }
  }
  if (options->alpn.empty()) {
    *error = leaves_out_h2 ? "'alpn h2' is not supported yet: HTTP/2 is not spoken"
                           : "'alpn " + list + "' names no protocol";
    return false;
  }
  if (!leaves_out_h2) return true;
  context_.diagnostics.NoEffect("alpn h2", At(place_),
                                "'h2' is left out of 'alpn': HTTP/2 is not supported yet");
  return true;
}

bool TlsBuilder::TakeCommon(const TlsWords& line, const TlsWords& defaults, bool is_bind,
                            tls::Options* options, std::string* error) {
  options->tickets = First(line.tickets, defaults.tickets).value_or(true);
  options->first_record_bytes = global_.first_record_bytes;
  options->record_bytes_max = global_.record_bytes_max;
  options->keeps_secrets = global_.keeps_secrets;
  options->session_lifetime_s = global_.session_lifetime_s;
  // `client-sigalgs` is about what a client signs with: a bind's clients, or ourselves towards a
  // server. Without it `sigalgs` says that, too (SSL_CTX_set1_client_sigalgs(3)).
  const auto& of_server = First(line.signatures, defaults.signatures);
  const auto& given = First(line.client_signatures, defaults.client_signatures);
  const auto& of_client = given.has_value() ? given : of_server;
  return TakeVersions(line, defaults, options, error) &&
         TakeNames(line, defaults, options, error) &&
         TakeSignatures(is_bind ? of_server : of_client, &options->signs_with, error) &&
         TakeSignatures(is_bind ? of_client : of_server, &options->verifies, error);
}

bool TlsBuilder::LoadCertificates(const BindTls& words, tls::CertStore* store, std::string* error) {
  // In the order of the line: what comes first is the default.
  for (const CertificateSource& source : words.certificates) {
    switch (source.kind) {
      case CertificateSource::Kind::kFiles:
        if (!files_.AddTo(*store, source.path, error)) return false;
        break;
      case CertificateSource::Kind::kDefault: {
        const TlsFiles::Certificates all = files_.Load(source.path, error);
        if (all.empty()) return false;
        store->AddDefaults(all);
        break;
      }
      case CertificateSource::Kind::kList:
        if (!files_.AddList(*store, source.path, error)) return false;
        break;
    }
  }
  return true;
}

void TlsBuilder::LoadStores() {
  for (const CrtStore& store : global_.stores) {
    for (const CertificateWords& words : store.loads) {
      std::string error;
      if (!files_.AddLoad(store, words, &error)) (void)Refuse(words.place, "'load'", error);
      TellWarnings(words.place);
    }
  }
}

void TlsBuilder::FinishBind(BindConfig& bind) {
  const BindTls& words = bind.tls;
  const std::string what = "'bind'";
  place_ = bind.place;
  std::string error;
  tls::Options options;
  tls::CertStore store;
  const TlsWords& defaults = global_.bind;
  options.capture_bytes = global_.capture_bytes;
  options.verify = words.words.verify.value_or(Verify::kNone);
  options.sends_ca_names = words.sends_ca_names;
  options.reuses_sessions = global_.keeps_sessions;
  options.prefers_client_ciphers =
      First(words.words.prefers_client_ciphers, defaults.prefers_client_ciphers).value_or(false);
  store.SetStrict(First(words.words.strict_sni, defaults.strict_sni).value_or(false));
  bool good = TakeCommon(words.words, defaults, true, &options, &error);
  // The manual's default of mode http is h2,http/1.1; what of it works goes without saying.
  const std::string alpn =
      words.alpn.value_or(bind.frontend->mode == Mode::kHttp ? "http/1.1" : "");
  good = good && (alpn.empty() || TakeAlpn(alpn, MaySpeakHttp(*bind.frontend), &options, &error));
  if (good && options.verify != Verify::kNone) {
    if (words.ca_files.empty() && words.ca_verify_files.empty()) {
      error = "'verify' needs a 'ca-file'";
      good = false;
    }
  }
  good = good && TakeTrust(words.ca_files, &options.trust, &error) &&
         TakeTrust(words.ca_verify_files, &options.verify_only, &error) &&
         TakeRevocations(words.crl_files, &options.revocations, &error);
  if (good && !words.ticket_keys_file.empty()) {
    tls::NamedText file;
    good = ReadTlsFile(words.ticket_keys_file, &file, &error) &&
           tls::ParseTicketKeys(file, &options.ticket_keys, &error);
  }
  good = good && LoadCertificates(words, &store, &error);
  if (good && store.empty()) {
    error = "no certificate is given for this line with 'ssl' (use 'crt')";
    good = false;
  }
  TellWarnings(bind.place);
  if (good) {
    bind.tls_context = tls::Context::MakeServer(std::move(options), std::move(store), &error);
    good = bind.tls_context != nullptr;
  }
  if (!good) (void)Refuse(bind.place, what, error);
}

void TlsBuilder::FinishServer(ServerConfig& server) {
  const ServerTls& words = server.tls;
  const std::string what = "server '" + server.name + "'";
  place_ = server.place;
  std::string error;
  tls::Options options;
  const bool verifies_by_default = global_.verifies_servers;
  options.verify =
      words.words.verify.value_or(verifies_by_default ? Verify::kRequired : Verify::kNone);
  options.reuses_sessions = words.reuses_sessions;
  const bool speaks_http = server.backend->mode == Mode::kHttp;
  bool good = TakeCommon(words.words, global_.server, false, &options, &error) &&
              (words.alpn.empty() || TakeAlpn(words.alpn, speaks_http, &options, &error));
  if (good && options.verify != Verify::kNone) {
    if (words.ca_files.empty()) {
      error =
          "'ssl' verifies the server's certificate, which needs a 'ca-file' ('@system-ca' for "
          "the system's); 'verify none' trusts anybody";
      good = false;
    }
  }
  good = good && TakeTrust(words.ca_files, &options.trust, &error) &&
         TakeRevocations(words.crl_files, &options.revocations, &error);
  TellOfVerifyHost(server, options.verify);
  std::shared_ptr<const tls::Certificate> certificate;
  if (good && !words.certificate.empty()) {
    certificate = files_.LoadOne(words.certificate, &error);
    good = certificate != nullptr;
  }
  TellWarnings(server.place);
  if (good && NeedsCheckContext(server)) {
    // Of their own, so that checks and traffic do not resume each other's sessions.
    tls::Options of_checks = options;
    const std::string alpn = words.check_alpn.value_or(words.alpn);
    if (!alpn.empty() && !TakeAlpn(alpn, ChecksSpeakHttp(server), &of_checks, &error)) {
      error += " (of its checks: 'check-alpn' is theirs alone)";
      good = false;
    }
    if (good) {
      server.check_tls_context =
          tls::Context::MakeClient(std::move(of_checks), certificate, words.verify_host, &error);
      good = server.check_tls_context != nullptr;
    }
  }
  if (good && words.enabled) {
    server.tls_context =
        tls::Context::MakeClient(std::move(options), certificate, words.verify_host, &error);
    good = server.tls_context != nullptr;
  }
  if (!good) (void)Refuse(server.place, what, error);
}

// The name of SNI goes before `verifyhost` (manual 5.2, verify), and by default it is the client's
// choice.
void TlsBuilder::TellOfVerifyHost(const ServerConfig& server, Verify verify) {
  const ServerTls& words = server.tls;
  const bool both = words.enabled && verify != Verify::kNone && !words.verify_host.empty() &&
                    words.sni.empty() && words.sni_auto && server.backend->mode == Mode::kHttp;
  if (!both) return;
  context_.diagnostics.Warning(
      At(server.place), "server '" + server.name + "': 'verifyhost " + words.verify_host +
                            "' holds only for requests without a name in their Host field; else "
                            "that name is asked for by SNI and verified ('no-sni-auto' leaves it "
                            "to 'verifyhost')");
}

void TlsBuilder::TellUseless(const SourcePlace& place, const std::string& what) {
  context_.diagnostics.NoEffect(
      "tls of " + place.file + ":" + std::to_string(place.line), At(place),
      what + ": what this line says about TLS has no effect without 'ssl'");
}

void TlsBuilder::FinishPlain(const BindConfig& bind) {
  const BindTls& words = bind.tls;
  if (words == BindTls()) return;
  tls::CertStore store;
  std::vector<tls::NamedText> trust;
  tls::NamedText keys;
  std::string error;
  const bool good =
      TakeTrust(words.ca_files, &trust, &error) &&
      TakeTrust(words.ca_verify_files, &trust, &error) &&
      TakeRevocations(words.crl_files, &trust, &error) &&
      (words.ticket_keys_file.empty() || ReadTlsFile(words.ticket_keys_file, &keys, &error)) &&
      LoadCertificates(words, &store, &error);
  if (!good) return (void)Refuse(bind.place, "'bind'", error);
  TellUseless(bind.place, "'bind'");
}

// A certificate for the server is not asked for, as with HAProxy 2.6.
void TlsBuilder::FinishPlain(const ServerConfig& server) {
  std::vector<tls::NamedText> trust;
  std::string error;
  const std::string what = "server '" + server.name + "'";
  if (!TakeTrust(server.tls.ca_files, &trust, &error) ||
      !TakeRevocations(server.tls.crl_files, &trust, &error)) {
    return (void)Refuse(server.place, what, error);
  }
  if (server.tls.has_own_words) TellUseless(server.place, what);
}

void TlsBuilder::TellWarnings(const SourcePlace& place) {
  const std::vector<std::string>& warnings = files_.warnings();
  while (warnings_told_ < warnings.size()) {
    context_.diagnostics.Warning(At(place), warnings[warnings_told_++]);
  }
  if (files_.wants_ocsp_updates()) TellOfOcspUpdate(context_.diagnostics, At(place));
}

}  // namespace

void FinishTls(BuildContext& context) {
  TlsBuilder builder(context);
  builder.LoadStores();
  const auto finish = [&](ProxyConfig& proxy) {
    for (const auto& bind : proxy.binds) {
      bind->tls.enabled ? builder.FinishBind(*bind) : builder.FinishPlain(*bind);
    }
    for (const auto& server : proxy.servers) {
      // Unless they go elsewhere checks go as the traffic does (manual 5.2, check-ssl).
      const CheckTarget& target = server->check.target;
      const bool checks_here = target.port == 0 && target.address.family == AF_UNSPEC;
      server->check.over_tls = server->tls.checks.value_or(server->tls.enabled && checks_here);
      const bool speaks_tls = server->tls.enabled || NeedsCheckContext(*server);
      speaks_tls ? builder.FinishServer(*server) : builder.FinishPlain(*server);
    }
  };
  for (const auto& proxy : context.configuration.proxies) finish(*proxy);
  if (context.stats_proxy != nullptr) finish(*context.stats_proxy);
}

}  // namespace engine
