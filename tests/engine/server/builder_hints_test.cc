// What is said beside an error: what was meant, and nothing that follows from it alone.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

constexpr const char* kHintTimeouts =
    "defaults\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

TEST(BuilderHints, UnknownBackendComesWithTheNearestName) {
  const BuiltText built("frontend f\n default_backend ap\nbackend app\n");
  EXPECT_NE(built.Render().find("did you mean 'app'?"), std::string::npos) << built.Render();
}

TEST(BuilderHints, MisspeltWordsComeWithWhatWasMeant) {
  const struct {
    const char* line;
    const char* meant;
  } kRows[] = {
      {"lgo global", "log"},
      {"bnd :2", "bind"},
      {"BIND :2", "bind"},
      {"bind :2 ssl ctr /x", "crt"},
      {"bind :2 nmae x", "name"},
      {"server s 1.2.3.4:80 wieght 3", "weight"},
      {"log globl", "global"},
      {"log 127.0.0.1:514 formt raw local0", "format"},
      {"log 127.0.0.1:514 locla0", "local0"},
      {"http-request deny deny_staus 404", "deny_status"},
      {"http-request deny fi TRUE", "if"},
      {"http-check expect staus 200", "status"},
      {"http-check send mth GET", "meth"},
      {"http-check connect prot 80", "port"},
      {"tcp-check expect sting x", "string"},
      {"acl a hdr(host),lowre x", "lower"},
      {"acl a srk 1.2.3.4", "src"},
  };
  for (const auto& row : kRows) {
    const BuiltText built(std::string(kHintTimeouts) + "listen l\n mode http\n bind :1\n " +
                          row.line + "\n");
    EXPECT_EQ(built.configuration, nullptr) << row.line;
    EXPECT_NE(built.Render().find("did you mean '" + std::string(row.meant) + "'?"),
              std::string::npos)
        << row.line << "\n"
        << built.Render();
  }
}

// What is refused may have been what seems to be missing: the one true error is enough.
TEST(BuilderHints, OnlyTheErrorIsSaidOfWhatItLeadsTo) {
  const std::string frontend = std::string(kHintTimeouts) + "frontend f\n bind :1\n";
  const struct {
    const char* name;
    std::string text;
    size_t errors = 1;
    size_t warnings = 0;
  } kRows[] = {
      {"no name", std::string(kHintTimeouts) + "frontend\n"},
      {"address behind the name", std::string(kHintTimeouts) + "frontend f :80\n"},
      {"unknown word of bind", std::string(kHintTimeouts) + "frontend f\n bind :1 blurb\n"},
      {"open quote", std::string(kHintTimeouts) + "frontend f\n bind :1 name \"x\n"},
      {"bind without address", std::string(kHintTimeouts) + "frontend f\n bind\n"},
      {"misspelt bind", std::string(kHintTimeouts) + "frontend f\n bnd :1\n"},
      {"broken condition around it",
       std::string(kHintTimeouts) + "frontend f\n.if nope\n bind :1\n.endif\n"},
      {"misspelt timeout", "frontend f\n timeout clint 1s\n bind :1\n"},
      {"misspelt timeout of defaults", "defaults\n timout client 1s\nfrontend f\n bind :1\n"},
      {"open quote in defaults", "defaults\n timeout client \"1s\nfrontend f\n bind :1\n"},
      {"bad timeout", "frontend f\n timeout client 1z\n bind :1\n"},
      {"balance", std::string(kHintTimeouts) + "backend b\n balance hdr()\n server s 1.2.3.4:80\n"},
      {"balance uri", std::string(kHintTimeouts) + "backend b\n balance uri x\n"},
      {"another line", "frontend f\n bind :1\n id x\n", 1, 1},  // no timeout is said as ever
      {"another section", frontend + "frontend g\n", 0, 1},
  };
  for (const auto& row : kRows) {
    const BuiltText built(row.text);
    EXPECT_EQ(built.errors().size(), row.errors) << row.name << "\n" << built.Render();
    EXPECT_EQ(built.warnings().size(), row.warnings) << row.name << "\n" << built.Render();
  }
}

// What a line without `ssl` says about TLS does nothing, but its files are looked at all the same.
TEST(BuilderHints, TlsOfLinesThatSpeakNone) {
  const struct {
    const char* name;
    std::string text;
    std::vector<std::string> errors;
    std::vector<std::string> warnings = {};
  } kRows[] = {
      {"FilesOfABindWithoutTls",
       std::string(kHintTimeouts) +
           "frontend f\n bind :1 crt /no/c\n bind :2 ca-file /no/a\n bind :3 crt-list /no/l\n",
       {"6:0 'bind': cannot read '/no/c': No such file or directory",
        "7:0 'bind': cannot read '/no/a': No such file or directory",
        "8:0 'bind': cannot read '/no/l': No such file or directory"}},
      {"FilesOfAServerWithoutTls",
       std::string(kHintTimeouts) + "backend b\n" +
           std::string(" server s 1.2.3.4:80 ca-file /no/a\n server t 1.2.3.4:80 crl-file /no/r\n"),
       {"6:0 server 's': cannot read '/no/a': No such file or directory",
        "7:0 server 't': cannot read '/no/r': No such file or directory"}},
      {"FilesOfWhoVerifiesNobody",
       std::string(kHintTimeouts) + "backend b\n" +
           std::string(" server s 1.2.3.4:80 ssl verify none ca-file /no/a\n"),
       {"6:0 server 's': cannot read '/no/a': No such file or directory"}},
      {"TlsWordsWithoutTls",
       std::string(kHintTimeouts) +
           "frontend f\n bind :1 alpn h2\n bind :2\nbackend b\n default-server verify none\n"
           " server s 1.2.3.4:80\n server t 1.2.3.4:80 alpn h2\n server u 1.2.3.4:80 check-ssl\n",
       {},
       {"6:0 'bind': what this line says about TLS has no effect without 'ssl'",
        "11:0 server 't': what this line says about TLS has no effect without 'ssl'"}},
  };
  for (const auto& row : kRows) {
    const BuiltText built(row.text);
    EXPECT_EQ(built.errors(), row.errors) << row.name << "\n" << built.Render();
    EXPECT_EQ(built.warnings(), row.warnings) << row.name << "\n" << built.Render();
    EXPECT_EQ(built.diagnostics.strict_warnings(), 0u) << row.name;
  }
}

}  // namespace
}  // namespace engine
