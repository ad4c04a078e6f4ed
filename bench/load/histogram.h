// histogram.h - counts durations in buckets that grow with the value: quantiles within 1.6 %.
//
// Owns:    its counts, 19 kB, inline.
// Threads: any one thread.
// Units:   nanoseconds in, nanoseconds out; the largest countable value is about 73 minutes.
// Errors:  larger values count as the largest; an empty histogram answers 0.
// States:  none.
//
//   histogram.Add(elapsed_ns);
//   const uint64_t p99_ns = histogram.Quantile(0.99);

#pragma once

#include <stddef.h>
#include <stdint.h>

#include <bit>

namespace bench {

class Histogram {
 public:
  void Add(uint64_t value_ns) {
    ++counts_[Bucket(value_ns)];
    ++total_;
  }

  uint64_t total() const { return total_; }

  // The middle of the bucket that holds the value below which `fraction` of all values lie.
  uint64_t Quantile(double fraction) const {
    if (total_ == 0) return 0;
    uint64_t wanted = uint64_t(fraction * double(total_) + 0.5);
    if (wanted == 0) wanted = 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= wanted) return (LowerBound(i) + LowerBound(i + 1)) / 2;
    }
    return LowerBound(kBuckets);
  }

 private:
  // 64 buckets per power of two; below 64 every value has its own.
  static constexpr unsigned kSubBits = 6;
  static constexpr unsigned kValueBits = 42;
  static constexpr size_t kBuckets = size_t(kValueBits - kSubBits + 1) << kSubBits;

  static size_t Bucket(uint64_t value) {
    const uint64_t largest = (uint64_t(1) << kValueBits) - 1;
    if (value > largest) value = largest;
    const unsigned width = unsigned(std::bit_width(value));
    if (width <= kSubBits) return size_t(value);
    const unsigned shift = width - kSubBits - 1;
    return (size_t(shift) << kSubBits) + size_t(value >> shift);
  }

  static uint64_t LowerBound(size_t bucket) {
    const size_t group = bucket >> kSubBits;
    if (group <= 1) return bucket;
    const unsigned shift = unsigned(group - 1);
    return (uint64_t(bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits)) << shift;
  }

  uint64_t counts_[kBuckets] = {};
  uint64_t total_ = 0;
};

}  // namespace bench
