// Random orders of events over several shards on one clock, thousands of seeds: see
// docs/testing.md.
//
//   simulation_test                        every case
//   simulation_test --seeds 100000 --jobs 2
//   simulation_test --seed 4711 --trace    that one alone, step by step; --shrink drops events

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "tests/simulation/runner.h"

namespace simulation {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 2000;
#else
constexpr uint64_t kSeeds = 20000;
#endif

Batch batch{.first = 1, .seeds = kSeeds, .jobs = 2};
uint64_t only_seed = 0;
bool trace = false;
bool shrinks = false;

TEST(Simulation, AnyOrderOfEventsLeavesNothingBehind) { EXPECT_TRUE(RunBatch(batch)); }

TEST(Simulation, ASeedRepeatsItsRun) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const RunResult once = RunScript(ScriptOf(seed), false);
    const RunResult again = RunScript(ScriptOf(seed), false);
    EXPECT_EQ(once.fingerprint, again.fingerprint) << "seed " << seed;
  }
}

int RunOnly() {
  Script script = ScriptOf(only_seed);
  if (shrinks) script = Shrink(std::move(script));
  const RunResult result = RunScript(script, trace);
  std::printf("seed %llu: %s\n", (unsigned long long)only_seed,
              result.failure.empty() ? "all is well" : result.failure.c_str());
  return result.failure.empty() ? 0 : 1;
}

}  // namespace
}  // namespace simulation

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const auto number = [&](int& i) {
    if (i + 1 == argc) {
      std::fprintf(stderr, "%s needs a number\n", argv[i]);
      std::exit(2);
    }
    return std::strtoull(argv[++i], nullptr, 10);
  };
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seed") == 0) {
      simulation::only_seed = number(i);
    } else if (std::strcmp(argv[i], "--seeds") == 0) {
      simulation::batch.seeds = number(i);
    } else if (std::strcmp(argv[i], "--first") == 0) {
      simulation::batch.first = number(i);
    } else if (std::strcmp(argv[i], "--jobs") == 0) {
      simulation::batch.jobs = uint32_t(number(i));
    } else if (std::strcmp(argv[i], "--no-shrink") == 0) {
      simulation::batch.shrink = false;
    } else if (std::strcmp(argv[i], "--trace") == 0) {
      simulation::trace = true;
    } else if (std::strcmp(argv[i], "--shrink") == 0) {
      simulation::shrinks = true;
    } else {
      std::fprintf(stderr, "unknown: %s\n", argv[i]);
      return 2;
    }
  }
  return simulation::only_seed != 0 ? simulation::RunOnly() : RUN_ALL_TESTS();
}
