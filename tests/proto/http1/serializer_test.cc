#include "proto/http1/serializer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"
#include "proto/http1/request_parser.h"
#include "proto/http1/response_parser.h"
#include "tests/fake/guard_page.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

template <typename Write>
std::string Written(Write write) {
  static fake::GuardPage guard(1 << 16);
  const size_t bytes = write(nullptr, 0);
  // Into exactly the room it asks for; with one byte less nothing may be written.
  char* room = guard.Room(bytes);
  room[0] = '?';
  EXPECT_EQ(write(room, bytes - 1), bytes);
  EXPECT_EQ(room[0], '?');
  EXPECT_EQ(write(room, bytes), bytes);
  return std::string(room, bytes);
}
std::string Text(const RequestHead& head, const NameCase* name_case = nullptr) {
  return Written(
      [&](char* out, size_t room) { return WriteRequestHead(head, out, room, name_case); });
}
std::string Text(const ResponseHead& head, const NameCase* name_case = nullptr) {
  return Written(
      [&](char* out, size_t room) { return WriteResponseHead(head, out, room, name_case); });
}

TEST(SerializerTest, RequestsAreWrittenAfresh) {
  struct Row {
    const char* name;
    std::string_view in;
    std::string_view out;
  };
  const Row rows[] = {
      {"names in lower case, blanks normal", "GET /a?b HTTP/1.1\r\nHOST:h \r\nX-Y:\t z\r\n\r\n"sv,
       "GET /a?b HTTP/1.1\r\nhost: h\r\nx-y: z\r\n\r\n"sv},
      {"empty query stays", "GET /a? HTTP/1.0\r\n\r\n"sv, "GET /a? HTTP/1.0\r\n\r\n"sv},
      {"absolute", "GET http://h/a HTTP/1.1\r\nhost: h\r\n\r\n"sv,
       "GET http://h/a HTTP/1.1\r\nhost: h\r\n\r\n"sv},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"sv,
       "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"sv},
      {"authority", "CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n"sv,
       "CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n"sv},
      {"1.2 becomes 1.1", "GET / HTTP/1.2\r\nhost: h\r\n\r\n"sv,
       "GET / HTTP/1.1\r\nhost: h\r\n\r\n"sv},
      {"other method", "X-M / HTTP/1.0\r\n\r\n"sv, "X-M / HTTP/1.0\r\n\r\n"sv},
      {"other protocol", "GET / RTSP/1.0\r\n\r\n"sv, "GET / RTSP/1.0\r\n\r\n"sv},
      {"0.9 becomes 1.0", "GET /\r\n"sv, "GET / HTTP/1.0\r\n\r\n"sv},
      {"NUL becomes a space", "GET / HTTP/1.0\r\na: b\0c\r\n\r\n"sv,
       "GET / HTTP/1.0\r\na: b c\r\n\r\n"sv},
      {"tab stays", "GET / HTTP/1.0\r\na: b\tc\r\n\r\n"sv, "GET / HTTP/1.0\r\na: b\tc\r\n\r\n"sv},
  };
  for (const Row& row : rows) {
    base::Arena arena;
    RequestHead head(arena);
    const ParserOptions options = UnsafeRequestOptions();
    RequestParser parser(options, head);
    ASSERT_EQ(parser.Parse(row.in), ParseResult::kDone) << row.name;
    EXPECT_EQ(Text(head), row.out) << row.name;
  }
}

TEST(SerializerTest, EveryLengthOfTextIsCopiedWhole) {
  for (size_t bytes = 0; bytes < 80; ++bytes) {
    base::Arena arena;
    ResponseHead head(arena);
    head.status = 200;
    std::string value;
    for (size_t i = 0; i < bytes; ++i) value += char('a' + i % 26);
    const std::string name = "N" + value;
    ASSERT_TRUE(head.fields.Add(name, value));
    EXPECT_EQ(Text(head),
              base::Format("HTTP/1.1 200 \r\nn%s: %s\r\n\r\n", value.c_str(), value.c_str()));
  }
}

TEST(SerializerTest, EditedPartsAreWritten) {
  base::Arena arena;
  RequestHead head(arena);
  head.method_text = "GET";
  head.path = "/new";
  head.query = "q";
  head.has_query = true;
  ASSERT_TRUE(head.fields.Add(FieldName::kVia, "x"));
  EXPECT_EQ(Text(head), "GET /new?q HTTP/1.1\r\nvia: x\r\n\r\n");
  head.path = "";
  head.has_query = false;
  EXPECT_EQ(Text(head), "GET / HTTP/1.1\r\nvia: x\r\n\r\n");
}

TEST(SerializerTest, NoEditCanSplitAMessage) {
  base::Arena arena;
  RequestHead head(arena);
  head.method_text = "GET";
  head.path = "/a\r\nX: y\r\n\r\n";
  ASSERT_TRUE(head.fields.Add("A", "b\r\nX: y\n\0z"sv));
  ASSERT_TRUE(head.fields.Add("B", "0123456789012345678901234567890123456789\r\nX: y"));
  EXPECT_EQ(Text(head),
            "GET /a  X: y     HTTP/1.1\r\na: b  X: y  z\r\n"
            "b: 0123456789012345678901234567890123456789  X: y\r\n\r\n");
}

TEST(SerializerTest, ResponsesAreWritten) {
  base::Arena arena;
  ResponseHead head(arena);
  head.status = 404;
  head.reason = "Not Found";
  EXPECT_EQ(Text(head), "HTTP/1.1 404 Not Found\r\n\r\n");
  head.version = {1, 0};
  head.status = 65535;
  head.reason = "";
  EXPECT_EQ(Text(head), "HTTP/1.0 65535 \r\n\r\n");
}

class Capitals : public NameCase {
 public:
  std::string_view Adjust(FieldName id, std::string_view lower_name) const noexcept override {
    if (id == FieldName::kHost) return "HoSt";
    if (lower_name == "x-test") return "X-TEST";
    return lower_name == "x-long" ? "too long a name" : "";
  }
};

TEST(SerializerTest, NameCaseIsApplied) {
  base::Arena arena;
  ResponseHead head(arena);
  head.status = 200;
  ASSERT_TRUE(head.fields.Add("host", "a") && head.fields.Add("X-Test", "b") &&
              head.fields.Add("X-Long", "c") && head.fields.Add("Via", "d"));
  const Capitals capitals;
  EXPECT_EQ(Text(head, &capitals),
            "HTTP/1.1 200 \r\nHoSt: a\r\nX-TEST: b\r\nx-long: c\r\nvia: d\r\n\r\n");
}

TEST(SerializerTest, ChunkHeaders) {
  const std::pair<uint64_t, const char*> rows[] = {
      {0, "0\r\n"},   {1, "1\r\n"},         {15, "f\r\n"},
      {16, "10\r\n"}, {0x1a2b, "1a2b\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"}};
  for (const auto& [number, text] : rows) {
    char out[kChunkHeaderBytesMax];
    EXPECT_EQ(std::string(out, WriteChunkHeader(number, out)), text);
  }
}

TEST(SerializerTest, LastChunkWithTrailers) {
  base::Arena arena;
  FieldList trailers(arena);
  const auto text = [&] {
    return Written([&](char* out, size_t room) { return WriteLastChunk(trailers, out, room); });
  };
  EXPECT_EQ(text(), kLastChunk);
  ASSERT_TRUE(trailers.Add("ETag", "x"));
  EXPECT_EQ(text(), "0\r\netag: x\r\n\r\n");
}

}  // namespace
}  // namespace proto
