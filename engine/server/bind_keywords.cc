#include "engine/server/bind_keywords.h"

#include <climits>
#include <memory>
#include <string>
#include <utility>

#include "engine/config/address_words.h"
#include "engine/server/build_context.h"
#include "engine/server/process_keywords.h"

namespace engine {
namespace {

using scope::kBind;

// An option with one argument. `next` is moved first, so that the words after a bad value are still
// looked at.
void AddOption(BuildKeywords& keywords, const char* words,
               std::function<bool(BindConfig&, const KeywordUse&)> take) {
  keywords.Add({words, kBind}, [take = std::move(take)](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX)) return false;
    return take(*context.bind, use);
  });
}

template <typename Field>
void AddNumber(BuildKeywords& keywords, const char* words, int64_t low, int64_t high,
               Field BindConfig::*field) {
  AddOption(keywords, words, [=](BindConfig& bind, const KeywordUse& use) {
    return TakeArgument(use, 0, ParseInteger(use.argument(0), low, high), bind.*field);
  });
}

void AddFlag(BuildKeywords& keywords, const char* words, bool BindConfig::*field) {
  keywords.Add({words, kBind}, [=](BuildContext& context, KeywordUse&) {
    context.bind->*field = true;
    return true;
  });
}

// Manual 5.1, mss: what is advertised, or by how much less than the client's is sent.
bool TakeMss(BindConfig& bind, const KeywordUse& use) {
  constexpr int kMssMax = 65535;
  if (!TakeArgument(use, 0, ParseInteger(use.argument(0), -kMssMax, kMssMax), bind.mss)) {
    return false;
  }
  return bind.mss != 0 || Refuse(use, 0, "expects 1 to 65535 bytes, or -1 to -65535");
}

bool TakeMode(BindConfig& bind, const KeywordUse& use) {
  return TakeArgument(use, 0, ParseFileMode(use.argument(0)), bind.mode);
}

bool TakeShards(BindConfig& bind, const KeywordUse& use) {
  const std::string_view text = use.argument(0);
  if (text == "by-thread") {
    bind.shards = 0;
    return true;
  }
  if (text == "by-group") {  // there is one group
    bind.shards = 1;
    return true;
  }
  return TakeArgument(use, 0, ParseInteger(text, 1, INT_MAX), bind.shards);
}

// One BindAddress per address and port.
bool TakeAddress(BuildContext& context, const KeywordUse& use, std::string_view text,
                 BindConfig& bind) {
  Parsed<AddressWord> word = ParseAddress(text, kBindAddress);
  if (!word) return Refuse(use, 0, word.error);
  // Not for a `stats socket`: tools look for it where the file says.
  if (word.value.kind == AddressKind::kUnix && !bind.frontend->is_internal) {
    word.value.path.insert(0, context.configuration.global.unix_bind.prefix);
    if (word.value.path.size() > kUnixPathBytesMax) {
      return Refuse(use, 0,
                    "socket path " + InQuotes(word.value.path) +
                        " too long with the prefix of "
                        "'unix-bind' (max " +
                        std::to_string(kUnixPathBytesMax) + ")");
    }
  }
  const Parsed<shard::Address> address = Resolve(context, word.value);
  if (!address) return Refuse(use, 0, address.error);
  sockaddr_storage unused;
  if (word.value.kind != AddressKind::kFd && address.value.ToSockaddr(&unused) == 0) {
    return Refuse(use, 0, "this address does not fit a socket address");
  }
  for (uint32_t port = word.value.port_low; port <= word.value.port_high; ++port) {
    BindAddress one;
    one.address = address.value;
    one.address.port = uint16_t(port);
    one.inherited_fd = word.value.fd;
    one.unix_path = word.value.path;
    bind.addresses.push_back(std::move(one));
  }
  return true;
}

bool TakeBind(BuildContext& context, KeywordUse& use) {
  context.proxy->has_bind_line = true;
  if (!HasArguments(use, 1, SIZE_MAX, "an address such as ':80' or '/path'")) return false;
  bool good = true;
  WordPlace id;
  context.proxy->config->binds.push_back(
      ReadBind(context, use, *context.proxy->config, &id, &good));
  context.proxy->bind_ids.push_back(id);
  return good;
}

}  // namespace

Parsed<int> ParseFileMode(std::string_view text) {
  int mode = 0;
  const bool is_octal = !text.empty() && text.size() <= 5 &&
                        text.find_first_not_of("01234567") == std::string_view::npos;
  if (is_octal) mode = std::stoi(std::string(text), nullptr, 8);
  if (is_octal && mode <= 07777) return {mode, {}};
  return {0, "expects an octal mode such as 660, not '" + std::string(text) + "'"};
}

