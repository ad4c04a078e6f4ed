#include "engine/server/proxy_protocol_keywords.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "engine/expr/places.h"
#include "engine/server/rule_keywords.h"
#include "proto/preamble/proxy_tlv.h"
#include "proto/preamble/proxy_v2.h"

namespace engine {
namespace {

using scope::kServers;

// About the client's TLS; each but `authority` stands inside the TLV of `ssl`.
struct FactOption {
  std::string_view word;
  bool ClientFacts::*fact;
};
constexpr FactOption kFactOptions[] = {
    {"ssl", &ClientFacts::tls},           {"cert-cn", &ClientFacts::common_name},
    {"ssl-cipher", &ClientFacts::cipher}, {"cert-sig", &ClientFacts::signature},
    {"cert-key", &ClientFacts::key},      {"authority", &ClientFacts::authority}};

bool TakeFact(ClientFacts& facts, std::string_view option) {
  for (const FactOption& one : kFactOptions) {
    if (one.word != option) continue;
    facts.*one.fact = true;
    facts.tls = facts.tls || option != "authority";
    return true;
  }
  return false;
}

void AddServerFlag(BuildKeywords& keywords, const char* words, bool ServerConfig::*field,
                   bool value) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse&) {
    context.server->*field = value;
    return true;
  });
}

bool TakeMagic(BuildContext& context, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "the magic number that the NetScaler sends")) return false;
  context.bind->accept_cip = true;
  return TakeArgument(use, 0, ParseInteger(use.argument(0), 1, UINT32_MAX),
                      context.bind->cip_magic);
}

bool TakeV2Options(BuildContext& context, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "a list of options such as 'crc32c'")) return false;
  std::string_view list = use.argument(0);
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string option(list.substr(0, comma));
    if (option == "crc32c") {
      context.server->announce.crc32c = true;
    } else if (TakeFact(context.server->client_facts, option)) {
      // taken
    } else if (option == "unique-id") {
      context.server->client_facts.unique_id = true;
    } else {
      return Refuse(use, 0, "unknown option '" + option + "'",
                    Suggest(option, {"crc32c", "ssl", "cert-cn", "ssl-cipher", "cert-sig",
                                     "cert-key", "authority", "unique-id"}));
    }
    if (comma == list.size()) return true;
    list.remove_prefix(comma + 1);
  }
}

// The number in `word(0xe0)`, decimal or hexadecimal.
Parsed<int64_t> TypeOf(std::string_view word) {
  const size_t open = word.find('(');
  const std::string expected = "expects a type from 0 to 255, as in 'set-proxy-v2-tlv-fmt(0xE0)'";
  if (open == std::string_view::npos || !word.ends_with(')')) return {0, expected};
  std::string_view digits = word.substr(open + 1, word.size() - open - 2);
  const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (is_hex) digits.remove_prefix(2);
  int64_t type = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, type, is_hex ? 16 : 10);
  if (digits.empty() || error != std::errc() || stop != end || type < 0 || type > 255) {
    return {0, expected};
  }
  return {type, {}};
}

bool TakeTlv(BuildContext& context, KeywordUse& use) {
  use.next = use.first_argument + 1;
  if (!HasArguments(use, 1, SIZE_MAX, "a value")) return false;
  const Parsed<int64_t> type = TypeOf(use.line.text(use.first_word));
  if (!type) {
    use.diagnostics.Error(use.line.At(use.first_word),
                          "'" + use.keyword->words + "': " + type.error);
    return false;
  }
  if (proto::ProxyTlvType(type.value) == proto::ProxyTlvType::kCrc32c) {
    use.diagnostics.Error(use.line.At(use.first_word),
                          "'" + use.keyword->words + "': type 3 is the checksum of the header",
                          "use 'proxy-v2-options crc32c'");
    return false;
  }
  RuleText text;
  if (!CompileText(context, use, 0, place::kHttpRequest, TextUse::kOther, &text)) return false;
  if (!text.is_constant()) {
    context.server->client_facts.made.push_back({uint8_t(type.value), std::move(text)});
    return true;
  }
  const std::string& value = text.constant();
  std::string& tlvs = context.server->announce.tlvs;
  if (value.size() > UINT16_MAX || tlvs.size() + value.size() > proto::kProxyV2BytesMax) {
    return Refuse(use, 0, "the values of a header have 65535 bytes at most");
  }
  std::string one(proto::kProxyTlvHeaderBytes + value.size(), '\0');
  proto::ByteWriter writer(one.data(), one.size());
  if (!proto::WriteProxyTlv(proto::ProxyTlvType(type.value), value, writer)) return false;
  tlvs += one;
  return true;
}

}  // namespace

void RegisterProxyProtocolKeywords(BuildKeywords& keywords) {
  keywords.Add({"accept-proxy", scope::kBind}, [](BuildContext& context, KeywordUse&) {
    context.bind->accept_proxy = true;
    return true;
  });
  keywords.Add({"accept-netscaler-cip", scope::kBind}, TakeMagic);
  AddServerFlag(keywords, "send-proxy", &ServerConfig::send_proxy_v1, true);
  AddServerFlag(keywords, "no-send-proxy", &ServerConfig::send_proxy_v1, false);
  AddServerFlag(keywords, "send-proxy-v2", &ServerConfig::send_proxy_v2, true);
  AddServerFlag(keywords, "no-send-proxy-v2", &ServerConfig::send_proxy_v2, false);
  // Each says all of it at once, or takes all of it back (manual 5.2, no-send-proxy-v2-ssl).
  const auto add_facts = [&](const char* words, bool value, bool with_name) {
    keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse&) {
      ServerConfig& server = *context.server;
      server.send_proxy_v2 = value;
      server.client_facts.tls = value;
      server.client_facts.common_name = value && (server.client_facts.common_name || with_name);
      return true;
    });
  };
  add_facts("send-proxy-v2-ssl", true, false);
  add_facts("send-proxy-v2-ssl-cn", true, true);
  add_facts("no-send-proxy-v2-ssl", false, false);
  add_facts("no-send-proxy-v2-ssl-cn", false, true);
  keywords.Add({"proxy-v2-options", kServers}, TakeV2Options);
  keywords.Add({.words = "set-proxy-v2-tlv-fmt", .scopes = kServers, .parentheses = true}, TakeTlv);
}

void FinishProxyProtocol(BuildContext& context, ProxyDraft& draft) {
  ProxyConfig& proxy = *draft.config;
  const size_t bytes_max =
      std::min<size_t>(context.configuration.global.bufsize, proto::kProxyV2BytesMax);
  for (const auto& server : proxy.servers) {
    server->announce.version = server->send_proxy_v2 ? 2 : server->send_proxy_v1 ? 1 : 0;
    if (server->announce.version == 0) continue;
    const size_t of_client = server->announce.version == 1 ? 0 : server->client_facts.bytes_max();
    const size_t bytes = shard::ProxyHeaderBytesMax(server->announce) + of_client;
    if (bytes <= bytes_max) continue;
    context.diagnostics.Error(At(server->place),
                              "server '" + server->name + "': its PROXY header may need " +
                                  std::to_string(bytes) + " bytes, and a buffer holds " +
                                  std::to_string(bytes_max),
                              "shorten what 'set-proxy-v2-tlv-fmt' adds, or raise 'tune.bufsize'");
  }
}

}  // namespace engine
