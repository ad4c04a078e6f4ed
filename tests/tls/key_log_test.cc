#include "tls/key_log.h"

#include <gtest/gtest.h>

#include "tests/tls/link_world.h"

namespace tls {
namespace {

using Secret = KeyLog::Secret;

TEST(KeyLog, LinesAreKeptByTheirLabels) {
  KeyLog log;
  log.Note("CLIENT_TRAFFIC_SECRET_0 0123 ab");
  log.Note("EXPORTER_SECRET 0123 cd");
  log.Note("CLIENT_RANDOM 0123 ef");
  log.Note("SERVER_TRAFFIC_SECRET_0");
  log.Note("");
  EXPECT_EQ(log.secret(Secret::kClientTraffic), "ab");
  EXPECT_EQ(log.secret(Secret::kExporter), "cd");
  EXPECT_EQ(log.secret(Secret::kServerTraffic), "");
  EXPECT_EQ(log.secret(Secret::kClientEarly), "");
}

class KeyLogTest : public LinkTest {
 protected:
  const KeyLog* LogOf(bool keeps_secrets) {
    Options options;
    options.keeps_secrets = keeps_secrets;
    Open({}, options);
    TlsClient client;
    Shake(client);
    EXPECT_TRUE(client.done());
    return Link::Of(*connection_)->key_log();
  }
  void TearDown() override { connection_->Abort(); }
};

TEST_F(KeyLogTest, EverySecretOfAHandshakeIsThere) {
  const KeyLog* log = LogOf(true);
  ASSERT_NE(log, nullptr);
  for (const Secret one : {Secret::kClientHandshake, Secret::kServerHandshake,
                           Secret::kClientTraffic, Secret::kServerTraffic, Secret::kExporter}) {
    EXPECT_GE(log->secret(one).size(), 64u) << int(one);
    EXPECT_EQ(log->secret(one).find_first_not_of("0123456789abcdef"), std::string_view::npos);
  }
}

TEST_F(KeyLogTest, NothingIsKeptWithoutTheSetting) { EXPECT_EQ(LogOf(false), nullptr); }

}  // namespace
}  // namespace tls
