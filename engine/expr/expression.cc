#include "engine/expr/expression.h"

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/config/not_yet.h"
#include "engine/config/words.h"
#include "engine/expr/places.h"

namespace engine {
namespace {

// Words of the language have dots, dashes and underscores inside ("req.fhdr", "x509_v_err_str"),
// and one a plus ("base32+src").
bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || base::IsDigit(c) || c == '_' ||
         c == '.' || c == '-' || c == '+';
}

struct Reader {
  std::string_view text;
  size_t at = 0;
  ExpressionProblem* problem;

  std::string_view TakeName() {
    const size_t start = at;
    while (at < text.size() && IsNameByte(text[at])) ++at;
    return text.substr(start, at - start);
  }
  bool Fail(size_t offset, size_t length, std::string message, std::string hint = {}) {
    *problem = {offset, length, std::move(message), std::move(hint)};
    return false;
  }
  // The arguments behind the name that stands at `start`.
  bool TakeUnit(std::string_view name, size_t start, std::span<const ArgumentSpec> spec,
                PreparedUnit* unit, bool (*prepare)(PreparedUnit&, std::string*)) {
    std::vector<std::string> given;
    std::string why;
    if (at < text.size() && text[at] == '(') {
      std::string_view rest;
      if (!CutArguments(text.substr(at + 1), &given, &rest, &why)) {
        return Fail(start, text.size() - start, InQuotes(name) + ": " + why);
      }
      at = text.size() - rest.size();
    }
    if (!ReadArguments(name, spec, given, &unit->arguments, &why)) {
      return Fail(start, at - start, why);
    }
    if (prepare != nullptr && !prepare(*unit, &why)) {
      return Fail(start, at - start, InQuotes(name) + ": " + why);
    }
    return true;
  }
};

std::string Unknown(std::string_view what, WordKind kind, std::string_view name) {
  if (ManualStateOf(kind, name)) {
    return std::string(what) + " " + InQuotes(name) + " is not supported yet";
  }
  return "unknown " + std::string(what) + " " + InQuotes(name);
}

// What it waits for, or what it resembles.
std::string HintFor(WordKind kind, std::string_view name,
                    const std::vector<std::string_view>& names) {
  const std::string_view why = ManualStateOf(kind, name) ? WhyNotYet(name) : std::string_view();
  return why.empty() ? Suggest(name, names) : std::string(why);
}

std::string MissingNeed(std::string_view name, Needs missing) {
  for (size_t i = 0; i < needs::kCount; ++i) {
    const Needs one = Needs{1} << i;
    if ((missing & one) != 0) {
      return InQuotes(name) + " needs " + std::string(NeedText(one)) +
             ", which is not at hand here";
    }
  }
  return {};
}

}  // namespace

std::optional<Expression> Expression::CompileFront(std::string_view text, const Registry& registry,
                                                   Needs offers, size_t* used,
                                                   ExpressionProblem* problem) {
  Reader reader{text, 0, problem};
  Expression expression;
  const std::string_view fetch = reader.TakeName();
  expression.fetch_ = registry.FindFetch(fetch);
  if (expression.fetch_ == nullptr) {
    reader.Fail(0, fetch.size(),
                fetch.empty() ? "a sample fetch is expected"
                              : Unknown("sample fetch", WordKind::kFetch, fetch),
                HintFor(WordKind::kFetch, fetch, registry.fetch_names()));
    return std::nullopt;
  }
  if (const Needs missing = expression.fetch_->needs & ~offers; missing != 0) {
    reader.Fail(0, fetch.size(), MissingNeed(fetch, missing),
                "it can be used in " + PlacesOf(expression.fetch_->needs));
    return std::nullopt;
  }
  if (!reader.TakeUnit(fetch, 0, expression.fetch_->arguments, &expression.fetch_unit_,
                       expression.fetch_->prepare)) {
    return std::nullopt;
  }
  SampleKind kind = expression.fetch_->gives;
  while (reader.at < text.size() && text[reader.at] == ',') {
    const size_t start = ++reader.at;
    const std::string_view name = reader.TakeName();
    const ConverterSpec* converter = registry.FindConverter(name);
    if (converter == nullptr) {
      reader.Fail(start, name.size(),
                  name.empty() ? "a converter is expected behind ','"
                               : Unknown("converter", WordKind::kConverter, name),
                  HintFor(WordKind::kConverter, name, registry.converter_names()));
      return std::nullopt;
    }
    if (const Needs missing = converter->needs & ~offers; missing != 0) {
      reader.Fail(start, name.size(), MissingNeed(name, missing),
                  "it can be used in " + PlacesOf(converter->needs));
      return std::nullopt;
    }
    if (!IsCastable(kind, converter->takes)) {
      reader.Fail(start, name.size(),
                  InQuotes(name) + " takes " + std::string(KindName(converter->takes)) +
                      ", which what stands before it does not give (" +
                      std::string(KindName(kind)) + ")");
      return std::nullopt;
    }
    Step& step = expression.steps_.emplace_back();
    step.converter = converter;
    if (!reader.TakeUnit(name, start, converter->arguments, &step.unit, converter->prepare)) {
      return std::nullopt;
    }
    if (converter->gives != SampleKind::kSame) {
      kind = converter->gives;
    } else if (converter->takes != SampleKind::kAny) {
      kind = converter->takes;
    }
  }
  expression.gives_ = kind;
  *used = reader.at;
  return expression;
}

std::optional<Expression> Expression::Compile(std::string_view text, const Registry& registry,
                                              Needs offers, ExpressionProblem* problem) {
  size_t used = 0;
  std::optional<Expression> expression = CompileFront(text, registry, offers, &used, problem);
  if (expression && used != text.size()) {
    *problem = {used,
                text.size() - used,
                "unexpected " + InQuotes(text.substr(used)) + " behind the expression",
                {}};
    return std::nullopt;
  }
  return expression;
}

bool Expression::Run(EvalContext& context, Sample& sample) const {
  return Fetch(context, sample) && Convert(context, sample);
}

bool Expression::RunNth(EvalContext& context, uint32_t n, Sample& sample, bool* over) const {
  context.SetOccurrence(n);
  *over = !Fetch(context, sample);
  context.SetOccurrence(0);
  return !*over && Convert(context, sample);
}

bool Expression::Fetch(EvalContext& context, Sample& sample) const {
  if ((fetch_->needs & context.latent()) != 0) [[unlikely]]
    context.Obtain();
  return fetch_->run(fetch_unit_, sample, context);
}

bool Expression::Convert(EvalContext& context, Sample& sample) const {
  for (const Step& step : steps_) {
    if (!Cast(sample, step.converter->takes, context.scratch())) return false;
    if (!step.converter->run(step.unit, sample, context)) return false;
  }
  return true;
}

}  // namespace engine