std::unique_ptr<BindConfig> ReadBind(BuildContext& context, KeywordUse& use, ProxyConfig& frontend,
                                     WordPlace* id, bool* good) {
  auto bind = std::make_unique<BindConfig>();
  bind->place = PlaceOf(use.line);
  bind->text_hash = HashWith(0, use.line, use.first_argument + 1);
  bind->frontend = &frontend;
  for (const std::string_view text : SplitAddressList(use.argument(0))) {
    *good = TakeAddress(context, use, text, *bind) && *good;
  }
  // Only now do the paths stay where they are.
  for (BindAddress& one : bind->addresses) {
    if (one.address.family == AF_UNIX) one.address.local.path = one.unix_path.data();
  }
  context.bind = bind.get();
  context.option_id = {};
  *good = context.keywords.RunOptions(context, use.line, use.first_argument + 1, kBind,
                                      use.diagnostics) &&
          *good;
  context.bind = nullptr;
  if (!frontend.is_internal) ApplyUnixBind(context, *bind);
  if (context.option_id && bind->addresses.size() > 1) {
    use.diagnostics.Error(context.option_id.At(), "'id' names one socket, but this line has " +
                                                      std::to_string(bind->addresses.size()));
    *good = false;
  }
  *id = context.option_id;
  return bind;
}

void RegisterBindKeywords(BuildKeywords& keywords) {
  keywords.Add({"bind", scope::kFrontend | scope::kListen}, TakeBind);
  AddNumber(keywords, "backlog", 0, INT_MAX, &BindConfig::backlog);
  AddNumber(keywords, "maxconn", 0, INT_MAX, &BindConfig::maxconn);
  AddNumber(keywords, "uid", 0, UINT_MAX, &BindConfig::uid);
  AddNumber(keywords, "gid", 0, UINT_MAX, &BindConfig::gid);
  AddNumber(keywords, "tcp-ss", 0, 2, &BindConfig::tcp_save_syn);
  AddFlag(keywords, "v4v6", &BindConfig::v4v6);
  AddFlag(keywords, "v6only", &BindConfig::v6only);
  AddFlag(keywords, "tfo", &BindConfig::tcp_fast_open);
  AddFlag(keywords, "defer-accept", &BindConfig::defer_accept);
  AddFlag(keywords, "transparent", &BindConfig::transparent);
  AddOption(keywords, "tcp-ut", [](BindConfig& bind, const KeywordUse& use) {
    return TakeArgument(use, 0, ParseTimeMs(use.argument(0)), bind.tcp_user_timeout_ms);
  });
  AddOption(keywords, "mss", TakeMss);
  AddOption(keywords, "mode", TakeMode);
  AddOption(keywords, "shards", TakeShards);
  // Of a `stats socket`; ignored by other sockets (manual 5.1, level).
  AddOption(keywords, "level", [](BindConfig& bind, const KeywordUse& use) {
    return TakeArgument(use, 0, ParseOneOf(use.argument(0), {"user", "operator", "admin"}),
                        bind.level);
  });
  // Likewise (manual 5.1, expose-fd).
  AddOption(keywords, "expose-fd", [](BindConfig& bind, const KeywordUse& use) {
    size_t what = 0;
    if (!TakeArgument(use, 0, ParseOneOf(use.argument(0), {"listeners"}), what)) return false;
    return bind.expose_listeners = true;
  });
  AddOption(keywords, "name", [](BindConfig& bind, const KeywordUse& use) {
    bind.name = use.argument(0);
    return true;
  });
  AddOption(keywords, "interface", [](BindConfig& bind, const KeywordUse& use) {
    bind.interface = use.argument(0);
    return true;
  });
  AddOption(keywords, "user", [](BindConfig& bind, const KeywordUse& use) {
    return TakeArgument(use, 0, FindUser(use.argument(0)), bind.uid);
  });
  AddOption(keywords, "group", [](BindConfig& bind, const KeywordUse& use) {
    return TakeArgument(use, 0, FindGroup(use.argument(0)), bind.gid);
  });
  keywords.Add({"id", kBind}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    context.option_id = {&use.line, use.first_argument};
    return HasArguments(use, 1, SIZE_MAX, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, INT_MAX), context.bind->id);
  });
  keywords.Add({"thread", kBind}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "a set of threads")) return false;
    context.thread_words.push_back({context.bind, {&use.line, use.first_argument}});
    return true;
  });
}

}  // namespace engine
