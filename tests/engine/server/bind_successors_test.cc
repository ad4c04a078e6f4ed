#include "engine/server/bind_successors.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/server/server_state.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

struct SuccessorRow {
  const char* name;
  const char* before;  // its first frontend's first line is asked for
  const char* next;
  const char* successor;  // the name of its line; null: none
};

constexpr SuccessorRow kSuccessorRows[] = {
    {"the same line", "frontend f\n bind 127.0.0.1:80\n", "frontend f\n bind 127.0.0.1:80 name x\n",
     "x"},
    {"one address of two", "frontend f\n bind 127.0.0.1:80,127.0.0.1:81\n",
     "frontend f\n bind 127.0.0.1:81 name x\n", "x"},
    {"its own frontend before another", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80\nfrontend f\n bind 127.0.0.1:80 name x\n", "x"},
    {"what its own frontend says of who comes does not matter", "frontend f\n bind 127.0.0.1:80\n",
     "frontend f\n bind 127.0.0.1:80 name x accept-proxy\n tcp-request connection reject\n", "x"},
    {"a frontend of another name", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80 name x\n", "x"},
    {"another frontend, though its own is there", "frontend f\n bind 127.0.0.1:80\n",
     "frontend f\n bind 127.0.0.1:81\nfrontend g\n bind 127.0.0.1:80 name x\n", "x"},
    {"all addresses", "frontend f\n bind 127.0.0.1:80\n", "frontend f\n bind *:80 name x\n", "x"},
    {"all of both families", "frontend f\n bind *:80\n", "frontend f\n bind :::80 v4v6 name x\n",
     "x"},
    {"all of the other family", "frontend f\n bind *:80\n",
     "frontend f\n bind :::80 v6only name x\n", nullptr},
    {"who names the address before who has all", "frontend f\n bind 127.0.0.1:80\n",
     "frontend f\n bind *:80\nfrontend g\n bind 127.0.0.1:80 name x\n", "x"},
    {"who names it is of another kind", "frontend f\n bind 127.0.0.1:80\n",
     "frontend f\n bind *:80\nfrontend g\n bind 127.0.0.1:80 accept-proxy\n", nullptr},
    {"one of all addresses may have been meant", "frontend f\n bind *:80\n",
     "frontend f\n bind 127.0.0.1:80\n", nullptr},
    {"two that part", "frontend f\n bind 127.0.0.1:80,127.0.0.1:81\n",
     "frontend g\n bind 127.0.0.1:80\nfrontend h\n bind 127.0.0.1:81\n", nullptr},
    {"two that stay together", "frontend f\n bind 127.0.0.1:80,127.0.0.1:81\n",
     "frontend g\n bind 127.0.0.1:80,127.0.0.1:81 name x\n", "x"},
    {"another port", "frontend f\n bind 127.0.0.1:80\n", "frontend f\n bind 127.0.0.1:81\n",
     nullptr},
    {"another mode", "frontend f\n bind 127.0.0.1:80\n",
     "frontend f\n mode tcp\n bind 127.0.0.1:80\n", nullptr},
    {"disabled", "frontend f\n bind 127.0.0.1:80\n", "frontend f\n disabled\n bind 127.0.0.1:80\n",
     nullptr},
    {"another's PROXY header", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80 accept-proxy\n", nullptr},
    {"another's rules about connections", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80\n tcp-request connection reject\n", nullptr},
    {"another's rules about sessions", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80\n tcp-request session reject\n", nullptr},
    {"another's rules about requests", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80 name x\n http-request deny\n", "x"},
    {"one interface only", "frontend f\n bind 127.0.0.1:80\n",
     "frontend g\n bind 127.0.0.1:80 interface lo\n", nullptr},
    {"a unix socket", "frontend f\n bind unix@/run/x\n", "frontend g\n bind unix@/run/x name x\n",
     "x"},
    {"an inherited socket", "frontend f\n bind fd@7\n", "frontend g\n bind fd@7 name x\n", "x"},
    {"another inherited socket", "frontend f\n bind fd@7\n", "frontend g\n bind fd@8\n", nullptr},
};

class BindSuccessorsTest : public testing::TestWithParam<SuccessorRow> {};

TEST_P(BindSuccessorsTest, Table) {
  const std::string defaults = "defaults\n mode http\n timeout client 1s\n";
  BuiltText before(defaults + GetParam().before);
  BuiltText next(defaults + GetParam().next);
  ASSERT_NE(before.configuration, nullptr) << before.Render();
  ASSERT_NE(next.configuration, nullptr) << next.Render();
  StateTable states(1);
  states.Attach(*before.configuration);
  states.Attach(*next.configuration);
  const std::vector<const Configuration*> earlier = {before.configuration.get()};
  const BindSuccessors successors(earlier, *next.configuration);
  const BindConfig* found = successors.Find(*before.configuration->FindFrontend("f")->binds[0]);
  if (GetParam().successor == nullptr) {
    EXPECT_EQ(found, nullptr) << found->place.line;
  } else {
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name, GetParam().successor);
  }
}

INSTANTIATE_TEST_SUITE_P(BindSuccessors, BindSuccessorsTest, testing::ValuesIn(kSuccessorRows),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) {
                             if (!isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace engine
