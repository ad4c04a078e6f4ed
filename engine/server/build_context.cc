#include "engine/server/build_context.h"

#include "base/start_rights.h"
#include "base/xxh64.h"
#include "engine/config/address_words.h"
#include "engine/server/rule_config.h"

namespace engine {

ProxyDraft::ProxyDraft() = default;
ProxyDraft::~ProxyDraft() = default;

uint64_t HashWith(uint64_t hash, const Line& line, size_t first) {
  std::string text = std::to_string(hash);
  for (size_t word = first; word < line.size(); ++word) text.append(1, '\n') += line.text(word);
  return base::Xxh64(text);
}

SourcePlace PlaceOf(const Line& line) {
  return {line.source == nullptr ? std::string() : line.source->path, int(line.number)};
}

Location At(const SourcePlace& place) { return {.file = place.file, .line = uint32_t(place.line)}; }

bool Refuse(const KeywordUse& use, size_t argument, std::string_view message,
            std::string_view hint) {
  const size_t word = use.first_argument + argument;
  std::string reason(hint);
  if (reason.empty() && word < use.line.size() && !use.line.words[word].variable.empty()) {
    // Whoever set it may not know this line.
    reason = "this is from the environment: see " + InQuotes(use.line.words[word].variable);
  }
  use.diagnostics.Error(use.line.At(word), "'" + use.keyword->words + "': " + std::string(message),
                        reason);
  return false;
}

bool HasArguments(const KeywordUse& use, size_t arguments_min, size_t arguments_max,
                  std::string_view expected) {
  if (use.arguments() < arguments_min) {
    return Refuse(use, use.arguments(), "expects " + std::string(expected));
  }
  const bool is_statement = use.next == use.line.size();
  if (is_statement && use.arguments() > arguments_max) {
    return Refuse(use, arguments_max,
                  "unexpected '" + std::string(use.argument(arguments_max)) + "'" +
                      (arguments_max == 0 ? ": it takes no argument" : ""));
  }
  return true;
}

bool TakeDescription(const KeywordUse& use, std::string& out) {
  if (!HasArguments(use, 1, SIZE_MAX, "a text")) return false;
  out.clear();
  for (size_t i = 0; i < use.arguments(); ++i) {
    if (i != 0) out += ' ';
    out += use.argument(i);
  }
  return true;
}

Parsed<int64_t> FindUser(std::string_view name) {
  const int64_t id = base::StartRights::Current().FindUser(std::string(name));
  if (id < 0) return {0, "no such user '" + std::string(name) + "'"};
  return {id, {}};
}

Parsed<int64_t> FindGroup(std::string_view name) {
  const int64_t id = base::StartRights::Current().FindGroup(std::string(name));
  if (id < 0) return {0, "no such group '" + std::string(name) + "'"};
  return {id, {}};
}

Parsed<shard::Address> Resolve(BuildContext& context, const AddressWord& word) {
  if (word.kind != AddressKind::kHost || word.is_literal) return ResolveAddress(word);
  const std::string key = std::to_string(word.family) + " " + word.host;
  auto at = context.resolved.find(key);
  if (at == context.resolved.end()) {
    const auto& ask = context.options.resolve;
    const bool old_way =
        context.options.no_getaddrinfo || !context.configuration.global.getaddrinfo;
    at = context.resolved
             .emplace(key, ask       ? ask(word)
                           : old_way ? ResolveWithoutGetaddrinfo(word)
                                     : ResolveAddress(word))
             .first;
  }
  Parsed<shard::Address> answer = at->second;
  answer.value.port = word.port_low;
  return answer;
}

}  // namespace engine
