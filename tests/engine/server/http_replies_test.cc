#include "engine/server/http_replies.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace engine {
namespace {

std::string Fields(const HttpReply& reply) {
  std::string text;
  for (const auto& [name, value] : reply.fields) text += name + ": " + value + "\n";
  return text;
}

// What haproxy 2.6 announces for its own pages; 501 is one less, without its stray dot.
TEST(HttpReplies, BuiltInPagesHaveTheLengthsUsersKnow) {
  struct Row {
    uint16_t status;
    const char* reason;
    size_t body_bytes;
    bool close;
  };
  const Row rows[] = {
      {200, "OK", 58, false},
      {400, "Bad request", 90, true},
      {401, "Unauthorized", 112, false},
      {403, "Forbidden", 93, false},
      {404, "Not Found", 83, false},
      {405, "Method Not Allowed", 146, false},
      {407, "Unauthorized", 112, false},
      {408, "Request Time-out", 110, true},
      {410, "Gone", 114, false},
      {413, "Payload Too Large", 106, false},
      {421, "Misdirected Request", 104, false},
      {422, "Unprocessable Content", 116, false},
      {425, "Too Early", 80, false},
      {429, "Too Many Requests", 117, false},
      {500, "Internal Server Error", 97, false},
      {501, "Not Implemented", 135, false},
      {502, "Bad Gateway", 107, false},
      {503, "Service Unavailable", 107, false},
      {504, "Gateway Time-out", 92, false},
  };
  for (const Row& row : rows) {
    const HttpReply& reply = BuiltInReply(row.status);
    EXPECT_EQ(reply.status, row.status);
    EXPECT_EQ(reply.reason, row.reason);
    EXPECT_EQ(reply.body.size(), row.body_bytes) << row.status;
    EXPECT_EQ(reply.close, row.close) << row.status;
    EXPECT_FALSE(reply.silent);
    EXPECT_EQ(Fields(reply), "cache-control: no-cache\ncontent-type: text/html\n");
  }
  EXPECT_EQ(BuiltInReply(503).body,
            "<html><body><h1>503 Service Unavailable</h1>\n"
            "No server is available to handle this request.\n</body></html>\n");
}

TEST(HttpReplies, EveryStatusOfTheManualHasAPage) {
  for (const uint16_t status : {200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414,
                                421, 422, 425, 429, 431, 500, 501, 502, 503, 504}) {
    EXPECT_TRUE(IsReplyStatus(status)) << status;
    EXPECT_EQ(BuiltInReply(status).status, status);
  }
  EXPECT_EQ(ReplyStatuses().size(), 21u);
  for (const uint32_t status : {0u, 201u, 402u, 423u, 505u, 65536u + 200u}) {
    EXPECT_FALSE(IsReplyStatus(status)) << status;
  }
  EXPECT_EQ(BuiltInReply(423).status, 500);
}

TEST(HttpReplies, TheBackendGoesBeforeTheFrontend) {
  const auto named = [](const char* body) {
    auto reply = std::make_shared<HttpReply>();
    reply->body = body;
    return reply;
  };
  ProxyConfig frontend;
  ProxyConfig backend;
  frontend.http.replies = {{502, named("front 502")}, {503, named("front 503")}};
  backend.http.replies = {{503, named("back 503")}};
  EXPECT_EQ(FindReply(frontend, &backend, 503).body, "back 503");
  EXPECT_EQ(FindReply(frontend, &backend, 502).body, "front 502");
  EXPECT_EQ(FindReply(frontend, nullptr, 503).body, "front 503");
  EXPECT_EQ(&FindReply(frontend, &backend, 504), &BuiltInReply(504));
  EXPECT_EQ(&FindReply(backend, &backend, 502), &BuiltInReply(502));
}

struct FileRow {
  const char* name;
  std::string contents;
  std::string error;  // empty: the rest holds
  uint16_t status = 0;
  std::string reason = {};
  std::string fields = {};
  std::string body = {};
  bool close = false;
};

const std::vector<FileRow> kFiles = {
    {"Whole", "HTTP/1.1 503 Sorry\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc", "", 503,
     "Sorry", "content-type: a/b\n", "abc"},
    {"WithoutLength", "HTTP/1.0 404 Not\r\nX-A: 1\r\nx-a: 2\r\n\r\nabc\r\n", "", 404, "Not",
     "x-a: 1\nx-a: 2\n", "abc\r\n"},
    {"UnixLineEnds", "HTTP/1.1 200 OK\nX-A: 1\n\nabc\n", "", 200, "OK", "x-a: 1\n", "abc\n"},
    {"MixedLineEnds", "HTTP/1.1 200 OK\r\nX-A: 1\n\r\nabc\n", "", 200, "OK", "x-a: 1\n", "abc\n"},
    {"NoFieldsNoBody", "HTTP/1.1 503 Sorry\r\n\r\n", "", 503, "Sorry"},
    {"Close", "HTTP/1.1 503 Sorry\r\nConnection: x, Close\r\n\r\n", "", 503, "Sorry", "", "", true},
    {"NoEmptyLine", "HTTP/1.1 503 Sorry\r\nX-A: 1\r\n",
     "it ends before the empty line behind its header fields"},
    {"NoLineAtAll", "HTTP/1.1 503", "it ends before the empty line behind its header fields"},
    {"Html", "<html>\n</html>\n", "line 1 is not HTTP: "},
    {"BadStatus", "HTTP/1.1 xx\r\n\r\n", "line 1 is not HTTP: "},
    {"BadField", "HTTP/1.1 503 Sorry\r\nX-A: 1\r\nfoo\r\n\r\n", "line 3 is not HTTP: "},
    {"Interim", "HTTP/1.1 103 Hint\r\n\r\n", "status 103 is not final"},
    {"OtherLength", "HTTP/1.1 503 a\r\nContent-Length: 300\r\n\r\nabc",
     "its body has 3 bytes and not the 300 of its Content-Length"},
    {"BadLength", "HTTP/1.1 503 a\r\nContent-Length: x\r\n\r\nabc",
     "its Content-Length is not a number of bytes"},
    {"TwoLengths", "HTTP/1.1 503 a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
     "its Content-Length is not a number of bytes"},
    {"Chunked", "HTTP/1.1 503 a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "a body in a transfer coding is not supported"},
};

TEST(HttpReplies, FilesHoldWholeResponses) {
  for (const FileRow& row : kFiles) {
    const Parsed<HttpReply> parsed = ParseReplyFile(row.contents);
    if (!row.error.empty()) {
      EXPECT_TRUE(parsed.error.starts_with(row.error)) << row.name << ": " << parsed.error;
      continue;
    }
    ASSERT_TRUE(parsed) << row.name << ": " << parsed.error;
    EXPECT_EQ(parsed.value.status, row.status) << row.name;
    EXPECT_EQ(parsed.value.reason, row.reason) << row.name;
    EXPECT_EQ(Fields(parsed.value), row.fields) << row.name;
    EXPECT_EQ(parsed.value.body, row.body) << row.name;
    EXPECT_EQ(parsed.value.close, row.close) << row.name;
    EXPECT_FALSE(parsed.value.silent) << row.name;
  }
}

TEST(HttpReplies, AnEmptyFileIsSilence) {
  const Parsed<HttpReply> parsed = ParseReplyFile("");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed.value.silent);
  EXPECT_TRUE(parsed.value.close);
}

TEST(HttpReplies, FilesAreReadUpToABound) {
  EXPECT_EQ(ReadReplyFile("/dev/null", 10).value, "");
  EXPECT_EQ(ReadReplyFile("/nowhere/at/all", 10).error, "No such file or directory");
  EXPECT_EQ(ReadReplyFile("/", 10).error, "Is a directory");
  EXPECT_EQ(ReadReplyFile("/dev/zero", 100000).error, "it has more than 100000 bytes");
}

TEST(HttpReplies, TheSizeIsThatOfTheWholeResponse) {
  HttpReply reply;
  reply.status = 503;
  reply.fields = {{"x-a", "1"}};
  reply.body = "abc";
  const std::string text =
      "HTTP/1.1 503 Service Unavailable\r\nx-a: 1\r\ncontent-length: 3\r\n\r\nabc";
  EXPECT_EQ(ReplyBytes(reply), text.size());
  reply.close = true;
  EXPECT_EQ(ReplyBytes(reply), text.size() + std::string("connection: close\r\n").size());
}

}  // namespace
}  // namespace engine
