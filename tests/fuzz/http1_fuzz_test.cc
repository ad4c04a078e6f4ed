// Mutated messages from numbered seeds. However its bytes are cut, a message means one thing; what
// is accepted means the same to a reader that shares no code with the parsers; and what a proxy
// would pass on of it is one message, whole, of the same meaning.
//
//   http1_fuzz_test                    # some seconds from seed 0 on, as every test run does
//   http1_fuzz_test --seconds 3600     # in all; later rounds have later seeds
//   http1_fuzz_test --seed 1234        # that one alone
//
// A finding, and a crash too, names its seed.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/mux/h1_body.h"
#include "proto/http/chars.h"
#include "proto/http/hop_by_hop.h"
#include "proto/http1/serializer.h"
#include "tests/fuzz/strict_reader.h"
#include "tests/proto/http1/chunk_rows.h"
#include "tests/proto/http1/chunk_ways.h"
#include "tests/proto/http1/parse_all_ways.h"
#include "tests/proto/http1/request_rows.h"
#include "tests/proto/http1/response_rows.h"
#include "tests/proto/http1/smuggling_rows.h"

namespace proto {
namespace {

constexpr size_t kTextBytesMax = 1 << 14;
constexpr double kSecondsUsually = 6;
// Rounds between two looks at the clock.
constexpr uint64_t kRoundsAtOnce = 64;

double seconds_in_all = kSecondsUsually;
uint64_t first_seed = 0;
bool one_seed = false;
volatile uint64_t current_seed = 0;

// xorshift64*: the same numbers on every machine and library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {
    for (int i = 0; i < 4; ++i) Next();  // neighbouring seeds part
  }
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  size_t Below(size_t bound) { return size_t((Next() >> 33) % bound); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <typename List>
  const auto& Of(const List& list) {
    return list[Below(std::size(list))];
  }

 private:
  uint64_t state_;
};

constexpr std::string_view kMoreRequests[] = {
    "\r\nPOST /a/b?c=d HTTP/1.1\r\nHost: example.com:80\r\nContent-Length: 5\r\n"
    "X-A: b c\r\nConnection: x-a, close\r\n\r\nhelloGET / HTTP/1.1\r\n"sv,
    "GET http://h:80/p?q HTTP/1.1\r\nhost: h\r\nAccept: */*\r\nCookie: a=1; b=2\r\n\r\n"sv,
    "OPTIONS * HTTP/1.0\r\nA: b\r\n c\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"sv,
    "PUT /\xc3\xa9#f RTSP/12.34\r\nHost: [::1]:8080\r\n"
    "X: \tlong value of more than thirty-two bytes\r\n\r\n"sv,
    "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, te\r\nUpgrade: websocket\r\n"
    "TE: trailers\r\nContent-Length: 3\r\n\r\nabcdef"sv,
    "PATCH /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n"
    "5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\nHost: evil\r\n\r\nGET /"sv,
};
constexpr std::string_view kMoreResponses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"sv,
    "HTTP/1.0 404\r\nServer: a\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\n\r\nbody"sv,
    "HTTP/1.1 12345 Some reason\r\nA: b\r\n c\r\n\td\r\nContent-Type : text/html\r\n\r\n"sv,
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n0\r\nX-Sum: 3\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n"sv,
    "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\nConnection: x, keep-alive\r\nX: y\r\n\r\n"sv,
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\nETag: \"a\"\r\n\r\n"sv,
    "HTTP/1.1 101 Switching\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\nbytes"sv,
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"sv,
};
constexpr std::string_view kPieces[] = {
    "\r\n"sv,
    "\r"sv,
    "\n"sv,
    " "sv,
    "\t"sv,
    ":"sv,
    "\0"sv,
    "\x7f"sv,
    "\xff"sv,
    ","sv,
    ";"sv,
    "\""sv,
    "0"sv,
    "#"sv,
    "/"sv,
    "@"sv,
    "\r\n "sv,
    "\r\n\r\n"sv,
    "HTTP/1.1"sv,
    "HTTP/1.0"sv,
    "Host: b\r\n"sv,
    "Content-Length: 7\r\n"sv,
    "Content-Length: 0\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: gzip\r\n"sv,
    "Connection: host, content-length, x\r\n"sv,
    "Connection: upgrade\r\nUpgrade: x\r\n"sv,
    "5\r\nhello\r\n"sv,
    "0\r\n\r\n"sv,
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
};

