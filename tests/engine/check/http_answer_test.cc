// Answers of HTTP, whole and byte by byte.

#include "engine/check/http_answer.h"

#include <gtest/gtest.h>

#include <string>

namespace engine {
namespace {

using Progress = HttpAnswer::Progress;

struct AnswerCase {
  const char* name;
  const char* method;
  const char* bytes;
  Progress open;   // the server has not ended
  Progress ended;  // it has
  int status;
  const char* body;
};

constexpr AnswerCase kAnswerCases[] = {
    {"Length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Progress::kWhole,
     Progress::kWhole, 200, "hello"},
    {"CutBody", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel", Progress::kHead,
     Progress::kHead, 200, "hel"},
    {"UntilClose", "GET", "HTTP/1.0 200 OK\r\n\r\nhello", Progress::kHead, Progress::kWhole, 200,
     "hello"},
    {"Chunks", "GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     Progress::kWhole, Progress::kWhole, 200, "hello"},
    {"CutChunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhel",
     Progress::kHead, Progress::kHead, 200, "hel"},
    {"BadChunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nhel",
     Progress::kBad, Progress::kBad, 200, ""},
    {"HeadOnly", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", Progress::kWhole,
     Progress::kWhole, 200, ""},
    {"NoContent", "GET", "HTTP/1.1 204 No Content\r\n\r\n", Progress::kWhole, Progress::kWhole, 204,
     ""},
    {"Interim", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
     Progress::kWhole, Progress::kWhole, 404, ""},
    {"Garbage", "GET", "garbage\nxx\n\n", Progress::kBad, Progress::kBad, 0, ""},
    {"TwoLengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
     Progress::kBad, Progress::kBad, 200, ""},
    {"CutHead", "GET", "HTTP/1.1 200 OK\r\nCont", Progress::kNothing, Progress::kNothing, 0, ""},
};

class HttpAnswerTest : public testing::TestWithParam<AnswerCase> {};

TEST_P(HttpAnswerTest, WholeAndByteByByte) {
  const AnswerCase& param = GetParam();
  const std::string bytes = param.bytes;
  for (const bool by_bytes : {false, true}) {
    for (const bool ended : {false, true}) {
      HttpAnswer answer;
      answer.Begin(param.method);
      Progress progress = Progress::kNothing;
      for (size_t length = by_bytes ? 0 : bytes.size(); length <= bytes.size(); ++length) {
        progress = answer.Parse(std::string_view(bytes).substr(0, length),
                                ended && length == bytes.size());
      }
      EXPECT_EQ(progress, ended ? param.ended : param.open) << by_bytes << ended;
      if (progress == Progress::kBad || progress == Progress::kNothing) continue;
      EXPECT_EQ(answer.head().status, param.status);
      EXPECT_EQ(answer.body(), param.body);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(HttpAnswer, HttpAnswerTest, testing::ValuesIn(kAnswerCases),
                         [](const auto& info) { return info.param.name; });

TEST(HttpAnswer, NothingWasAsked) {
  HttpAnswer answer;
  EXPECT_EQ(answer.Parse("HTTP/1.1 200 OK\r\n\r\n", true), Progress::kBad);
  answer.Begin("GET");
  EXPECT_EQ(answer.Parse("HTTP/1.1 200 OK\r\n\r\n", true), Progress::kWhole);
  answer.End();
  EXPECT_EQ(answer.Parse("HTTP/1.1 200 OK\r\n\r\n", true), Progress::kBad);
}

}  // namespace
}  // namespace engine
