#include "base/rate_meter.h"

#include <gtest/gtest.h>

namespace base {
namespace {

constexpr uint64_t kSecond = RateMeter::kMicros;
constexpr uint64_t kStart = 7000 * kSecond;

TEST(RateMeter, StartsAtZero) {
  const RateMeter meter;
  EXPECT_EQ(meter.Rate(kStart), 0u);
  EXPECT_EQ(meter.Rate(0), 0u);
}

TEST(RateMeter, ASteadyRateIsSeen) {
  RateMeter meter;
  for (uint64_t now = kStart; now < kStart + 3 * kSecond; now += 10000) meter.Add(now);
  for (uint64_t now = kStart + 3 * kSecond; now < kStart + 5 * kSecond; now += 10000) {
    meter.Add(now);
    EXPECT_NEAR(double(meter.Rate(now)), 100.0, 1.0);
  }
}

TEST(RateMeter, FadesWithinASecondAndIsGoneAfterTwo) {
  RateMeter meter;
  for (int i = 0; i < 100; ++i) meter.Add(kStart);
  EXPECT_EQ(meter.Rate(kStart), 100u);
  EXPECT_EQ(meter.Rate(kStart + kSecond), 100u);
  EXPECT_EQ(meter.Rate(kStart + kSecond * 3 / 2), 50u);
  EXPECT_EQ(meter.Rate(kStart + 2 * kSecond), 0u);
  EXPECT_EQ(meter.Rate(kStart + 900 * kSecond), 0u);
  meter.Add(kStart + 900 * kSecond);
  EXPECT_EQ(meter.Rate(kStart + 900 * kSecond), 1u);
}

TEST(RateMeter, SumsOfSeveralKeepTheirFractions) {
  RateMeter meters[4];
  for (RateMeter& meter : meters) meter.Add(kStart);
  uint64_t sum = 0;
  for (const RateMeter& meter : meters) sum += meter.MicroRate(kStart + kSecond + kSecond / 4);
  EXPECT_EQ(sum / RateMeter::kMicros, 3u);
}

TEST(RateMeter, AReaderWhoseClockIsBehindSeesTheSecondBefore) {
  RateMeter meter;
  for (int i = 0; i < 5; ++i) meter.Add(kStart);
  meter.Add(kStart + kSecond);
  EXPECT_EQ(meter.Rate(kStart + kSecond - 1), 5u);
}

TEST(RateMeter, StopsCountingBeforeItSpills) {
  RateMeter meter;
  for (int i = 0; i < (1 << 20) + 10; ++i) meter.Add(kStart);
  EXPECT_EQ(meter.Rate(kStart), (1u << 20) - 1);
}

}  // namespace
}  // namespace base