std::string AnyRequest(Random& random) {
  if (random.OneIn(3)) return std::string(random.Of(kMoreRequests));
  if (random.OneIn(2)) return std::string(random.Of(kSmugglingRows).text);
  return std::string(random.Of(kRequestRows).text);
}

std::string AnyResponse(Random& random) {
  if (random.OneIn(2)) return std::string(random.Of(kMoreResponses));
  if (random.OneIn(3)) {
    std::string text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    text += random.Of(kChunkRows).text;
    return text;
  }
  return std::string(random.Of(kResponseRows).text);
}

std::string AnyChunks(Random& random) { return std::string(random.Of(kChunkRows).text); }

// `other`: what a piece of may land in the text.
void Mutate(std::string& text, const std::string& other, Random& random) {
  for (size_t edits = random.Below(5); edits-- > 0 && !text.empty();) {
    const size_t at = random.Below(text.size());
    switch (random.Below(8)) {
      case 0:
        text[at] = char(random.Below(256));
        break;
      case 1:
        text.erase(at, 1 + random.Below(4));
        break;
      case 2:
        text.insert(at, random.Of(kPieces));
        break;
      case 3:
        text.insert(at, text.substr(at, random.Below(40)));
        break;
      case 4:
        text[at] ^= char(1 << random.Below(8));
        break;
      case 5: {
        const size_t from = random.Below(other.size() + 1);
        text.insert(at, other.substr(from, random.Below(60)));
        break;
      }
      case 6: {  // two lines change places
        const size_t line = text.find("\r\n", at);
        const size_t next = line == std::string::npos ? line : text.find("\r\n", line + 2);
        if (next == std::string::npos) break;
        const std::string moved = text.substr(line, next - line);
        text.erase(line, moved.size());
        text.insert(std::min(text.size(), text.find("\r\n")), moved);
        break;
      }
      case 7:
        text.insert(at, random.Below(600), text[at]);
        break;
    }
  }
  if (random.OneIn(16)) text.resize(random.Below(text.size() + 1));
  if (text.size() > kTextBytesMax) text.resize(kTextBytesMax);
}

