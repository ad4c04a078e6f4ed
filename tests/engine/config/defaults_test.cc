#include "engine/config/defaults.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

// Reads `text` and shows the chain of the last section by the line numbers of its parts.
struct Resolved {
  explicit Resolved(const std::string& text) {
    Environment environment;
    const ConditionFacts facts;
    EXPECT_TRUE(tree.ReadText("t.cfg", text, {environment, facts, diagnostics}));
    good = chains.Resolve(tree, diagnostics);
    for (const Section* section : chains.Chain(tree.sections().back())) {
      chain += std::to_string(section->header.number) + " ";
    }
  }
  Tree tree;
  Diagnostics diagnostics;
  DefaultsChains chains;
  bool good = false;
  std::string chain;
};

TEST(Defaults, ChainsInTheOrderToApply) {
  const struct {
    const char* name;
    const char* text;
    const char* chain;
    size_t errors, warnings;
    const char* says;
  } kCases[] = {
      {"none", "listen x\n", "1 ", 0, 0, ""},
      {"the latest", "defaults\ndefaults\nlisten x\n", "2 3 ", 0, 0, ""},
      {"the latest, though named", "defaults a\nlisten x\n", "1 2 ", 0, 0, ""},
      {"only what stands before", "defaults\nlisten x\ndefaults\n", "3 ", 0, 0, ""},
      {"named", "defaults a\ndefaults b\nlisten x from a\n", "1 3 ", 0, 0, ""},
      {"inherited", "defaults a\ndefaults b from a\ndefaults c from b\nlisten x from c\n",
       "1 2 3 4 ", 0, 0, ""},
      {"a new one starts afresh", "defaults a\ndefaults b\nlisten x\n", "2 3 ", 0, 0, ""},
      {"anonymous from", "defaults a\ndefaults from a\nlisten x\n", "1 2 3 ", 0, 0, ""},
      {"other sections have none", "defaults\ncache c\n", "2 ", 0, 0, ""},
      {"unknown", "defaults base\nlisten x from bsae\n", "2 ", 1, 0, "did you mean 'base'?"},
      {"declared after", "defaults b from a\ndefaults a\nlisten x from b\n", "1 3 ", 1, 0,
       "declared after, at t.cfg:2"},
      {"cyclic", "defaults a from b\ndefaults b from a\nlisten x from b\n", "1 2 3 ", 1, 0,
       "cyclic"},
      {"itself", "defaults a from a\nlisten x\n", "1 2 ", 1, 0, "cyclic"},
      {"ambiguous", "defaults a\ndefaults a\nlisten x from a\n", "3 ", 1, 0, "ambiguous"},
      {"same name unused", "defaults a\ndefaults a\nlisten x\n", "2 3 ", 0, 0, ""},
      {"bad name used", "defaults a$\nlisten x from a$\n", "2 ", 1, 0, "not permitted"},
      {"bad name unused", "defaults a$\nlisten x\n", "1 2 ", 0, 0, ""},
      {"named and fallen to", "defaults a\nlisten x from a\nlisten y\n", "1 3 ", 0, 1,
       "explicitly used by listen 'x'"},
      {"rules for a listen", "defaults a\n http-request deny\nlisten x from a\n", "1 3 ", 1, 0,
       "listen 'x' is a frontend and a backend and cannot start from defaults 'a' (t.cfg:1)"},
      {"rules for both",
       "defaults a\n tcp-request content accept\nfrontend f from a\nbackend b from a\n", "1 4 ", 1,
       0, "backend 'b' and frontend 'f' (t.cfg:3) cannot both start from defaults 'a' (t.cfg:1)"},
      {"rules for both, further up",
       "defaults a\n http-response deny\ndefaults b from a\nbackend f from b\nfrontend b from a\n",
       "1 5 ", 1, 0, "frontend 'b' and backend 'f' (t.cfg:4)"},
      {"rules for one kind",
       "defaults a\n http-request deny\nfrontend f from a\nfrontend g from a\n", "1 4 ", 0, 0, ""},
      {"no rules", "defaults a\n tcp-request inspect-delay 1s\n acl b path /\nlisten x from a\n",
       "1 4 ", 0, 0, ""},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Resolved resolved(test.text);
    EXPECT_EQ(resolved.good, test.errors == 0);
    EXPECT_EQ(resolved.chain, test.chain);
    EXPECT_EQ(resolved.diagnostics.errors(), test.errors) << resolved.diagnostics.Render();
    EXPECT_EQ(resolved.diagnostics.warnings(), test.warnings);
    EXPECT_NE(resolved.diagnostics.Render().find(test.says), std::string::npos)
        << resolved.diagnostics.Render();
  }
}

TEST(Defaults, WhatStartsFromNothingIsNotWhole) {
  const auto is_whole = [](const std::string& text) {
    const Resolved resolved(text);
    return resolved.chains.IsWhole(resolved.tree.sections().back());
  };
  EXPECT_TRUE(is_whole("listen x\n"));
  EXPECT_TRUE(is_whole("defaults a\ndefaults b from a\nlisten x from b\n"));
  EXPECT_FALSE(is_whole("listen x from a\n"));
  EXPECT_FALSE(is_whole("defaults b from a\nlisten x from b\n"));
}

}  // namespace
}  // namespace engine
