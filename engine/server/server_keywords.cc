#include "engine/server/server_keywords.h"

#include <climits>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/config/address_words.h"
#include "engine/server/build_context.h"

namespace engine {
namespace {

using scope::kDefaultServer;
using scope::kServer;
using scope::kServers;

template <typename Field>
void AddNumber(BuildKeywords& keywords, const char* words, int64_t low, int64_t high,
               Field ServerConfig::*field) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), low, high), context.server->*field);
  });
}

void AddFlag(BuildKeywords& keywords, const char* words, bool ServerConfig::*field, bool value) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse&) {
    context.server->*field = value;
    return true;
  });
}

// The settings of a server without what names it.
ServerConfig OptionsOf(const ServerConfig& from) {
  ServerConfig options;
  options.text_hash = from.text_hash;
  options.weight = from.weight;
  options.backup = from.backup;
  options.disabled = from.disabled;
  options.maxconn = from.maxconn;
  options.pool_max_conn = from.pool_max_conn;
  options.pool_low_conn = from.pool_low_conn;
  options.pool_purge_delay_ms = from.pool_purge_delay_ms;
  options.max_reuse = from.max_reuse;
  options.minconn = from.minconn;
  options.maxqueue = from.maxqueue;
  options.slowstart_ms = from.slowstart_ms;
  options.hash_key = from.hash_key;
  options.source = from.source;
  options.tcp_user_timeout_ms = from.tcp_user_timeout_ms;
  options.init_address = from.init_address;
  options.cookie = from.cookie;
  options.redirect_prefix = from.redirect_prefix;
  options.send_proxy_v1 = from.send_proxy_v1;
  options.send_proxy_v2 = from.send_proxy_v2;
  options.announce = from.announce;
  options.client_facts = from.client_facts;
  options.check = from.check;
  options.tls = from.tls;
  return options;
}

// `from ORIGIN` at `word`: another server, a default-server, or "none" for the documented defaults.
// Moves `word` behind it.
bool TakeFrom(const BuildContext& context, const KeywordUse& use, size_t& word,
              ServerConfig& options) {
  const Line& line = use.line;
  if (line.text(word) != "from") return true;
  word += 2;
  const std::string_view origin = line.text(word - 1);
  if (word > line.size()) {
    use.diagnostics.Error(line.At(word - 1), "'from' expects the name of a server or 'none'");
    return false;
  }
  if (origin == "none") {
    options = ServerConfig();
    return true;
  }
  const ProxyDraft& proxy = *context.proxy;
  std::vector<std::string_view> names;
  for (const auto& [name, defaults] : proxy.server_defaults) {
    if (name == origin) {
      options = OptionsOf(defaults);
      return true;
    }
    names.push_back(name);
  }
  for (const auto& server : proxy.config->servers) {
    if (server->name == origin) {
      options = OptionsOf(*server);
      return true;
    }
    names.push_back(server->name);
  }
  use.diagnostics.Error(
      line.At(word - 1),
      "no server or default-server is named '" + std::string(origin) + "' before this line",
      Suggest(origin, names));
  return false;
}

bool RunServerOptions(BuildContext& context, const KeywordUse& use, size_t word, Scopes scopes,
                      ServerConfig& server) {
  context.server = &server;
  context.option_id = {};
  const bool good = context.keywords.RunOptions(context, use.line, word, scopes, use.diagnostics);
  context.server = nullptr;
  return good;
}

bool TakeDefaultServer(BuildContext& context, KeywordUse& use) {
  ProxyDraft& proxy = *context.proxy;
  size_t word = use.first_argument;
  std::string name;
  if (use.line.text(word) == "name") {
    if (use.arguments() < 2) return Refuse(use, 1, "'name' expects a name");
    name = use.argument(1);
    word += 2;
    for (const auto& server : proxy.config->servers) {
      if (server->name == name) {
        return Refuse(use, 1, "'" + name + "' is already the name of a server");
      }
    }
  }
  // A second line completes the first one of the same name.
  ServerConfig& options = proxy.server_defaults[name];
  if (!TakeFrom(context, use, word, options)) return false;
  options.text_hash = HashWith(options.text_hash, use.line);
  return RunServerOptions(context, use, word, kDefaultServer, options);
}

// What the name stands for, by the methods of init-addr in turn. Without an error and without a
// family: none is to be had for now.
Parsed<shard::Address> FindAddress(BuildContext& context, const KeywordUse& use,
                                   const AddressWord& word, const ServerConfig& server) {
  if (word.kind != AddressKind::kHost || word.is_literal) return Resolve(context, word);
  std::string error = "no method of 'init-addr' gives an address for '" + word.host + "'";
  for (const AddressSource source : server.init_address.sources) {
    switch (source) {
      case AddressSource::kLast:
        break;  // known later (saved_states.h)
      case AddressSource::kLibc: {
        Parsed<shard::Address> found = Resolve(context, word);
        if (found) return found;
        error = found.error;
        break;
      }
      case AddressSource::kNone:
        return {};
      case AddressSource::kGiven: {
        shard::Address given = server.init_address.given;
        given.port = word.port_low;
        use.diagnostics.Warning(use.line.At(use.first_argument + 1),
                                "server '" + server.name + "': " + error,
                                "it begins with the address of 'init-addr'");
        return {given, {}};
      }
    }
  }
  if (!context.options.resolve_may_fail) return {{}, error};
  use.diagnostics.Warning(use.line.At(use.first_argument + 1),
                          "server '" + server.name + "': " + error,
                          "it stays in maintenance ('-dr')");
  return {};
}

