#include "proto/http/hop_by_hop.h"

#include <gtest/gtest.h>

#include <string>

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
