#include "engine/server/tls_keywords.h"

#include <algorithm>
#include <climits>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/config/value.h"

namespace engine {
namespace {

using scope::kBind;
using scope::kGlobal;
using scope::kServers;
using tls::Verify;
using tls::Version;

// Where a common word writes to: the words of the line, or of the global section's defaults.
using FindWords = std::function<TlsWords&(BuildContext&)>;

TlsWords& WordsOfBind(BuildContext& context) { return context.bind->tls.words; }
TlsWords& WordsOfServer(BuildContext& context) { return context.server->tls.words; }
GlobalTls& TlsDefaults(BuildContext& context) { return context.configuration.global.tls; }

Parsed<Version> ParseVersion(std::string_view text) {
  constexpr std::string_view kNames[] = {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (text == kNames[i]) return {Version(i), {}};
  }
  return {{}, "expects TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3, not '" + std::string(text) + "'"};
}

// `ssl-min-ver`, `ssl-max-ver`.
bool TakeVersion(const KeywordUse& use, size_t argument, bool is_min, std::optional<Version>& to) {
  if (use.argument(argument) == "SSLv3") {
    if (!is_min) return Refuse(use, argument, "SSLv3 is broken and the library does not speak it");
    use.diagnostics.NoEffect("ssl-min-ver SSLv3", use.line.At(use.first_word),
                             "SSLv3 is not spoken: TLSv1.0 is the lowest version");
    to = Version::kTls10;
    return true;
  }
  const Parsed<Version> version = ParseVersion(use.argument(argument));
  if (!version) return Refuse(use, argument, version.error);
  to = version.value;
  return true;
}

// A word of a line with one argument.
void AddWord(BuildKeywords& keywords, const char* words, Scopes scopes,
             std::function<bool(BuildContext&, const KeywordUse&)> take) {
  keywords.Add({words, scopes}, [take = std::move(take)](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX) && take(context, use);
  });
}

void AddFlag(BuildKeywords& keywords, const char* words, Scopes scopes,
             std::function<void(BuildContext&)> set) {
  keywords.Add({words, scopes}, [set = std::move(set)](BuildContext& context, KeywordUse&) {
    set(context);
    return true;
  });
}

void AddText(BuildKeywords& keywords, const char* words, Scopes scopes, const FindWords& find,
             std::optional<std::string> TlsWords::*field) {
  AddWord(keywords, words, scopes, [=](BuildContext& context, const KeywordUse& use) {
    find(context).*field = std::string(use.argument(0));
    return true;
  });
}

bool RefuseNoProtocols(const KeywordUse& use) {
  return Refuse(use, 0, "expects protocols with ',' between them ('no-alpn' is for none)");
}

// ALPN took its place, and nobody of today speaks it.
bool PassOverNpn(BuildContext&, const KeywordUse& use) {
  if (use.argument(0).empty()) return Refuse(use, 0, "expects protocols with ',' between them");
  use.diagnostics.NoEffect("npn", use.line.At(use.first_word),
                           "'npn' is accepted but has no effect: 'alpn' took its place");
  return true;
}

void AddVersions(BuildKeywords& keywords, Scopes scopes, const FindWords& find) {
  AddWord(keywords, "ssl-min-ver", scopes, [find](BuildContext& context, const KeywordUse& use) {
    return TakeVersion(use, 0, true, find(context).version_min);
  });
  AddWord(keywords, "ssl-max-ver", scopes, [find](BuildContext& context, const KeywordUse& use) {
    return TakeVersion(use, 0, false, find(context).version_max);
  });
  constexpr const char* kOff[] = {"no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13"};
  constexpr const char* kOnly[] = {"force-tlsv10", "force-tlsv11", "force-tlsv12", "force-tlsv13"};
  for (size_t i = 0; i < std::size(kOff); ++i) {
    AddFlag(keywords, kOff[i], scopes,
            [find, i](BuildContext& context) { find(context).versions_off[i] = true; });
    AddFlag(keywords, kOnly[i], scopes, [find, i](BuildContext& context) {
      find(context).version_min = find(context).version_max = Version(i);
    });
  }
  AddFlag(keywords, "no-sslv3", scopes, [](BuildContext&) {});  // there is none
  keywords.Add({"force-sslv3", scopes}, [](BuildContext&, KeywordUse& use) {
    use.diagnostics.Error(use.line.At(use.first_word),
                          "'force-sslv3': SSLv3 is broken and the library does not speak it");
    return false;
  });
}

void AddCommon(BuildKeywords& keywords, Scopes scopes, const FindWords& find) {
  AddVersions(keywords, scopes, find);
  AddText(keywords, "ciphers", scopes, find, &TlsWords::ciphers);
  AddText(keywords, "ciphersuites", scopes, find, &TlsWords::suites);
  AddText(keywords, "curves", scopes, find, &TlsWords::curves);
  AddText(keywords, "sigalgs", scopes, find, &TlsWords::signatures);
  AddText(keywords, "client-sigalgs", scopes, find, &TlsWords::client_signatures);
  AddFlag(keywords, "tls-tickets", scopes,
          [find](BuildContext& context) { find(context).tickets = true; });
  AddFlag(keywords, "no-tls-tickets", scopes,
          [find](BuildContext& context) { find(context).tickets = false; });
}

void AddFiles(BuildKeywords& keywords, const char* words,
              std::vector<std::string> BindTls::*field) {
  AddWord(keywords, words, kBind, [=](BuildContext& context, const KeywordUse& use) {
    (context.bind->tls.*field).emplace_back(use.argument(0));
    return true;
  });
}

void AddCertificates(BuildKeywords& keywords, const char* word, CertificateSource::Kind kind) {
  AddWord(keywords, word, kBind, [=](BuildContext& context, const KeywordUse& use) {
    context.bind->tls.certificates.push_back({kind, std::string(use.argument(0))});
    return true;
  });
}

void RegisterBind(BuildKeywords& keywords) {
  AddFlag(keywords, "ssl", kBind, [](BuildContext& context) { context.bind->tls.enabled = true; });
  AddCommon(keywords, kBind, WordsOfBind);
  AddText(keywords, "ecdhe", kBind, WordsOfBind, &TlsWords::curves);
  AddCertificates(keywords, "crt", CertificateSource::Kind::kFiles);
  AddCertificates(keywords, "default-crt", CertificateSource::Kind::kDefault);
  AddCertificates(keywords, "crt-list", CertificateSource::Kind::kList);
  AddFiles(keywords, "ca-file", &BindTls::ca_files);
  AddFiles(keywords, "ca-verify-file", &BindTls::ca_verify_files);
  AddFiles(keywords, "crl-file", &BindTls::crl_files);
  AddWord(keywords, "alpn", kBind, [](BuildContext& context, const KeywordUse& use) {
    if (use.argument(0).empty()) return RefuseNoProtocols(use);
    context.bind->tls.alpn = std::string(use.argument(0));
    return true;
  });
  AddFlag(keywords, "no-alpn", kBind,
          [](BuildContext& context) { context.bind->tls.alpn = std::string(); });
  AddWord(keywords, "npn", kBind, PassOverNpn);
  AddWord(keywords, "verify", kBind, [](BuildContext& context, const KeywordUse& use) {
    const Parsed<size_t> mode = ParseOneOf(use.argument(0), {"none", "optional", "required"});
    if (!mode) return Refuse(use, 0, mode.error);
    WordsOfBind(context).verify = Verify(mode.value);
    return true;
  });
  AddWord(keywords, "tls-ticket-keys", kBind, [](BuildContext& context, const KeywordUse& use) {
    context.bind->tls.ticket_keys_file = use.argument(0);
    return true;
  });
  AddFlag(keywords, "strict-sni", kBind,
          [](BuildContext& context) { WordsOfBind(context).strict_sni = true; });
  AddFlag(keywords, "no-strict-sni", kBind,
          [](BuildContext& context) { WordsOfBind(context).strict_sni = false; });
  AddFlag(keywords, "prefer-client-ciphers", kBind,
          [](BuildContext& context) { WordsOfBind(context).prefers_client_ciphers = true; });
  AddFlag(keywords, "no-ca-names", kBind,
          [](BuildContext& context) { context.bind->tls.sends_ca_names = false; });
}

// `str(www.example.com)`: the only expression there is so far.
Parsed<std::string> ParseSni(std::string_view text) {
  const bool is_literal = text.starts_with("str(") && text.ends_with(')');
  const std::string_view name = is_literal ? text.substr(4, text.size() - 5) : std::string_view();
  if (!name.empty() && name.size() <= 255 && name.find_first_of(",()\\'\" ") == name.npos) {
    return {std::string(name), {}};
  }
  return {{}, "only a name, as in 'str(www.example.com)', is supported yet"};
}

void RegisterServer(BuildKeywords& keywords) {
  const auto of = [](BuildContext& context) -> ServerTls& { return context.server->tls; };
  AddFlag(keywords, "ssl", kServers, [of](BuildContext& context) { of(context).enabled = true; });
  AddFlag(keywords, "no-ssl", kServers,
          [of](BuildContext& context) { of(context).enabled = false; });
  AddCommon(keywords, kServers, WordsOfServer);
  AddWord(keywords, "verify", kServers, [](BuildContext& context, const KeywordUse& use) {
    const Parsed<size_t> mode = ParseOneOf(use.argument(0), {"none", "required"});
    if (!mode) return Refuse(use, 0, mode.error);
    WordsOfServer(context).verify = mode.value == 0 ? Verify::kNone : Verify::kRequired;
    return true;
  });
  AddWord(keywords, "ca-file", kServers, [of](BuildContext& context, const KeywordUse& use) {
    of(context).ca_files = {std::string(use.argument(0))};
    return true;
  });
  AddWord(keywords, "crl-file", kServers, [of](BuildContext& context, const KeywordUse& use) {
    of(context).crl_files = {std::string(use.argument(0))};
    return true;
  });
  const auto add_text = [&](const char* words, std::string ServerTls::*field) {
    AddWord(keywords, words, kServers, [=](BuildContext& context, const KeywordUse& use) {
      of(context).*field = use.argument(0);
      return true;
    });
  };
  add_text("crt", &ServerTls::certificate);
  AddWord(keywords, "alpn", kServers, [of](BuildContext& context, const KeywordUse& use) {
    if (use.argument(0).empty()) return RefuseNoProtocols(use);
    of(context).alpn = use.argument(0);
    return true;
  });
  add_text("verifyhost", &ServerTls::verify_host);
  AddWord(keywords, "npn", kServers, PassOverNpn);
  AddFlag(keywords, "no-verifyhost", kServers,
          [of](BuildContext& context) { of(context).verify_host.clear(); });
  AddWord(keywords, "sni", kServers, [of](BuildContext& context, const KeywordUse& use) {
    return TakeArgument(use, 0, ParseSni(use.argument(0)), of(context).sni);
  });
  AddFlag(keywords, "sni-auto", kServers,
          [of](BuildContext& context) { of(context).sni_auto = true; });
  AddFlag(keywords, "no-sni-auto", kServers,
          [of](BuildContext& context) { of(context).sni_auto = false; });
  AddFlag(keywords, "check-ssl", kServers,
          [of](BuildContext& context) { of(context).checks = true; });
  AddFlag(keywords, "no-check-ssl", kServers,
          [of](BuildContext& context) { of(context).checks = false; });
  AddWord(keywords, "check-sni", kServers, [](BuildContext& context, const KeywordUse& use) {
    context.server->check.sni = use.argument(0);
    return true;
  });
  AddFlag(keywords, "check-sni-auto", kServers,
          [](BuildContext& context) { context.server->check.sni_auto = true; });
  AddFlag(keywords, "no-check-sni-auto", kServers,
          [](BuildContext& context) { context.server->check.sni_auto = false; });
  AddWord(keywords, "check-alpn", kServers, [of](BuildContext& context, const KeywordUse& use) {
    if (use.argument(0).empty()) return RefuseNoProtocols(use);
    of(context).check_alpn = std::string(use.argument(0));
    return true;
  });
  AddFlag(keywords, "ssl-reuse", kServers,
          [of](BuildContext& context) { of(context).reuses_sessions = true; });
  AddFlag(keywords, "no-ssl-reuse", kServers,
          [of](BuildContext& context) { of(context).reuses_sessions = false; });
}

// ssl-default-bind-options, ssl-default-server-options: words of the lines (manual 3.1).
bool TakeDefaultOptions(const KeywordUse& use, bool of_bind, TlsWords& words) {
  constexpr std::string_view kVersions[] = {"tlsv10", "tlsv11", "tlsv12", "tlsv13"};
  for (size_t i = 0; i < use.arguments(); ++i) {
    const std::string_view word = use.argument(i);
    if (word == "ssl-min-ver" || word == "ssl-max-ver") {
      const bool is_min = word == "ssl-min-ver";
      if (++i == use.arguments()) return Refuse(use, i - 1, "expects a version after this");
      if (!TakeVersion(use, i, is_min, is_min ? words.version_min : words.version_max)) {
        return false;
      }
      continue;
    }
    bool known = word == "no-sslv3";
    for (size_t version = 0; version < std::size(kVersions); ++version) {
      const std::string name(kVersions[version]);
      if (word == "no-" + name) known = words.versions_off[version] = true;
      if (word == "force-" + name) {
        words.version_min = words.version_max = Version(version);
        known = true;
      }
    }
    if (word == "no-tls-tickets" || word == "tls-tickets") {
      words.tickets = word == "tls-tickets";
      known = true;
    }
    if (of_bind && (word == "strict-sni" || word == "no-strict-sni")) {
      words.strict_sni = word == "strict-sni";
      known = true;
    }
    if (of_bind && word == "prefer-client-ciphers")
      known = (words.prefers_client_ciphers = true, true);
    if (!known) return Refuse(use, i, "'" + std::string(word) + "' is not supported here");
  }
  return true;
}

void AddDefaults(BuildKeywords& keywords, const std::string& prefix, bool of_bind) {
  TlsWords GlobalTls::*const words = of_bind ? &GlobalTls::bind : &GlobalTls::server;
  keywords.Add({prefix + "-options", kGlobal}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, SIZE_MAX, "an option") &&
           TakeDefaultOptions(use, of_bind, TlsDefaults(context).*words);
  });
  const auto add_text = [&](const char* ending, std::optional<std::string> TlsWords::*field) {
    keywords.Add({prefix + ending, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
      if (!HasArguments(use, 1, 1, "a list")) return false;
      TlsDefaults(context).*words.*field = std::string(use.argument(0));
      return true;
    });
  };
  add_text("-ciphers", &TlsWords::ciphers);
  add_text("-ciphersuites", &TlsWords::suites);
  add_text("-curves", &TlsWords::curves);
  add_text("-sigalgs", &TlsWords::signatures);
  add_text("-client-sigalgs", &TlsWords::client_signatures);
}

