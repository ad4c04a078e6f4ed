#include "engine/server/saved_states.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "engine/server/server_state.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

constexpr const char* kRow =
    "3 b 1 a 192.0.2.9 2 8 5 10 77 6 3 4 6 0 0 0 host.example 8080 - 0 0 - - 0";

struct ParseRow {
  const char* name;
  std::string text;
  bool good;
  size_t servers;
  const char* why;
};

TEST(SavedStates, Parse) {
  const std::string row = kRow;
  const ParseRow rows[] = {
      {"whole", "1\n# be_id ...\n" + row + "\n\n", true, 1, ""},
      {"no newline at the end", "1\n" + row, true, 1, ""},
      {"the fields of old", "1\n3 b 1 a 192.0.2.9 2 8 5 10 77 6 3 4 6 0\n", true, 1, ""},
      {"empty", "", false, 0, "it is empty"},
      {"cut off in the names", "1\n# be_id be_na", true, 0, "line 2: it is cut off"},
      {"names and no rows", "1\n# be_id be_name\n", true, 0, ""},
      {"only comments", "# x\n", false, 0, "it is empty"},
      {"another version", "2\n" + row + "\n", false, 0, "it is not of version 1 of the format"},
      {"no version", row + "\n", false, 0, "it is not of version 1 of the format"},
      {"few fields", "1\n3 b 1 a 192.0.2.9 2 8\n" + row + "\n", true, 1, "line 2: too few fields"},
      {"cut off in the port", "1\n" + row.substr(0, row.find("80 -")), true, 0,
       "line 2: it is cut off"},
      {"weight", "1\n3 b 1 a - 2 0 257 1 0 1 0 2 0 0\n", true, 0,
       "line 2: invalid srv_uweight value '257'"},
      {"state", "1\n3 b 1 a - x 0 1 1 0 1 0 2 0 0\n", true, 0,
       "line 2: invalid srv_op_state value 'x'"},
      {"port", "1\n3 b 1 a - 2 0 1 1 0 1 0 2 0 0 0 0 - 70000 - 0\n", true, 0,
       "line 2: invalid srv_port value '70000'"},
      {"several", "1\nx\ny\nz\n", true, 0, "line 2: too few fields, and 2 more lines"},
  };
  for (const ParseRow& one : rows) {
    std::vector<SavedServer> servers;
    std::string why;
    EXPECT_EQ(SavedStates::Parse(one.text, &servers, &why), one.good) << one.name;
    EXPECT_EQ(servers.size(), one.servers) << one.name;
    EXPECT_EQ(why, one.why) << one.name;
  }
  // Every prefix is refused, or means what the whole means.
  const std::string whole = "1\n" + row + "\n";
  for (size_t length = 0; length < whole.size(); ++length) {
    std::vector<SavedServer> servers;
    std::string why;
    (void)SavedStates::Parse(whole.substr(0, length), &servers, &why);
    if (servers.empty()) continue;
    EXPECT_EQ(servers[0].port, 8080) << length;
    EXPECT_EQ(servers[0].weight, 5u) << length;
  }
}

TEST(SavedStates, AllFieldsOfARow) {
  std::vector<SavedServer> servers;
  std::string why;
  ASSERT_TRUE(SavedStates::Parse(std::string("1\n") + kRow, &servers, &why)) << why;
  const SavedServer& server = servers[0];
  EXPECT_EQ(server.backend, "b");
  EXPECT_EQ(server.name, "a");
  EXPECT_EQ(server.address.Ip(), "192.0.2.9");
  EXPECT_EQ(server.operational, Operational::kRunning);
  EXPECT_EQ(server.admin_mask, 8u);
  EXPECT_EQ(server.weight, 5u);
  EXPECT_EQ(server.initial_weight, 10u);
  EXPECT_EQ(server.changed_s, 77u);
  EXPECT_EQ(server.check_status, 6u);
  EXPECT_EQ(server.check_health, 4u);
  EXPECT_EQ(server.check_mask, 6u);
  EXPECT_EQ(server.host, "host.example");
  EXPECT_EQ(server.port, 8080);
}

// A backend `b` whose servers have begun as `rows` say.
class Restored {
 public:
  Restored(const std::string& servers, const std::string& rows) {
    char path[] = "/tmp/ringway-states-XXXXXX";
    close(mkstemp(path));
    std::ofstream(path) << "1\n" << rows;
    built = std::make_unique<BuiltText>(
        std::string("global\n server-state-file ") + path +
        "\ndefaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
        " load-server-state-from-file global\nbackend b\n" +
        servers);
    EXPECT_NE(built->configuration, nullptr) << built->Render();
    Configuration& configuration = *built->configuration;
    const SavedStates saved = SavedStates::Read(configuration, nullptr, &warnings);
    saved.MoveServers(configuration);
    states.Attach(configuration);
    saved.Restore(configuration, kNowUs, &notes, &warnings);
    remove(path);
  }
  const ServerConfig& server(size_t index = 0) const {
    return *built->configuration->FindBackend("b")->servers[index];
  }
  const ServerState& state(size_t index = 0) const { return *server(index).state; }

