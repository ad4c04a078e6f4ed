// What is said beside an error: what was meant.

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace engine
