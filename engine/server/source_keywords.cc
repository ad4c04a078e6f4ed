#include "engine/server/source_keywords.h"

#include <climits>
#include <string>

#include "engine/config/address_words.h"

namespace engine {
namespace {

bool RefuseWord(const KeywordUse& use, size_t word, const std::string& message) {
  use.diagnostics.Error(use.line.At(word), "'source': " + message);
  return false;
}

bool TakeAddress(BuildContext& context, const KeywordUse& use, size_t word, uint32_t accepted,
                 AddressWord* out, shard::Address* address) {
  const Parsed<AddressWord> parsed = ParseAddress(use.line.text(word), accepted);
  if (!parsed) return RefuseWord(use, word, parsed.error);
  if (parsed.value.kind != AddressKind::kHost) {
    return RefuseWord(use, word, "a unix socket as a source is not supported yet");
  }
  const Parsed<shard::Address> resolved = Resolve(context, parsed.value);
  if (!resolved) return RefuseWord(use, word, resolved.error);
  *out = parsed.value;
  *address = resolved.value;
  return true;
}

// hdr_ip(NAME[,OCCURRENCE]). Occurrence 0 turns the feature off.
bool TakeHeader(const KeywordUse& use, size_t word, SourceConfig* source) {
  std::string_view text = use.line.text(word);
  if (!text.ends_with(')')) return RefuseWord(use, word, "expects 'hdr_ip(NAME[,OCCURRENCE])'");
  text.remove_prefix(std::string_view("hdr_ip(").size());
  text.remove_suffix(1);
  const size_t comma = text.find(',');
  source->header = text.substr(0, comma);
  source->usesrc = UseSource::kHeader;
  source->occurrence = -1;
  if (source->header.empty()) return RefuseWord(use, word, "'hdr_ip' expects a header name");
  if (comma == std::string_view::npos) return true;
  const Parsed<int64_t> number = ParseInteger(text.substr(comma + 1), -INT_MAX, INT_MAX);
  if (!number) return RefuseWord(use, word, "the occurrence " + number.error);
  source->occurrence = int32_t(number.value);
  if (source->occurrence == 0) source->usesrc = UseSource::kNone;
  return true;
}

bool TakeUseSource(BuildContext& context, const KeywordUse& use, size_t word,
                   SourceConfig* source) {
  if (word >= use.line.size()) {
    return RefuseWord(use, word,
                      "'usesrc' expects 'client', 'clientip', 'hdr_ip(NAME)' or an address");
  }
  const std::string_view text = use.line.text(word);
  if (text == "client" || text == "clientip") {
    source->usesrc = text == "client" ? UseSource::kClient : UseSource::kClientIp;
    return true;
  }
  if (text.starts_with("hdr_ip(")) return TakeHeader(use, word, source);
  AddressWord unused;
  source->usesrc = UseSource::kAddress;
  return TakeAddress(context, use, word, kAllowPortZero, &unused, &source->presented);
}

// ADDR[:PORT[-PORT]] [usesrc WHAT] [interface NAME] from word `word` on; leaves `next` behind it.
bool TakeSource(BuildContext& context, const KeywordUse& use, size_t word, bool ranges,
                SourceConfig* source, size_t* next) {
  const Line& line = use.line;
  if (word >= line.size()) return RefuseWord(use, word, "expects an address");
  AddressWord parsed;
  *source = SourceConfig();
  source->is_given = true;
  const uint32_t accepted = kSourceAddress | (ranges ? uint32_t(kAllowRange) : 0u);
  if (!TakeAddress(context, use, word, accepted, &parsed, &source->address)) return false;
  if (parsed.port_high != parsed.port_low) {
    if (parsed.port_low == 0) return RefuseWord(use, word, "a range of ports begins above 0");
    source->port_high = parsed.port_high;
  }
  for (++word; word < line.size(); word += 2) {
    if (line.text(word) == "usesrc") {
      if (!TakeUseSource(context, use, word + 1, source)) return false;
    } else if (line.text(word) == "interface") {
      if (word + 1 >= line.size()) return RefuseWord(use, word + 1, "'interface' expects a name");
      source->interface = line.text(word + 1);
      if (source->interface.size() > 15) {
        return RefuseWord(use, word + 1, "the name of an interface has 15 characters at most");
      }
    } else {
      break;
    }
  }
  *next = word;
  return true;
}

// Held until the servers are known.
bool TakeProxySource(BuildContext& context, KeywordUse& use) {
  size_t next = 0;
  SourceConfig source;
  if (!TakeSource(context, use, use.first_argument, false, &source, &next)) return false;
  if (next < use.line.size()) {
    return RefuseWord(use, next, "unexpected '" + std::string(use.line.text(next)) + "'");
  }
  context.proxy->source = source;
  return true;
}

}  // namespace

void RegisterSourceKeywords(BuildKeywords& keywords) {
  keywords.Add({"source", scope::kDefaults | scope::kBackend | scope::kListen}, TakeProxySource);
  keywords.Add({"source", scope::kServer | scope::kDefaultServer}, [](BuildContext& context,
                                                                      KeywordUse& use) {
    use.next = use.line.size();
    return TakeSource(context, use, use.first_argument, true, &context.server->source, &use.next);
  });
}

void FinishSource(BuildContext& context, ProxyDraft& draft) {
  const ProxyConfig& config = *draft.config;
  for (const auto& server : config.servers) {
    if (!server->source.is_given && draft.source.is_given) server->source = draft.source;
    if (server->source.usesrc == UseSource::kHeader && config.mode != Mode::kHttp) {
      context.diagnostics.Warning(At(server->place),
                                  "server '" + server->name +
                                      "': 'usesrc hdr_ip' finds no header without 'mode http', so "
                                      "the source address stays the proxy's own");
    }
  }
}

}  // namespace engine
