// expression.h - a sample expression: a fetch and the converters behind it (manual 7.3).
//
// Owns:    its units with their arguments.
// Threads: start-up while it is compiled, immutable afterwards.
// Units:   columns in bytes of the expression's text.
// Errors:  Compile() says what is wrong and where; Run() gives false: there is no sample.
// States:  none.
//
//   ExpressionProblem problem;
//   auto e = Expression::Compile("src,ipmask(24)", registry, needs::kClient, &problem);
//   Sample sample;
//   if (e->Run(context, sample) && Cast(sample, SampleKind::kString, scratch)) ...

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/expr/unit.h"

namespace engine {

struct ExpressionProblem {
  size_t offset = 0;
  size_t length = 0;
  std::string message;
  std::string hint;
};

class Expression {
 public:
  // Reads all of `text`. `offers`: what is at hand where it stands.
  static std::optional<Expression> Compile(std::string_view text, const Registry& registry,
                                           Needs offers, ExpressionProblem* problem);
  // The same for an expression that ends at the first byte no name, argument or comma can be made
  // of; `*used` says where.
  static std::optional<Expression> CompileFront(std::string_view text, const Registry& registry,
                                                Needs offers, size_t* used,
                                                ExpressionProblem* problem);

  bool Run(EvalContext& context, Sample& sample) const;
  SampleKind gives() const { return gives_; }
  Needs needs() const { return fetch_->needs; }
  bool converts() const { return !steps_.empty(); }
  // What stands between the fetch's parentheses, and as what; `arguments().all` has as many.
  const FetchSpec& fetch() const { return *fetch_; }
  const Arguments& arguments() const { return fetch_unit_.arguments; }
  // `visit(const ConverterSpec&, const Arguments&)`, in their order.
  template <typename Visit>
  void ForEachConverter(Visit visit) const {
    for (const Step& step : steps_) visit(*step.converter, step.unit.arguments);
  }
  // A condition goes through all values: see RunNth().
  bool many() const { return fetch_->many; }
  // The Nth value, from 1. False: there are no so many, or a converter gave nothing; `*over` tells
  // the first from the second.
  bool RunNth(EvalContext& context, uint32_t n, Sample& sample, bool* over) const;

 private:
  bool Fetch(EvalContext& context, Sample& sample) const;
  bool Convert(EvalContext& context, Sample& sample) const;

  struct Step {
    const ConverterSpec* converter = nullptr;
    PreparedUnit unit;
  };
  const FetchSpec* fetch_ = nullptr;
  PreparedUnit fetch_unit_;
  std::vector<Step> steps_;
  SampleKind gives_ = SampleKind::kAny;
};

}  // namespace engine