  static constexpr uint64_t kNowUs = 1000000000;
  std::unique_ptr<BuiltText> built;
  StateTable states{1};
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
};

TEST(SavedStates, WeightsAreRestoredUnlessTheConfigurationHasNewOnes) {
  const Restored restored(" server a 192.0.2.1:80 weight 10\n server c 192.0.2.1:80 weight 11\n",
                          "3 b 1 a 192.0.2.1 2 0 5 10 77 1 0 2 0 0\n"
                          "3 b 2 c 192.0.2.1 2 0 5 10 77 1 0 2 0 0\n");
  EXPECT_EQ(restored.state(0).weight(), 5u);
  EXPECT_EQ(restored.state(1).weight(), 11u);
  EXPECT_EQ(restored.state(0).changed_us(), Restored::kNowUs - 77000000u);
  EXPECT_TRUE(restored.notes.empty());
  EXPECT_TRUE(restored.warnings.empty());
  const Restored fixed(" balance static-rr\n server a 192.0.2.1:80 weight 10\n",
                       "3 b 1 a 192.0.2.1 2 0 5 10 77 1 0 2 0 0\n");
  EXPECT_EQ(fixed.state().weight(), 10u);
  EXPECT_EQ(fixed.warnings.size(), 1u);
}

TEST(SavedStates, AdministrativeStates) {
  struct Row {
    const char* name;
    const char* options;
    const char* saved;  // operational state and mask
    AdminState admin;
    bool runs;
    std::string said;
  };
  const Row rows[] = {
      {"ready", "", "2 0", AdminState::kReady, true, ""},
      {"forced into maintenance", "", "0 1", AdminState::kMaint, false,
       "Server b/a remains in forced maintenance.\n"},
      {"drained", "", "2 8", AdminState::kDrain, true,
       "Server b/a remains in forced drain mode.\n"},
      {"disabled then and now", "disabled", "0 5", AdminState::kMaint, false, ""},
      {"disabled then", "", "0 5", AdminState::kReady, true, ""},
      {"disabled now", "disabled", "2 0", AdminState::kMaint, false, ""},
      {"ready though disabled", "disabled", "2 4", AdminState::kReady, true,
       "Server b/a is UP/READY (leaving forced maintenance).\n"},
      {"drained though disabled", "disabled", "2 12", AdminState::kDrain, true,
       "Server b/a is UP/READY (leaving forced maintenance).\nServer b/a remains in forced drain "
       "mode.\n"},
      {"drained, disabled now", "disabled", "2 8", AdminState::kMaint, false, ""},
      {"forced, disabled now", "disabled", "0 1", AdminState::kMaint, false, ""},
      {"ready though disabled then", "", "2 4", AdminState::kReady, true, ""},
      {"drained though disabled then", "", "2 12", AdminState::kDrain, true,
       "Server b/a remains in forced drain mode.\n"},
      {"without an address then", "", "0 32", AdminState::kReady, true, ""},
  };
  for (const Row& row : rows) {
    const Restored restored(
        std::string(" server a 192.0.2.1:80 ") + row.options + "\n",
        std::string("3 b 1 a 192.0.2.1 ") + row.saved + " 1 1 0 1 0 0 0 0 0 0 - 80 - 0\n");
    EXPECT_EQ(restored.state().admin_state(), row.admin) << row.name;
    EXPECT_EQ(restored.state().operational() == Operational::kRunning, row.runs) << row.name;
    std::string said;
    for (const std::string& note : restored.notes) said += note + "\n";
    EXPECT_EQ(said, row.said) << row.name;
  }
}

TEST(SavedStates, Health) {
  struct Row {
    const char* name;
    const char* options;
    const char* saved;  // operational state, mask; then health and the masks of check and agent
    const char* checks;
    Operational operational;
    uint32_t count;
  };
  const Row rows[] = {
      {"down", "check", "0 0", "0 6 0", Operational::kStopped, 0},
      {"rising", "check rise 3", "0 0", "2 6 0", Operational::kStopped, 2},
      {"up", "check", "2 0", "4 6 0", Operational::kRunning, 4},
      {"falling", "check", "2 0", "3 6 0", Operational::kRunning, 3},
      {"more than there is", "check", "2 0", "99 6 0", Operational::kRunning, 4},
      {"less than it needs", "check rise 5", "2 0", "1 6 0", Operational::kRunning, 5},
      {"stopping", "check", "3 0", "4 6 0", Operational::kStopping, 4},
      {"checked from now on", "check", "2 0", "4 0 0", Operational::kRunning, 2},
      {"down by checks of old", "", "0 0", "0 6 0", Operational::kRunning, 2},
      {"down by an operator", "", "0 0", "0 0 0", Operational::kStopped, 0},
      {"down by its agent", "check agent-check agent-port 1", "0 0", "4 6 30",
       Operational::kStopped, 4},
      {"in maintenance", "check", "0 5", "0 14 0", Operational::kRunning, 2},
  };
  for (const Row& row : rows) {
    const Restored restored(std::string(" server a 192.0.2.1:80 ") + row.options + "\n",
                            std::string("3 b 1 a 192.0.2.1 ") + row.saved + " 1 1 0 8 2 " +
                                row.checks + " 0 0 - 80 - 0\n");
    EXPECT_EQ(restored.state().operational(), row.operational) << row.name;
    EXPECT_EQ(restored.state().health.Get().count, row.count) << row.name;
    const bool is_up = row.operational == Operational::kRunning;
    EXPECT_EQ(restored.server().backend->state->is_up(), is_up) << row.name;
  }
  const Restored paused(" server a 192.0.2.1:80 check\n",
                        "3 b 1 a 192.0.2.1 2 0 1 1 0 8 2 4 2 0\n");
  EXPECT_FALSE(paused.state().health.Get().checks);
  EXPECT_EQ(paused.state().check.report.Get().status, CheckStatus::kL4Connection);
}

