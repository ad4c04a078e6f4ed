// Words of server lines about where a server is and how it comes back, and limits of rates.

#include "engine/server/server_keywords.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kServerDefaults =
    "defaults\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

// Line 6.
BuiltText InBackend(const std::string& lines) {
  return BuiltText(std::string(kServerDefaults) + "backend b\n" + lines);
}

const ServerConfig& Server(const BuiltText& built, size_t index = 0) {
  return *built.configuration->FindBackend("b")->servers[index];
}

TEST(ServerKeywords, Slowstart) {
  const BuiltText built = InBackend(
      " default-server slowstart 3s\n server a 192.0.2.1:80\n server b 192.0.2.1:80 slowstart "
      "500\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(Server(built, 0).slowstart_ms, 3000u);
  EXPECT_EQ(Server(built, 1).slowstart_ms, 500u);
  EXPECT_EQ(InBackend(" server a 192.0.2.1:80 slowstart x\n").errors().size(), 1u);
  EXPECT_EQ(InBackend(" server a 192.0.2.1:80 slowstart\n").errors().size(), 1u);
}

TEST(ServerKeywords, ANameIsResolvedAtTheStart) {
  const BuiltText built = InBackend(" server a host.example:80\n server b 192.0.2.7:80\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_TRUE(Server(built, 0).has_address);
  EXPECT_EQ(Server(built, 0).address.ToString(), "192.0.2.1:80");
  EXPECT_EQ(Server(built, 0).host, "host.example");
  EXPECT_EQ(Server(built, 1).host, "");
  EXPECT_EQ(InBackend(" server a lost.invalid:80\n").errors(),
            (Lines{"6:11 'server': could not resolve address 'lost.invalid'"}));
}

TEST(ServerKeywords, InitAddrMethodsAreTriedInTurn) {
  struct Row {
    const char* words;
    const char* address;  // "": none for now; null: an error
    size_t warnings;
  };
  const Row rows[] = {
      {"init-addr last,libc", nullptr, 0},
      {"init-addr last", nullptr, 0},
      {"init-addr libc,none", "", 0},
      {"init-addr none", "", 0},
      {"init-addr last,libc,192.0.2.9", "192.0.2.9:80", 1},
      {"init-addr 192.0.2.9,none", "192.0.2.9:80", 1},
      {"init-addr none,192.0.2.9", "", 0},
      {"init-addr ::1,none", "[::1]:80", 1},
  };
  for (const Row& row : rows) {
    const BuiltText built = InBackend(std::string(" server a lost.invalid:80 ") + row.words + "\n");
    ASSERT_EQ(built.configuration != nullptr, row.address != nullptr) << row.words << "\n"
                                                                      << built.Render();
    if (row.address == nullptr) continue;
    EXPECT_EQ(built.warnings().size(), row.warnings) << row.words << built.Render();
    EXPECT_EQ(Server(built).has_address, *row.address != '\0') << row.words;
    if (Server(built).has_address) {
      EXPECT_EQ(Server(built).address.ToString(), row.address) << row.words;
    }
    EXPECT_FALSE(Server(built).disabled) << row.words;
  }
}

TEST(ServerKeywords, InitAddrIsForNames) {
  const BuiltText built = InBackend(
      " default-server init-addr none\n server a 192.0.2.7:80\n server b host.example:80\n"
      " server c host.example:80 init-addr libc\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_TRUE(Server(built, 0).has_address);
  EXPECT_FALSE(Server(built, 1).has_address);
  EXPECT_EQ(Server(built, 1).address.port, 80);
  EXPECT_TRUE(Server(built, 2).has_address);
}

TEST(ServerKeywords, InitAddrErrors) {
  struct Row {
    const char* words;
    const char* error;
  };
  const Row rows[] = {
      {"init-addr", "6:36 'init-addr': expects 'last', 'libc', 'none' or an address"},
      {"init-addr ''", "6:37 'init-addr': unknown method ''"},
      {"init-addr foo", "6:37 'init-addr': unknown method 'foo'"},
      {"init-addr libc,", "6:37 'init-addr': unknown method ''"},
      {"init-addr 192.0.2.1:80", "6:37 'init-addr': unknown method '192.0.2.1:80'"},
      {"init-addr 192.0.2.1,::1", "6:37 'init-addr': a second address, '::1', would never be used"},
  };
  for (const Row& row : rows) {
    const BuiltText built = InBackend(std::string(" server a host.example:80 ") + row.words + "\n");
    ASSERT_EQ(built.errors().size(), 1u) << row.words << "\n" << built.Render();
    EXPECT_EQ(built.errors()[0].substr(0, std::string(row.error).size()), row.error) << row.words;
  }
}

TEST(ServerKeywords, Rates) {
  const BuiltText built("global\n maxconnrate 10\n maxsessrate 20\n" +
                        std::string(kServerDefaults) +
                        " rate-limit sessions 5\nfrontend f\n bind :1\n rate-limit sessions 7\n"
                        "frontend g\n bind :2\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->global.connections_per_second, 10u);
  EXPECT_EQ(built.configuration->global.sessions_per_second, 20u);
  EXPECT_EQ(built.configuration->FindFrontend("f")->sessions_per_second, 7u);
  EXPECT_EQ(built.configuration->FindFrontend("g")->sessions_per_second, 5u);
  for (const char* line :
       {"global\n maxconnrate\n", "global\n maxconnrate x\n", "global\n maxsessrate -1\n",
        "global\n maxsessrate 1 2\n", "frontend f\n rate-limit sessions\n",
        "frontend f\n rate-limit sessions x\n", "frontend f\n rate-limit sessions -1\n",
        "frontend f\n rate-limit foo 1\n", "frontend f\n rate-limit sessions 1 2\n"}) {
    EXPECT_EQ(BuiltText(line).errors().size(), 1u) << line;
  }
}

}  // namespace
}  // namespace engine
