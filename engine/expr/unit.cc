#include "engine/expr/unit.h"

#include <algorithm>

namespace engine {
namespace {

template <typename Spec>
const Spec* FindByName(const std::vector<const Spec*>& specs, std::string_view name) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [name](const Spec* spec) { return spec->name == name; });
  return found == specs.end() ? nullptr : *found;
}

template <typename Spec>
std::vector<std::string_view> NamesOf(const std::vector<const Spec*>& specs) {
  std::vector<std::string_view> names;
  for (const Spec* spec : specs) names.push_back(spec->name);
  return names;
}

}  // namespace

std::string_view NeedText(Needs one) {
  static constexpr std::string_view kTexts[needs::kCount] = {
      "the client's connection", "the end of the handshakes", "bytes of the request",
      "the HTTP request",        "the server's connection",   "bytes of the response",
      "the HTTP response",       "the end of the stream",     "a process that serves",
      "bytes that are not HTTP"};
  for (size_t i = 0; i < needs::kCount; ++i) {
    if (one == Needs{1} << i) return kTexts[i];
  }
  return {};
}

void Registry::Add(std::span<const FetchSpec> fetches) {
  for (const FetchSpec& spec : fetches) fetches_.push_back(&spec);
}

void Registry::Add(std::span<const ConverterSpec> converters) {
  for (const ConverterSpec& spec : converters) converters_.push_back(&spec);
}

const FetchSpec* Registry::FindFetch(std::string_view name) const {
  return FindByName(fetches_, name);
}

const ConverterSpec* Registry::FindConverter(std::string_view name) const {
  return FindByName(converters_, name);
}

std::vector<std::string_view> Registry::fetch_names() const { return NamesOf(fetches_); }

std::vector<std::string_view> Registry::converter_names() const { return NamesOf(converters_); }

bool NumberOf(const PreparedUnit& unit, size_t argument, EvalContext& context, int64_t* number) {
  const Argument& given = unit.arguments.all[argument];
  if (!given.variable) {
    *number = given.number;
    return true;
  }
  const Sample* found = context.FindVariable(*given.variable);
  if (found == nullptr) return false;
  Sample sample = *found;
  if (!Cast(sample, SampleKind::kInteger, context.scratch())) return false;
  *number = sample.number;
  return true;
}

}  // namespace engine
