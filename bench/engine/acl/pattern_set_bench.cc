// What one look-up among many patterns costs, by method, and what loading them does: 10, 10,000 and
// a million, of which half of the samples match one.

#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "engine/acl/pattern_set.h"

namespace engine {
namespace {

// Looks like what lists are made of: hosts, paths, networks.
std::string PatternOf(MatchMethod method, std::mt19937& random) {
  const auto number = [&random](uint32_t below) { return std::to_string(random() % below); };
  switch (method) {
    case MatchMethod::kIp:
      return number(224) + "." + number(256) + "." + number(256) + "." + number(256) +
             (random() % 4 == 0 ? "/24" : "");
    case MatchMethod::kBeg:
      return "/section" + number(50) + "/" + number(1000000000) + "/";
    default:
      return "host" + number(1000000000) + ".example" + number(50) + ".com";
  }
}

std::string LinesOf(MatchMethod method, size_t count) {
  std::mt19937 random(1);
  std::string lines;
  for (size_t i = 0; i < count; ++i) lines += PatternOf(method, random) + "\n";
  return lines;
}

PatternSet SetOf(MatchMethod method, std::string lines) {
  PatternSet set(method);
  size_t line = 0;
  std::string why;
  if (!set.AddLines(std::move(lines), {}, false, &line, &why)) std::abort();
  set.Freeze();
  return set;
}

void LookUp(benchmark::State& state, MatchMethod method) {
  const auto count = size_t(state.range(0));
  const PatternSet set = SetOf(method, LinesOf(method, count));
  std::mt19937 same(1);
  std::mt19937 other(2);
  constexpr size_t kSamples = 4096;
  std::vector<std::string> texts;
  for (size_t i = 0; i < kSamples; ++i) {
    // Every other one is among the patterns, spread over all of them.
    std::string text = PatternOf(method, i % 2 == 0 ? same : other);
    if (method == MatchMethod::kIp) text = text.substr(0, text.find('/'));
    if (method == MatchMethod::kBeg) text += "index.html";
    if (method == MatchMethod::kEnd) text = "www." + text;
    texts.push_back(text);
    for (size_t skip = 0; skip < count / kSamples && i % 2 == 0; ++skip) PatternOf(method, same);
  }
  char memory[1024];
  Scratch scratch(memory, sizeof(memory));
  std::vector<Sample> samples;
  for (const std::string& text : texts) {
    Sample sample = Sample::String(text);
    if (method == MatchMethod::kIp) (void)Cast(sample, SampleKind::kAddress, scratch);
    samples.push_back(sample);
  }
  size_t at = 0;
  size_t found = 0;
  for (auto _ : state) {
    found += set.Matches(samples[at], scratch);
    at = (at + 1) % kSamples;
    scratch.Reset();
  }
  state.counters["matched"] = benchmark::Counter(double(found), benchmark::Counter::kAvgIterations);
}

void Load(benchmark::State& state, MatchMethod method) {
  const std::string lines = LinesOf(method, size_t(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(SetOf(method, lines));
}

BENCHMARK_CAPTURE(LookUp, str, MatchMethod::kStr)->Arg(10)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(LookUp, beg, MatchMethod::kBeg)->Arg(10)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(LookUp, end, MatchMethod::kEnd)->Arg(10)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(LookUp, ip, MatchMethod::kIp)->Arg(10)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(Load, str, MatchMethod::kStr)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Load, beg, MatchMethod::kBeg)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Load, end, MatchMethod::kEnd)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Load, ip, MatchMethod::kIp)->Arg(1000000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace engine

BENCHMARK_MAIN();