std::vector<size_t> RandomCuts(size_t bytes, Random& random) {
  std::vector<size_t> cuts;
  for (size_t n = random.Below(6); n-- > 0;) cuts.push_back(random.Below(bytes + 1));
  if (random.OneIn(16) && bytes < 1000) {
    for (size_t i = 0; i < bytes; ++i) cuts.push_back(i);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

// What a head means to the next hop: names in lower case, everything else as it is.
std::string Neutral(const FieldList& fields) {
  std::string text;
  for (const Field& field : fields) {
    for (char c : field.name()) text += base::ToLower(c);
    std::string value(field.value());
    for (char& c : value) c = c == '\0' ? ' ' : c;
    text += '=';
    text += TrimBlanks(value);
    text += ';';
  }
  return text;
}
std::string Neutral(const RequestHead& head) {
  std::string path(head.path);
  if (path.empty() && head.target_form == TargetForm::kOrigin) path = "/";
  return std::string(head.method_text) + " " + std::to_string(int(head.target_form)) + " " +
         std::string(head.scheme) + " " + std::string(head.authority) + " " + path +
         (head.has_query ? "?" : "") + std::string(head.query) + " " +
         (head.version.AtLeast11() ? "1.1 " : "1.0 ") + std::string(head.other_version) + " " +
         Neutral(head.fields);
}
std::string Neutral(const ResponseHead& head) {
  return std::to_string(head.status) + " " + std::string(head.reason) + " " +
         (head.version.AtLeast11() ? "1.1 " : "1.0 ") + std::string(head.other_version) + " " +
         Neutral(head.fields);
}
std::string Written(const RequestHead& head) {
  std::string text(WriteRequestHead(head, nullptr, 0), '?');
  EXPECT_EQ(WriteRequestHead(head, text.data(), text.size()), text.size());
  return text;
}
std::string Written(const ResponseHead& head) {
  std::string text(WriteResponseHead(head, nullptr, 0), '?');
  EXPECT_EQ(WriteResponseHead(head, text.data(), text.size()), text.size());
  return text;
}

// Parse, write, parse; and cut anywhere, against a guard page.
template <typename Parser>
void CheckHead(const ParserOptions& options, const std::string& text, Random& random) {
  static fake::GuardPage guards[2] = {fake::GuardPage(kTextBytesMax),
                                      fake::GuardPage(kTextBytesMax)};
  const std::vector<size_t> none;
  const Outcome whole = ParseWithCuts<Parser>(options, text, guards, none);
  const Outcome cut = ParseWithCuts<Parser>(options, text, guards, RandomCuts(text.size(), random));
  ASSERT_TRUE(whole == cut) << HeadErrorText(whole.error) << " at " << whole.offset << ", "
                            << HeadErrorText(cut.error) << " at " << cut.offset;
  if (whole.result != ParseResult::kDone) return;
  base::Arena arena;
  typename HeadOf<Parser>::Type head(arena), again(arena);
  Parser parser(options, head);
  ASSERT_EQ(parser.Parse(text), ParseResult::kDone);
  const std::string written = Written(head);
  Parser second(options, again);
  ASSERT_EQ(second.Parse(written), ParseResult::kDone)
      << HeadErrorText(second.error()) << " at " << second.error_offset() << " in\n"
      << written;
  ASSERT_EQ(second.head_bytes(), written.size());
  ASSERT_EQ(Neutral(head), Neutral(again));
}

void CheckChunks(const std::string& text, Random& random) {
  std::vector<size_t> ends = RandomCuts(text.size(), random);
  ends.push_back(text.size());
  const ChunkOutcome whole = DecodeSpans(text, {text.size()});
  const ChunkOutcome cut = DecodeSpans(text, ends);
  ASSERT_TRUE(whole == cut) << ChunkErrorText(whole.error) << " at " << whole.consumed << ", "
                            << ChunkErrorText(cut.error) << " at " << cut.consumed;
}

// The queues of both muxes, and what goes through them.
class BodyPath {
 public:
  // Reads the body of `text` behind `head_bytes`, arriving in pieces, and writes it behind `head`.
  void Run(std::string_view text, const Framing& framing, BodyKind out_kind, FieldList& trailers,
           const std::string& head, Random& random) {
    engine::H1BodyReader reader;
    engine::H1BodyWriter writer;
    reader.Begin(framing, trailers);
    if (framing.kind == BodyKind::kTunnel) reader.Tunnel();
    writer.Begin(out_kind, framing.length);
    ASSERT_EQ(out_.Append(head, pool_), head.size());
    size_t given = 0;
    while (!reader.ended() && !reader.bad()) {
      const size_t before = in_.size();
      if (given < text.size()) {
        const size_t bytes = std::min(text.size() - given, 1 + random.Below(400));
        ASSERT_EQ(in_.Append(text.substr(given, bytes), pool_), bytes);
        given += bytes;
      } else if (before == 0) {
        if (reader.EndsByClose()) reader.End();
        break;
      }
      const size_t read = reader.Read(in_, channel_, 1 + random.Below(random.OneIn(2) ? 8 : 2000));
      if (random.OneIn(2)) (void)writer.Write(channel_, out_, pool_);
      if (given == text.size() && read == 0 && in_.size() == before) break;
    }
    whole = reader.ended();
    bad = reader.bad();
    unread = in_.size() + (text.size() - given);
    while (!channel_.empty()) (void)writer.Write(channel_, out_, pool_);
    if (whole) {
      ASSERT_TRUE(writer.End(&trailers, out_, pool_));
      ASSERT_FALSE(writer.failed());
    }
    sent.resize(out_.size());
    ASSERT_EQ(out_.Peek(sent.data(), sent.size()), sent.size());
    in_.Clear();
    out_.Clear();
    ASSERT_EQ(pool_.in_use(), 0u);
  }

  bool whole = false;
  bool bad = false;
  size_t unread = 0;
  std::string sent;

 private:
  inline static shard::ChunkPool pool_{4096, 256};
  inline static shard::SlicePool slices_;
  shard::ByteQueue in_{slices_}, channel_{slices_}, out_{slices_};
};

// What both readers must agree on before anything is passed on.
void CheckFraming(const Framing& framing, const fuzz::StrictMessage& message) {
  ASSERT_EQ(int(framing.kind), int(message.body));
  if (framing.kind == BodyKind::kLength) {
    ASSERT_EQ(framing.length, message.length);
  }
}

// The other reader's view of what came and of what was sent on.
void CheckPassedOn(const BodyPath& path, std::string_view text, fuzz::StrictMessage& came,
                   std::string_view method, const fuzz::ReaderOptions& options) {
  const fuzz::Reading body = fuzz::ReadBody(text, came);
  ASSERT_EQ(path.whole, path.whole && body == fuzz::Reading::kWhole) << "ended too early";
  if (!path.whole && !path.bad) {
    ASSERT_EQ(int(body), int(fuzz::Reading::kShort)) << "never ends";
  }
  if (path.whole) {
    ASSERT_EQ(text.size() - path.unread, came.bytes);
  }
  fuzz::StrictMessage sent;
  const fuzz::Reading reading = fuzz::ReadMessage(path.sent, came.response, method, options, sent);
  if (!path.whole) {
    // Cut short: the next hop must see that, unless only the end of the connection says so.
    if (sent.body != fuzz::Body::kUntilClose) {
      ASSERT_EQ(int(reading), int(fuzz::Reading::kShort));
    }
    ASSERT_EQ(sent.data, came.data.substr(0, sent.data.size()));
    return;
  }
  ASSERT_EQ(int(reading), int(fuzz::Reading::kWhole)) << path.sent;
  ASSERT_EQ(sent.bytes, path.sent.size()) << path.sent;
  ASSERT_EQ(sent.data, came.data);
  ASSERT_EQ(sent.method, came.method);
  ASSERT_EQ(sent.status, came.status);
  for (const auto& [name, value] : sent.trailers) {
    ASSERT_NE(name, "host");
    ASSERT_NE(name, "content-length");
    ASSERT_NE(name, "transfer-encoding");
    ASSERT_NE(std::find(came.trailers.begin(), came.trailers.end(), std::pair(name, value)),
              came.trailers.end());
  }
}

// Names a proxy may add or take away for framing's sake; the rest must arrive in order.
void CheckFields(const fuzz::StrictMessage& came, const std::string& text,
                 const fuzz::ReaderOptions& options, std::string_view method) {
  fuzz::StrictMessage sent;
  ASSERT_EQ(int(fuzz::ReadHead(text, came.response, options, sent)), int(fuzz::Reading::kWhole))
      << text;
  const auto bare = [](const fuzz::StrictMessage& message) {
    std::string out;
    for (const auto& [name, value] : fuzz::EndToEnd(message)) {
      if (name == "content-length" || name == "transfer-encoding") continue;
      out += name + "=" + value + ";";
    }
    return out;
  };
  ASSERT_EQ(bare(came), bare(sent)) << method;
}

void CheckRequestPath(const ParserOptions& options, const std::string& text, Random& random) {
  base::Arena arena;
  RequestHead head(arena);
  RequestParser parser(options, head);
  fuzz::StrictMessage came;
  const fuzz::ReaderOptions strict;
  const ParseResult result = parser.Parse(text);
  const fuzz::Reading reading = fuzz::ReadHead(text, false, strict, came);
  if (result == ParseResult::kNeedMore) {
    ASSERT_NE(int(reading), int(fuzz::Reading::kWhole)) << "never ends";
  }
  if (result != ParseResult::kDone) return;
  ASSERT_EQ(int(reading), int(fuzz::Reading::kWhole)) << "accepted";
  ASSERT_EQ(parser.head_bytes(), came.head_bytes);
  ASSERT_EQ(head.method_text, came.method);
  ASSERT_EQ(head.target, came.target);
  ASSERT_EQ(head.fields.size(), came.fields.size());
  for (uint32_t i = 0; i < head.fields.size(); ++i) {
    ASSERT_EQ(head.fields[i].value(), came.fields[i].second);
  }
  const Framing framing = RequestFraming(head);
  if (framing.error != FramingError::kNone) return;
  ASSERT_EQ(int(fuzz::ReadFraming("", came)), int(fuzz::Reading::kWhole)) << "framing accepted";
  ASSERT_NO_FATAL_FAILURE(CheckFraming(framing, came));
  // As MuxH1Front and HttpFlow do.
  if (framing.drop_content_length) head.fields.RemoveAll(FieldName::kContentLength);
  const bool upgrade = framing.kind != BodyKind::kTunnel && framing.kind != BodyKind::kChunked &&
                       AsksForUpgrade(head);
  StripHopByHop(head.fields, upgrade ? Keep::kUpgrade : Keep::kNothing);
  if (upgrade) {
    ASSERT_TRUE(head.fields.Add(FieldName::kConnection, "upgrade"));
  }
  const std::string written = Written(head);
  ASSERT_NO_FATAL_FAILURE(CheckFields(came, written, strict, "request"));
  if (framing.kind == BodyKind::kTunnel) return;
  FieldList trailers(arena);
  BodyPath path;
  ASSERT_NO_FATAL_FAILURE(path.Run(std::string_view(text).substr(came.head_bytes), framing,
                                   framing.kind, trailers, written, random));
  CheckPassedOn(path, text, came, "", strict);
}

void CheckResponsePath(const std::string& text, Random& random) {
  constexpr std::string_view kMethods[] = {"GET", "GET", "GET", "HEAD", "CONNECT"};
  const std::string_view method = random.Of(kMethods);
  const bool client11 = !random.OneIn(3);
  base::Arena arena;
  ResponseHead head(arena);
  const ParserOptions options = ResponseOptions();
  ResponseParser parser(options, head);
  fuzz::StrictMessage came;
  fuzz::ReaderOptions folding, strict;
  folding.obs_fold = true;
  const ParseResult result = parser.Parse(text);
  const fuzz::Reading reading = fuzz::ReadHead(text, true, folding, came);
  if (result == ParseResult::kNeedMore) {
    ASSERT_NE(int(reading), int(fuzz::Reading::kWhole)) << "never ends";
  }
  if (result != ParseResult::kDone) return;
  ASSERT_EQ(int(reading), int(fuzz::Reading::kWhole)) << "accepted";
  ASSERT_EQ(parser.head_bytes(), came.head_bytes);
  ASSERT_EQ(head.status, came.status);
  const Framing framing = ResponseFraming(head, FindMethod(method));
  if (framing.error != FramingError::kNone) return;
  ASSERT_EQ(int(fuzz::ReadFraming(method, came)), int(fuzz::Reading::kWhole)) << "framing accepted";
  ASSERT_NO_FATAL_FAILURE(CheckFraming(framing, came));
  // As MuxH1Back, HttpFlow and MuxH1Front do.
  if (framing.drop_content_length) head.fields.RemoveAll(FieldName::kContentLength);
  if (framing.drop_transfer_encoding) head.fields.RemoveAll(FieldName::kTransferEncoding);
  StripHopByHop(head.fields, head.status == 101 ? Keep::kUpgrade : Keep::kNothing);
  BodyKind kind = framing.kind;
  if (kind == BodyKind::kChunked && !client11) {
    head.fields.RemoveAll(FieldName::kTransferEncoding);
    kind = BodyKind::kUntilClose;
  } else if (kind == BodyKind::kUntilClose && client11) {
    ASSERT_TRUE(head.fields.Add(FieldName::kTransferEncoding, "chunked"));
    kind = BodyKind::kChunked;
  }
  head.version = {1, 1};
  const std::string written = Written(head);
  ASSERT_NO_FATAL_FAILURE(CheckFields(came, written, strict, method));
  FieldList trailers(arena);
  BodyPath path;
  ASSERT_NO_FATAL_FAILURE(path.Run(std::string_view(text).substr(came.head_bytes), framing, kind,
                                   trailers, written, random));
  CheckPassedOn(path, text, came, method, strict);
}

// What relaxations let in goes out as a strict reader wants it, but for what they let through.
void CheckRelaxed(const std::string& text) {
  base::Arena arena;
  RequestHead head(arena);
  const ParserOptions options = UnsafeRequestOptions();
  RequestParser parser(options, head);
  if (parser.Parse(text) != ParseResult::kDone) return;
  if (RequestFraming(head).error != FramingError::kNone) return;
  fuzz::ReaderOptions loose;
  loose.high_target_bytes = loose.fragment = loose.any_version = true;
  fuzz::StrictMessage sent;
  const std::string written = Written(head);
  ASSERT_EQ(int(fuzz::ReadHead(written, false, loose, sent)), int(fuzz::Reading::kWhole))
      << written;
  ASSERT_EQ(sent.head_bytes, written.size());
  ASSERT_EQ(sent.fields.size(), head.fields.size());
}

// Calls `round` with one seed after another for a share of the time.
template <typename Round>
void Rounds(Round round) {
  constexpr double kShares = 3;
  const auto start = std::chrono::steady_clock::now();
  uint64_t seed = first_seed;
  for (; !testing::Test::HasFailure(); ++seed) {
    if (one_seed && seed != first_seed) break;
    if (seed % kRoundsAtOnce == 0) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      if (spent.count() > seconds_in_all / kShares) break;
    }
    current_seed = seed;
    Random random(seed);
    SCOPED_TRACE("seed " + std::to_string(seed));
    round(random);
  }
  testing::Test::RecordProperty("seeds", std::to_string(seed - first_seed));
  printf("%llu seeds\n", static_cast<unsigned long long>(seed - first_seed));
}

TEST(Http1FuzzTest, Requests) {
  const ParserOptions strict, relaxed = UnsafeRequestOptions();
  Rounds([&](Random& random) {
    std::string text = AnyRequest(random);
    Mutate(text, AnyRequest(random), random);
    SCOPED_TRACE(testing::PrintToString(text));
    CheckHead<RequestParser>(strict, text, random);
    CheckHead<RequestParser>(relaxed, text, random);
    CheckRequestPath(strict, text, random);
    CheckRelaxed(text);
  });
}

TEST(Http1FuzzTest, Responses) {
  const ParserOptions strict = ResponseOptions(), relaxed = UnsafeResponseOptions();
  Rounds([&](Random& random) {
    std::string text = AnyResponse(random);
    Mutate(text, AnyResponse(random), random);
    SCOPED_TRACE(testing::PrintToString(text));
    CheckHead<ResponseParser>(strict, text, random);
    CheckHead<ResponseParser>(relaxed, text, random);
    CheckResponsePath(text, random);
  });
}

TEST(Http1FuzzTest, ChunkedBodies) {
  Rounds([&](Random& random) {
    std::string text = AnyChunks(random);
    Mutate(text, AnyChunks(random), random);
    SCOPED_TRACE(testing::PrintToString(text));
    CheckChunks(text, random);
    CheckRequestPath({}, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + text,
                     random);
  });
}

// Only what a signal handler may do.
void NameSeed(int signal) {
  char text[] = "crashed at seed ....................\n";
  uint64_t seed = current_seed;
  for (size_t at = sizeof(text) - 3; at >= 16; --at, seed /= 10) text[at] = char('0' + seed % 10);
  (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
  raise(signal);  // the handler is gone: SA_RESETHAND
}

}  // namespace
}  // namespace proto

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--seconds") == 0) proto::seconds_in_all = atof(argv[i + 1]);
    if (strcmp(argv[i], "--seed") == 0) {
      proto::first_seed = strtoull(argv[i + 1], nullptr, 10);
      proto::one_seed = true;
    }
  }
  struct sigaction action = {};
  action.sa_handler = proto::NameSeed;
  action.sa_flags = int(SA_RESETHAND);
  for (int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) sigaction(signal, &action, nullptr);
  return RUN_ALL_TESTS();
}