TEST(SavedStates, AddressesOfNamesAndPorts) {
  const char* tail = " 2 0 1 1 0 1 0 2 0 0 0 0 ";
  const auto row = [&](const char* address, const char* rest) {
    return std::string("3 b 1 a ") + address + tail + rest + "\n";
  };
  struct Row {
    const char* words;
    std::string saved;
    const char* address;
  };
  const Row rows[] = {
      {"host.example:80", row("192.0.2.9", "host.example 80 -"), "192.0.2.9:80"},
      {"host.example:80", row("192.0.2.9", "other.example 80 -"), "192.0.2.1:80"},
      {"host.example:80 init-addr libc,last", row("192.0.2.9", "host.example 80 -"),
       "192.0.2.1:80"},
      {"lost.invalid:80 init-addr last,none", row("192.0.2.9", "lost.invalid 80 -"),
       "192.0.2.9:80"},
      {"host.example:80", row("-", "host.example 80 -"), "192.0.2.1:80"},
      {"192.0.2.3:80", row("192.0.2.9", "- 80 -"), "192.0.2.3:80"},
      {"192.0.2.3:80", row("192.0.2.9", "- 81 -"), "192.0.2.3:80"},
      {"192.0.2.3:80", row("192.0.2.3", "- 81 -"), "192.0.2.3:81"},
      {"host.example:80", row("192.0.2.9", "host.example 81 -"), "192.0.2.9:81"},
      {"192.0.2.3", row("192.0.2.3", "- 81 -"), "192.0.2.3:0"},
  };
  for (const Row& one : rows) {
    const Restored restored(std::string(" server a ") + one.words + "\n", one.saved);
    EXPECT_EQ(restored.server().address.ToString(), one.address) << one.words << "\n" << one.saved;
    EXPECT_TRUE(restored.server().has_address) << one.words;
    sockaddr_storage expected{};
    const socklen_t length = restored.server().address.ToSockaddr(&expected);
    EXPECT_EQ(restored.server().socket_address_length, length);
    EXPECT_EQ(memcmp(&restored.server().socket_address, &expected, length), 0) << one.words;
  }
}

TEST(SavedStates, OfTwoRowsOfAServerTheFirstCounts) {
  const Restored restored(" server a 192.0.2.1:80 weight 10\n",
                          "3 b 1 a 192.0.2.1 2 0 5 10 77 1 0 2 0 0\n"
                          "3 b 1 a 192.0.2.1 2 0 6 10 77 1 0 2 0 0\n");
  EXPECT_EQ(restored.state().weight(), 5u);
}

TEST(SavedStates, OfOtherServersNothingIsTaken) {
  const Restored restored(" server a 192.0.2.1:80\n",
                          "3 other 1 a 192.0.2.1 0 1 5 1 77 1 0 2 0 0\n"
                          "3 b 1 gone 192.0.2.1 0 1 5 1 77 1 0 2 0 0\n");
  EXPECT_EQ(restored.state().admin_state(), AdminState::kReady);
  EXPECT_EQ(restored.state().weight(), 1u);
}

TEST(SavedStates, KeywordsAreChecked) {
  const auto errors = [](const std::string& global, const std::string& backend) {
    return BuiltText("global\n" + global + "backend b\n" + backend).errors().size();
  };
  EXPECT_EQ(errors(" server-state-file\n", ""), 1u);
  EXPECT_EQ(errors(" server-state-file a b\n", ""), 1u);
  EXPECT_EQ(errors(" server-state-base\n", ""), 1u);
  EXPECT_EQ(errors("", " load-server-state-from-file\n"), 1u);
  EXPECT_EQ(errors("", " load-server-state-from-file some\n"), 1u);
  EXPECT_EQ(errors("", " server-state-file-name a b\n"), 1u);
  EXPECT_EQ(errors(" server-state-base /x\n server-state-file y\n",
                   " load-server-state-from-file local\n server-state-file-name z\n"),
            0u);
}

}  // namespace
}  // namespace engine
