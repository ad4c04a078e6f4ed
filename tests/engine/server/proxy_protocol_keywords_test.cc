// Words about headers before the first byte.

#include "engine/server/proxy_protocol_keywords.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

using namespace std::string_literals;

constexpr const char* kProtocolDefaults =
    "defaults\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

BuiltText InProtocolFrontend(const std::string& lines) {
  return BuiltText(std::string(kProtocolDefaults) + "frontend f\n" + lines);
}
// Line 6.
BuiltText InProtocolBackend(const std::string& lines) {
  return BuiltText(std::string(kProtocolDefaults) + "backend b\n" + lines);
}

const BindConfig& BindOf(const BuiltText& built, size_t index = 0) {
  return *built.configuration->FindFrontend("f")->binds[index];
}
const shard::ProxySendOptions& AnnounceOf(const BuiltText& built, size_t index = 0) {
  return built.configuration->FindBackend("b")->servers[index]->announce;
}

TEST(ProxyProtocolKeywords, Binds) {
  const BuiltText built = InProtocolFrontend(
      " bind :1\n bind :2 accept-proxy\n"
      " bind :3 accept-netscaler-cip 4660 accept-proxy\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_FALSE(BindOf(built, 0).accept_proxy);
  EXPECT_FALSE(BindOf(built, 0).accept_cip);
  EXPECT_TRUE(BindOf(built, 1).accept_proxy);
  EXPECT_FALSE(BindOf(built, 1).accept_cip);
  EXPECT_TRUE(BindOf(built, 2).accept_proxy);
  EXPECT_TRUE(BindOf(built, 2).accept_cip);
  EXPECT_EQ(BindOf(built, 2).cip_magic, 4660u);
}

TEST(ProxyProtocolKeywords, Timeout) {
  const BuiltText built = InProtocolFrontend(" timeout client-hs 3s\n bind :1\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->FindFrontend("f")->timeouts.client_hs_ms, 3000u);
}

TEST(ProxyProtocolKeywords, TheSecondVersionWins) {
  struct Row {
    const char* words;
    int version;
  };
  for (const Row& row :
       {Row{"", 0}, Row{"send-proxy", 1}, Row{"send-proxy-v2", 2},
        Row{"send-proxy send-proxy-v2", 2}, Row{"send-proxy-v2 send-proxy", 2},
        Row{"send-proxy no-send-proxy", 0}, Row{"send-proxy send-proxy-v2 no-send-proxy-v2", 1},
        Row{"send-proxy-v2 no-send-proxy", 2}}) {
    const BuiltText built = InProtocolBackend(" server s 1.2.3.4:80 "s + row.words + "\n");
    ASSERT_NE(built.configuration, nullptr) << built.Render();
    EXPECT_EQ(AnnounceOf(built).version, row.version) << row.words;
  }
}

TEST(ProxyProtocolKeywords, DefaultServerHandsOn) {
  const BuiltText built = InProtocolBackend(
      " default-server send-proxy-v2 proxy-v2-options crc32c set-proxy-v2-tlv-fmt(0xE0) one\n"
      " server a 1.2.3.4:80 set-proxy-v2-tlv-fmt(225) two%%\n"
      " server b 1.2.3.4:80 no-send-proxy-v2\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(AnnounceOf(built, 0).version, 2);
  EXPECT_TRUE(AnnounceOf(built, 0).crc32c);
  EXPECT_EQ(AnnounceOf(built, 0).tlvs, "\xe0\0\3one\xe1\0\4two%"s);
  EXPECT_EQ(AnnounceOf(built, 1).version, 0);
}

TEST(ProxyProtocolKeywords, FactsOfTheClientAreAskedFor) {
  struct Row {
    const char* words;
    int version;
    bool tls;
    bool name;
    bool authority;
  };
  for (const Row& row :
       {Row{"send-proxy-v2-ssl", 2, true, false, false},
        Row{"send-proxy-v2-ssl-cn", 2, true, true, false},
        Row{"send-proxy-v2-ssl-cn send-proxy-v2-ssl", 2, true, true, false},
        Row{"send-proxy-v2-ssl-cn no-send-proxy-v2-ssl-cn", 0, false, false, false},
        Row{"send-proxy-v2-ssl no-send-proxy-v2-ssl", 0, false, false, false},
        Row{"send-proxy-v2 proxy-v2-options ssl", 2, true, false, false},
        Row{"send-proxy-v2 proxy-v2-options crc32c,cert-cn", 2, true, true, false},
        Row{"send-proxy-v2 proxy-v2-options authority", 2, false, false, true}}) {
    const BuiltText built = InProtocolBackend(" server s 1.2.3.4:80 "s + row.words + "\n");
    ASSERT_NE(built.configuration, nullptr) << built.Render();
    EXPECT_EQ(AnnounceOf(built).version, row.version) << row.words;
    const ServerConfig& server = *built.configuration->proxies.back()->servers[0];
    EXPECT_EQ(server.client_facts.tls, row.tls) << row.words;
    EXPECT_EQ(server.client_facts.common_name, row.name) << row.words;
    EXPECT_EQ(server.client_facts.authority, row.authority) << row.words;
  }
}

TEST(ProxyProtocolKeywords, FactsOfAStreamAreAskedFor) {
  const BuiltText built = InProtocolBackend(
      " default-server send-proxy-v2 proxy-v2-options unique-id\n"
      " server a 1.2.3.4:80 set-proxy-v2-tlv-fmt(0xE1) %[src]/%ci set-proxy-v2-tlv-fmt(226) x\n"
      " server b 1.2.3.4:80\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& servers = built.configuration->proxies.back()->servers;
  const ClientFacts& facts = servers[0]->client_facts;
  EXPECT_TRUE(facts.unique_id);
  EXPECT_FALSE(facts.of_tls());
  ASSERT_EQ(facts.made.size(), 1u);
  EXPECT_EQ(facts.made[0].type, 0xe1);
  EXPECT_EQ(AnnounceOf(built, 0).tlvs, "\xe2\0\1x"s) << "the same for everybody";
  EXPECT_TRUE(servers[1]->client_facts.unique_id);
  EXPECT_TRUE(servers[1]->client_facts.made.empty());
}

TEST(ProxyProtocolKeywords, Refused) {
  struct Row {
    const char* options;
    const char* message;
  };
  for (const Row& row : {
           Row{"proxy-v2-options",
               "6:38 'proxy-v2-options': expects a list of options such as "
               "'crc32c'"},
           Row{"proxy-v2-options crc32", "6:39 'proxy-v2-options': unknown option 'crc32'"},
           Row{"proxy-v2-options crc32c,", "6:39 'proxy-v2-options': unknown option ''"},
           Row{"set-proxy-v2-tlv-fmt x",
               "6:22 'set-proxy-v2-tlv-fmt': expects a type from 0 to 255, as in "
               "'set-proxy-v2-tlv-fmt(0xE0)'"},
           Row{"set-proxy-v2-tlv-fmt(256) x",
               "6:22 'set-proxy-v2-tlv-fmt': expects a type from 0 to 255, as in "
               "'set-proxy-v2-tlv-fmt(0xE0)'"},
           Row{"set-proxy-v2-tlv-fmt(-1) x",
               "6:22 'set-proxy-v2-tlv-fmt': expects a type from 0 to 255, as in "
               "'set-proxy-v2-tlv-fmt(0xE0)'"},
           Row{"set-proxy-v2-tlv-fmt() x",
               "6:22 'set-proxy-v2-tlv-fmt': expects a type from 0 to 255, as in "
               "'set-proxy-v2-tlv-fmt(0xE0)'"},
           Row{"set-proxy-v2-tlv-fmt(3) x",
               "6:22 'set-proxy-v2-tlv-fmt': type 3 is the checksum of the header"},
           Row{"set-proxy-v2-tlv-fmt(1) %[nothing]",
               "6:46 'set-proxy-v2-tlv-fmt': unknown sample fetch 'nothing'"},
           Row{"set-proxy-v2-tlv-fmt(1) %[res.hdr(a)]",
               "6:46 'set-proxy-v2-tlv-fmt': 'res.hdr' needs the HTTP response, which is not at "
               "hand here"},
           Row{"set-proxy-v2-tlv-fmt(1) 100%",
               "6:46 'set-proxy-v2-tlv-fmt': a '%' stands alone: write '%%'"},
           Row{"weight(3) 5", "6:22 unknown keyword 'weight(3)' in 'server' line"},
       }) {
    SCOPED_TRACE(row.options);
    const BuiltText built = InProtocolBackend(" server s 1.2.3.4:80 "s + row.options + "\n");
    EXPECT_EQ(built.errors(), std::vector<std::string>{row.message});
  }
}

TEST(ProxyProtocolKeywords, RefusedRules) {
  struct Row {
    const char* rule;
    const char* message;
  };
  for (const Row& row :
       {Row{"expect-proxy", "6:37 'tcp-request connection expect-proxy': expects 'layer4'"},
        Row{"expect-proxy layer5", "6:38 'tcp-request connection expect-proxy': expects 'layer4'"},
        Row{"expect-proxy layer4 now",
            "6:45 'tcp-request connection expect-proxy': unexpected 'now'"},
        Row{"track-sc0 src", "6:25 'tcp-request connection track-sc0' is not supported yet"}}) {
    SCOPED_TRACE(row.rule);
    const BuiltText built =
        InProtocolFrontend(" tcp-request connection "s + row.rule + "\n bind :1\n");
    EXPECT_EQ(built.errors(), std::vector<std::string>{row.message});
  }
  const BuiltText anonymous("defaults\n tcp-request connection expect-proxy layer4\n");
  EXPECT_EQ(anonymous.errors(),
            std::vector<std::string>{"2:25 'tcp-request connection': is only allowed in a "
                                     "'defaults' section that has a name"});
}

TEST(ProxyProtocolKeywords, AHeaderMustFitABuffer) {
  // Beside what is fixed, a client may have agreed on a protocol with a name of 255 bytes.
  const std::string value(16384 - 16 - 36 - 3 - (3 + 255), 'x');
  const std::string line = " server s 1.2.3.4:80 send-proxy-v2 set-proxy-v2-tlv-fmt(224) ";
  const BuiltText fits = InProtocolBackend(line + value + "\n");
  EXPECT_NE(fits.configuration, nullptr) << fits.Render();
  const BuiltText over = InProtocolBackend(line + value + "x\n");
  ASSERT_EQ(over.errors().size(), 1u);
  EXPECT_NE(over.errors()[0].find("its PROXY header may need 16385 bytes"), std::string::npos)
      << over.errors()[0];
  const BuiltText unsent =
      InProtocolBackend(" server s 1.2.3.4:80 set-proxy-v2-tlv-fmt(224) " + value + "x\n");
  EXPECT_NE(unsent.configuration, nullptr) << "nothing sends it";
}

}  // namespace
}  // namespace engine