// After the options, which say how to find it. The address is ready to dial then; false when it is
// one that does not work yet, or is wrong.
bool TakeServerAddress(BuildContext& context, const KeywordUse& use, ServerConfig& server) {
  Parsed<AddressWord> word = ParseAddress(use.argument(1), kServerAddress);
  if (!word) return Refuse(use, 1, word.error);
  if (word.value.kind == AddressKind::kHost) {
    server.follows_port = word.value.port_low == 0;
    server.port_offset = word.value.port_offset;
    server.follows_address = word.value.is_literal && word.value.literal.is_wildcard();
    if (!word.value.is_literal) server.host = word.value.host;
  }
  const Parsed<shard::Address> address = FindAddress(context, use, word.value, server);
  if (!address) return Refuse(use, 1, address.error);
  server.address = address.value;
  if (address.value.family == AF_UNSPEC) {
    server.address.port = word.value.port_low;
    server.has_address = false;
    return true;
  }
  MoveUnixPath(std::move(word.value), server.unix_path, server.address);
  server.socket_address_length = server.address.ToSockaddr(&server.socket_address);
  if (server.socket_address_length == 0) {
    return Refuse(use, 1, "this address does not fit a socket address");
  }
  return true;
}

// `init-addr METHOD,...`
bool TakeInitAddress(BuildContext& context, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "'last', 'libc', 'none' or an address")) return false;
  InitAddress init;
  init.sources.clear();
  for (const std::string_view method : base::Split(use.argument(0), ',')) {
    if (method == "last") {
      init.sources.push_back(AddressSource::kLast);
    } else if (method == "libc") {
      init.sources.push_back(AddressSource::kLibc);
    } else if (method == "none") {
      init.sources.push_back(AddressSource::kNone);
    } else {
      const shard::Address address = shard::Address::FromText(method);
      if (!address.is_ip()) {
        return Refuse(use, 0, "unknown method " + InQuotes(method),
                      "it knows 'last', 'libc', 'none' and an address");
      }
      if (init.given.is_ip()) {
        return Refuse(use, 0, "a second address, " + InQuotes(method) + ", would never be used");
      }
      init.given = address;
      init.sources.push_back(AddressSource::kGiven);
    }
  }
  context.server->init_address = std::move(init);
  return true;
}

bool TakeServer(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, SIZE_MAX, "a name and an address")) return false;
  ProxyDraft& proxy = *context.proxy;
  const std::string name(use.argument(0));
  if (const char bad = ForbiddenNameByte(name); bad != '\0') {
    return Refuse(
        use, 0,
        "character '" + std::string(1, bad) + "' is not permitted in a server name '" + name + "'");
  }
  for (const auto& other : proxy.config->servers) {
    if (other->name != name) continue;
    return Refuse(use, 0,
                  "another server named '" + name + "' was already defined at " +
                      other->place.file + ":" + std::to_string(other->place.line));
  }
  ServerConfig options = OptionsOf(proxy.server_defaults[""]);
  size_t word = use.first_argument + 2;
  bool good = TakeFrom(context, use, word, options);
  auto server = std::make_unique<ServerConfig>(options);
  server->name = name;
  server->place = PlaceOf(use.line);
  server->text_hash = HashWith(options.text_hash, use.line);
  server->backend = proxy.config;
  server->index = uint32_t(proxy.config->servers.size());
  good = RunServerOptions(context, use, word, kServer, *server) && good;
  ServerTls said = server->tls;
  said.enabled = options.tls.enabled;
  said.checks = options.tls.checks;
  server->tls.has_own_words = said != options.tls;
  good = TakeServerAddress(context, use, *server) && good;
  proxy.server_ids.push_back(context.option_id);
  proxy.config->servers.push_back(std::move(server));
  return good;
}

}  // namespace

void RegisterServerKeywords(BuildKeywords& keywords) {
  keywords.Add({"server", scope::kBackend | scope::kListen}, TakeServer);
  keywords.Add({"default-server", scope::kDefaults | scope::kBackend | scope::kListen},
               TakeDefaultServer);
  AddNumber(keywords, "weight", 0, 256, &ServerConfig::weight);
  AddNumber(keywords, "maxconn", 0, INT_MAX, &ServerConfig::maxconn);
  AddNumber(keywords, "minconn", 0, INT_MAX, &ServerConfig::minconn);
  AddNumber(keywords, "maxqueue", 0, INT_MAX, &ServerConfig::maxqueue);
  AddFlag(keywords, "backup", &ServerConfig::backup, true);
  AddFlag(keywords, "no-backup", &ServerConfig::backup, false);
  AddFlag(keywords, "disabled", &ServerConfig::disabled, true);
  AddFlag(keywords, "enabled", &ServerConfig::disabled, false);
  keywords.Add({"id", kServer}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    context.option_id = {&use.line, use.first_argument};
    return HasArguments(use, 1, SIZE_MAX, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, INT_MAX), context.server->id);
  });
  keywords.Add({"tcp-ut", kServers}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), context.server->tcp_user_timeout_ms);
  });
  keywords.Add({"slowstart", kServers}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), context.server->slowstart_ms);
  });
  keywords.Add({"init-addr", kServers}, TakeInitAddress);
  // What these take back is not supported yet, so there is never anything to take back.
  for (const char* words : {"no-check-reuse-pool", "no-tfo"}) {
    keywords.Add({words, kServers}, [](BuildContext&, KeywordUse&) { return true; });
  }
}

}  // namespace engine