void AddGlobalNumber(BuildKeywords& keywords, const char* words, int64_t high,
                     uint32_t GlobalTls::*field) {
  keywords.Add({words, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 0, high),
                        TlsDefaults(context).*field);
  });
}

// "ALL:!NAME", "NAME:NAME" (manual 3.1, jwt.decrypt_alg_list).
void AddNameList(BuildKeywords& keywords, const char* words,
                 std::span<const std::string_view> names, uint32_t GlobalTls::*field) {
  keywords.Add({words, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1, "names with ':' between them")) return false;
    uint32_t& set = TlsDefaults(context).*field;
    set = 0;
    std::string_view rest = use.argument(0);
    while (true) {
      const size_t colon = rest.find(':');
      const std::string_view one = rest.substr(0, colon);
      const bool excludes = one.starts_with('!');
      const std::string_view name = one.substr(excludes ? 1 : 0);
      const auto found = std::find(names.begin(), names.end(), name);
      if (name != "ALL" && found == names.end()) {
        std::string list = "'ALL'";
        for (const std::string_view known : names) list += ", " + InQuotes(known);
        return Refuse(use, 0,
                      "has no algorithm " + InQuotes(name) + ": one of " + list + " is expected");
      }
      const uint32_t bits =
          name == "ALL" ? (1u << names.size()) - 1 : 1u << size_t(found - names.begin());
      set = excludes ? set & ~bits : set | bits;
      if (colon == rest.npos) return true;
      rest.remove_prefix(colon + 1);
    }
  });
}

