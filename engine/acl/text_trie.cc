#include "engine/acl/text_trie.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace engine {
namespace {

// A pattern as it is read, with its first bytes as a number: most comparisons need no more.
struct Entry {
  uint64_t front;
  std::string_view text;
};

uint64_t FrontOf(std::string_view text, bool backward) {
  uint64_t front = 0;
  for (size_t i = 0; i < sizeof(front); ++i) {
    uint8_t byte = 0;
    if (i < text.size()) byte = uint8_t(backward ? text[text.size() - 1 - i] : text[i]);
    front = front << 8 | byte;
  }
  return front;
}

char ByteAt(std::string_view text, size_t at, bool backward) {
  return backward ? text[text.size() - 1 - at] : text[at];
}

// In the order they are read; the shorter of two that begin alike comes first.
bool IsLess(const Entry& a, const Entry& b, bool backward) {
  if (a.front != b.front) return a.front < b.front;
  const size_t bytes = std::min(a.text.size(), b.text.size());
  if (!backward) {
    const int order = std::memcmp(a.text.data(), b.text.data(), bytes);
    return order != 0 ? order < 0 : a.text.size() < b.text.size();
  }
  for (size_t i = 0; i < bytes; ++i) {
    const uint8_t left = uint8_t(ByteAt(a.text, i, true));
    const uint8_t right = uint8_t(ByteAt(b.text, i, true));
    if (left != right) return left < right;
  }
  return a.text.size() < b.text.size();
}

bool Begins(std::string_view text, std::string_view with, bool backward) {
  return backward ? text.ends_with(with) : text.starts_with(with);
}

// The entries [low, high) share their first `depth` bytes, and hang below a node.
struct Range {
  uint32_t node;
  uint32_t low;
  uint32_t high;
  size_t depth;
};

}  // namespace

void TextTrie::Build(std::vector<std::string_view> patterns) {
  const bool backward = direction_ == Direction::kBackward;
  std::vector<Entry> entries;
  entries.reserve(patterns.size());
  for (const std::string_view text : patterns) entries.push_back({FrontOf(text, backward), text});
  patterns = {};
  std::sort(entries.begin(), entries.end(),
            [backward](const Entry& a, const Entry& b) { return IsLess(a, b, backward); });
  size_t kept = 0;
  for (const Entry& entry : entries) {
    if (kept > 0 && Begins(entry.text, entries[kept - 1].text, backward)) continue;
    entries[kept++] = entry;
  }
  entries.resize(kept);
  if (entries.empty()) return;

  nodes_.push_back({});
  keys_.push_back('\0');
  std::vector<Range> open = {{0, 0, uint32_t(entries.size()), 0}};
  for (size_t next = 0; next < open.size(); ++next) {
    const Range range = open[next];
    const std::string_view first = entries[range.low].text;
    const std::string_view last = entries[range.high - 1].text;
    size_t depth = range.depth;
    const size_t both = std::min(first.size(), last.size());
    while (depth < both && ByteAt(first, depth, backward) == ByteAt(last, depth, backward)) ++depth;
    Node& node = nodes_[range.node];
    node.label = uint32_t(labels_.size());
    node.label_bytes = uint32_t(depth - range.depth);
    for (size_t i = range.depth; i < depth; ++i) labels_.push_back(ByteAt(first, i, backward));
    node.first_child = uint32_t(nodes_.size());
    if (range.high - range.low == 1) continue;  // its label ran to its end
    for (uint32_t low = range.low; low < range.high;) {
      const char key = ByteAt(entries[low].text, depth, backward);
      uint32_t high = low + 1;
      while (high < range.high && ByteAt(entries[high].text, depth, backward) == key) ++high;
      open.push_back({uint32_t(nodes_.size()), low, high, depth + 1});
      nodes_.push_back({});
      keys_.push_back(key);
      ++nodes_[range.node].children;
      low = high;
    }
  }
  nodes_.shrink_to_fit();
  labels_.shrink_to_fit();
}

template <bool kFold, TextTrie::Direction kDirection>
bool TextTrie::Walk(std::string_view text) const {
  const auto byte = [text](size_t at) {
    const char c = kDirection == Direction::kForward ? text[at] : text[text.size() - 1 - at];
    return kFold ? base::ToLower(c) : c;
  };
  size_t at = 0;
  for (uint32_t index = 0;;) {
    const Node& node = nodes_[index];
    if (text.size() - at < node.label_bytes) return false;
    const char* label = labels_.data() + node.label;
    for (uint32_t i = 0; i < node.label_bytes; ++i) {
      if (byte(at + i) != label[i]) return false;
    }
    at += node.label_bytes;
    if (node.children == 0) return true;
    if (at == text.size()) return false;
    const void* found = std::memchr(keys_.data() + node.first_child, byte(at), node.children);
    if (found == nullptr) return false;
    index = uint32_t(static_cast<const char*>(found) - keys_.data());
    ++at;
  }
}

bool TextTrie::Matches(std::string_view text, bool fold) const {
  if (nodes_.empty()) return false;
  if (direction_ == Direction::kForward) {
    return fold ? Walk<true, Direction::kForward>(text) : Walk<false, Direction::kForward>(text);
  }
  return fold ? Walk<true, Direction::kBackward>(text) : Walk<false, Direction::kBackward>(text);
}

}  // namespace engine
