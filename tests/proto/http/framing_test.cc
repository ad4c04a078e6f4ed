#include "proto/http/framing.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace proto {
namespace {

using Fields = std::vector<std::pair<const char*, const char*>>;
constexpr auto kOk = FramingError::kNone;

template <typename Head>
void Fill(Head& head, Version version, const Fields& fields) {
  head.version = version;
  for (const auto& [name, value] : fields) ASSERT_TRUE(head.fields.Add(name, value));
}

struct RequestRow {
  const char* name;
  Method method;
  Version version;
  Fields fields;
  FramingError error;
  BodyKind kind;
  uint64_t length;
  bool must_close;
};
const RequestRow kRequestRows[] = {
    {"nothing", Method::kGet, {1, 1}, {}, kOk, BodyKind::kNone, 0, false},
    {"POST without length", Method::kPost, {1, 1}, {}, kOk, BodyKind::kNone, 0, false},
    {"length", Method::kPost, {1, 1}, {{"Content-Length", "5"}}, kOk, BodyKind::kLength, 5, false},
    {"zero", Method::kPost, {1, 1}, {{"Content-Length", "0"}}, kOk, BodyKind::kNone, 0, false},
    {"leading zeros",
     Method::kPost,
     {1, 1},
     {{"Content-Length", "0005"}},
     kOk,
     BodyKind::kLength,
     5,
     false},
    {"largest",
     Method::kPost,
     {1, 1},
     {{"Content-Length", "9223372036854775807"}},
     kOk,
     BodyKind::kLength,
     kBodyBytesMax,
     false},
    {"one more",
     Method::kPost,
     {1, 1},
     {{"Content-Length", "9223372036854775808"}},
     FramingError::kContentLengthOverflow,
     {},
     0,
     true},
    {"2^64",
     Method::kPost,
     {1, 1},
     {{"Content-Length", "18446744073709551616"}},
     FramingError::kContentLengthOverflow,
     {},
     0,
     true},
    {"2^64 + 5",
     Method::kPost,
     {1, 1},
     {{"Content-Length", "18446744073709551621"}},
     FramingError::kContentLengthOverflow,
     {},
     0,
     true},
    {"chunked",
     Method::kPost,
     {1, 1},
     {{"Transfer-Encoding", "chunked"}},
     kOk,
     BodyKind::kChunked,
     0,
     false},
    {"chunked in capitals",
     Method::kPost,
     {1, 1},
     {{"Transfer-Encoding", "Chunked"}},
     kOk,
     BodyKind::kChunked,
     0,
     false},
    {"gzip, chunked",
     Method::kPost,
     {1, 1},
     {{"Transfer-Encoding", "gzip, chunked"}},
     kOk,
     BodyKind::kChunked,
     0,
     false},
    {"two fields",
     Method::kPost,
     {1, 1},
     {{"Transfer-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}},
     kOk,
     BodyKind::kChunked,
     0,
     false},
    {"both",
     Method::kPost,
     {1, 1},
     {{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}},
     kOk,
     BodyKind::kChunked,
     0,
     true},
    {"both, bad length",
     Method::kPost,
     {1, 1},
     {{"Transfer-Encoding", "chunked"}, {"Content-Length", "x"}},
     FramingError::kBadContentLength,
     {},
     0,
     true},
    {"CONNECT", Method::kConnect, {1, 1}, {}, kOk, BodyKind::kTunnel, 0, false},
    {"CONNECT with zero",
     Method::kConnect,
     {1, 1},
     {{"Content-Length", "0"}},
     kOk,
     BodyKind::kTunnel,
     0,
     false},
    {"CONNECT with length",
     Method::kConnect,
     {1, 1},
     {{"Content-Length", "1"}},
     FramingError::kBodyWithConnect,
     {},
     0,
     true},
    {"CONNECT chunked",
     Method::kConnect,
     {1, 1},
     {{"Transfer-Encoding", "chunked"}},
     FramingError::kBodyWithConnect,
     {},
     0,
     true},
    {"1.0 GET with body",
     Method::kGet,
     {1, 0},
     {{"Content-Length", "5"}},
     FramingError::kBodyIn10,
     {},
     0,
     true},
    {"1.0 POST with body",
     Method::kPost,
     {1, 0},
     {{"Content-Length", "5"}},
     kOk,
     BodyKind::kLength,
     5,
     false},
    {"1.0 GET with zero",
     Method::kGet,
     {1, 0},
     {{"Content-Length", "0"}},
     kOk,
     BodyKind::kNone,
     0,
     false},
    {"1.1 GET with body",
     Method::kGet,
     {1, 1},
     {{"Content-Length", "5"}},
     kOk,
     BodyKind::kLength,
     5,
     false},
};

TEST(RequestFramingTest, Table) {
  for (const RequestRow& row : kRequestRows) {
    base::Arena arena;
    RequestHead head(arena);
    head.method = row.method;
    Fill(head, row.version, row.fields);
    const Framing framing = RequestFraming(head);
    ASSERT_EQ(framing.error, row.error) << row.name;
    EXPECT_EQ(framing.must_close, row.must_close) << row.name;
    if (row.error != kOk) continue;
    EXPECT_EQ(framing.kind, row.kind) << row.name;
    EXPECT_EQ(framing.length, row.length) << row.name;
  }
}

// What the smuggling tables feed through the parser as well; here by value only.
TEST(RequestFramingTest, RefusedTransferEncodings) {
  const std::pair<const char*, FramingError> rows[] = {
      {"", FramingError::kBadTransferEncoding},
      {",chunked", FramingError::kBadTransferEncoding},
      {"chunked,", FramingError::kBadTransferEncoding},
      {"chunked;q=1", FramingError::kBadTransferEncoding},
      {"chun ked", FramingError::kBadTransferEncoding},
      {"\"chunked\"", FramingError::kBadTransferEncoding},
      {"chunked\v", FramingError::kBadTransferEncoding},
      {"gzip", FramingError::kChunkedNotLast},
      {"chunked, gzip", FramingError::kChunkedNotLast},
      {"chunked, chunked", FramingError::kChunkedTwice},
      {"identity", FramingError::kUnknownTransferCoding},
      {"chunked, identity", FramingError::kUnknownTransferCoding},
      {"xchunked", FramingError::kUnknownTransferCoding},
      {"cow, chunked", FramingError::kUnknownTransferCoding},
  };
  for (const auto& [value, error] : rows) {
    base::Arena arena;
    RequestHead head(arena);
    Fill(head, {1, 1}, {{"Transfer-Encoding", value}});
    EXPECT_EQ(RequestFraming(head).error, error) << value;
  }
  base::Arena arena;
  RequestHead head(arena);
  Fill(head, {1, 0}, {{"Transfer-Encoding", "chunked"}});
  EXPECT_EQ(RequestFraming(head).error, FramingError::kTransferEncodingIn10);
}

TEST(RequestFramingTest, RefusedContentLengths) {
  const std::pair<const char*, FramingError> rows[] = {
      {"", FramingError::kBadContentLength},
      {"+5", FramingError::kBadContentLength},
      {"-5", FramingError::kBadContentLength},
      {"-0", FramingError::kBadContentLength},
      {"0x5", FramingError::kBadContentLength},
      {"5 5", FramingError::kBadContentLength},
      {"5.0", FramingError::kBadContentLength},
      {"5e1", FramingError::kBadContentLength},
      {"5,5", FramingError::kRepeatedContentLength},
      {"5, 5", FramingError::kRepeatedContentLength},
      {"5,6", FramingError::kRepeatedContentLength},
      {",5", FramingError::kRepeatedContentLength},
      {"5;", FramingError::kBadContentLength},
      {"99999999999999999999x", FramingError::kBadContentLength},
  };
  for (const auto& [value, error] : rows) {
    base::Arena arena;
    RequestHead head(arena);
    Fill(head, {1, 1}, {{"Content-Length", value}});
    EXPECT_EQ(RequestFraming(head).error, error) << value;
  }
  base::Arena arena;
  RequestHead head(arena);
  Fill(head, {1, 1}, {{"Content-Length", "5"}, {"content-length", "5"}});
  EXPECT_EQ(RequestFraming(head).error, FramingError::kRepeatedContentLength);
}

TEST(RequestFramingTest, PayloadWithAnyMethodOnDemand) {
  base::Arena arena;
  RequestHead head(arena);
  head.method = Method::kDelete;
  Fill(head, {1, 0}, {{"Content-Length", "5"}});
  EXPECT_EQ(RequestFraming(head).error, FramingError::kBodyIn10);
  FramingOptions options;
  options.accept_payload_with_any_method = true;
  EXPECT_EQ(RequestFraming(head, options).kind, BodyKind::kLength);
}

struct ResponseRow {
  const char* name;
  Method method;
  uint16_t status;
  Version version;
  Fields fields;
  FramingError error;
  BodyKind kind;
  uint64_t length;
  bool drop;
};
const Fields kLengthField = {{"Content-Length", "5"}};
const Fields kChunkedField = {{"Transfer-Encoding", "chunked"}};
const ResponseRow kResponseRows[] = {
    {"until close", Method::kGet, 200, {1, 1}, {}, kOk, BodyKind::kUntilClose, 0, false},
    {"until close in 1.0", Method::kGet, 200, {1, 0}, {}, kOk, BodyKind::kUntilClose, 0, false},
    {"length", Method::kGet, 200, {1, 1}, kLengthField, kOk, BodyKind::kLength, 5, false},
    {"chunked", Method::kGet, 200, {1, 1}, kChunkedField, kOk, BodyKind::kChunked, 0, false},
    {"HEAD", Method::kHead, 200, {1, 1}, kLengthField, kOk, BodyKind::kNone, 0, false},
    {"HEAD chunked", Method::kHead, 200, {1, 1}, kChunkedField, kOk, BodyKind::kNone, 0, false},
    {"HEAD without", Method::kHead, 200, {1, 1}, {}, kOk, BodyKind::kNone, 0, false},
    {"304", Method::kGet, 304, {1, 1}, kLengthField, kOk, BodyKind::kNone, 0, false},
    {"204", Method::kGet, 204, {1, 1}, kLengthField, kOk, BodyKind::kNone, 0, true},
    {"204 with a bad length",
     Method::kGet,
     204,
     {1, 1},
     {{"Content-Length", "x"}},
     kOk,
     BodyKind::kNone,
     0,
     true},
    {"100", Method::kPost, 100, {1, 1}, {}, kOk, BodyKind::kNone, 0, false},
    {"103 with length", Method::kGet, 103, {1, 1}, kLengthField, kOk, BodyKind::kNone, 0, true},
    {"101", Method::kGet, 101, {1, 1}, {}, kOk, BodyKind::kTunnel, 0, false},
    {"CONNECT 200", Method::kConnect, 200, {1, 1}, kLengthField, kOk, BodyKind::kTunnel, 0, true},
    {"CONNECT 403", Method::kConnect, 403, {1, 1}, kLengthField, kOk, BodyKind::kLength, 5, false},
    {"CONNECT 502 until close",
     Method::kConnect,
     502,
     {1, 1},
     {},
     kOk,
     BodyKind::kUntilClose,
     0,
     false},
    {"both",
     Method::kGet,
     200,
     {1, 1},
     {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
     kOk,
     BodyKind::kChunked,
     0,
     true},
    {"coding without chunked",
     Method::kGet,
     200,
     {1, 1},
     {{"Transfer-Encoding", "gzip"}},
     FramingError::kChunkedNotLast,
     {},
     0,
     false},
    {"chunked in 1.0",
     Method::kGet,
     200,
     {1, 0},
     kChunkedField,
     FramingError::kTransferEncodingIn10,
     {},
     0,
     false},
    {"two lengths",
     Method::kGet,
     200,
     {1, 1},
     {{"Content-Length", "5"}, {"Content-Length", "5"}},
     FramingError::kRepeatedContentLength,
     {},
     0,
     false},
    {"HEAD with a bad length",
     Method::kHead,
     200,
     {1, 1},
     {{"Content-Length", "x"}},
     FramingError::kBadContentLength,
     {},
     0,
     false},
};

TEST(ResponseFramingTest, Table) {
  for (const ResponseRow& row : kResponseRows) {
    base::Arena arena;
    ResponseHead head(arena);
    head.status = row.status;
    Fill(head, row.version, row.fields);
    const Framing framing = ResponseFraming(head, row.method);
    ASSERT_EQ(framing.error, row.error) << row.name;
    if (row.error != kOk) continue;
    EXPECT_EQ(framing.kind, row.kind) << row.name;
    EXPECT_EQ(framing.length, row.length) << row.name;
    EXPECT_EQ(framing.drop_content_length, row.drop) << row.name;
  }
}

TEST(ResponseFramingTest, OddTransferEncodingOnDemand) {
  FramingOptions options;
  options.accept_odd_transfer_encoding = true;
  for (const char* value : {"chunked, chunked", ", chunked", "chunked,,"}) {
    base::Arena arena;
    ResponseHead head(arena);
    head.status = 200;
    Fill(head, {1, 1}, {{"Transfer-Encoding", value}});
    EXPECT_NE(ResponseFraming(head, Method::kGet).error, kOk) << value;
    EXPECT_EQ(ResponseFraming(head, Method::kGet, options).error, kOk) << value;
    EXPECT_EQ(ResponseFraming(head, Method::kGet, options).kind, BodyKind::kChunked) << value;
  }
}

TEST(FollowStatusTest, Table) {
  struct Row {
    const char* name;
    uint16_t before;
    uint16_t after;
    Method method;
    const char* field;
    const char* value;
    BodyKind kind;
    const char* length;  // Content-Length afterwards
  };
  const Row rows[] = {
      {"a body goes", 200, 204, Method::kGet, "Content-Length", "7", BodyKind::kNone, ""},
      {"an empty one goes", 405, 204, Method::kGet, "Content-Length", "0", BodyKind::kNone, ""},
      {"chunks go", 200, 204, Method::kGet, "Transfer-Encoding", "chunked", BodyKind::kNone, ""},
      {"what it would be stays", 200, 304, Method::kGet, "Content-Length", "7", BodyKind::kNone,
       "7"},
      {"none is said", 204, 200, Method::kGet, "X", "", BodyKind::kNone, "0"},
      {"none, whatever it would be", 304, 200, Method::kGet, "Content-Length", "7", BodyKind::kNone,
       "0"},
      {"HEAD", 200, 404, Method::kHead, "Content-Length", "7", BodyKind::kNone, "7"},
      {"HEAD to none", 200, 204, Method::kHead, "Content-Length", "7", BodyKind::kNone, ""},
      {"the same", 200, 404, Method::kGet, "Content-Length", "7", BodyKind::kLength, "7"},
      {"a tunnel", 101, 101, Method::kGet, "X", "", BodyKind::kTunnel, ""},
  };
  for (const Row& row : rows) {
    base::Arena arena;
    ResponseHead head(arena);
    head.status = row.before;
    Fill(head, {1, 1}, {{row.field, row.value}});
    Framing framing = ResponseFraming(head, row.method);
    ASSERT_EQ(framing.error, kOk) << row.name;
    head.status = row.after;
    FollowStatus(row.method, head, framing);
    EXPECT_EQ(framing.kind, row.kind) << row.name;
    EXPECT_EQ(head.fields.ValueOf(FieldName::kContentLength), row.length) << row.name;
    const bool chunked = head.fields.Has(FieldName::kTransferEncoding);
    EXPECT_FALSE(chunked && framing.kind == BodyKind::kNone) << row.name;
  }
}

TEST(FramingErrorTest, EveryErrorHasTextAndStatus) {
  for (int i = 0; i < int(FramingError::kCount); ++i) {
    EXPECT_NE(FramingErrorText(FramingError(i)), "unknown") << i;
  }
  EXPECT_EQ(FramingErrorStatus(FramingError::kUnknownTransferCoding), 501);
  EXPECT_EQ(FramingErrorStatus(FramingError::kBodyIn10), 413);
  EXPECT_EQ(FramingErrorStatus(FramingError::kBadContentLength), 400);
}

}  // namespace
}  // namespace proto
