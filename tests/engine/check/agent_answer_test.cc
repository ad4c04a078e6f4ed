// What agents say, word by word.

#include "engine/check/agent_answer.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

struct AgentCase {
  const char* name;
  const char* line;
  int up;      // -1: not said
  int admin;   // -1: not said
  int weight;  // of a server with 40; -1: not said
  const char* description;
  const char* error;
};

constexpr AgentCase kAgentCases[] = {
    {"Nothing", "", -1, -1, -1, "", ""},
    {"Up", "up", 1, -1, -1, "", ""},
    {"Down", "down", 0, -1, -1, "", ""},
    {"Stopped", "stopped", 0, -1, -1, "", ""},
    {"FailWithText", "fail # disk full, sorry", 0, -1, -1, "disk full, sorry", ""},
    {"TextWithoutBlank", "down#disk", 0, -1, -1, "disk", ""},
    {"Percent", "75%", -1, -1, 30, "", ""},
    {"PercentAbove", "1000%", -1, -1, 256, "", ""},
    {"PercentHuge", "99999999999%", -1, -1, -1, "", "99999999999%"},
    {"Weight", "weight:7", -1, -1, 7, "", ""},
    {"WeightPercent", "weight:50%", -1, -1, 20, "", ""},
    {"WeightAbove", "weight:257", -1, -1, -1, "", "weight:257"},
    {"BareNumber", "75", -1, -1, -1, "", "75"},
    {"Negative", "-5%", -1, -1, -1, "", "-5%"},
    {"Ready", "ready", -1, 0, -1, "", ""},
    {"Drain", "drain", -1, 1, -1, "", ""},
    {"Maint", "maint", -1, 2, -1, "", ""},
    {"Several", "up,50%\tready", 1, 0, 20, "", ""},
    {"Unknown", "up frobnicate 50%", 1, -1, 20, "", "frobnicate"},
    {"MaxconnWithoutNumber", "maxconn:", -1, -1, -1, "", "maxconn:"},
    {"MaxconnNegative", "maxconn:-1", -1, -1, -1, "", "maxconn:-1"},
    {"AnyCase", "UP Drain WEIGHT:50%", 1, 1, 20, "", ""},
    {"TextBeforeTheSharp", "down text # why", 0, -1, -1, "why", "text"},
    {"Blanks", "  ,, up ,", 1, -1, -1, "", ""},
};

class AgentTest : public testing::TestWithParam<AgentCase> {};

TEST_P(AgentTest, IsUnderstood) {
  const AgentCase& param = GetParam();
  const AgentAnswer answer = ParseAgentAnswer(param.line);
  EXPECT_EQ(answer.is_up ? int(*answer.is_up) : -1, param.up);
  EXPECT_EQ(answer.admin ? int(*answer.admin) : -1, param.admin);
  EXPECT_EQ(answer.weight ? int(WeightOf(answer, 40)) : -1, param.weight);
  EXPECT_EQ(answer.description, param.description);
  EXPECT_EQ(answer.error, param.error);
}

TEST(AgentAnswer, NamesALimit) {
  EXPECT_EQ(ParseAgentAnswer("up maxconn:30").maxconn, 30u);
  EXPECT_EQ(ParseAgentAnswer("MAXCONN:0").maxconn, 0u);
  EXPECT_FALSE(ParseAgentAnswer("up").maxconn.has_value());
}

INSTANTIATE_TEST_SUITE_P(AgentAnswer, AgentTest, testing::ValuesIn(kAgentCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace engine
