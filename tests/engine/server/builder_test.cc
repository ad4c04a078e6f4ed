#include "engine/server/builder.h"

#include <gtest/gtest.h>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

TEST(Builder, SimpleTcpFileBuilds) {
  BuiltText built(R"(global
  nbthread 2
  maxconn 1000
defaults
  mode tcp
  timeout connect 1s
  timeout client 30s
  timeout server 40s
  default-server weight 10
frontend in
  bind 127.0.0.1:8000-8001,:8003 name http backlog 64
  default_backend app
backend app
  balance roundrobin
  server a 127.0.0.1:9000
  server b [::1]:9001 weight 3 backup
listen both
  bind /tmp/ringway-test.sock mode 660
  server c unix@/tmp/other.sock maxconn 5
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_TRUE(built.warnings().empty()) << built.Render();
  const Configuration& all = *built.configuration;
  EXPECT_EQ(all.global.nbthread, 2u);
  ASSERT_EQ(all.proxies.size(), 3u);
  const ProxyConfig& in = *all.proxies[0];
  ASSERT_EQ(in.binds.size(), 1u);
  ASSERT_EQ(in.binds[0]->addresses.size(), 3u);
  EXPECT_EQ(in.binds[0]->addresses[1].address.ToString(), "127.0.0.1:8001");
  EXPECT_EQ(in.binds[0]->addresses[2].address.ToString(), "0.0.0.0:8003");
  EXPECT_EQ(in.binds[0]->backlog, 64u);
  EXPECT_EQ(in.default_backend, all.FindBackend("app"));
  EXPECT_EQ(in.timeouts.client_ms, 30000u);
  const ProxyConfig& app = *all.proxies[1];
  ASSERT_EQ(app.servers.size(), 2u);
  EXPECT_EQ(app.balance, BalanceAlgorithm::kRoundRobin);
  EXPECT_EQ(app.servers[0]->weight, 10u);
  EXPECT_EQ(app.servers[1]->weight, 3u);
  EXPECT_TRUE(app.servers[1]->backup);
  EXPECT_EQ(app.servers[1]->address.ToString(), "[::1]:9001");
  EXPECT_EQ(app.servers[1]->id, 2u);
  EXPECT_GT(app.servers[1]->socket_address_length, 0u);
  const ProxyConfig& both = *all.proxies[2];
  EXPECT_EQ(both.binds[0]->addresses[0].address.ToString(), "unix:/tmp/ringway-test.sock");
  EXPECT_EQ(both.binds[0]->mode, 0660);
  EXPECT_EQ(both.servers[0]->address.ToString(), "unix:/tmp/other.sock");
  EXPECT_EQ(both.servers[0]->maxconn, 5u);
  EXPECT_EQ(both.timeouts.queue_ms, 1000u);
}

}  // namespace
}  // namespace engine