// "none", "all", or names of what is looked for; each line says all of it anew.
bool TakeExtraFiles(const KeywordUse& use, ExtraFiles& extra) {
  const bool replaces_crt = extra.replaces_crt;
  extra = {false, false, false, false, false, replaces_crt};
  bool* const kinds[] = {&extra.bundle, &extra.timestamps, &extra.ocsp, &extra.issuer, &extra.key};
  for (size_t i = 0; i < use.arguments(); ++i) {
    const Parsed<size_t> kind =
        ParseOneOf(use.argument(i), {"none", "all", "bundle", "sctl", "ocsp", "issuer", "key"});
    if (!kind) return Refuse(use, i, kind.error);
    if (kind.value < 2 && use.arguments() > 1) {
      return Refuse(use, i, "'none' and 'all' stand alone");
    }
    if (kind.value >= 2) *kinds[kind.value - 2] = true;
    if (kind.value == 1) extra = {.replaces_crt = replaces_crt};
  }
  return true;
}

void RegisterExtraFiles(BuildKeywords& keywords) {
  keywords.Add({"ssl-load-extra-files", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, SIZE_MAX,
                        "'none', 'all', or some of 'bundle', 'sctl', 'ocsp', "
                        "'issuer' and 'key'") &&
           TakeExtraFiles(use, TlsDefaults(context).extra_files);
  });
  keywords.Add({"ssl-load-extra-del-ext", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    TlsDefaults(context).extra_files.replaces_crt = true;
    return HasArguments(use, 0, 0);
  });
}

