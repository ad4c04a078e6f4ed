#include "base/xxh64.h"

#include <gtest/gtest.h>

#include <string>

namespace base {
namespace {

TEST(Xxh64, GivesTheKnownValues) {
  struct Row {
    std::string text;
    uint64_t seed;
    uint64_t hash;
  };
  std::string eighty;
  for (int i = 0; i < 8; ++i) eighty += "0123456789";
  const Row rows[] = {
      {"", 0, 0xef46db3751d8e999},
      {"a", 0, 0xd24ec4f1a98c6e5b},
      {"abc", 0, 0x44bc2cf5ad770999},
      {"abc", 1, 0xbea9ca8199328908},
      {"message digest", 0, 0x066ed728fceeb3be},
      {"abcdefghijklmnopqrstuvwxyz", 0, 0xcfe1f278fa89835c},
      {eighty, 0, 0x56d458ed81c7870b},
      {eighty, 2654435761, 0xbf5013210cfc8193},
  };
  for (const Row& row : rows) EXPECT_EQ(Xxh64(row.text, row.seed), row.hash) << row.text;
}

}  // namespace
}  // namespace base
