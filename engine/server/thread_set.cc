#include "engine/server/thread_set.h"

#include <sched.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

std::string RangeError(std::string_view text, uint32_t low, uint32_t high) {
  return InQuotes(text) +
         base::Format(
             " is not a set: expects 'all', 'odd', 'even', a number or a range between "
             "%u and %u",
             low, high);
}

void SortAndUnique(std::vector<uint32_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

bool IsSeveral(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return text == "all" || text == "odd" || text == "even";
  return text.substr(0, dash) != text.substr(dash + 1);
}

}  // namespace

Parsed<std::vector<uint32_t>> ParseNumberSet(std::string_view text, uint32_t low, uint32_t high) {
  Parsed<std::vector<uint32_t>> parsed;
  const bool is_odd = text == "odd";
  const bool is_even = text == "even";
  uint64_t first = low;
  uint64_t last = high;
  if (text != "all" && !is_odd && !is_even) {
    const size_t dash = text.find('-');
    const std::string_view left = text.substr(0, dash);
    const std::string_view right = dash == std::string_view::npos ? left : text.substr(dash + 1);
    const std::optional<uint64_t> from = left.empty() ? low : base::ParseUnsigned(left);
    const std::optional<uint64_t> to = right.empty() ? high : base::ParseUnsigned(right);
    if (text.empty() || (left.empty() && right.empty()) || !from || !to || *from < low ||
        *to > high || *from > high || *to < low) {
      parsed.error = RangeError(text, low, high);
      return parsed;
    }
    first = std::min(*from, *to);
    last = std::max(*from, *to);
  }
  for (uint64_t number = first; number <= last; ++number) {
    if ((is_odd && number % 2 == 0) || (is_even && number % 2 == 1)) continue;
    parsed.value.push_back(uint32_t(number));
  }
  return parsed;
}

Parsed<std::vector<uint32_t>> ParseThreadSet(std::string_view text, uint32_t threads) {
  Parsed<std::vector<uint32_t>> parsed;
  for (std::string_view piece : base::Split(text, ',')) {
    const size_t slash = piece.find('/');
    if (slash != std::string_view::npos) {
      if (piece.substr(0, slash) != "1") {
        return {{}, "there is one thread group, so " + InQuotes(piece) + " names no thread"};
      }
      piece = piece.substr(slash + 1);
    }
    // Numbers above the number of threads are passed over, as long as one thread is left.
    Parsed<std::vector<uint32_t>> numbers = ParseNumberSet(piece, 1, 4 * kThreadsMax);
    if (!numbers) return {{}, std::move(numbers.error)};
    for (const uint32_t number : numbers.value) {
      if (number <= threads) parsed.value.push_back(number - 1);
    }
  }
  SortAndUnique(parsed.value);
  if (parsed.value.empty()) {
    parsed.error =
        InQuotes(text) + base::Format(" names no thread: there are %u (see 'nbthread')", threads);
  }
  return parsed;
}

std::string CpuMap::Apply(std::string_view threads, std::span<const std::string_view> cpus) {
  const bool is_auto = threads.starts_with("auto:");
  if (is_auto) threads.remove_prefix(5);
  const size_t slash = threads.find('/');
  const std::string_view group_text = threads.substr(0, slash);
  const std::string_view thread_text =
      slash == std::string_view::npos ? std::string_view("all") : threads.substr(slash + 1);
  const auto groups = ParseNumberSet(group_text, 1, kThreadsPerGroup);
  if (!groups) return "thread group " + groups.error;
  const auto members = ParseNumberSet(thread_text, 1, kThreadsPerGroup);
  if (!members) return "thread " + members.error;
  const bool is_group_range = IsSeveral(group_text);
  if (is_auto && slash != std::string_view::npos && is_group_range && IsSeveral(thread_text)) {
    return "'auto:' takes one range, of groups or of threads, the other must be a number";
  }
  std::vector<uint32_t> cpu_numbers;
  for (const std::string_view argument : cpus) {
    for (const std::string_view piece : base::Split(argument, ',')) {
      // An open range ends at the word size, a number may be as large as the kernel's set holds.
      const bool is_open = piece.ends_with('-');
      const auto set = ParseNumberSet(piece, 0, is_open ? kThreadsPerGroup - 1 : CPU_SETSIZE - 1);
      if (!set) return "CPU set " + set.error;
      cpu_numbers.insert(cpu_numbers.end(), set.value.begin(), set.value.end());
    }
  }
  SortAndUnique(cpu_numbers);
  const bool spreads_threads = is_auto && !(slash == std::string_view::npos || is_group_range);
  const bool spreads_groups = is_auto && !spreads_threads;
  const size_t spread = spreads_threads ? members.value.size() : groups.value.size();
  if (is_auto && spread != cpu_numbers.size()) {
    return base::Format("'auto:' needs as many CPUs as threads, but there are %zu and %zu",
                        cpu_numbers.size(), spread);
  }
  // Ours is group 1 and the only one; other groups have no threads.
  if (groups.value.empty() || groups.value.front() != 1) return {};
  for (size_t i = 0; i < members.value.size(); ++i) {
    const size_t thread = members.value[i] - 1;
    if (by_thread_.size() <= thread) by_thread_.resize(thread + 1);
    std::vector<int>& mine = by_thread_[thread];
    mine.clear();
    if (spreads_threads) {
      mine.push_back(int(cpu_numbers[i]));
    } else if (spreads_groups) {
      mine.push_back(int(cpu_numbers.front()));
    } else {
      mine.assign(cpu_numbers.begin(), cpu_numbers.end());
    }
  }
  return {};
}

}  // namespace engine