void RegisterGlobal(BuildKeywords& keywords) {
  RegisterExtraFiles(keywords);
  AddNameList(keywords, "jwt.decrypt_alg_list", kJweAlgorithmNames, &GlobalTls::jwe_algorithms);
  AddNameList(keywords, "jwt.decrypt_enc_list", kJweEncryptionNames, &GlobalTls::jwe_encryptions);
  AddDefaults(keywords, "ssl-default-bind", true);
  AddDefaults(keywords, "ssl-default-server", false);
  const auto add_base = [&](const char* words, std::string GlobalTls::*field) {
    keywords.Add({words, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
      if (!HasArguments(use, 1, 1, "a folder")) return false;
      TlsDefaults(context).*field = use.argument(0);
      return true;
    });
  };
  add_base("ca-base", &GlobalTls::ca_base);
  add_base("crt-base", &GlobalTls::crt_base);
  add_base("key-base", &GlobalTls::key_base);
  keywords.Add({"ssl-server-verify", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    const Parsed<size_t> mode = ParseOneOf(use.argument(0), {"none", "required"});
    return HasArguments(use, 1, 1, "'none' or 'required'") &&
           TakeArgument(use, 0, mode, TlsDefaults(context).verifies_servers);
  });
  AddGlobalNumber(keywords, "maxsslconn", INT_MAX, &GlobalTls::connections_max);
  AddGlobalNumber(keywords, "maxsslrate", INT_MAX, &GlobalTls::sessions_per_second);
  AddGlobalNumber(keywords, "tune.ssl.maxrecord", INT_MAX, &GlobalTls::first_record_bytes);
  AddGlobalNumber(keywords, "tune.ssl.hard-maxrecord", INT_MAX, &GlobalTls::record_bytes_max);
  for (const char* words : {"tune.ssl.capture-buffer-size", "tune.ssl.capture-cipherlist-size"}) {
    AddGlobalNumber(keywords, words, 65536, &GlobalTls::capture_bytes);
  }
  keywords.Add({"tune.ssl.keylog", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "'on' or 'off'") &&
           TakeArgument(use, 0, ParseOnOff(use.argument(0)), TlsDefaults(context).keeps_secrets);
  });
  // Each shard keeps as many as it does; whether it keeps any is what changes something.
  keywords.Add({"tune.ssl.cachesize", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    uint32_t blocks = 0;
    if (!HasArguments(use, 1, 1, "an integer") ||
        !TakeArgument(use, 0, ParseInteger(use.argument(0), 0, INT_MAX), blocks)) {
      return false;
    }
    TlsDefaults(context).keeps_sessions = blocks != 0;
    return true;
  });
  keywords.Add({"tune.ssl.lifetime", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time") &&
           TakeArgument(use, 0, ParseTime(use.argument(0), TimeUnit::kSecond, TimeUnit::kSecond),
                        TlsDefaults(context).session_lifetime_s);
  });
}

}  // namespace

void RegisterTlsKeywords(BuildKeywords& keywords) {
  RegisterBind(keywords);
  RegisterServer(keywords);
  RegisterGlobal(keywords);
}

}  // namespace engine
