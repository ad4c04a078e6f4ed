// traffic_fixture.h - a context whose parts a test fills by hand, and what expressions say in it.
//
// Owns:    the heads, their arena, the scratch.
// Threads: one test.
// Units:   none.
// Errors:  a text in angle brackets stands for what is no value.
// States:  none.
//
//   TrafficFixture traffic;
//   traffic.AddRequest("x-a", "one,two");
//   EXPECT_EQ(traffic.Eval("req.hdr(x-a,1)"), "one");

#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "engine/expr/expression.h"
#include "engine/expr/places.h"
#include "engine/fetch/units.h"
#include "engine/session/stream_context.h"
#include "proto/http/target.h"

namespace engine {

class FilledContext final : public StreamContext {
 public:
  explicit FilledContext(Scratch& scratch) : StreamContext(scratch) {}
  uint64_t WallMicros() const override { return 1700000000123456; }
  uint64_t Random() override { return random += 0x0123456789abcdef; }
  uint64_t random = 0;
};

class TrafficFixture {
 public:
  explicit TrafficFixture(std::string_view target = "/p/q?a=1&b=2",
                          proto::Method method = proto::Method::kGet)
      : request(arena), response(arena), scratch_(memory_, sizeof(memory_)), context(scratch_) {
    request.method = method;
    request.method_text = proto::MethodText(method);
    EXPECT_EQ(proto::ParseTarget(target, {}, request), proto::TargetError::kNone);
    response.status = 404;
    context.request = &request;
    context.response = &response;
  }
  void AddRequest(std::string_view name, std::string_view value) {
    EXPECT_TRUE(request.fields.Add(name, value));
  }
  void AddResponse(std::string_view name, std::string_view value) {
    EXPECT_TRUE(response.fields.Add(name, value));
  }

  // As text; "<none>": no sample, "<error: ...>": it does not compile.
  std::string Eval(std::string_view text) {
    ExpressionProblem problem;
    const auto expression = Expression::Compile(text, AllUnits(), place::kLog, &problem);
    if (!expression) return "<error: " + problem.message + ">";
    Sample sample;
    const bool given = expression->Run(context, sample);
    return Take(given, sample);
  }
  // Every value that a condition would see.
  std::vector<std::string> EvalAll(std::string_view text) {
    ExpressionProblem problem;
    const auto expression = Expression::Compile(text, AllUnits(), place::kLog, &problem);
    std::vector<std::string> all;
    if (!expression || !expression->many()) return {"<not many>"};
    for (uint32_t n = 1;; ++n) {
      Sample sample;
      bool over = false;
      const bool given = expression->RunNth(context, n, sample, &over);
      if (over) return all;
      all.push_back(Take(given, sample));
    }
  }

  base::Arena arena;
  proto::RequestHead request;
  proto::ResponseHead response;

 private:
  std::string Take(bool given, Sample& sample) {
    if (!given) return "<none>";
    if (sample.type == SampleType::kBoolean) return sample.number != 0 ? "true" : "false";
    if (!Cast(sample, SampleKind::kString, scratch_)) return "<no text>";
    const std::string text(sample.text);
    scratch_.Reset();
    return text;
  }

  char memory_[65536];
  Scratch scratch_;

 public:
  FilledContext context;
};

}  // namespace engine
