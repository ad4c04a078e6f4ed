#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/rules/actions.h"
#include "engine/rules/normalizers.h"
#include "engine/server/rule_keywords.h"
#include "engine/session/rule_run.h"
#include "engine/session/stream.h"

namespace engine {
namespace {

struct NormalizerSpec {
  std::string_view name;
  Normalizer normalizer;
  std::string_view option;  // its only word; empty: none
};
constexpr NormalizerSpec kNormalizers[] = {
    {"fragment-encode", Normalizer::kFragmentEncode, {}},
    {"fragment-strip", Normalizer::kFragmentStrip, {}},
    {"path-merge-slashes", Normalizer::kMergeSlashes, {}},
    {"path-strip-dot", Normalizer::kStripDot, {}},
    {"path-strip-dotdot", Normalizer::kStripDotDot, "full"},
    {"percent-decode-unreserved", Normalizer::kDecodeUnreserved, "strict"},
    {"percent-to-uppercase", Normalizer::kUppercase, "strict"},
    {"query-sort-by-name", Normalizer::kSortQuery, {}},
};

class NormalizeUri final : public RuleAction {
 public:
  NormalizeUri(Normalizer normalizer, bool option) : normalizer_(normalizer), option_(option) {}
  Verdict Run(RuleContext& context) const override {
    if (context.request == nullptr) return Verdict::kContinue;
    proto::RequestHead& head = *context.request;
    if (head.method == proto::Method::kConnect) return Verdict::kContinue;
    const size_t bytes = head.path.size() + head.query.size() + 1;
    char* const text = context.scratch().Take(bytes);
    // An encoded '#' has three bytes.
    char* const made = context.scratch().Take(3 * bytes);
    if (text == nullptr || made == nullptr) return context.Failed();
    size_t used = head.path.copy(text, head.path.size());
    if (head.has_query) {
      text[used++] = '?';
      used += head.query.copy(text + used, head.query.size());
    }
    size_t made_bytes = 0;
    if (!Normalize(normalizer_, option_, {text, used}, made, &made_bytes)) {
      return context.AnswerStatus(400);
    }
    if (made_bytes > used && !context.HasRoom(made_bytes - used)) return context.Failed();
    const std::string_view result = head.fields.arena().Copy({made, made_bytes});
    const size_t mark = result.find('?');
    head.path = result.substr(0, mark);
    head.has_query = mark != result.npos;
    head.query = head.has_query ? result.substr(mark + 1) : std::string_view();
    return Verdict::kContinue;
  }

 private:
  const Normalizer normalizer_;
  const bool option_;
};

std::unique_ptr<const RuleAction> MakeNormalizeUri(ActionUse& action) {
  std::string_view word;
  if (!action.context.configuration.global.experimental) {
    action.RefuseWord("is experimental, and needs 'expose-experimental-directives' in 'global'");
    return nullptr;
  }
  if (!action.TakeArgument("a normalizer", &word)) return nullptr;
  std::vector<std::string_view> names;
  for (const NormalizerSpec& spec : kNormalizers) {
    if (spec.name != word) {
      names.push_back(spec.name);
      continue;
    }
    const bool option = !spec.option.empty() && action.TakeWord(spec.option);
    return std::make_unique<NormalizeUri>(spec.normalizer, option);
  }
  action.Refuse("unknown normalizer " + InQuotes(word), Suggest(word, names));
  return nullptr;
}

constexpr ActionSpec kNormalizeActions[] = {
    {"normalize-uri", ruleset::kHttpRequest, &MakeNormalizeUri},
};

}  // namespace

std::span<const ActionSpec> NormalizeActions() { return kNormalizeActions; }

}  // namespace engine
