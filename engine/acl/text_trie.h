// text_trie.h - many texts, of which one begins (or ends) another: prefixes and suffixes of ACLs.
//
// Owns:    its nodes and labels; the patterns only lend their bytes while it is built.
// Threads: start-up while it is built, then immutable.
// Units:   bytes.
// Errors:  none.
// States:  empty -> built, once.
//
//   TextTrie trie(TextTrie::Direction::kForward);
//   trie.Build({"/images/", "/css/"});
//   trie.Matches("/css/a.css", false);   // true
//
// A pattern that another one begins is left out: it can add nothing. So every end is a leaf, and a
// look-up costs one step per branch on its way, however many patterns there are.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class TextTrie {
 public:
  enum class Direction : uint8_t { kForward, kBackward };  // backward: patterns are suffixes

  explicit TextTrie(Direction direction) : direction_(direction) {}

  void Build(std::vector<std::string_view> patterns);
  // Some pattern stands at the front (backward: at the end) of `text`. `fold`: the patterns are in
  // lower case, and so is `text` to be read.
  bool Matches(std::string_view text, bool fold) const;
  bool empty() const { return nodes_.empty(); }

 private:
  struct Node {
    uint32_t label;  // offset in labels_
    uint32_t label_bytes;
    uint32_t first_child;
    uint32_t children;  // 0: a pattern ends here
  };
  template <bool kFold, Direction kDirection>
  bool Walk(std::string_view text) const;

  Direction direction_;
  std::vector<Node> nodes_;
  std::string keys_;  // by node: the byte that leads to it
  std::string labels_;
};

}  // namespace engine
