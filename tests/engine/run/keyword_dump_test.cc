#include "engine/run/keyword_dump.h"

#include <gtest/gtest.h>

#include <vector>

namespace engine {
namespace {

std::string Dump(const std::vector<std::string>& classes) {
  std::string unknown;
  const std::string text = KeywordDump(classes, &unknown);
  EXPECT_EQ(unknown, "");
  return text;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(KeywordDump, ConfigurationHasTheShapeOfAFile) {
  const std::string text = Dump({"cfg"});
  EXPECT_TRUE(text.starts_with("# List of registered configuration keywords:\nglobal\n\tca-base\n"))
      << text.substr(0, 200);
  EXPECT_TRUE(Has(text, "\nlisten\n\tacl\n") || Has(text, "\nlisten\n\tacl "));
  EXPECT_TRUE(Has(text, "\n\tbind <addr> mss\n"));
  EXPECT_TRUE(Has(text, "\n\tserver <name> <addr> weight\n"));
}

TEST(KeywordDump, LeavesOutWhatDoesNotWork) {
  const std::string text = Dump({"all"});
  EXPECT_FALSE(Has(text, "\tstick-table\n"));       // not yet
  EXPECT_FALSE(Has(text, "\tclitimeout\n"));        // removed
  EXPECT_FALSE(Has(text, "\ttune.quic.listen\n"));  // without effect
  EXPECT_FALSE(Has(text, "\nsc0_key\n"));           // a fetch of the manual
  const size_t frontend = text.find("\nfrontend\n");
  const size_t backend = text.find("\nbackend\n");
  ASSERT_LT(frontend, backend);
  // Read with a warning in a frontend, because HAProxy does; it means nothing there.
  EXPECT_FALSE(Has(text.substr(frontend, backend - frontend), "\tbalance\n"));
}

TEST(KeywordDump, ClassesAreChosenByName) {
  EXPECT_EQ(Dump({"svc"}), "# List of registered service names:\necho\nprometheus-exporter\n");
  const std::string text = Dump({"cli", "act"});
  EXPECT_TRUE(Has(text, "\nshow version [WORKER]\n"));
  EXPECT_TRUE(Has(text, "\nhttp-request return\n"));
  EXPECT_FALSE(Has(text, "global\n"));
  EXPECT_TRUE(Has(Dump({"help"}), "\nsmp: sample fetch functions\n"));
}

TEST(KeywordDump, NamesTheClassThatDoesNotExist) {
  std::string unknown;
  const std::string text = KeywordDump(std::vector<std::string>{"cgf", "svc"}, &unknown);
  EXPECT_EQ(unknown, "cgf");
  EXPECT_TRUE(Has(text, "echo\n"));
}

}  // namespace
}  // namespace engine
