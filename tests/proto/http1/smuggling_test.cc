// Every known way to make two parsers disagree about where a request ends, and what we say to it.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "proto/http/framing.h"
#include "tests/proto/http1/chunk_ways.h"
#include "tests/proto/http1/parse_all_ways.h"
#include "tests/proto/http1/smuggling_rows.h"

namespace proto {
namespace {

std::string Verdict(std::string_view text) {
  const Outcome outcome = ParseAllWays<RequestParser>({}, text);
  if (outcome.result == ParseResult::kNeedMore) return "head incomplete";
  if (outcome.result != ParseResult::kDone)
    return "head " + std::string(HeadErrorText(outcome.error));
  base::Arena arena;
  RequestHead head(arena);
  const ParserOptions options;
  RequestParser parser(options, head);
  if (parser.Parse(text) != ParseResult::kDone) return "head twice";
  const Framing framing = RequestFraming(head);
  if (framing.error != FramingError::kNone) {
    EXPECT_TRUE(framing.must_close);
    return "framing " + std::string(FramingErrorText(framing.error));
  }
  const std::string close = framing.must_close ? " close" : "";
  EXPECT_EQ(framing.must_close, framing.drop_content_length);
  switch (framing.kind) {
    case BodyKind::kNone:
      return "none" + close;
    case BodyKind::kLength:
      return "length " + std::to_string(framing.length) + close;
    case BodyKind::kTunnel:
      return "tunnel" + close;
    case BodyKind::kUntilClose:
      return "until close";
    case BodyKind::kChunked:
      break;
  }
  const ChunkOutcome body = DecodeAllWays(text.substr(parser.head_bytes()));
  if (body.result == ChunkResult::kNeedMore) return "chunk incomplete";
  if (body.result == ChunkResult::kBad) return "chunk " + std::string(ChunkErrorText(body.error));
  return "chunked " + body.data + close;
}

TEST(SmugglingTest, Table) {
  std::set<std::string> names;
  for (const SmugglingRow& row : kSmugglingRows) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second) << "name used twice";
    EXPECT_EQ(Verdict(row.text), row.verdict);
  }
  EXPECT_GE(names.size(), 80u);
}

}  // namespace
}  // namespace proto
