#include "engine/log/console.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace engine {
namespace {

std::string Printed(Verbosity verbosity, const std::function<void(Console&)>& say) {
  char* text = nullptr;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  Console console(verbosity, out);
  say(console);
  std::fclose(out);
  std::string printed(text, size);
  std::free(text);
  return printed;
}

TEST(ConsoleTest, LinesHaveHaproxysShape) {
  EXPECT_EQ(Console::Render("[ALERT]", "no", 12), "[ALERT]    (12) : no\n");
  EXPECT_EQ(Console::Render("[WARNING]", "hm", 12), "[WARNING]  (12) : hm\n");
  EXPECT_EQ(Console::Render("[NOTICE]", "yes", 12), "[NOTICE]   (12) : yes\n");
  EXPECT_EQ(Console::Render("[NOTICE]", "x"),
            "[NOTICE]   (" + std::to_string(getpid()) + ") : x\n");
}

TEST(ConsoleTest, ControlBytesAndFurtherLines) {
  EXPECT_EQ(Console::Render("[ALERT]", "a\x1b[1mb\nsecond\n", 1),
            "[ALERT]    (1) : a?[1mb\n   | second\n");
}

TEST(ConsoleTest, VerbosityDecidesWhatIsSaid) {
  const auto all = [](Console& console) {
    console.Alert("1");
    console.Warning("2");
    console.Notice("3");
    console.Detail("4");
  };
  EXPECT_EQ(Printed(Verbosity::kQuiet, all), "");
  const std::string normal = Printed(Verbosity::kNormal, all);
  EXPECT_NE(normal.find(") : 3\n"), std::string::npos);
  EXPECT_EQ(normal.find(") : 4\n"), std::string::npos);
  EXPECT_NE(Printed(Verbosity::kVerbose, all).find(") : 4\n"), std::string::npos);
}

}  // namespace
}  // namespace engine
