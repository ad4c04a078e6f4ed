#include "proto/http/hop_by_hop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace proto {
namespace {

class HopByHopTest : public testing::Test {
 protected:
  void Add(std::string_view name, std::string_view value) { ASSERT_TRUE(fields_.Add(name, value)); }
  std::string Names() {
    std::string text;
    for (const Field& field : fields_) text += std::string(field.name()) + ";";
    return text;
  }
  base::Arena arena_;
  FieldList fields_{arena_, 100};
};

TEST_F(HopByHopTest, ConnectionIsReadOverAllItsFields) {
  Add("Connection", "Keep-Alive, ,Upgrade");
  Add("connection", "TE, x-mine");
  const ConnectionOptions options = ReadConnection(fields_);
  EXPECT_TRUE(options.keep_alive && options.upgrade && options.te && options.names_others);
  EXPECT_FALSE(options.close);
}

TEST_F(HopByHopTest, AnotherFieldMaySpeakInItsPlace) {
  Add("Connection", "close");
  Add("Proxy-Connection", "keep-alive");
  const ConnectionOptions options = ReadConnection(fields_, FieldName::kProxyConnection);
  EXPECT_TRUE(options.keep_alive);
  EXPECT_FALSE(options.close);
}

TEST_F(HopByHopTest, ATargetTellsThatTheRequestIsProxied) {
  RequestHead head(arena_);
  EXPECT_FALSE(IsProxied(head));
  for (const std::string_view target : {"/", "/a", "*"}) {
    head.target = target;
    EXPECT_FALSE(IsProxied(head)) << target;
  }
  for (const std::string_view target : {"http://a/", "a.example:443", "x"}) {
    head.target = target;
    EXPECT_TRUE(IsProxied(head)) << target;
  }
}

TEST_F(HopByHopTest, PersistenceDependsOnVersion) {
  ConnectionOptions none, keep, close;
  keep.keep_alive = true;
  close.close = close.keep_alive = true;
  EXPECT_TRUE(IsPersistent({1, 1}, none));
  EXPECT_FALSE(IsPersistent({1, 0}, none));
  EXPECT_TRUE(IsPersistent({1, 0}, keep));
  EXPECT_FALSE(IsPersistent({1, 0}, close));
  EXPECT_FALSE(IsPersistent({1, 1}, close));
}

TEST_F(HopByHopTest, UpgradeIsAskedForInOneWayOnly) {
  struct Row {
    const char* name;
    Version version;
    std::vector<std::string_view> connection, upgrade;
    bool asks;
  };
  const Row rows[] = {
      {"plain", {1, 1}, {"upgrade"}, {"websocket"}, true},
      {"list", {1, 1}, {"keep-alive, Upgrade"}, {"websocket, x/1"}, true},
      {"no Connection", {1, 1}, {}, {"websocket"}, false},
      {"no Upgrade", {1, 1}, {"upgrade"}, {}, false},
      {"HTTP/1.0", {1, 0}, {"upgrade"}, {"websocket"}, false},
      {"h2c", {1, 1}, {"upgrade"}, {"h2c"}, false},
      {"H2C", {1, 1}, {"upgrade"}, {"H2C"}, false},
      {"h2c-14", {1, 1}, {"upgrade"}, {"h2c-14"}, false},
      {"h2c in a list", {1, 1}, {"upgrade"}, {"websocket, h2c"}, false},
      {"h2c in a second field", {1, 1}, {"upgrade"}, {"websocket", "h2c"}, false},
      {"h2c behind blanks", {1, 1}, {"upgrade"}, {"websocket,\t h2c"}, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    base::Arena arena;
    RequestHead head(arena);
    head.version = row.version;
    for (std::string_view value : row.connection) ASSERT_TRUE(head.fields.Add("Connection", value));
    for (std::string_view value : row.upgrade) ASSERT_TRUE(head.fields.Add("Upgrade", value));
    EXPECT_EQ(AsksForUpgrade(head), row.asks);
  }
}

TEST_F(HopByHopTest, StripsStandingAndNamedFields) {
  Add("Host", "a");
  Add("X-Mine", "1");
  Add("Connection", "x-mine, close, X-Absent");
  Add("Keep-Alive", "5");
  Add("Proxy-Connection", "close");
  Add("TE", "trailers");
  Add("Upgrade", "h2c");
  Add("x-mine", "2");
  Add("Accept", "3");
  StripHopByHop(fields_, Keep::kNothing);
  EXPECT_EQ(Names(), "Host;Accept;");
}

TEST_F(HopByHopTest, UpgradeIsKeptOnDemand) {
  Add("Upgrade", "websocket");
  Add("Connection", "upgrade");
  StripHopByHop(fields_, Keep::kUpgrade);
  EXPECT_EQ(Names(), "Upgrade;");
}

TEST_F(HopByHopTest, FramingAndHostCannotBeNamedAway) {
  Add("Connection", "host, content-length, transfer-encoding, x");
  Add("Host", "a");
  Add("Content-Length", "5");
  Add("Transfer-Encoding", "chunked");
  Add("X", "1");
  StripHopByHop(fields_, Keep::kNothing);
  EXPECT_EQ(Names(), "Host;Content-Length;Transfer-Encoding;");
}

TEST_F(HopByHopTest, TrailersMayNotFrameRouteOrAuthenticate) {
  EXPECT_TRUE(MayBeTrailer(FieldName::kOther));
  EXPECT_TRUE(MayBeTrailer(FieldName::kEtag));
  EXPECT_FALSE(MayBeTrailer(FieldName::kContentLength));
  EXPECT_FALSE(MayBeTrailer(FieldName::kHost));
  EXPECT_FALSE(MayBeTrailer(FieldName::kAuthorization));
}

}  // namespace
}  // namespace proto
