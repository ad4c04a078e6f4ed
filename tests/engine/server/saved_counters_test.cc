#include "engine/server/saved_counters.h"

#include <gtest/gtest.h>

#include "engine/server/server_state.h"

namespace engine {
namespace {

constexpr uint32_t kShards = 2;

// A listen section with two servers, of which one has a guid.
struct World {
  World() : front_state("web", kShards) {
    auto proxy = std::make_unique<ProxyConfig>();
    proxy->name = "web";
    proxy->guid = "web-guid";
    proxy->is_frontend = proxy->is_backend = true;
    proxy->state = &front_state;
    for (const char* guid : {"one-guid", ""}) {
      auto server = std::make_unique<ServerConfig>();
      server->guid = guid;
      server_states.push_back(std::make_unique<ServerState>("s", kShards));
      server->state = server_states.back().get();
      server->backend = proxy.get();
      proxy->servers.push_back(std::move(server));
    }
    configuration.AddProxy(std::move(proxy));
  }
  ProxyConfig& proxy() { return *configuration.proxies[0]; }
  std::string Dump() {
    std::string text = SavedCountersHead() + FrontendCountersHead() + FrontendCountersLine(proxy());
    text += BackendCountersHead() + BackendCountersLine(proxy()) + ServerCountersHead();
    return text + ServerCountersLine(*proxy().servers[0]) + SavedCountersEnd();
  }

  BackendState front_state;
  std::vector<std::unique_ptr<ServerState>> server_states;
  Configuration configuration;
};

TEST(SavedCounters, WhatWasCountedGoesOn) {
  World before;
  before.front_state.part(0).front_total.Set(5);
  before.front_state.part(1).front_total.Set(6);
  before.front_state.part(1).back_statuses.of_class[5].Set(7);
  before.front_state.part(1).front_rules.denied_requests.Set(8);
  before.front_state.AddDowns(2, 3);
  before.server_states[0]->part(0).bytes_in.Set(100);
  before.server_states[1]->part(1).total.Set(20);
  before.front_state.part(1).back_bytes_in.Set(130);
  before.server_states[0]->counters.failed = 4;

  SavedCounters saved;
  std::string why;
  ASSERT_TRUE(saved.Parse(before.Dump(), &why)) << why;
  EXPECT_EQ(why, "");
  World after;
  after.front_state.part(1).front_total.Set(1000);
  saved.Restore(after.configuration);
  EXPECT_EQ(after.front_state.Sum(&ProxyShardPart::front_total), 1011u);
  EXPECT_EQ(after.front_state.part(0).back_statuses.of_class[5].Get(), 7u);
  EXPECT_EQ(after.front_state.part(0).front_rules.denied_requests.Get(), 8u);
  EXPECT_EQ(after.front_state.downs(), 2u);
  EXPECT_EQ(after.server_states[0]->Sum(&ServerShardPart::bytes_in), 100u);
  EXPECT_EQ(after.server_states[0]->counters.failed, 4u);
  // The other one has no guid, so its backend remembers.
  EXPECT_EQ(after.server_states[1]->Sum(&ServerShardPart::total), 0u);
  EXPECT_EQ(after.front_state.part(0).carried.total.Get(), 20u);
  EXPECT_EQ(after.front_state.part(0).back_bytes_in.Get(), 130u);
  // And says the same the next time.
  World third;
  SavedCounters again;
  ASSERT_TRUE(again.Parse(after.Dump(), &why)) << why;
  again.Restore(third.configuration);
  EXPECT_EQ(third.front_state.part(0).carried.total.Get(), 20u);
}

TEST(SavedCounters, GuidAndKindDecide) {
  World before;
  before.front_state.part(0).front_total.Set(5);
  SavedCounters saved;
  std::string why;
  ASSERT_TRUE(saved.Parse(before.Dump(), &why));
  World renamed;
  renamed.proxy().name = "other";
  saved.Restore(renamed.configuration);
  EXPECT_EQ(renamed.front_state.Sum(&ProxyShardPart::front_total), 5u);
  World other;
  other.proxy().guid = "one-guid";  // a server's
  saved.Restore(other.configuration);
  EXPECT_EQ(other.front_state.Sum(&ProxyShardPart::front_total), 0u);
  World nameless;
  nameless.proxy().guid.clear();
  saved.Restore(nameless.configuration);
  EXPECT_EQ(nameless.front_state.Sum(&ProxyShardPart::front_total), 0u);
}

TEST(SavedCounters, BrokenFiles) {
  const std::string head = "# ringway stats-file 1\n";
  const struct {
    const char* name;
    std::string text;
    bool used;
    std::string why;
    uint64_t connections;
  } rows[] = {
      {"empty", "", false, "it does not begin with '# ringway stats-file 1'", 0},
      {"alien", "#fe guid,connections\nweb-guid,1\n#end\n", false,
       "it does not begin with '# ringway stats-file 1'", 0},
      {"nothing but a head", head, true, "it is cut off", 0},
      {"good", head + "#fe guid,connections\nweb-guid,12\n#end\n", true, "", 12},
      {"a column nobody knows", head + "#fe guid,x,connections\nweb-guid,1,12\n#end\n", true, "",
       12},
      {"a section nobody knows",
       head + "#tables guid,a\nt,x,y\n#fe guid,connections\nweb-guid,12\n#end\n", true, "", 12},
      {"an object nobody knows", head + "#fe guid,connections\nother,12\n#end\n", true, "", 0},
      {"too few values", head + "#fe guid,connections,sessions\nweb-guid,12\n#end\n", true,
       "line 3: as many values as the columns are expected", 0},
      {"no number", head + "#fe guid,connections\nx,-1\nweb-guid,12\n#end\n", true,
       "line 3: '-1' is not a counter", 12},
      {"too large", head + "#fe guid,connections\nweb-guid,99999999999999999999\n#end\n", true,
       "line 3: '99999999999999999999' is not a counter", 0},
      {"twice", head + "#fe guid,connections\nweb-guid,12\nweb-guid,13\n#end\n", true,
       "line 4: a guid stands here twice", 12},
      {"several", head + "#fe guid,connections\na,\nb,\n,1\nweb-guid,12\n#end\n", true,
       "line 3: '' is not a counter, and 2 more lines", 12},
      {"half a number", head + "#fe guid,connections\nx,1\nweb-guid,12", true, "it is cut off", 0},
      {"what follows the end", head + "#end\n#fe guid,connections\nweb-guid,12\n", true, "", 0},
      {"bytes of anything", head + std::string("\0\xff,,,\n#fe\n,\n", 12), true, "it is cut off",
       0},
  };
  for (const auto& row : rows) {
    SavedCounters saved;
    std::string why;
    EXPECT_EQ(saved.Parse(row.text, &why), row.used) << row.name;
    EXPECT_EQ(why, row.why) << row.name;
    World world;
    saved.Restore(world.configuration);
    EXPECT_EQ(world.front_state.Sum(&ProxyShardPart::front_total), row.connections) << row.name;
  }
}

}  // namespace
}  // namespace engine
