#include "engine/server/guid_keywords.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace engine {
namespace {

constexpr size_t kBytesMax = 127;

bool IsGuidByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(".:-_").find(c) != std::string_view::npos;
}

// `bind`: whose prefix it is; null: it stands for itself.
bool TakeGuid(BuildContext& context, const KeywordUse& use, const BindConfig* bind,
              std::string& guid) {
  const std::string_view text = use.argument(0);
  if (text.empty()) return Refuse(use, 0, "a guid is not empty");
  if (text.size() > kBytesMax) return Refuse(use, 0, "a guid has 127 characters at most");
  if (!std::all_of(text.begin(), text.end(), IsGuidByte)) {
    return Refuse(use, 0, "a guid is made of letters, digits, '.', ':', '-' and '_'");
  }
  guid = text;
  context.guid_words.push_back({{&use.line, use.first_argument}, bind});
  return true;
}

}  // namespace

void RegisterGuidKeywords(BuildKeywords& keywords) {
  keywords.Add({"guid", scope::kProxies}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a name") &&
           TakeGuid(context, use, nullptr, context.proxy->config->guid);
  });
  keywords.Add({"guid", scope::kServer}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "a name") &&
           TakeGuid(context, use, nullptr, context.server->guid);
  });
  keywords.Add({"guid-prefix", scope::kBind}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "the beginning of names") &&
           TakeGuid(context, use, context.bind, context.bind->guid_prefix);
  });
}

void CheckGuids(BuildContext& context) {
  std::map<std::string, WordPlace> seen;
  for (const BuildContext::GuidWord& word : context.guid_words) {
    const std::string text(word.place.line->text(word.place.word));
    const size_t count = word.bind == nullptr ? 1 : word.bind->addresses.size();
    for (size_t i = 0; i < count; ++i) {
      const std::string guid = word.bind == nullptr ? text : text + "-" + std::to_string(i);
      if (guid.size() > kBytesMax) {
        context.diagnostics.Error(word.place.At(),
                                  "guid '" + guid + "' is too long: 127 characters");
        break;
      }
      const auto [at, is_new] = seen.emplace(guid, word.place);
      if (is_new) continue;
      const Location other = at->second.At();
      context.diagnostics.Error(word.place.At(), "guid '" + guid + "' is already used at " +
                                                     std::string(other.file) + ":" +
                                                     std::to_string(other.line));
      break;
    }
  }
}

}  // namespace engine
